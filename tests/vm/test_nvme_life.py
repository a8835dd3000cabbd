# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp comes, takes what it is given, and goes, with the device there or not."""

from __future__ import annotations

import time

import pytest
from nvme import Controller, Driver, Namespace, drv, guest_fixture  # noqa: F401

CONTROLLERS = [
    Controller("one", (Namespace(512, 64),)),
    Controller("other", (Namespace(4096, 32),)),
    Controller("narrow", (Namespace(512, 64),), "max_ioqpairs=1"),
    Controller("vector", (Namespace(512, 64),), "msix_qsize=1"),
    Controller("intel", (Namespace(512, 32),), "use-intel-id=on"),
    Controller("empty", ()),
]
TRACE = (
    "pci_nvme_admin_cmd", "pci_nvme_io_cmd", "pci_nvme_mmio_aqattr", "pci_nvme_mmio_asqaddr", "pci_nvme_mmio_acqaddr", "pci_nvme_mmio_asqaddr_hi",
    "pci_nvme_mmio_acqaddr_hi", "pci_nvme_mmio_cfg", "pci_nvme_mmio_start_success", "pci_nvme_mmio_stopped", "pci_nvme_mmio_shutdown_set",
)  # fmt: skip
vm = guest_fixture(CONTROLLERS, trace=TRACE)


def test_nv01_only_given_devices_are_taken(drv: Driver) -> None:
    """Loading takes no device; with bind_all it takes all of them."""
    assert drv.load() == ""
    assert drv.disks() == []
    drv.bind("one")
    assert drv.disks() == ["nvmecpp0n1"]
    drv.unload()
    assert drv.load("bind_all=1") == ""
    assert len(drv.disks()) == 5


def test_nv01_what_was_given_before_is_taken_at_load(drv: Driver) -> None:
    drv.sh(f"echo nvme_cpp > /sys/bus/pci/devices/{drv.slots['one']}/driver_override")
    assert drv.load() == ""
    assert drv.disks() == ["nvmecpp0n1"]


def test_nv01_new_id_gives_devices(drv: Driver) -> None:
    """Those of a model, all at once."""
    assert drv.load() == ""
    drv.sh("echo 8086 5845 > /sys/bus/pci/drivers/nvme_cpp/new_id")
    assert drv.disks() == ["nvmecpp0n1"]


def test_nv01_names_can_be_the_c_drivers(drv: Driver) -> None:
    assert drv.load("compat_names=1") == ""
    drv.bind("other")
    drv.bind("one")
    assert drv.disks() == ["nvme0n1", "nvme1n1"]


def test_nv01_disk_is_one_of_the_shared_major(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("one")
    assert drv.sh("stat -c %t /dev/nvmecpp0n1").strip() == "103"  # 259


@pytest.mark.parametrize("params", ["io_queue_depth=1", "io_queue_depth=4096", "write_queues=99", "poll_queues=99", "io_queue_depth=x"])
def test_nv03_nv04_bad_parameters_are_refused(drv: Driver, params: str) -> None:
    assert "Invalid parameters" in drv.load(params)
    name, _, value = params.partition("=")
    assert any(name in line and value in line for line in drv.log())


def test_nv04_depths_at_the_limits(drv: Driver) -> None:
    """QEMU's rings have 2048 entries at most."""
    for depth, tags in (2, 1), (4095, 2047):
        assert drv.load(f"io_queue_depth={depth}") == ""
        drv.bind("one")
        assert drv.queue("nr_requests") == str(tags)
        drv.unload()


def test_nv06_registers_are_written_in_order(drv: Driver) -> None:
    """Queue attributes and addresses, the configuration, then its enable bit."""
    assert drv.load() == ""
    before = len(drv.trace())
    drv.bind("one")
    events = [line.split()[0] for line in drv.trace()[before:] if line.startswith("pci_nvme_mmio")]
    start = events.index("pci_nvme_mmio_aqattr")
    assert events[start : start + 8] == [
        "pci_nvme_mmio_aqattr", "pci_nvme_mmio_asqaddr", "pci_nvme_mmio_asqaddr_hi", "pci_nvme_mmio_acqaddr", "pci_nvme_mmio_acqaddr_hi",
        "pci_nvme_mmio_cfg", "pci_nvme_mmio_cfg", "pci_nvme_mmio_start_success",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "params", "line", "vectors"),
    [
        ("one", "", "2/0/0", 3),
        ("one", "write_queues=1 poll_queues=1", "1/2/1", 4),
        ("one", "poll_queues=2", "2/0/2", 3),
        ("narrow", "", "1/0/0", 2),
        ("vector", "", "1/0/0", 1),
    ],
)
def test_nv09_nv11_queues_are_divided(drv: Driver, name: str, params: str, line: str, vectors: int) -> None:
    assert drv.load(params) == ""
    drv.bind(name)
    assert f"nvmecpp0: {line} default/read/poll queues" in drv.log()
    assert drv.sh("grep -c 'nvmecpp0q' /proc/interrupts").strip() == str(vectors if name != "vector" else 1)
    drv.verify("nvmecpp0n1", "--bs=4k", "--iodepth=16", "--ioengine=io_uring", "--size=2M")


def test_nv10_one_vector_serves_all_queues(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("vector")
    drv.verify("nvmecpp0n1", "--bsrange=4k-64k", "--iodepth=32", "--ioengine=io_uring", "--size=8M")


def test_nv18_fsync_is_a_flush(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("one")
    before = len(drv.trace())
    drv.sh("dd if=/dev/zero of=/dev/nvmecpp0n1 bs=4k count=4 conv=fsync 2>&1")
    assert any("NVME_NVM_CMD_FLUSH" in line for line in drv.trace()[before:])
    assert [drv.queue("write_cache"), drv.queue("fua")] == ["write back", "1"]


def test_nv19_discard_has_its_own_command(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("one")
    before = len(drv.trace())
    drv.sh("blkdiscard -o 0 -l 1M /dev/nvmecpp0n1 && blkdiscard -z -o 0 -l 1M /dev/nvmecpp0n1")
    events = drv.trace()[before:]
    assert sum("NVME_NVM_CMD_DSM" in line for line in events) == 1
    # 512 KiB each.
    assert sum("NVME_NVM_CMD_WRITE_ZEROES" in line for line in events) == 2


def test_nv38_intels_has_no_write_zeroes(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("intel")
    assert drv.queue("write_zeroes_max_bytes") == "0"
    drv.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


def test_nv29_controller_without_namespaces(drv: Driver) -> None:
    assert drv.load() == ""
    drv.bind("empty")
    assert drv.disks() == []
    drv.unbind("empty")


def test_nv31_bind_and_unbind(drv: Driver) -> None:
    assert drv.load() == ""
    for _ in range(10):
        drv.bind("one")
        drv.sh("dd if=/dev/nvmecpp0n1 of=/dev/null bs=64k count=4 iflag=direct 2>&1")
        drv.unbind("one")
        assert drv.disks() == []


def test_nv31_load_and_unload(drv: Driver) -> None:
    for _ in range(8):
        assert drv.load() == ""
        drv.bind("one")
        drv.bind("other")
        assert drv.disks() == ["nvmecpp0n1", "nvmecpp1n1"]
        drv.unload()
        assert drv.disks() == []


def test_nv31_unbind_under_io(drv: Driver) -> None:
    """What is under way ends, well or with an error, and nothing waits."""
    assert drv.load("poll_queues=1") == ""
    for engine in (["--ioengine=libaio"], ["--ioengine=io_uring"], ["--ioengine=io_uring", "--hipri"]):
        drv.bind("one")
        job = drv.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randrw", "--bsrange=4k-256k", "--iodepth=32", *engine, "--time_based", "--runtime=60")
        time.sleep(2)
        start = time.monotonic()
        drv.unbind("one")
        assert job.wait(60).rc != 124
        assert time.monotonic() - start < 60
        assert drv.disks() == []


def test_nv31_sysfs_remove_under_io(drv: Driver) -> None:
    """The function is taken off its bus, and found again by a scan, by which time nobody has given it to us."""
    assert drv.load() == ""
    drv.bind("one")
    job = drv.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randrw", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--time_based", "--runtime=60")
    time.sleep(2)
    drv.sh(f"echo 1 > /sys/bus/pci/devices/{drv.slots['one']}/remove", 90)
    assert job.wait(60).rc != 124
    assert drv.disks() == []
    drv.sh("echo 1 > /sys/bus/pci/rescan", 90)
    drv.bind("one")
    drv.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


def test_nv32_shutdown_is_announced(drv: Driver) -> None:
    """Unbinding tells the device, and waits until it is ready for that."""
    assert drv.load() == ""
    drv.bind("one")
    before = len(drv.trace())
    drv.unbind("one")
    events = drv.trace()[before:]
    deleted = [n for n, line in enumerate(events) if "NVME_ADM_CMD_DELETE" in line]
    announced = next(n for n, line in enumerate(events) if line.startswith("pci_nvme_mmio_shutdown_set"))
    assert len(deleted) == 4
    assert max(deleted) < announced


def test_file_system_keeps_its_files(drv: Driver) -> None:
    """Across an unbind: ext4, then a check of what it holds."""
    assert drv.load() == ""
    drv.bind("one")
    drv.sh("mkfs.ext4 -q /dev/nvmecpp0n1 && mkdir -p /tmp/mnt && mount /dev/nvmecpp0n1 /tmp/mnt", 90)
    drv.sh("dd if=/dev/urandom of=/tmp/mnt/file bs=1M count=8 2>&1 && cp /tmp/mnt/file /tmp/file && umount /tmp/mnt", 90)
    drv.unbind("one")
    drv.bind("one")
    drv.sh("mount /dev/nvmecpp0n1 /tmp/mnt && cmp /tmp/file /tmp/mnt/file && umount /tmp/mnt && e2fsck -fn /dev/nvmecpp0n1", 90)

# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp comes, takes what it is given, and goes, with the device there or not."""

from __future__ import annotations

import time

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

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


@pytest.mark.slow_on_older
def test_nv01_only_given_devices_are_taken(nvme: Driver) -> None:
    """Loading takes no device; with bind_all it takes all of them."""
    assert nvme.load() == ""
    assert nvme.disks() == []
    nvme.bind("one")
    assert nvme.disks() == ["nvmecpp0n1"]
    nvme.unload()
    assert nvme.load("bind_all=1") == ""
    assert len(nvme.disks()) == 5


def test_nv01_what_was_given_before_is_taken_at_load(nvme: Driver) -> None:
    nvme.sh(f"echo nvme_cpp > /sys/bus/pci/devices/{nvme.slots['one']}/driver_override")
    assert nvme.load() == ""
    assert nvme.disks() == ["nvmecpp0n1"]


def test_nv01_new_id_gives_devices(nvme: Driver) -> None:
    """Those of a model, all at once."""
    assert nvme.load() == ""
    nvme.sh("echo 8086 5845 > /sys/bus/pci/drivers/nvme_cpp/new_id")
    assert nvme.disks() == ["nvmecpp0n1"]


def test_nv01_names_can_be_the_c_drivers(nvme: Driver) -> None:
    assert nvme.load("compat_names=1") == ""
    nvme.bind("other")
    nvme.bind("one")
    assert nvme.disks() == ["nvme0n1", "nvme1n1"]


@pytest.mark.slow_on_older
def test_nv01_c_drivers_names_are_refused_while_it_has_them(nvme: Driver) -> None:
    nvme.sh("modprobe nvme", 90)
    try:
        nvme.wait_for("test -e /sys/bus/pci/drivers/nvme")
        assert "Device or resource busy" in nvme.load("compat_names=1")
        assert "compat_names=1: the C driver has these names: unload nvme first" in nvme.log()
        assert nvme.load() == ""
    finally:
        nvme.sh("rmmod nvme nvme_core", 90)


def test_nv01_disk_is_one_of_the_shared_major(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("one")
    assert nvme.sh("stat -c %t /dev/nvmecpp0n1").strip() == "103"  # 259


@pytest.mark.parametrize("params", ["io_queue_depth=1", "io_queue_depth=4096", "io_queue_depth=x", "write_queues=99", "poll_queues=99", "poll_queues=0x1"])
def test_nv03_nv04_bad_parameters_are_refused(nvme: Driver, params: str) -> None:
    assert "Invalid parameters" in nvme.load(params)
    name, _, value = params.partition("=")
    assert any(name in line and value in line for line in nvme.log())


@pytest.mark.slow_on_older
def test_nv04_depths_at_the_limits(nvme: Driver) -> None:
    """QEMU's rings have 2048 entries at most."""
    for depth, tags in (2, 1), (4095, 2047):
        assert nvme.load(f"io_queue_depth={depth}") == ""
        nvme.bind("one")
        assert nvme.queue("nr_requests") == str(tags)
        nvme.unload()


def test_nv06_registers_are_written_in_order(nvme: Driver) -> None:
    """Queue attributes and addresses, the configuration, then its enable bit."""
    assert nvme.load() == ""
    before = len(nvme.trace())
    nvme.bind("one")
    events = [line.split()[0] for line in nvme.trace()[before:] if line.startswith("pci_nvme_mmio")]
    start = events.index("pci_nvme_mmio_aqattr")
    assert events[start : start + 8] == [
        "pci_nvme_mmio_aqattr", "pci_nvme_mmio_asqaddr", "pci_nvme_mmio_asqaddr_hi", "pci_nvme_mmio_acqaddr", "pci_nvme_mmio_acqaddr_hi",
        "pci_nvme_mmio_cfg", "pci_nvme_mmio_cfg", "pci_nvme_mmio_start_success",
    ]  # fmt: skip


@pytest.mark.slow_on_older
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
def test_nv09_nv11_queues_are_divided(nvme: Driver, name: str, params: str, line: str, vectors: int) -> None:
    assert nvme.load(params) == ""
    nvme.bind(name)
    assert f"nvmecpp0: {line} default/read/poll queues" in nvme.log()
    assert nvme.sh("grep -c 'nvmecpp0q' /proc/interrupts").strip() == str(vectors if name != "vector" else 1)
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=16", "--ioengine=io_uring", "--size=2M")


@pytest.mark.slow_on_older
def test_nv10_one_vector_serves_all_queues(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("vector")
    nvme.verify("nvmecpp0n1", "--bsrange=4k-64k", "--iodepth=32", "--ioengine=io_uring", "--size=8M")


def test_nv18_fsync_is_a_flush(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("one")
    before = len(nvme.trace())
    nvme.sh("dd if=/dev/zero of=/dev/nvmecpp0n1 bs=4k count=4 conv=fsync 2>&1")
    assert any("NVME_NVM_CMD_FLUSH" in line for line in nvme.trace()[before:])
    assert [nvme.queue("write_cache"), nvme.queue("fua")] == ["write back", "1"]


@pytest.mark.slow_on_older
def test_nv19_discard_has_its_own_command(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("one")
    before = len(nvme.trace())
    nvme.sh("blkdiscard -o 0 -l 1M /dev/nvmecpp0n1 && blkdiscard -z -o 0 -l 1M /dev/nvmecpp0n1")
    events = nvme.trace()[before:]
    assert sum("NVME_NVM_CMD_DSM" in line for line in events) == 1
    # 512 KiB each.
    assert sum("NVME_NVM_CMD_WRITE_ZEROES" in line for line in events) == 2


def test_nv38_intels_has_no_write_zeroes(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("intel")
    assert nvme.queue("write_zeroes_max_bytes") == "0"
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


def test_nv29_controller_without_namespaces(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("empty")
    assert nvme.disks() == []
    nvme.unbind("empty")


@pytest.mark.slow
def test_nv31_bind_and_unbind(nvme: Driver) -> None:
    assert nvme.load() == ""
    for _ in range(10):
        nvme.bind("one")
        nvme.sh("dd if=/dev/nvmecpp0n1 of=/dev/null bs=64k count=4 iflag=direct 2>&1")
        nvme.unbind("one")
        assert nvme.disks() == []


@pytest.mark.slow
def test_nv31_load_and_unload(nvme: Driver) -> None:
    for _ in range(8):
        assert nvme.load() == ""
        nvme.bind("one")
        nvme.bind("other")
        assert nvme.disks() == ["nvmecpp0n1", "nvmecpp1n1"]
        nvme.unload()
        assert nvme.disks() == []


def test_nv31_unbind_under_io(nvme: Driver) -> None:
    """What is under way ends, well or with an error, and nothing waits."""
    assert nvme.load("poll_queues=1") == ""
    for engine in (["--ioengine=libaio"], ["--ioengine=io_uring"], ["--ioengine=io_uring", "--hipri"]):
        nvme.bind("one")
        job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randrw", "--bsrange=4k-256k", "--iodepth=32", *engine, "--time_based", "--runtime=60")
        time.sleep(2)
        start = time.monotonic()
        nvme.unbind("one")
        assert job.wait(60).rc != 124
        assert time.monotonic() - start < 60
        assert nvme.disks() == []


@pytest.mark.slow
def test_nv31_sysfs_remove_under_io(nvme: Driver) -> None:
    """The function is taken off its bus, and found again by a scan, by which time nobody has given it to us."""
    assert nvme.load() == ""
    nvme.bind("one")
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randrw", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--time_based", "--runtime=60")
    time.sleep(2)
    nvme.sh(f"echo 1 > /sys/bus/pci/devices/{nvme.slots['one']}/remove", 90)
    assert job.wait(60).rc != 124
    assert nvme.disks() == []
    nvme.sh("echo 1 > /sys/bus/pci/rescan", 90)
    nvme.bind("one")
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


@pytest.mark.slow_on_older
def test_nv32_shutdown_is_announced(nvme: Driver) -> None:
    """Unbinding tells the device, and waits until it is ready for that."""
    assert nvme.load() == ""
    nvme.bind("one")
    before = len(nvme.trace())
    nvme.unbind("one")
    events = nvme.trace()[before:]
    deleted = [n for n, line in enumerate(events) if "NVME_ADM_CMD_DELETE" in line]
    announced = next(n for n, line in enumerate(events) if line.startswith("pci_nvme_mmio_shutdown_set"))
    assert len(deleted) == 4
    assert max(deleted) < announced


@pytest.mark.slow
def test_file_system_keeps_its_files(nvme: Driver) -> None:
    """Across an unbind: ext4, then a check of what it holds."""
    assert nvme.load() == ""
    nvme.bind("one")
    nvme.sh("mkfs.ext4 -q /dev/nvmecpp0n1 && mount /dev/nvmecpp0n1 /mnt", 90)
    nvme.sh("dd if=/dev/urandom of=/mnt/file bs=1M count=8 2>&1 && cp /mnt/file /run/file && umount /mnt", 90)
    nvme.unbind("one")
    nvme.bind("one")
    nvme.sh("mount /dev/nvmecpp0n1 /mnt && cmp /run/file /mnt/file && umount /mnt && e2fsck -fn /dev/nvmecpp0n1", 90)

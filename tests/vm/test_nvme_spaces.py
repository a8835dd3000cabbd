# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp's namespaces that come, go, and are not who they say; devices with memory of their own; faults on request."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from nvme import Controller, Driver, FioFailed, Namespace, guest_fixture

pytestmark = pytest.mark.slow

UUID = "5f2b8f3c-6f6d-4c2f-9d1e-0123456789ab"
CONTROLLERS = [
    Controller("family", (Namespace(512, 16), Namespace(4096, 32, "detached=on")), "subsys=family0"),
    Controller("twin", (Namespace(512, 16, f"uuid={UUID}"),)),
    Controller("double", (Namespace(512, 16, f"uuid={UUID}"), Namespace(512, 16, f"uuid={UUID}"))),
    Controller("buffer", (Namespace(512, 16),), "cmb_size_mb=64"),
    Controller("plain", (Namespace(512, 16), Namespace(512, 16))),
]
vm = guest_fixture(CONTROLLERS, machine=("-device", "nvme-subsys,id=family0,nqn=family"))
SYS = "/sys/class/nvmecpp/nvmecpp0"
PRELUDE = "import os, sys\nsys.path.insert(0, 'tests/vm')\nfrom nvme_user import *\n"


def user(nvme: Driver, code: str) -> str:
    """What a program in the guest prints."""
    return nvme.vm.run(["python3", "-c", PRELUDE + code], 60, check=True).out.strip()


def attach(nvme: Driver, nsid: int, attached: bool) -> str:
    """Namespace Attachment (15h) for the controller, which is the first of its subsystem: the command's status."""
    return user(nvme, f"m = Memory(4096, struct.pack('<HH', 1, 0))\nwith opened('/dev/nvmecpp0') as fd: print(hex(passthru(fd, ADMIN, 0x15, {nsid}, m.address, 4096, {{10: {int(not attached)}}})[0]))")


def test_nv29_nv30_namespaces_are_attached_and_detached(nvme: Driver) -> None:
    """The device tells of it, and the disks follow, without anybody asking for a scan; what stays is not disturbed."""
    assert nvme.load() == ""
    nvme.bind("family")
    assert nvme.disks() == ["nvmecpp0n1"]
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=4", "--ioengine=libaio", "--time_based", "--runtime=30", "--rate_iops=200")
    nvme.log()
    assert attach(nvme, 2, True) == "0x0"
    nvme.wait_for("[ -b /dev/nvmecpp0n2 ]")
    assert nvme.sh("cat /sys/block/nvmecpp0n2/queue/logical_block_size /sys/block/nvmecpp0n2/size").split() == ["4096", str(32 << 11)]
    assert "nvmecpp0: rescanning namespaces." in nvme.log()
    nvme.verify("nvmecpp0n2", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")
    assert attach(nvme, 2, False) == "0x0"
    nvme.wait_for("[ ! -e /sys/block/nvmecpp0n2 ]")
    assert "nvmecpp0: rescanning namespaces." in nvme.log()
    # By hand, and with a number that there is not.
    assert attach(nvme, 2, True) == "0x0"
    nvme.sh(f"echo 1 > {SYS}/rescan_controller")
    nvme.wait_for("[ -b /dev/nvmecpp0n2 ] && [ -e /dev/ngcpp0n2 ]")
    assert attach(nvme, 2, True) == "0x4118"
    assert attach(nvme, 2, False) == "0x0"
    nvme.wait_for("[ ! -e /dev/ngcpp0n2 ]")
    nvme.sh("killall -INT fio")
    assert '"error" : 0,' in job.wait(60).out
    assert nvme.disks() == ["nvmecpp0n1"]


@contextmanager
def believed(nvme: Driver, *names: str) -> Iterator[None]:
    """The controllers, whose namespaces' ids are believed: without the quirk that QEMU's devices have in the C driver's table."""
    assert nvme.load() == ""
    for name, slot in nvme.slots.items():
        if name not in names:
            nvme.sh(f"echo none > /sys/bus/pci/devices/{slot}/driver_override")
    nvme.log()
    nvme.sh("echo 1b36 0010 ffffffff ffffffff 010802 ffffff 0 > /sys/bus/pci/drivers/nvme_cpp/new_id")
    yield


def test_nv34_ids_that_are_believed_are_shown(nvme: Driver) -> None:
    with believed(nvme, "twin"):
        disk = "/sys/block/nvmecpp0n1"
        assert nvme.sh(f"cat {disk}/wwid {disk}/uuid").split() == [f"uuid.{UUID}", UUID]


def test_nv54_ids_of_another_subsystem_are_taken_away(nvme: Driver) -> None:
    """Two devices with the same one: both have disks, the second without ids; and it keeps its disk when it is scanned again."""
    with believed(nvme, "twin", "plain"):
        pass
    assert sorted(nvme.disks()) == ["nvmecpp0n1", "nvmecpp1n1", "nvmecpp1n2"]
    slot = nvme.slots["double"]
    nvme.log()
    nvme.sh(f"echo > /sys/bus/pci/devices/{slot}/driver_override; echo {slot} > /sys/bus/pci/drivers/nvme_cpp/bind")
    said = nvme.log()
    assert "nvmecpp2: clearing duplicate IDs for nsid 1" in said
    assert "nvmecpp2: use of /dev/disk/by-id/ may cause data corruption" in said
    disk = "/sys/block/nvmecpp2n1"
    assert nvme.sh(f"cat {disk}/wwid").startswith("nvme.")
    assert nvme.vm.run(f"cat {disk}/uuid").rc != 0
    inode = nvme.sh(f"stat -c %i {disk}/size")
    nvme.sh("echo 1 > /sys/class/nvmecpp/nvmecpp2/rescan_controller; sleep 0.5")
    assert nvme.sh(f"stat -c %i {disk}/size") == inode
    assert not any("identifiers changed" in line for line in nvme.log())
    nvme.verify("nvmecpp2n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


def test_nv54_ids_of_the_same_subsystem_are_refused(nvme: Driver) -> None:
    """Of two namespaces with the same id the first is a disk."""
    with believed(nvme, "double"):
        assert "nvmecpp0: duplicate IDs in subsystem for nsid 2" in nvme.log()
        assert nvme.disks() == ["nvmecpp0n1"]


def test_nv83_memory_of_a_device_is_shown(nvme: Driver) -> None:
    """Where the device has some: C's files, which stock kernels never show."""
    assert nvme.load() == ""
    nvme.bind("buffer")
    nvme.bind("plain")
    shown = nvme.sh(f"cat {SYS}/cmb {SYS}/cmbloc {SYS}/cmbsz").splitlines()
    assert re.fullmatch(r"cmbloc : x[0-9a-f]{8}", shown[0])
    assert int(shown[0].partition("x")[2], 16) == int(shown[2])
    assert int(shown[1].partition(": x")[2], 16) == int(shown[3])
    # 64 MiB, in units of 64 KiB or less.
    size = int(shown[3])
    assert (size >> 12) * (4096 << 4 * (size >> 8 & 15)) == 64 << 20
    nvme.sh(f"echo 1 > {SYS}/reset_controller")
    assert nvme.sh(f"cat {SYS}/cmbsz").strip() == str(size)
    assert nvme.vm.run("ls /sys/class/nvmecpp/nvmecpp1/cmb").rc != 0


def test_nv62_failed_reset_leaves_a_dead_controller(nvme: Driver) -> None:
    """Its registers have moved away: the write to sysfs fails, the disk is empty, I/O is an error, and it can be unbound."""
    assert nvme.load() == ""
    nvme.bind("plain")
    slot = nvme.slots["plain"]
    bar = f"/sys/bus/pci/devices/{slot}/config"
    kept = nvme.sh(f"dd if={bar} bs=1 skip=16 count=8 2>/dev/null | od -An -tx1").split()
    fd = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=4", "--ioengine=libaio", "--time_based", "--runtime=60")
    time.sleep(1)
    nvme.sh(f"printf '\\000\\000\\000\\000\\000\\000\\000\\000' | dd of={bar} bs=1 seek=16 conv=notrunc 2>/dev/null")
    assert "Network dropped connection on reset" in nvme.vm.run(f"echo 1 | tee {SYS}/reset_controller", 90).err
    assert nvme.sh(f"cat {SYS}/state /sys/block/nvmecpp0n1/size").split() == ["dead", "0"]
    assert fd.wait(60).rc not in (0, 124)
    assert any("Disabling device after reset failure" in line for line in nvme.log())
    assert nvme.vm.run(f"echo 1 | tee {SYS}/reset_controller").err.strip().endswith("Device or resource busy")
    nvme.unbind("plain")
    nvme.sh("printf '" + "".join(f"\\{int(byte, 16):03o}" for byte in kept) + f"' | dd of={bar} bs=1 seek=16 conv=notrunc 2>/dev/null")
    nvme.bind("plain")
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


def inject(nvme: Driver, **fields: int) -> None:
    nvme.sh("; ".join(f"echo {value} > {SYS}/inject/{name}" for name, value in fields.items()))


READ = "dd if=/dev/nvmecpp0n1 of=/dev/null bs=4k count=1 iflag=direct"


def test_nv95_no_faults_unless_they_are_asked_for(nvme: Driver) -> None:
    assert nvme.load() == ""
    nvme.bind("plain")
    assert nvme.vm.run(f"ls {SYS}/inject").rc != 0


def test_nv95_status_on_request(nvme: Driver) -> None:
    """Of a status that may be tried again, max_retries in a row do no harm, and one more fails the request; one that may not fails it
    at once. The values are checked, and shown."""
    assert nvme.load("inject=1") == ""
    nvme.bind("plain")
    assert nvme.sh(f"cd {SYS}/inject; cat delay_ms dont_retry drop interval status times").split() == ["0", "0", "0", "1", "0x0", "0"]
    for name, value in ("status", "0x4000"), ("interval", "0"), ("times", "-2"), ("delay_ms", "600001"), ("drop", "x"):
        assert "Invalid argument" in nvme.vm.run(f"echo {value} | tee {SYS}/inject/{name}").err
    nvme.log()
    inject(nvme, status=0x281, times=5)
    nvme.sh(READ + " 2>&1")
    assert nvme.sh(f"cat {SYS}/inject/times").strip() == "0"
    assert nvme.log() == []
    inject(nvme, times=6)
    assert "No data available" in nvme.vm.run(READ, 60).err
    inject(nvme, dont_retry=1, times=2)
    assert "No data available" in nvme.vm.run(READ, 60).err
    assert nvme.sh(f"cat {SYS}/inject/times").strip() == "1"
    assert "nvmecpp0n1: I/O Cmd(0x2) @ LBA 0, 8 blocks, I/O Error (sct 0x2 / sc 0x81) DNR " in nvme.log()
    # Both namespaces; and none any more.
    assert nvme.vm.run(READ.replace("n1", "n2", 1), 60).rc != 0
    inject(nvme, times=-1, interval=3, status=0x80)
    outcomes = [nvme.vm.run(READ, 60).rc != 0 for _ in range(6)]
    assert sum(outcomes) == 2
    inject(nvme, times=0)
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


def test_nv95_retries_lose_nothing(nvme: Driver) -> None:
    """Every third request fails, or is late, and all data is there."""
    assert nvme.load("inject=1") == ""
    nvme.bind("plain")
    for fields in {"status": 0x281, "interval": 3}, {"status": 0, "delay_ms": 20, "interval": 7}:
        inject(nvme, **fields, times=-1)
        nvme.verify("nvmecpp0n1", "--bsrange=4k-64k", "--iodepth=16", "--ioengine=io_uring", "--size=2M")
    inject(nvme, times=0)


def test_nv95_delay_on_request(nvme: Driver) -> None:
    assert nvme.load("inject=1") == ""
    nvme.bind("plain")
    inject(nvme, delay_ms=1500, times=1)
    took = nvme.fio("--filename=/dev/nvmecpp0n1", "--rw=read", "--bs=4k", "--number_ios=2", "--size=8k", "--ioengine=psync")["read"]["lat_ns"]
    assert took["max"] >= 1.4e9 and took["min"] < 1e9


def test_nv21_nv95_dropped_request_climbs_the_ladder(nvme: Driver) -> None:
    """Aborted after io_timeout; after another, the controller is reset, and the request is sent again."""
    assert nvme.load("inject=1 io_timeout=2") == ""
    nvme.bind("plain")
    nvme.log()
    inject(nvme, drop=1, times=1)
    start = time.monotonic()
    nvme.sh(READ + " 2>&1", 60)
    assert time.monotonic() - start >= 3.5
    said = "\n".join(nvme.log())
    assert said.index("timeout, aborting") < said.index("Abort status: 0x") < said.index("timeout, reset controller") < said.index("default/read/poll queues")
    with pytest.raises(FioFailed):
        inject(nvme, status=0x281, dont_retry=1, drop=0, times=1)
        nvme.fio("--filename=/dev/nvmecpp0n1", "--rw=read", "--bs=4k", "--size=64k", "--ioengine=libaio")

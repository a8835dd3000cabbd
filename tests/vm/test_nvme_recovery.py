# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp and devices that fail, are slow, or are not there any more: no request waits for ever."""

from __future__ import annotations

import time

import pytest
from nvme import Controller, Driver, Namespace, guest_fixture

SLOW = Namespace(512, 64)
CONTROLLERS = [Controller("plain"), Controller("slow", (SLOW,)), Controller("broken", (Namespace(512, 64),))]
vm = guest_fixture(CONTROLLERS, drive_options={"broken": "faulty"})


def turn_off(nvme: Driver, name: str) -> None:
    """Has the function answer no access to its registers, and reach no memory."""
    nvme.sh(f"printf '\\000\\000' | dd of=/sys/bus/pci/devices/{nvme.slots[name]}/config bs=1 seek=4 conv=notrunc 2>/dev/null")


def throttle(nvme: Driver, iops: int) -> None:
    """Has the controller `slow` do that many requests in a second; any number of them, if 0."""
    nvme.hmp(f"block_set_io_throttle slow-d1 0 0 0 {iops} 0 0")


@pytest.mark.slow_on_older
def test_nv21_slow_requests_are_aborted_then_the_controller_is_reset(nvme: Driver) -> None:
    """The ladder: abort, then reset; requests are sent again, and all that was written is there."""
    assert nvme.load("io_timeout=2") == ""
    nvme.bind("slow")
    nvme.log()
    throttle(nvme, 1)
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=write", "--bs=4k", "--iodepth=32", "--ioengine=libaio", "--size=1M", "--verify=crc32c", "--do_verify=1")
    try:
        nvme.wait_for("dmesg | grep -q 'timeout, reset controller'")
    finally:
        throttle(nvme, 0)
    done = job.wait(90)
    assert done.rc == 0, done.out[-1000:] + done.err
    said = "\n".join(nvme.log())
    assert said.index("timeout, aborting") < said.index("timeout, reset controller") < said.index("default/read/poll queues")
    assert "Abort status: 0x" in said


def test_nv20_media_errors_are_reported_after_retries(nvme: Driver) -> None:
    """ENODATA after six attempts, with a line; other blocks can be read."""
    assert nvme.load() == ""
    nvme.bind("broken")
    nvme.log()
    done = nvme.vm.run("dd if=/dev/nvmecpp0n1 of=/dev/null bs=4k count=1 skip=16 iflag=direct", 60)
    assert done.rc != 0
    assert "No data available" in done.err
    assert any("I/O Cmd(0x2) @ LBA 128, 8 blocks, I/O Error (sct 0x2 / sc 0x81)" in line for line in nvme.log())
    nvme.sh("dd if=/dev/nvmecpp0n1 of=/dev/null bs=4k count=1 skip=64 iflag=direct 2>&1")


@pytest.mark.slow
def test_nv61_dead_device_fails_its_requests_in_bounded_time(nvme: Driver) -> None:
    """Its registers say nothing any more: what is under way fails, the disk is empty, and it can be unbound."""
    assert nvme.load("io_timeout=2") == ""
    nvme.bind("plain")
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=16", "--ioengine=libaio", "--time_based", "--runtime=120")
    time.sleep(2)
    turn_off(nvme, "plain")
    start = time.monotonic()
    assert job.wait(90).rc not in (0, 124)
    assert time.monotonic() - start < 60
    said = "\n".join(nvme.log())
    assert "Disabling device after reset failure: -19" in said
    assert nvme.sh("cat /sys/block/nvmecpp0n1/size").strip() == "0"
    assert nvme.vm.run("dd if=/dev/nvmecpp0n1 of=/dev/null bs=4k count=1 iflag=direct", 60).rc == 0  # nothing to read
    nvme.unbind("plain")
    assert nvme.disks() == []
    nvme.sh(f"echo 1 > /sys/bus/pci/devices/{nvme.slots['plain']}/remove; echo 1 > /sys/bus/pci/rescan", 90)
    nvme.bind("plain")
    nvme.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


@pytest.mark.slow
def test_nv61_unbinding_a_dead_device_does_not_hang(nvme: Driver) -> None:
    """With requests under way and data not written yet."""
    assert nvme.load("io_timeout=2") == ""
    nvme.bind("plain")
    nvme.sh("dd if=/dev/zero of=/dev/nvmecpp0n1 bs=1M count=16 2>&1")
    nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=16", "--ioengine=libaio", "--time_based", "--runtime=20")
    time.sleep(2)
    turn_off(nvme, "plain")
    nvme.unbind("plain", 90)
    assert nvme.disks() == []
    nvme.sh(f"echo 1 > /sys/bus/pci/devices/{nvme.slots['plain']}/remove; echo 1 > /sys/bus/pci/rescan", 90)


def test_nv31_unplugged_under_io(nvme: Driver) -> None:
    """QEMU takes the device away, by ACPI, and brings another, which has no namespaces."""
    assert nvme.load() == ""
    nvme.bind("slow")
    job = nvme.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randrw", "--bs=4k", "--iodepth=16", "--ioengine=libaio", "--time_based", "--runtime=60")
    time.sleep(1)
    nvme.hmp("device_del slow")
    nvme.wait_for(f"[ ! -e /sys/bus/pci/devices/{nvme.slots['slow']} ]")
    assert job.wait(60).rc != 124
    assert nvme.disks() == []
    nvme.hmp("device_add nvme,id=slow,serial=slow,addr=0x11")
    nvme.wait_for(f"[ -e /sys/bus/pci/devices/{nvme.slots['slow']}/driver_override ]")
    nvme.bind("slow")
    assert nvme.disks() == []
    nvme.hmp("device_del slow")
    nvme.wait_for(f"[ ! -e /sys/bus/pci/devices/{nvme.slots['slow']} ]")

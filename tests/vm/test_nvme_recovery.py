# SPDX-License-Identifier: GPL-2.0
"""nvme_cpp and devices that fail, are slow, or are not there any more: no request waits for ever."""

from __future__ import annotations

import time

from nvme import Controller, Driver, Namespace, drv, guest_fixture  # noqa: F401

SLOW = Namespace(512, 64)
CONTROLLERS = [Controller("plain"), Controller("slow", (SLOW,)), Controller("broken", (Namespace(512, 64),))]
vm = guest_fixture(CONTROLLERS, drive_options={"slow": "throttling.iops-total=1", "broken": "faulty"})


def turn_off(drv: Driver, name: str) -> None:
    """Has the function answer no access to its registers: all of them read as ones."""
    drv.sh(f"printf '\\000\\000' | dd of=/sys/bus/pci/devices/{drv.slots[name]}/config bs=1 seek=4 conv=notrunc 2>/dev/null")


def test_nv21_slow_requests_are_aborted_then_the_controller_is_reset(drv: Driver) -> None:
    """The ladder: abort, then reset; and all that was written is there."""
    assert drv.load("io_timeout=2") == ""
    drv.bind("slow")
    drv.log()
    drv.fio("--filename=/dev/nvmecpp0n1", "--rw=write", "--bs=4k", "--iodepth=6", "--ioengine=libaio", "--size=24k", "--verify=crc32c", "--do_verify=0", timeout=120)
    said = "\n".join(drv.log())
    assert "timeout, aborting" in said
    assert "Abort status: 0x" in said
    assert "timeout, reset controller" in said
    assert "default/read/poll queues" in said
    drv.fio("--filename=/dev/nvmecpp0n1", "--rw=read", "--bs=24k", "--size=24k", "--verify=crc32c", "--verify_interval=4k", timeout=120)


def test_nv20_media_errors_are_reported_after_retries(drv: Driver) -> None:
    """ENODATA after six attempts, with a line; other blocks can be read."""
    assert drv.load() == ""
    drv.bind("broken")
    drv.log()
    done = drv.vm.run("dd if=/dev/nvmecpp0n1 of=/dev/null bs=4k count=1 skip=16 iflag=direct", 60)
    assert done.rc != 0
    assert "No data available" in done.err
    assert any("I/O Cmd(0x2) @ LBA 128, 8 blocks, I/O Error (sct 0x2 / sc 0x81)" in line for line in drv.log())
    drv.sh("dd if=/dev/nvmecpp0n1 of=/dev/null bs=4k count=1 skip=64 iflag=direct 2>&1")


def test_nv61_dead_device_fails_its_requests_in_bounded_time(drv: Driver) -> None:
    """Its registers read as ones: what is under way fails, the disk is empty, and it can be unbound."""
    assert drv.load("io_timeout=2") == ""
    drv.bind("plain")
    job = drv.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=16", "--ioengine=libaio", "--time_based", "--runtime=120")
    time.sleep(2)
    turn_off(drv, "plain")
    start = time.monotonic()
    assert job.wait(90).rc not in (0, 124)
    assert time.monotonic() - start < 60
    said = "\n".join(drv.log())
    assert "controller is down; will reset: CSTS=0xffffffff" in said
    assert "Disabling device after reset failure: -19" in said
    assert drv.sh("cat /sys/block/nvmecpp0n1/size").strip() == "0"
    assert drv.vm.run("dd if=/dev/nvmecpp0n1 of=/dev/null bs=4k count=1 iflag=direct", 60).rc == 0  # nothing to read
    drv.unbind("plain")
    assert drv.disks() == []
    drv.sh(f"echo 1 > /sys/bus/pci/devices/{drv.slots['plain']}/remove; echo 1 > /sys/bus/pci/rescan", 90)
    drv.bind("plain")
    drv.verify("nvmecpp0n1", "--bs=4k", "--iodepth=8", "--ioengine=libaio", "--size=1M")


def test_nv61_unbinding_a_dead_device_does_not_hang(drv: Driver) -> None:
    """With requests under way and data not written yet."""
    assert drv.load("io_timeout=2") == ""
    drv.bind("plain")
    drv.sh("dd if=/dev/zero of=/dev/nvmecpp0n1 bs=1M count=16 2>&1")
    drv.start_fio("--filename=/dev/nvmecpp0n1", "--rw=randread", "--bs=4k", "--iodepth=16", "--ioengine=libaio", "--time_based", "--runtime=20")
    time.sleep(2)
    turn_off(drv, "plain")
    drv.unbind("plain", 90)
    assert drv.disks() == []
    drv.sh(f"echo 1 > /sys/bus/pci/devices/{drv.slots['plain']}/remove; echo 1 > /sys/bus/pci/rescan", 90)

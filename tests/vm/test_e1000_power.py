# SPDX-License-Identifier: GPL-2.0
"""Ports while links to the CPU fail, functions are reset, the machine goes down, and with an EEPROM that has been damaged."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture, mac, needs_c_driver

from vmlib import Vm

pytestmark = pytest.mark.slow

# A chip set that has links with error reports, and a slot whose link QEMU can reset.
MACHINE = (
    *("-machine", "q35", "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"),
    *("-device", "pcie-root-port,id=port1,chassis=1,slot=1,addr=0x1c"),
)
vm = guest_fixture(["e1000", "e1000-82545em,bus=port1,addr=0"], machine=MACHINE)
# Where the second is.
_BEHIND = "/sys/bus/pci/devices/0000:00:1c.0"


def placed(driver: Driver) -> Driver:
    """With the card behind the port where the guest has found it."""
    driver.slots[1] = driver.sh(f"basename $(ls -d {_BEHIND}/????:??:??.?)").strip()
    return driver


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        placed(driver).load()
        driver.connect()
        yield driver


def test_ek55_a_link_that_fails(drv: Driver) -> None:
    """An error that is not fatal changes nothing; after a fatal one the link is reset, and frames pass again."""
    if drv.vm.run(f"[ -e {_BEHIND}/aer_rootport_total_err_fatal ]").rc != 0:
        pytest.skip("this kernel does not look at errors of links")
    assert drv.lost(0, "10.0.0.2") == ""
    drv.log()
    drv.tell_qemu("pcie_aer_inject_error port1 0x1000")
    assert drv.lost(0, "10.0.0.2") == ""
    drv.tell_qemu("pcie_aer_inject_error port1 0x10")
    deadline = time.monotonic() + 60
    while "device recovery successful" not in drv.vm.dmesg(whole=True):
        assert time.monotonic() < deadline, drv.vm.dmesg(whole=True)[-3000:]
        time.sleep(0.3)
    drv.await_link()
    assert drv.lost(0, "10.0.0.2") == ""
    assert drv.lost(1, "10.0.0.1", (1472,)) == ""


def test_ek55_functions_are_reset(drv: Driver) -> None:
    """By sysfs, under traffic: it goes on afterwards."""
    flood = drv.vm.start("ip netns exec n0 ping -f -w 60 10.0.0.2 > /dev/null")
    for _ in range(3):
        drv.sh(f"echo bus > /sys/bus/pci/devices/{drv.slots[1]}/reset_method; echo 1 > /sys/bus/pci/devices/{drv.slots[1]}/reset")
    drv.await_link()
    flood.kill()
    assert drv.lost(0, "10.0.0.2") == ""


def _heap(pid: int) -> list[tuple[int, int]]:
    """Memory of a process that it has allocated, from where to where; not what it has mapped in one piece, as a guest's memory is."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        area, mode, _, _, inode, *_ = line.split()
        begin, end = (int(word, 16) for word in area.split("-"))
        if mode.startswith("rw") and inode == "0" and end - begin < 256 << 20:
            found.append((begin, end))
    return found


def _damage_eeprom(vm: Vm, number: int) -> None:
    """Changes a word of a card's EEPROM in QEMU, which has no other way to it."""
    address = bytes.fromhex(mac(number).replace(":", ""))
    changed = 0
    with open(f"/proc/{vm.pid}/mem", "r+b", buffering=0) as memory:
        for begin, end in _heap(vm.pid):
            os.lseek(memory.fileno(), begin, os.SEEK_SET)
            try:
                data = memory.read(end - begin) or b""
            except OSError:
                continue
            # The address, two words of zeroes more, and what all of these cards have next.
            for match in re.finditer(re.escape(address) + rb"\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x30", data):
                os.lseek(memory.fileno(), begin + match.start() + 6, os.SEEK_SET)
                memory.write(b"\x77")
                changed += 1
    assert changed == 1, "the EEPROM is not where it was looked for"


def test_ek57_a_damaged_eeprom(vm: Vm, ko: Callable[[str], Path]) -> None:
    """It is told of with all that is in it, as by the C driver; the port has no address until it is given one, and serves then."""
    needs_c_driver(vm)
    _damage_eeprom(vm, 0)
    try:
        _both_say_the_same(vm, ko)
    finally:
        # What was damaged is as it was.
        vm.boot()


def _both_say_the_same(vm: Vm, ko: Callable[[str], Path]) -> None:
    found = []
    for driver in (Driver(vm, None, name="e1000"), Driver(vm, ko(NAME))):
        with driver:
            placed(driver)
            driver.log()
            driver.load()
            lines = [re.sub(r"^eth\d+: ", "", line) for line in driver.log()]
            name = driver.interface(0)
            shown = driver.sh(f"cat /sys/class/net/{name}/address; ethtool -e {name}; ip link set {name} up; echo $?", check=False)
            # Between the two rows of stars there is advice, too, each driver's in its own words.
            stars = [number for number, line in enumerate(lines) if line.startswith("/**")]
            advice = range(lines.index("Offset    Values") + 1, stars[1])
            found.append([line for number, line in enumerate(lines) if number not in advice and not re.search("Copyright|out-of-tree", line)] + shown.splitlines())
            dump = re.findall(r"^\[[\s\d.]+\] (?:e1000_cpp: )?(0[0-9a-f]{7}: [0-9a-f ]+?) *$", driver.vm.dmesg(whole=True), re.M)
            found[-1] += [line.strip() for line in dump[-8:]]
            if driver.path:
                driver.sh(f"ip link set {name} address {mac(0)}")
                driver.connect()
                assert driver.lost(0, "10.0.0.2") == ""
    assert found[1] == found[0]
    assert "The EEPROM Checksum Is Not Valid" in found[0]
    assert "00:00:00:00:00:00" in found[0]
    assert any(line.startswith("00000000: 52 54 00 00 00 01") for line in found[0])


def test_ek54_the_machine_sleeps(drv: Driver) -> None:
    """Twice, with ports that are open: frames pass before and afterwards."""
    if drv.vm.run("[ -w /sys/power/pm_test ]").rc != 0:
        pytest.skip("this kernel cannot try to sleep")
    try:
        done = drv.vm.call(Path(__file__).with_name("e1000_sleep_guest.py"), "2", timeout=120, cwd="/tmp")
        assert done.out.splitlines() == [f"{what}: True True" for what in ("before", "after 0", "after 1")], done.err
        assert drv.vm.take_splats() == []
    finally:
        # Its files are gone.
        drv.vm.boot()


def test_ek54_the_machine_goes_down(drv: Driver) -> None:
    """With ports that are open: nothing is said of a bug, and it ends."""
    drv.vm.start("sync; busybox poweroff -f")
    deadline = time.monotonic() + 60
    while drv.vm.alive:
        assert time.monotonic() < deadline, drv.vm.console_tail()
        time.sleep(0.3)
    tail = drv.vm.console_tail()
    assert "Power down" in tail
    assert not re.search("BUG|WARNING|Call Trace|Oops", tail), tail
    drv.vm.close()
    drv.vm.boot()

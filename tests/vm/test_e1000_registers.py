# SPDX-License-Identifier: GPL-2.0
"""Registers as e1000_cpp leaves them, and as the C driver does, of the same cards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e1000 import NAME, Driver, guest_fixture

from vmlib import Vm

pytestmark = pytest.mark.slow

# What is not the same each time, or is read at a cost: addresses and indices of rings, causes, counters, moderation.
REGISTERS = {
    "CTRL": 0x0000, "STATUS": 0x0008, "CTRL_EXT": 0x0018, "FCAL": 0x0028, "FCAH": 0x002C, "FCT": 0x0030, "VET": 0x0038, "IMS": 0x00D0, "RCTL": 0x0100, "FCTTV": 0x0170,
    "TXCW": 0x0178, "TCTL": 0x0400, "TIPG": 0x0410, "AIT": 0x0458, "LEDCTL": 0x0E00, "PBA": 0x1000, "FCRTL": 0x2160, "FCRTH": 0x2168, "RDLEN": 0x2808, "RDTR": 0x2820,
    "RADV": 0x282C, "TDLEN": 0x3808, "TIDV": 0x3820, "TXDCTL": 0x3828, "TADV": 0x382C, "RXCSUM": 0x5000, "MTA0": 0x5200, "RAL0": 0x5400, "RAH0": 0x5404, "RAL1": 0x5408, "RAH1": 0x540C,
    "VFTA0": 0x5600, "WUC": 0x5800, "WUFC": 0x5808, "MANC": 0x5820,
}  # fmt: skip
READ = """import json, mmap, os, struct, sys
fd = os.open(f"/sys/bus/pci/devices/{sys.argv[1]}/resource0", os.O_RDONLY)
bar = mmap.mmap(fd, 0x20000, mmap.MAP_SHARED, mmap.PROT_READ)
words = memoryview(bar).cast("I")
print(json.dumps([words[int(offset) // 4] for offset in sys.argv[2:]]))
"""
CARDS = ["e1000", "e1000-82545em", "e1000-82544gc"]

# A driver's registers can be looked at.
vm = guest_fixture(CARDS, append="iomem=relaxed")


@pytest.fixture
def drv(vm: Vm, ko: Callable[[str], Path]) -> Iterator[Driver]:
    with Driver(vm, ko(NAME)) as driver:
        yield driver


def opened(drv: Driver) -> list[dict[str, int]]:
    """The registers of each card, once its link is up and its addresses are set."""
    offsets = " ".join(str(offset) for offset in REGISTERS.values())
    drv.sh(f"cat > /run/read.py <<'END'\n{READ}END")
    drv.connect()
    return [dict(zip(REGISTERS, json.loads(drv.sh(f"python3 /run/read.py {slot} {offsets}")), strict=True)) for slot in drv.slots]


def test_ek70_registers_after_open_are_the_c_drivers(drv: Driver):
    """Speed, duplex, pauses, packet memory, delays, filters: whatever is not the driver's own way is the same."""
    drv.sh("modprobe e1000")
    theirs = opened(drv)
    assert [card["RAH0"] >> 31 for card in theirs] == [1, 1, 1], "these are not the registers of a card that is open"
    drv.sh("ip -all netns del; modprobe -r e1000")
    drv.load()
    ours = opened(drv)
    different = [f"{card} {name}: {left[name]:#x} {right[name]:#x}" for card, left, right in zip(CARDS, theirs, ours, strict=True) for name in REGISTERS if left[name] != right[name]]
    assert different == [], "C and C++"

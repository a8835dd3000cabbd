# SPDX-License-Identifier: GPL-2.0
"""Runs in the guest: reads what debugfs shows of rings, again and again, until a file is there; says whether each time it was whole.

The result is a Python literal.
"""

import os
import re
import time

_HEADING = re.compile(r"(\d+) descriptors at ([0-9a-f]{16}), next_to_use (\d+), next_to_clean (\d+)")
_LINE = re.compile(r"(?:T[cd]|R)\[0x([0-9a-f]{3})\] +([0-9a-f]{16}) ([0-9a-f]{16})(?: (NTC|NTU|NTC/U))?")
_REGISTERS = re.compile(r"[TR]DH (\d+), [TR]DT (\d+)")


def parse(text: str) -> dict[str, object] | None:
    """A ring; None if its port is closed. Errors: ValueError."""
    if text == "closed\n":
        return None
    lines = text.split("\n")
    heading = _HEADING.fullmatch(lines[0])
    if not heading or lines[-1] != "":
        raise ValueError(text[:200])
    count = int(heading[1])
    found: dict[str, object] = {"count": count, "at": int(heading[2], 16), "use": int(heading[3]), "clean": int(heading[4])}
    entries = [_LINE.fullmatch(line) for line in lines[1 : count + 1]]
    if len(entries) != count or any(entry is None or int(entry[1], 16) != i for i, entry in enumerate(entries)):
        raise ValueError(text[:200])
    found["low"] = [int(entry[2], 16) for entry in entries if entry]
    found["high"] = [int(entry[3], 16) for entry in entries if entry]
    found["marks"] = {i: entry[4] for i, entry in enumerate(entries) if entry and entry[4]}
    rest = lines[count + 1 : -1]
    if rest:
        registers = _REGISTERS.fullmatch(rest[0])
        if not registers or len(rest) > 1:
            raise ValueError(text[-200:])
        found["head"], found["tail"] = int(registers[1]), int(registers[2])
    return found


def read(path: str) -> dict[str, object] | None:
    """A ring."""
    with open(path) as file:
        return parse(file.read())


def watch(folder: str, stop: str) -> dict[str, object]:
    """Reads both rings in the folder until `stop` is there."""
    counts = {"whole": 0, "closed": 0, "gone": 0}
    wrong = ""
    while not os.path.exists(stop):
        for name in ("tx_ring", "rx_ring"):
            try:
                ring = read(f"{folder}/{name}")
                counts["closed" if ring is None else "whole"] += 1
            except OSError:
                counts["gone"] += 1
                time.sleep(0.001)
            except ValueError as error:
                wrong = str(error)
    return {**counts, "wrong": wrong}


def keep(path: str, unbind: str, slot: str) -> str:
    """Has a file open while the driver goes: how reading it ends."""
    with open(path) as file:
        with open(unbind, "w") as driver:
            driver.write(slot)
        try:
            return f"{len(file.read())} bytes"
        except OSError as error:
            return os.strerror(error.errno or 0)


def main(argv: list[str]) -> None:
    """Calls the function that argv[1] names with the others."""
    print(repr({function.__name__: function for function in (read, watch, keep)}[argv[1]](*argv[2:])))

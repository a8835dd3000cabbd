# SPDX-License-Identifier: GPL-2.0
"""Keeps a guest's kernel log as the lines that dmesg would print."""

from __future__ import annotations

import re

_STAMP = re.compile(r"\[\s*(\d+\.\d+)\]")
_OVERLAP = 1000  # Lines that may have come both ways; the same stamp on more of them is not to be expected.
_MOST_LINES = 1_000_000
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


class KernelLog:
    """Lines of the form "[    1.234567] text", and a mark from which on they are new."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._mark = 0

    def add_records(self, records: bytes) -> None:
        """Adds /dev/kmsg records: "level,sequence,microseconds,flags;text", then " KEY=value" lines, left out."""
        for record in records.split(b"\n"):
            prefix, semicolon, text = record.partition(b";")
            if not semicolon or record.startswith(b" "):
                continue
            stamp = int(prefix.split(b",")[2]) / 1e6
            text = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text)
            self._lines += [f"[{stamp:12.6f}] {line}" for line in text.decode(errors="replace").split("\n")]
        surplus = len(self._lines) - _MOST_LINES
        if surplus > 0:  # A guest that floods its log must not use up our memory: the oldest lines go.
            del self._lines[:surplus]
            self._mark = max(0, self._mark - surplus)

    def add_console(self, console: list[str]) -> None:
        """Adds the console's lines that the records of a dead guest lack: the last ones."""
        known = set(self._lines[-_OVERLAP:])
        last = self._last_stamp()
        self._lines += [line for line in console if _stamp_of(line) >= last and line not in known]

    def mark(self) -> None:
        """Makes what comes after this new."""
        self._mark = len(self._lines)

    def lines(self, whole: bool) -> list[str]:
        """Returns the new lines, or all of them."""
        return self._lines[0 if whole else self._mark :]

    def _last_stamp(self) -> float:
        return _stamp_of(self._lines[-1]) if self._lines else -1.0


def _stamp_of(line: str) -> float:
    """Returns the time stamp that `line` begins with in s, -1 if none."""
    match = _STAMP.match(line)
    return float(match[1]) if match else -1.0

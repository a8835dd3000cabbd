# SPDX-License-Identifier: GPL-2.0
"""Where samples are taken: a guest of QEMU, this machine, or a host that ssh reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class TargetError(RuntimeError):
    """The machine under test cannot be used, or was lost; the text is one line."""


@dataclass(frozen=True)
class Result:
    """What a script did. `rc` is 124 if its time was up."""

    rc: int
    out: str
    err: str


class Target(Protocol):
    """One machine under test. Scripts run there as root, one at a time. Errors of every method: TargetError."""

    name: str  # "vm", "local", "ssh:user@host"
    accel: str  # "icount", "tcg", "kvm", "metal"; known after start()
    own: bool  # it was made for this run: anything may be changed
    release: str  # of its kernel; known after start()

    def start(self) -> None:
        """Makes it ready; a guest boots. Called again for each boot of a run."""

    def stop(self) -> None:
        """Ends a script that runs, from another thread; a guest ends with it. May be called twice."""

    def close(self) -> None:
        """Ends what start() began, and takes away what place() put there."""

    def run(self, script: str, timeout: float = 60) -> Result:
        """Runs a shell script."""

    def place(self, files: Mapping[str, Path]) -> dict[str, str]:
        """Makes files of this host readable there; their paths there, by the same names."""

    def stock_module(self, name: str) -> str:
        """The path there of a module that came with its kernel."""

    def alive(self) -> bool:
        """Says whether a guest goes on, as far as is known. What becomes of a test box, run() finds out."""

    def watch(self) -> None:
        """Begins to watch the kernel log: once after each start()."""

    def splats(self) -> list[str]:
        """Lines of the kernel log since the last call, or since watch(), that report a bug; none is left out."""

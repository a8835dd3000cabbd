# SPDX-License-Identifier: GPL-2.0
"""What loads a driver: how to prepare it, take a sample, read what came out, and tidy up.

A workload talks to the machine under test in POSIX shell scripts that run there as root; nothing but the tool it uses needs
to be installed there. A new kind of driver (network, IPC) is a new class here and a matrix file that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..matrix import Cell, Checker, Matrix, Value
from ..plan import PlannedSample

SYSTEM_MIB = 320  # What a guest itself takes of its memory.


class WorkloadError(RuntimeError):
    """A sample failed, or cannot be taken; the text is one line."""


@dataclass(frozen=True)
class Setting:
    """The machine under test, as far as scripts depend on it."""

    cpus: int
    counted: bool  # instructions are counted, otherwise time is measured
    modules: dict[str, str]  # module -> what to give to insmod there
    mark: str  # path there of the program that marks samples; "" if instructions are not counted
    own: bool  # a guest made for this run, where everything may be changed
    devices: dict[str, str]  # side -> PCI address of its device, for workloads whose devices exist beforehand
    drivers: dict[str, str]  # PCI address -> the driver that it had before
    programs: dict[str, str] = field(default_factory=dict)  # the workload's, and where they are there


@dataclass(frozen=True)
class Measured:
    """What a script printed of a sample. `conditions`, if not empty, must be the same for all samples of a cell."""

    ios: int
    values: dict[str, float]  # by metric, see model.METRICS; per second, bytes per second, ns
    conditions: str


class Workload(Protocol):
    """One kind of load on one kind of driver. Its scripts fail, with a line on stderr, if any step does."""

    tool: str

    def axes(self) -> dict[str, Callable[[Checker, str, str, Any], Value]]:
        """The axes that its cells have, each with a check of one value."""

    def tables(self) -> dict[str, Callable[[Checker, str, Any], dict[str, Value]]]:
        """Its own tables of the matrix file, each with a check."""

    def name(self, axes: Mapping[str, Value], varied: set[str]) -> str:
        """The name of a cell; `varied` are the axes with several values."""

    def check(self, matrix: Matrix) -> None:
        """Refuses modules that the matrix file does not provide for. Errors: WorkloadError."""

    def guest_arguments(self, matrix: Matrix) -> list[str]:
        """QEMU arguments that a guest needs for it."""

    def programs(self) -> dict[str, Path]:
        """Programs of the project that its scripts use, by name: they are compiled here, if need be. Errors: InsnError."""

    def needs_mib(self, matrix: Matrix, cell: Cell) -> int:
        """Memory that a sample takes at most, in MiB, of the driver and the tool."""

    def load(self, matrix: Matrix, setting: Setting) -> str:
        """Loads both modules, or leaves none; the first script of a boot."""

    def groups(self, matrix: Matrix, cell: Cell, samples: Sequence[PlannedSample], counted: bool) -> list[list[PlannedSample]]:
        """The samples of a cell in the same order, in groups that one script takes."""

    def script(self, matrix: Matrix, setting: Setting, cell: Cell, group: Sequence[PlannedSample]) -> str:
        """Prepares, takes the samples of a group, and tidies up, also if a step fails. What it prints is for `parse`."""

    def parse(self, cell: Cell, sample: PlannedSample, counted: bool, printed: str) -> Measured:
        """Reads what a script printed of one sample. Errors: WorkloadError if it did not do what it was told."""

    def explain(self, said: str) -> str:
        """Why a sample's script failed, in one line, from what it said on stderr; "" if it did not say."""

    def unload(self, matrix: Matrix, setting: Setting) -> str:
        """Undoes `load`; the last script of a boot on a machine that is not made for the run."""


def known() -> dict[str, Workload]:
    """All workloads, by the name that matrix files use."""
    from . import binder, net, null_blk, nvme

    return {"binder": binder.Binder(), "net": net.Net(), "null_blk": null_blk.NullBlk(), "nvme": nvme.Nvme()}

# SPDX-License-Identifier: GPL-2.0
"""What a run of the benchmark is made of once it is evaluated: samples, cells, and the record of how they came about.

The record (run.json) has these keys:
  format       of the folder, an integer
  complete     whether every planned sample was taken, or failed
  driver, profile, tool      of the matrix; `tool` is what measured ("fio")
  release      kernel release
  accel        "icount", "tcg", "kvm" or "metal"
  target       "vm", "local" or "ssh:user@host"; `hosts` lists the hosts that shared the cells
  time         of the start, ISO 8601
  seed, boots, samples   the random order's seed; boots; samples per side and cell over all boots
  command      the command line, a list of words
  commit       of the checkout, "+dirty" if it was changed
  versions     {"fio": ..., "qemu": ..., "gcc": ..., "python": ...}, each one line
  host         the machine that runs the benchmark: {"cpu", "cpus", "kernel"}
  system       the machine under test, see environment.py: a flat dict of strings and numbers, in the order to be shown
  systems      each machine under test at each start of the run: a list of {"host", "system"}; not in old records
  doubts       list of lines: what makes the numbers doubtful; with the host's name before it if there are several
  modules      {"a": {...}, "b": {...}}: "name", "file", "text", "data", "bss" (bytes), "build_id"
  settings     {table: {key: value}}: all tables of the matrix file as they applied
  failures     {cell name: reason}
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SIDES = ("a", "b", "c")  # c: the module of a once more, the control.
TOO_LARGE = "not run: it takes"  # How the failure of a cell begins for which the machine has not enough memory.
KINDS = ("warmup", "measure", "latency", "profile")


@dataclass(frozen=True)
class Metric:
    """Something that samples have a value of."""

    name: str
    unit: str
    better: str  # "lower" or "higher"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("insn", "instructions per I/O", "lower"),
        Metric("insn_kernel", "instructions per I/O in the kernel", "lower"),
        Metric("insn_own", "instructions per I/O in the module's own code", "lower"),
        Metric("insn_idle", "instructions per I/O while idle", "lower"),
        Metric("iops", "I/O per second", "higher"),
        Metric("bw", "bytes per second", "higher"),
        Metric("p50", "ns, median latency", "lower"),
        Metric("p99", "ns, 99th percentile of latency", "lower"),
        Metric("p999", "ns, 99.9th percentile of latency", "lower"),
    )
}


@dataclass(frozen=True)
class Sample:
    """One run of the load on one side. `values` has what was measured, by name of the metric."""

    id: str
    boot: int
    round: int
    side: str
    kind: str
    ios: int
    values: dict[str, float]
    load: float = 0.0  # Load average of the machine under test, over a minute, before the sample.


@dataclass(frozen=True)
class Profile:
    """Where the instructions, or the time, of one sample went: "outer;inner" call stack -> `unit` in the innermost function."""

    side: str
    ios: int
    folded: dict[str, int]
    unit: str = "instructions"


@dataclass(frozen=True)
class CellResult:
    """A cell, evaluated. With a `failure` it has no samples and no profiles."""

    name: str
    axes: dict[str, str | int]
    samples: tuple[Sample, ...] = ()
    failure: str = ""
    profiles: tuple[Profile, ...] = ()

    def values(self, metric: str, side: str, kind: str = "measure") -> list[list[float]]:
        """The values of a side, one list for each boot that has any."""
        boots: dict[int, list[float]] = {}
        for sample in self.samples:
            if sample.side == side and sample.kind == kind and metric in sample.values:
                boots.setdefault(sample.boot, []).append(sample.values[metric])
        return [boots[boot] for boot in sorted(boots)]

    def metrics(self) -> list[str]:
        """Names of all metrics that a sample of the cell has a value of."""
        found = {name for sample in self.samples for name in sample.values}
        return [name for name in METRICS if name in found]


@dataclass(frozen=True)
class RunData:
    """A run: its record, and its cells in the matrix's order."""

    record: dict[str, Any]
    cells: tuple[CellResult, ...]

    @property
    def accel(self) -> str:
        """How the machine under test ran: "icount", "tcg", "kvm" or "metal"."""
        return str(self.record["accel"])

    @property
    def counted(self) -> bool:
        """Whether instructions were counted, rather than time measured."""
        return self.accel == "icount"

    @property
    def primary(self) -> Metric:
        """The metric that verdicts are about."""
        return METRICS["insn" if self.counted else "iops"]

    @property
    def same_module(self) -> bool:
        """Whether sides a and b are the same module: every difference is false then."""
        modules = self.record["modules"]
        return bool(modules["a"]["build_id"] == modules["b"]["build_id"] and modules["a"]["name"] == modules["b"]["name"])

    @property
    def control(self) -> bool:
        """Whether samples of the control were taken."""
        return any(sample.side == "c" for cell in self.cells for sample in cell.samples)

    def name(self, side: str) -> str:
        """What to call a side."""
        name = str(self.record["modules"]["a" if side == "c" else side]["name"])
        return f"{name} ({side.upper()})" if self.same_module or side == "c" else name


def flat(boots: Iterable[Iterable[float]]) -> list[float]:
    """The values of all boots in one list."""
    return [value for boot in boots for value in boot]

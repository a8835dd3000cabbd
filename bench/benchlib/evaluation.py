# SPDX-License-Identifier: GPL-2.0
"""A run, evaluated: comparisons, verdicts and the sentences that every form of the report has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from . import environment, stats
from .model import METRICS, SIDES, TOO_LARGE, CellResult, RunData, flat

EMULATED = "EMULATED"
FAILED, NOT_RUN = "failed", "not run"  # In place of a verdict.
LATENCIES = {"p50": "p50", "p99": "p99", "p999": "p99.9"}  # Metric -> what to call it.
_HOW = {
    "icount": f"{EMULATED} (QEMU TCG, instructions counted)",
    "tcg": f"{EMULATED} (QEMU TCG, timed)",
    "kvm": "virtual machine (KVM)",
    "metal": "bare metal",
}


@dataclass(frozen=True)
class Row:
    """A cell of the report. It either has a `failure`, or `comparison` (B with A) and `adjusted`; `control` (C with A) and
    `control_adjusted` if samples of the control were taken."""

    cell: CellResult
    failure: str = ""
    comparison: stats.Comparison | None = None
    adjusted: stats.Adjusted | None = None
    control: stats.Comparison | None = None
    control_adjusted: stats.Adjusted | None = None

    @property
    def verdict(self) -> str:
        """The comparison's verdict, FAILED, or NOT_RUN if only the machine has not enough memory for the cell."""
        if self.comparison:
            return self.comparison.verdict
        return NOT_RUN if self.failure.startswith(TOO_LARGE) else FAILED

    @property
    def stands(self) -> bool:
        """Whether the difference survives Holm."""
        return self.adjusted is not None and self.adjusted.survives_holm

    def mean(self, metric: str, side: str, kind: str = "measure") -> float | None:
        """Mean of a side's values, in the metric's unit; None if there are none."""
        values = flat(self.cell.values(metric, side, kind))
        return fmean(values) if values else None


@dataclass(frozen=True)
class Latency:
    """A percentile of the latency of one cell, in ns; `comparison` is None if there are too few samples for one."""

    mean_a: float
    mean_b: float
    comparison: stats.Comparison | None


@dataclass(frozen=True)
class Report:
    """All of a run."""

    data: RunData
    rows: tuple[Row, ...]

    @property
    def judged(self) -> list[Row]:
        """The rows that have a comparison."""
        return [row for row in self.rows if row.comparison]

    @property
    def failures(self) -> list[Row]:
        """The rows without a result that should have one."""
        return self.with_verdict(FAILED)

    @property
    def not_run(self) -> list[Row]:
        """The rows for which the machine has not enough memory."""
        return self.with_verdict(NOT_RUN)

    @property
    def how(self) -> str:
        """Whether the machine under test was real."""
        return _HOW[self.data.accel]

    @property
    def title(self) -> str:
        """One line that says what was compared with what, where."""
        what = "A/A control: " if self.data.same_module else ""
        names = f"{self.data.name('b')} against {self.data.name('a')}"
        return f"{what}{names}, {self.data.primary.unit}, Linux {self.data.record['release']}, {self.how}"

    @property
    def sign(self) -> str:
        """Which sign of the difference is good for B."""
        if self.data.primary.better == "lower":
            return "negative is better, called faster: B needs fewer instructions"
        return "positive is better: B does more I/O"

    @property
    def legend(self) -> str:
        """What the table's columns and signs mean."""
        return (
            f"diff. = (mean B - mean A) / mean A; {self.sign}. ± is half the 95 % Welch t interval. "
            f"*: stands after Holm's adjustment for {len(self.judged)} cells. "
            f"=: shown to differ by less than {stats.MARGIN:g} % (equivalence test)"
        )

    @property
    def ratio(self) -> float:
        """The geometric mean over the cells of mean B / mean A."""
        return stats.geometric_mean(row.comparison.ratio for row in self.rows if row.comparison)

    def with_verdict(self, verdict: str) -> list[Row]:
        """The rows with a verdict, the largest difference first."""
        rows = [row for row in self.rows if row.verdict == verdict]
        return sorted(rows, key=lambda row: -abs(row.comparison.diff) if row.comparison else 0)

    @property
    def counts(self) -> dict[str, int]:
        """How many cells have each verdict, failed, and were not run if there are such."""
        return {verdict: len(self.with_verdict(verdict)) for verdict in (*stats.VERDICTS, FAILED, *([NOT_RUN] if self.not_run else []))}

    @property
    def summary(self) -> str:
        """The line under the table."""
        parts = [f"{number} {verdict}" for verdict, number in self.counts.items()]
        text = f"{len(self.rows)} cells: {', '.join(parts)}"
        if not self.judged:
            return text
        after = [sum(row.stands for row in self.with_verdict(verdict)) for verdict in ("faster", "slower")]
        text += f"; after Holm {after[0]} faster, {after[1]} slower; geometric mean of B/A {self.ratio:.5f}"
        if self.data.same_module:
            text += "; same module on both sides, so every difference is false"
        return text

    @property
    def control_rows(self) -> list[Row]:
        """The rows in which the control was measured."""
        return [row for row in self.rows if row.control]

    @property
    def control_found(self) -> list[Row]:
        """The rows in which the control was falsely called different."""
        return [row for row in self.control_rows if row.control and row.control.different]

    @property
    def control_summary(self) -> str:
        """What the control says of the method."""
        rows = self.control_rows
        if not rows:
            return "no control (A/A) was measured in this run"
        after = sum(row.control_adjusted.survives_holm for row in rows if row.control_adjusted)
        return (
            f"control, the module of A against itself: {len(self.control_found)} of {len(rows)} cells falsely different at "
            f"95 % (about {0.05 * len(rows):.1f} expected by chance), {after} after Holm"
        )

    @property
    def boots_summary(self) -> str:
        """How far the means of boots are apart; "" for one boot."""
        metric = self.data.primary.name
        parts = []
        for side in ("a", "b"):
            spreads = []
            for row in self.judged:
                means = [fmean(values) for values in row.cell.values(metric, side)]
                if len(means) > 1:
                    spreads.append(100 * (max(means) - min(means)) / fmean(means))
            if not spreads:
                return ""
            parts.append(f"{self.data.name(side)} {median(spreads):.3f} % (median of cells), {max(spreads):.3f} % (worst)")
        return f"spread of the boots' means, from the least to the greatest: {'; '.join(parts)}"

    def extent(self, verdict: str) -> str:
        """How much faster or slower, in one line."""
        rows = [(row, row.comparison) for row in self.with_verdict(verdict)]
        sizes = [(abs(c.diff), row.cell.name) for row, c in rows if c]
        if not sizes:
            return f"{verdict} in no cell"
        most = f"{sizes[0][0]:.2f} % (most: {sizes[0][1]})"
        if len(sizes) == 1:
            return f"{verdict} in 1 cell, by {most}"
        return f"{verdict} in {len(sizes)} cells, by {sizes[-1][0]:.2f} to {most}"

    @property
    def doubts(self) -> list[str]:
        """What makes the numbers doubtful."""
        doubts = [str(line) for line in self.data.record.get("doubts", [])]
        if not self.data.record.get("complete", True):
            doubts.append("the run is not complete: cells without all of their samples are shown as failed, or with fewer")
        cpus = self.data.record["system"].get("cpus", 0)
        if not self.data.counted and isinstance(cpus, int):
            doubts += _load_doubts(self.data, cpus)
        return doubts

    @property
    def has_latency(self) -> bool:
        """Whether latencies were measured."""
        return any(self.latency(row, metric) for row in self.rows for metric in LATENCIES)

    def latency(self, row: Row, metric: str) -> Latency | None:
        """A percentile of a cell, of B and A; None if it was not measured on both."""
        a, b = (row.cell.values(metric, side, "latency") for side in ("a", "b"))
        if row.failure or not flat(a) or not flat(b):
            return None
        try:
            comparison = stats.compare(a, b, METRICS[metric].better)
        except ValueError:
            comparison = None
        return Latency(fmean(flat(a)), fmean(flat(b)), comparison)

    @property
    def extra_metrics(self) -> list[str]:
        """Metrics beside the primary one that every sample to be averaged has: parts of the instructions, bandwidth."""
        found = {name for row in self.rows for s in row.cell.samples if s.kind == "measure" for name in s.values}
        return [name for name in METRICS if name in found - {self.data.primary.name, *LATENCIES}]

    @property
    def samples_text(self) -> str:
        """How many samples a side of a cell has, in words."""
        sizes = sorted({len(flat(row.cell.values(self.data.primary.name, s))) for row in self.judged for s in "ab"})
        boots = sorted({row.comparison.boots for row in self.judged if row.comparison})
        if not sizes:
            return "no samples"
        return f"{_range(sizes)} samples per side and cell over {_range(boots)} boot{'s' if boots[-1] > 1 else ''}"


def evaluate(data: RunData) -> Report:
    """Compares the sides of every cell, B with A and the control with A, and adjusts the p values over the cells."""
    rows = [_row(data, cell) for cell in data.cells]
    adjusted = iter(stats.adjust([row.comparison.p for row in rows if row.comparison]))
    control = iter(stats.adjust([row.control.p for row in rows if row.control]))
    done = []
    for row in rows:
        own = next(adjusted) if row.comparison else None
        done.append(
            Row(row.cell, row.failure, row.comparison, own, row.control, next(control) if row.control else None)
        )
    return Report(data, tuple(done))


def sides(report: Report) -> tuple[str, ...]:
    """The sides that were measured."""
    return SIDES if report.control_rows else SIDES[:2]


def _row(data: RunData, cell: CellResult) -> Row:
    """A cell with its comparisons, not adjusted yet."""
    if cell.failure:
        return Row(cell, cell.failure)
    a, b, c = (cell.values(data.primary.name, side) for side in SIDES)
    if not flat(a) or not flat(b):
        return Row(cell, "it has no samples: the run ended before")
    try:
        control = stats.compare(a, c, data.primary.better) if flat(c) else None
        return Row(cell, comparison=stats.compare(a, b, data.primary.better), control=control)
    except ValueError as error:
        return Row(cell, str(error))


def _range(sizes: Sequence[int]) -> str:
    """'8', or '6 to 8'."""
    return str(sizes[0]) if sizes[0] == sizes[-1] else f"{sizes[0]} to {sizes[-1]}"


def _load_doubts(data: RunData, cpus: int) -> list[str]:
    """Says in how many samples the load average before was above what the benchmark itself makes: its jobs, and fio."""
    lines = []
    samples = busy = 0
    worst = 0.0
    most = max((int(cell.axes.get("numjobs", 1)) for cell in data.cells), default=1) + 1
    for sample in (sample for cell in data.cells for sample in cell.samples):
        samples += 1
        busy += sample.load > most + environment.LOAD_LIMIT * cpus
        worst = max(worst, sample.load)
    if busy:
        lines.append(f"before {busy} of {samples} samples the load average was above the benchmark's own, up to {worst:g} on {cpus} CPUs: something else ran")
    return lines

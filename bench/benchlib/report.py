# SPDX-License-Identifier: GPL-2.0
"""Draws the tables and the plot of a run from its record and raw output."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from . import results, stats

TABLE_TEXT, TABLE_CSV, SAMPLES_CSV, PLOT = "table.txt", "table.csv", "samples.csv", "plot.png"
_WIDTH = 110
_OWN_WIDTH = 100  # Columns that the table with the modules' own instructions takes.
_LEGEND = "diff. = (mean B - mean A) / mean A, negative is better; 95 % Welch t interval"
_STYLES = {"faster": "green", "slower": "red", "no difference": "default", "failed": "bold red"}
_COLOURS = {"faster": "#1a7f37", "slower": "#cf222e", "no difference": "#57606a"}


@dataclass(frozen=True)
class Row:
    """A cell of the report; `comparison` is None if the cell failed."""

    cell: results.CellSamples
    comparison: stats.Comparison | None

    @property
    def verdict(self) -> str:
        """The comparison's verdict, or "failed"."""
        return self.comparison.verdict if self.comparison else "failed"

    def mean_count(self, side: str, part: str) -> float:
        """Mean of a side's instructions per I/O in `part` ("kernel" or "own"); NaN if none were counted."""
        kept = [s for s in self.cell.samples if s.plan.kept and s.plan.side == side and s.counts]
        return fmean(getattr(s.counts, part) / s.ios for s in kept) if kept else math.nan


@dataclass(frozen=True)
class Report:
    """A run, evaluated."""

    record: dict[str, Any]
    rows: list[Row]

    @property
    def counted(self) -> bool:
        """Whether instructions were counted, rather than time measured."""
        return bool(self.record["accel"] == "icount")

    @property
    def control(self) -> bool:
        """Whether both sides are the same module."""
        modules = self.record["modules"]
        return bool(modules["a"]["name"] == modules["b"]["name"])

    @property
    def names(self) -> tuple[str, str]:
        """What to call the sides."""
        a, b = (self.record["modules"][side]["name"] for side in ("a", "b"))
        return (f"{a} (A)", f"{b} (B)") if self.control else (a, b)

    @property
    def failures(self) -> list[Row]:
        """The cells without a result."""
        return [row for row in self.rows if row.comparison is None]

    @property
    def title(self) -> str:
        """One line that says what was compared, where."""
        a, b = self.names
        accel = self.record["accel"]
        how = {"kvm": "virtual machine (KVM)", "tcg": "EMULATED (QEMU TCG)", "icount": "EMULATED (QEMU TCG, icount)"}
        what = "A/A control: " if self.control else ""
        return f"{what}{b} against {a}, {self.record['unit']}, Linux {self.record['release']}, {how[accel]}"

    @property
    def summary(self) -> str:
        """The line under the table."""
        verdicts = [row.verdict for row in self.rows]
        counts = [f"{verdicts.count(word)} {word}" for word in ("faster", "slower", "no difference", "failed")]
        text = f"{len(self.rows)} cells: {', '.join(counts)}"
        if ratios := [row.comparison.ratio for row in self.rows if row.comparison]:
            text += f"; geometric mean of {'B/A' if self.control else 'C++/C'} {stats.geometric_mean(ratios):.5f}"
        if self.control:
            text += f"; false positives: {verdicts.count('faster') + verdicts.count('slower')} of {len(ratios)}"
        return text


def load(folder: Path) -> Report:
    """Evaluates the run in `folder`. Errors: ResultsError."""
    record = results.read_record(folder)
    rows = []
    for cell in results.read_samples(folder, record):
        comparison = None if cell.failure else stats.compare(cell.costs("a"), cell.costs("b"))
        rows.append(Row(cell, comparison))
    return Report(record, rows)


def draw(folder: Path) -> Report:
    """Writes samples.csv, table.txt, table.csv and plot.png into `folder`. Errors: ResultsError."""
    report = load(folder)
    try:
        _write_samples(report, folder / SAMPLES_CSV)
        _write_table(report, folder / TABLE_CSV)
        with open(folder / TABLE_TEXT, "w") as file:
            show(report, Console(file=file, width=_WIDTH, color_system=None))
        _plot(report, folder / PLOT)
    except OSError as error:
        raise results.ResultsError(f"cannot write to {folder}: {error}") from None
    return report


def show(report: Report, console: Console) -> None:
    """Prints title, table, failures and summary."""
    console.print(report.title, style="bold", highlight=False, soft_wrap=True)
    console.print(_table(report, report.counted and console.width >= _OWN_WIDTH))
    for row in report.failures:
        line = f"failed: {row.cell.cell.name}: {row.cell.failure}"
        console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
    console.print(_LEGEND, highlight=False, soft_wrap=True)
    console.print(report.summary, style="bold", highlight=False, soft_wrap=True)


def _table(report: Report, own: bool) -> Table:
    """Returns the table of cells, with the instructions in the modules' own code if `own`."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("cell", no_wrap=True)
    a, b = (report.record["modules"][side]["name"] for side in ("a", "b"))
    columns = [f"A:\n{a}", f"B:\n{b}", "diff.\n%", "95 %\ninterval"]
    for header in columns + (["own code\nof A", "own code\nof B"] if own else []):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in report.rows:
        c = row.comparison
        numbers = ["-"] * 4
        if c:
            numbers = [f"{c.mean_a:.1f}", f"{c.mean_b:.1f}", f"{c.diff:+.3f}", f"±{(c.high - c.low) / 2:.3f}"]
        if own:
            numbers += [f"{row.mean_count(side, 'own'):.1f}" if c else "-" for side in ("a", "b")]
        table.add_row(row.cell.cell.name, *numbers, row.verdict, style=_STYLES[row.verdict])
    return table


def _write_table(report: Report, path: Path) -> None:
    """Writes table.csv."""
    header = ["rw", "bs", "iodepth", "irqmode", "n_a", "n_b", "mean_a", "mean_b", "sd_a", "sd_b"]
    header += ["diff_percent", "low_percent", "high_percent", "verdict"]
    header += ["kernel_a", "kernel_b", "own_a", "own_b", "failure"]
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        for row in report.rows:
            c = row.comparison
            numbers: list[object] = [""] * 9
            parts: list[object] = [""] * 4
            if c:
                numbers = [c.n_a, c.n_b, *(f"{v:.6g}" for v in (c.mean_a, c.mean_b, c.sd_a, c.sd_b))]
                numbers += [f"{v:.5f}" for v in (c.diff, c.low, c.high)]
            if c and report.counted:
                parts = [f"{row.mean_count(side, part):.2f}" for part in ("kernel", "own") for side in ("a", "b")]
            out.writerow([*_axes(row), *numbers, row.verdict, *parts, row.cell.failure])


def _axes(row: Row) -> tuple[str, str, int, int]:
    """Returns the first columns of the CSV files."""
    cell = row.cell.cell
    return cell.rw, cell.bs, cell.iodepth, cell.irqmode


def _write_samples(report: Report, path: Path) -> None:
    """Writes samples.csv: every sample in the order taken within its cell."""
    header = ["rw", "bs", "iodepth", "irqmode", "id", "side", "round", "kept", "ios", "runtime_ms"]
    header += ["insn_all", "insn_kernel", "insn_own", "cost"]
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        for row in report.rows:
            for s in row.cell.samples:
                counts = [s.counts.all, s.counts.kernel, s.counts.own] if s.counts else ["", "", ""]
                plan = [s.plan.id, s.plan.side, s.plan.round, int(s.plan.kept), s.ios, s.runtime_ms]
                out.writerow([*_axes(row), *plan, *counts, f"{s.cost:.3f}"])


def _plot(report: Report, path: Path) -> None:
    """Writes plot.png: the difference of each cell with its interval."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 1.8 + 0.28 * len(report.rows)), layout="constrained")
    for place, row in enumerate(report.rows):
        c = row.comparison
        if c is None:
            axes.text(0, place, "failed", color=_COLOURS["slower"], ha="center", va="center")
            continue
        error = [[c.diff - c.low], [c.high - c.diff]]
        axes.errorbar(c.diff, place, xerr=error, fmt="o", markersize=5, capsize=4, color=_COLOURS[c.verdict])
    for verdict, colour in _COLOURS.items():
        axes.plot([], [], "o", color=colour, label=f"B is {verdict}" if verdict != "no difference" else verdict)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(report.rows)), [row.cell.cell.name for row in report.rows])
    axes.set_ylim(len(report.rows) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel(f"difference of means, % of {report.names[0]}, with 95 % interval (negative: B needs less)")
    axes.set_title(report.title.replace(", Linux", ",\nLinux"), fontsize=10)
    axes.legend(fontsize=8, loc="best")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)

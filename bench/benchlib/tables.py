# SPDX-License-Identifier: GPL-2.0
"""The report as tables: on the terminal, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from . import evaluation
from .evaluation import LATENCIES, Report, Row
from .model import METRICS

STYLES = {"faster": "green", "slower": "red", "equivalent": "default", "inconclusive": "yellow", evaluation.FAILED: "bold red", evaluation.NOT_RUN: "yellow"}


def number(value: float | None, counted: bool) -> str:
    """A mean as text: instructions with a decimal, others with thousands grouped; "-" for None."""
    if value is None:
        return "-"
    return f"{value:,.1f}" if counted else f"{value:,.0f}"


def percent(value: float, counted: bool) -> str:
    """A difference in per cent, as precise as the way of measuring allows, with its sign."""
    return f"{value:+.3f}" if counted else f"{value:+.2f}"


def half_width(low: float, high: float, counted: bool) -> str:
    """An interval as ± half its width."""
    return f"±{(high - low) / 2:.3f}" if counted else f"±{(high - low) / 2:.2f}"


def marked(row: Row) -> str:
    """The verdict with the signs that the legend explains."""
    within = row.comparison is not None and row.comparison.different and row.comparison.within_margin
    marks = ("*" if row.stands else "") + ("=" if within else "")
    return f"{row.verdict} {marks}".strip()


def nanoseconds(value: float) -> str:
    """A latency in microseconds, with as many digits as make sense."""
    return f"{value / 1000:,.2f}" if value < 100_000 else f"{value / 1000:,.0f}"


def cells(report: Report) -> Table:
    """The table of all cells; with the instructions in the modules' own code where they were counted."""
    counted, primary = report.data.counted, report.data.primary.name
    own = "insn_own" in report.extra_metrics
    headers = [f"A:\n{report.data.name('a')}", f"B:\n{report.data.name('b')}", "diff.\n%", "95 %\ninterval"]
    table = _table([*headers, *(["own code\nof A", "own code\nof B"] if own else [])])
    table.add_column("verdict", no_wrap=True)
    for row in report.rows:
        c = row.comparison
        texts = ["-"] * 4
        if c:
            texts = [number(row.mean(primary, side), counted) for side in ("a", "b")]
            texts += [percent(c.diff, counted), half_width(c.low, c.high, counted)]
        if own:
            texts += [number(row.mean("insn_own", side) if c else None, True) for side in ("a", "b")]
        table.add_row(Text(row.cell.name), *texts, marked(row), style=STYLES[row.verdict])
    return table


def latencies(report: Report) -> Table:
    """The table of latency percentiles."""
    table = _table([header for name in LATENCIES.values() for header in (f"{name} A\nµs", f"{name} B\nµs", "diff. %\n")])
    for row in report.rows:
        texts: list[str] = []
        for metric in LATENCIES:
            latency = report.latency(row, metric)
            if latency is None:
                texts += ["-"] * 3
                continue
            c = latency.comparison
            diff = f"{c.diff:+.1f} ±{(c.high - c.low) / 2:.1f}" if c else "-"
            texts += [nanoseconds(latency.mean_a), nanoseconds(latency.mean_b), diff]
        table.add_row(Text(row.cell.name), *texts)
    return table


def write_cells(report: Report, path: Path) -> None:
    """Writes table.csv: one line per cell. Errors: OSError."""
    axes = _axes(report)
    header = [*axes, "boots", "n_a", "n_b", "mean_a", "mean_b", "sd_a", "sd_b", "diff_percent", "low_percent"]
    header += ["high_percent", "p", "p_holm", "p_benjamini_hochberg", "bootstrap_low", "bootstrap_high", "p_equivalent"]
    header += ["verdict", "after_holm", "within_margin"]
    header += ["control_mean", "control_diff_percent", "control_low_percent", "control_high_percent", "control_p"]
    header += ["control_p_holm"]
    means = [(metric, side, "measure") for metric in report.extra_metrics for side in evaluation.sides(report)]
    if report.has_latency:
        means += [(metric, side, "latency") for metric in LATENCIES for side in evaluation.sides(report)]
    header += [f"{metric}_{side}" for metric, side, _ in means] + ["failure"]
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        for row in report.rows:
            extra = [_figure(None if row.failure else row.mean(*wanted)) for wanted in means]
            axis_values = [row.cell.axes.get(axis, "") for axis in axes]
            out.writerow([*axis_values, *_compared(row), *_control(row), *extra, row.failure])


def write_samples(report: Report, path: Path) -> None:
    """Writes samples.csv: every sample that was taken, dropped warm-ups included. Errors: OSError."""
    axes = _axes(report)
    found = {name for row in report.rows for sample in row.cell.samples for name in sample.values}
    metrics = [name for name in METRICS if name in found]
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*axes, "id", "boot", "round", "side", "kind", "ios", "load", *metrics])
        for row in report.rows:
            axis_values = [row.cell.axes.get(axis, "") for axis in axes]
            for s in row.cell.samples:
                values = [_figure(s.values.get(metric)) for metric in metrics]
                out.writerow([*axis_values, s.id, s.boot, s.round, s.side, s.kind, s.ios, f"{s.load:.2f}", *values])


def _table(headers: Iterable[str]) -> Table:
    """An empty table with a column for the cell's name and right-aligned ones."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("cell", no_wrap=True)
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)
    return table


def _axes(report: Report) -> list[str]:
    """The names of all axes, in the order of the cells."""
    return list(dict.fromkeys(axis for row in report.rows for axis in row.cell.axes))


def _compared(row: Row) -> Sequence[object]:
    """The columns of B against A."""
    c, adjusted = row.comparison, row.adjusted
    if c is None or adjusted is None:
        return [""] * 16 + [row.verdict, "", ""]
    numbers = [c.mean_a, c.mean_b, c.sd_a, c.sd_b]
    tests = [_figure(value) for value in (c.p, adjusted.holm, adjusted.bh)]
    bootstrap = [*(f"{ratio:.7f}" for ratio in c.ratio_interval), _figure(c.p_equivalent)]
    texts = [*map(_figure, numbers), *_percents(c.diff, c.low, c.high), *tests, *bootstrap]
    return [c.boots, c.n_a, c.n_b, *texts, c.verdict, int(row.stands), int(c.within_margin)]


def _control(row: Row) -> list[str]:
    """The columns of the control against A."""
    c, adjusted = row.control, row.control_adjusted
    if c is None or adjusted is None:
        return [""] * 6
    return [_figure(c.mean_b), *_percents(c.diff, c.low, c.high), _figure(c.p), _figure(adjusted.holm)]


def _percents(*values: float) -> list[str]:
    """Differences in per cent, for CSV."""
    return [f"{value:.5f}" for value in values]


def _figure(value: float | None) -> str:
    """A number with the digits that a measurement can have, for CSV."""
    return "" if value is None else f"{value:.8g}"

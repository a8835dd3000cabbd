# SPDX-License-Identifier: GPL-2.0
"""Draws all that a run's folder shows: tables, plots and the page. Everything comes from the data; nothing is measured."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from . import page, plots, tables
from .evaluation import Report, evaluate
from .model import RunData

TABLE_TEXT, TABLE_CSV, SAMPLES_CSV = "table.txt", "table.csv", "samples.csv"
PLOTS = ("plot.png", "plot.svg")
RECORD = "run.json"  # The page offers it for download, if it is there.
_WIDTH = 120


class ReportError(RuntimeError):
    """A report cannot be drawn; the text is one line and says what to do."""


def draw(folder: Path, data: RunData) -> None:
    """Writes table.txt, table.csv, samples.csv, plot.png, plot.svg, README.md and report.html into `folder`.

    Errors: ReportError. All files but report.html are there even if the page lacks a library.
    """
    report = evaluate(data)
    try:
        tables.write_samples(report, folder / SAMPLES_CSV)
        tables.write_cells(report, folder / TABLE_CSV)
        with open(folder / TABLE_TEXT, "w") as file:
            _show(report, Console(file=file, width=_WIDTH, color_system=None))
        plots.draw(report, [folder / name for name in PLOTS])
        raw = [folder / name for name in (SAMPLES_CSV, TABLE_CSV, RECORD) if (folder / name).exists()]
        page.write(report, folder, raw)
    except page.PageError as error:
        raise ReportError(f"{folder / page.PAGE} is not drawn: {error}") from None
    except OSError as error:
        raise ReportError(f"cannot write the report in {folder}: {error.filename}: {error.strerror}") from None


def show(data: RunData, console: Console) -> None:
    """Prints title, tables, failures and summary."""
    _show(evaluate(data), console)


def failed(data: RunData) -> bool:
    """Whether a cell of the run has no result that should have one."""
    return bool(evaluate(data).failures)


def _show(report: Report, console: Console) -> None:
    """See show."""

    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    say(report.title, "bold")
    for line in report.doubts:
        say(f"doubtful: {line}", "yellow")
    console.print(tables.cells(report))
    if report.has_latency:
        say("\nLatency, means; without verdicts, and intervals not adjusted for the number of cells", "bold")
        console.print(tables.latencies(report))
        say("")
    for row in report.failures:
        say(f"failed: {row.cell.name}: {row.failure}", "red")
    for row in report.not_run:
        say(f"{row.cell.name}: {row.failure}", "yellow")
    say(report.legend)
    say(f"{report.extent('slower')}; {report.extent('faster')}")
    say(report.summary, "bold")
    say(report.control_summary)
    if report.boots_summary:
        say(report.boots_summary)

# SPDX-License-Identifier: GPL-2.0
"""The report as a picture: the relative difference of every cell with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .evaluation import Report, Row

COLOURS = {"faster": "#1a7f37", "slower": "#cf222e", "equivalent": "#0969da", "inconclusive": "#9a6700"}
_CONTROL = "#8c959f"
_MARKS = {"faster": "o", "slower": "s", "equivalent": "D", "inconclusive": "^"}  # Readable without colours, too.
_GROUP = 24  # Rows that a panel may have before the cells are split up.
_ROW, _HEADER = 0.27, 0.85  # Inches: of a cell, and above all panels.


@dataclass(frozen=True)
class Group:
    """Cells that have the words of `title` in common; `labels` are the rest of their names."""

    title: str
    labels: tuple[str, ...]
    rows: tuple[Row, ...]


def groups(rows: Sequence[Row]) -> list[Group]:
    """Splits the cells by their leading axes, as many as it takes for groups that can be read."""
    axes = list(dict.fromkeys(axis for row in rows for axis in row.cell.axes))
    for depth in range(len(axes) + 1):
        split: dict[tuple[object, ...], list[Row]] = {}
        for row in rows:
            split.setdefault(tuple(row.cell.axes.get(axis) for axis in axes[:depth]), []).append(row)
        if max(map(len, split.values()), default=0) <= _GROUP:
            break
    return [_group(members) for members in split.values()]


def draw(report: Report, paths: Sequence[Path]) -> None:
    """Writes the plot, in the format that each path's suffix says. Errors: OSError."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    parts = groups(report.rows)
    columns = 1 if len(parts) == 1 else 2
    lines = -(-len(parts) // columns)
    heights = [max(len(part.rows) for part in parts[line::lines]) + 1.5 for line in range(lines)] or [1]
    height = _HEADER + 0.6 + _ROW * sum(heights)
    with matplotlib.rc_context({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 9}):
        figure, panels = pyplot.subplots(
            lines or 1,
            columns,
            figsize=(9 if columns == 1 else 13, height),
            layout="constrained",
            sharex=True,
            squeeze=False,
            gridspec_kw={"height_ratios": heights},
        )
        figure.get_layout_engine().set(rect=(0, 0, 1, 1 - _HEADER / height))
        for index, axes in enumerate(panels.T.flat):
            if index < len(parts):
                _panel(axes, parts[index], titled=len(parts) > 1)
            else:
                axes.set_visible(False)
        top = report.title.replace(", Linux", ",\nLinux")
        figure.text(0.5, 1 - 0.1 / height, top, ha="center", va="top", fontsize=11)
        handles = _legend(report)
        at = (0.5, 1 - _HEADER / height)
        figure.legend(handles=handles, loc="lower center", bbox_to_anchor=at, fontsize=8, ncols=5, frameon=False)
        name = report.data.name("a")
        figure.supxlabel(f"difference of means in % of {name}, with 95 % interval ({report.sign})", fontsize=9)
        for path in paths:
            figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(figure)


def _group(rows: Sequence[Row]) -> Group:
    """Takes the words that all names have out of them."""
    words = [row.cell.name.split() for row in rows]
    shared = [word for word in words[0] if all(word in other for other in words)] if len(rows) > 1 else []
    labels = tuple(" ".join(word for word in name if word not in shared) for name in words)
    return Group(" ".join(shared), labels, tuple(rows))


def _panel(axes: Any, group: Group, titled: bool) -> None:
    """Draws the cells of a group; with their names in full unless the shared words are the panel's title."""
    for place, row in enumerate(group.rows):
        c = row.comparison
        if c is None:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axes.text(0, place, row.verdict, color=COLOURS["slower"], ha="center", va="center", fontsize=8, bbox=box)
            continue
        if row.control:
            _interval(axes, place + 0.24, row.control, ".", _CONTROL, 3)
        _interval(axes, place - 0.08, c, _MARKS[c.verdict], COLOURS[c.verdict], 5)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    names = group.labels if titled else [row.cell.name for row in group.rows]
    axes.set_yticks(range(len(group.rows)), names)
    axes.set_ylim(len(group.rows) - 0.4, -0.6)
    axes.tick_params(axis="x", labelbottom=True)
    axes.grid(axis="x", alpha=0.3)
    if titled:
        axes.set_title(group.title, fontsize=9, loc="left", fontweight="bold")


def _interval(axes: Any, place: float, c: Any, mark: str, colour: str, size: float) -> None:
    """Draws a difference with its interval."""
    error = [[c.diff - c.low], [c.high - c.diff]]
    axes.errorbar(c.diff, place, xerr=error, fmt=mark, markersize=size, capsize=size / 2, color=colour, linewidth=1.2)


def _legend(report: Report) -> list[Any]:
    """What the marks mean: verdicts on B, those that occur."""
    from matplotlib.lines import Line2D

    found = [verdict for verdict in COLOURS if report.with_verdict(verdict)]
    handles = [Line2D([], [], marker=_MARKS[v], color=COLOURS[v], linestyle="", markersize=5, label=v) for v in found]
    if report.control_rows:
        handles.append(Line2D([], [], marker=".", color=_CONTROL, linestyle="", label="control: A against itself"))
    return handles

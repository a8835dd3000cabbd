# SPDX-License-Identifier: GPL-2.0
"""The report as one self-contained page (report.html), and as Markdown for viewing in the repository (README.md).

The page needs no network: style, scripts, data and the flame graph library are in it. Only that library comes from
elsewhere: npm installs it under build/, in the versions that bench/page/package-lock.json pins, and only when a run has
profiles to draw.
"""

from __future__ import annotations

import base64
import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from . import evaluation, plots, profile, stats, tables
from .evaluation import LATENCIES, Report, Row
from .model import CellResult, flat

PAGE, MARKDOWN = "report.html", "README.md"
_SOURCES = Path(__file__).resolve().parents[1] / "page"
_BUILD = Path(__file__).resolve().parents[2] / "build" / "bench" / "page"
_NPM = ["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
_NPM_SECONDS = 300
# In the order in which each finds what it needs.
_SCRIPTS = (
    "internmap/dist/internmap.min.js",
    "d3-array/dist/d3-array.min.js",
    "d3-color/dist/d3-color.min.js",
    "d3-dispatch/dist/d3-dispatch.min.js",
    "d3-ease/dist/d3-ease.min.js",
    "d3-format/dist/d3-format.min.js",
    "d3-hierarchy/dist/d3-hierarchy.min.js",
    "d3-interpolate/dist/d3-interpolate.min.js",
    "d3-selection/dist/d3-selection.min.js",
    "d3-time/dist/d3-time.min.js",
    "d3-time-format/dist/d3-time-format.min.js",
    "d3-timer/dist/d3-timer.min.js",
    "d3-scale/dist/d3-scale.min.js",
    "d3-transition/dist/d3-transition.min.js",
    "d3-flame-graph/dist/d3-flamegraph.umd.min.js",
)
_FUNCTIONS = 30  # Rows of a table of functions.
_PRUNED = 0.001  # Share of all instructions below which a frame is drawn together with others.
_FOREST, _STRIP = 400, 236  # Width of the plots in the page, in pixels.
_LANE = 18  # Height of a side's samples.


# Further metrics to show with the absolute figures, where instructions were counted and where they were not.
_EXTRA = {True: {"insn_kernel": "in kernel", "insn_own": "own code"}, False: {"bw": "MB/s"}}
# What the list of the run's own facts calls them, by key of the record.
_RUN = {
    "command": "command",
    "driver": "driver",
    "profile": "profile",
    "measured with": "tool",
    "started": "time",
    "target": "target",
    "hosts": "hosts",
    "accelerator": "accel",
    "seed of the random order": "seed",
    "boots": "boots",
    "samples per side and cell": "samples",
    "commit": "commit",
}


class PageError(RuntimeError):
    """The page cannot be drawn; the text is one line and says what to do."""


@dataclass(frozen=True)
class Scale:
    """From values to pixels."""

    low: float
    high: float
    width: int
    ticks: tuple[tuple[float, str], ...]

    def x(self, value: float) -> str:
        """The place of a value, as text for SVG."""
        return f"{(value - self.low) / (self.high - self.low) * self.width:.1f}"


@dataclass(frozen=True)
class Lane:
    """The samples of a side: SVG path of dots, from top to bottom in the order taken, and of a line at the mean."""

    side: str
    dots: str
    mean: str


@dataclass(frozen=True)
class Strip:
    """The samples of a cell, on a scale of their own: in per cent of mean A."""

    row: Row
    scale: Scale
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class CellProfile:
    """Where the instructions, or the time, of a cell go, per function. `other` is the sum of the functions without a row; `unknown` the
    share, in per cent, of the sides' instructions whose function or caller is not known."""

    name: str
    functions: tuple[profile.Change, ...]
    other: profile.Change | None
    total: profile.Change
    unknown: tuple[float, float]
    unit: str


def write(report: Report, folder: Path, raw: Sequence[Path]) -> None:
    """Writes README.md and report.html into `folder`; `raw` are the files to be downloaded from the page.

    Errors: PageError; OSError if a file cannot be read or written.
    """
    context = _context(report)
    (folder / MARKDOWN).write_text(_environment(html=False).get_template("README.md.j2").render(context))
    profiled = [row.cell for row in report.rows if row.cell.profiles]
    context |= {
        "style": Markup((_SOURCES / "style.css").read_text()),
        "script": Markup((_SOURCES / "page.js").read_text()),
        "library": Markup(bundle()) if profiled else None,
        "flames": flames(profiled),
        "profiles": [cell_profile(cell) for cell in profiled],
        "downloads": [_download(path) for path in raw],
        "forest": _forest_scale(report),
        "strips": [_strip(report, row) for row in report.judged],
        "first_of_group": {group.rows[0].cell.name for group in plots.groups(report.rows)},
        "lane": _LANE,
    }
    text = _environment(html=True).get_template("report.html.j2").render(context)
    (folder / PAGE).write_text(text)


def bundle() -> str:
    """Returns the flame graph library, installing it if need be. Errors: PageError."""
    modules = _BUILD / "node_modules"
    lock = (_SOURCES / "package-lock.json").read_bytes()
    installed = _BUILD / "package-lock.json"
    if not installed.exists() or installed.read_bytes() != lock:
        _install()
    try:
        text = "\n".join(_with_licence(modules, script) for script in _SCRIPTS)
    except OSError as error:
        raise PageError(f"the flame graph library lacks {error.filename}: remove {_BUILD} and try again") from None
    return text.replace("</script", "<\\/script")


def cell_profile(cell: CellResult) -> CellProfile:
    """The functions of a cell, that with the largest difference first."""
    a, b = (_folded(cell, side) for side in "ab")
    changes = profile.compare(a, max(1, _ios(cell, "a")), b, max(1, _ios(cell, "b")))
    rest = changes[_FUNCTIONS:]
    other = _sum(f"{len(rest)} others", rest) if rest else None
    unknown = (100 * profile.unknown_share(a), 100 * profile.unknown_share(b))
    return CellProfile(cell.name, tuple(changes[:_FUNCTIONS]), other, _sum("all", changes), unknown, cell.profiles[0].unit)


def flames(cells: Sequence[CellResult]) -> dict[str, Any]:
    """The call stacks as trees for the page's script: {"names": [...], "cells": [[name, {side: [ios, tree]}], ...]}.

    A tree is [index of name, instructions with those of its children, children]. Frames below _PRUNED of all
    instructions are put together with their siblings, so that the sums stay exact.
    """
    names: dict[str, int] = {}
    drawn = []
    for cell in cells:
        trees: dict[str, list[Any]] = {}
        for side in "ab":
            root: dict[str, Any] = {}
            folded = _folded(cell, side)
            for stack, insn in folded.items():
                _insert(root, stack.split(";"), insn)
            if folded:
                total = sum(folded.values())
                trees[side] = [_ios(cell, side), ["all", total, _children(root, total * _PRUNED)]]
        drawn.append([cell.name, {side: [ios, _indexed(tree, names)] for side, (ios, tree) in trees.items()}])
    return {"names": list(names), "cells": drawn}


def _context(report: Report) -> dict[str, Any]:
    """What both templates use."""
    return {
        "report": report,
        "record": report.data.record,
        "data": report.data,
        "emulated": report.data.accel in ("icount", "tcg"),
        "sides": evaluation.sides(report),
        "stats": stats,
        "latencies": LATENCIES,
        "number": lambda value: tables.number(value, report.data.counted),
        "percent": lambda value: _minus(tables.percent(value, report.data.counted)),
        "half": lambda c: tables.half_width(c.low, c.high, report.data.counted),
        "nanoseconds": tables.nanoseconds,
        "marked": tables.marked,
        "extra": {name: label for name, label in _EXTRA[report.data.counted].items() if name in report.extra_metrics},
        "setup": _setup(report.data.record),
    }


def _environment(html: bool) -> jinja2.Environment:
    """The template engine; it escapes all text for HTML or Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_SOURCES),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=None if html else _markdown,
    )
    environment.filters |= {"sentence": lambda text: text[:1].upper() + text[1:], "minus": _minus}
    return environment


def _minus(text: str) -> str:
    """A number with the proper sign."""
    return text.replace("-", "\N{MINUS SIGN}")


def _markdown(value: object) -> str:
    """Escapes text so that Markdown shows it as it is, unless it is Markdown already."""
    if isinstance(value, Markup):
        return str(value)
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~!])", r"\\\1", text)


def _setup(record: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The record as titled lists of keys and values."""
    parts: list[tuple[str, list[tuple[str, str]]]] = []
    run = {label: record[key] for label, key in _RUN.items() if key in record}
    parts.append(("Run", _pairs(run | {"command": " ".join(record["command"])})))
    for side, module in record["modules"].items():
        parts.append((f"Module {side.upper()}", _pairs(module)))
    systems = record.get("systems", [])
    for number, entry in enumerate(systems, 1):
        which = f" {number}: {entry['host']}" if len(systems) > 1 else ""
        parts.append((f"System under test{which}", _pairs(entry["system"])))
    if not systems:
        parts.append(("System under test", _pairs(record["system"])))
    parts.append(("Machine that runs the benchmark", _pairs(record["host"])))
    parts.append(("Versions", _pairs(record["versions"])))
    for name, table in record["settings"].items():
        parts.append((f"Setting: {name}", _pairs(table if isinstance(table, dict) else {name: table})))
    return [part for part in parts if part[1]]


def _pairs(table: dict[str, Any]) -> list[tuple[str, str]]:
    """Keys and values as text, those that have a value."""
    return [(str(key), _plain(value)) for key, value in table.items() if _plain(value)]


def _plain(value: Any) -> str:
    """A value of the record as text."""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_plain(entry)}" for key, entry in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value)


def _forest_scale(report: Report) -> Scale:
    """A scale that all intervals of the run fit on."""
    compared = [c for row in report.rows for c in (row.comparison, row.control) if c]
    bounds = [0.0, *(c.low for c in compared), *(c.high for c in compared)]
    return _scale(min(bounds), max(bounds), _FOREST)


def _scale(low: float, high: float, width: int) -> Scale:
    """A scale with a margin and a few round ticks."""
    from matplotlib.ticker import MaxNLocator

    margin = 0.04 * (high - low) or 0.01
    low, high = low - margin, high + margin
    ticks = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(low, high)
    return Scale(low, high, width, tuple((float(tick), _minus(f"{tick:+g}") if tick else "0") for tick in ticks if low <= tick <= high))


def _strip(report: Report, row: Row) -> Strip:
    """The samples of a cell, as dots."""
    primary = report.data.primary.name
    values = {side: flat(row.cell.values(primary, side)) for side in evaluation.sides(report)}
    mean = row.mean(primary, "a") or 1.0
    shares = {side: [100 * (value / mean - 1) for value in found] for side, found in values.items() if found}
    everything = [share for found in shares.values() for share in found]
    scale = _scale(min(everything), max(everything), _STRIP)
    lanes = []
    for place, (side, found) in enumerate(shares.items()):
        top, step = place * _LANE + 3, (_LANE - 6) / max(1, len(found) - 1)
        dots = "".join(f"M{scale.x(share)} {top + index * step:.1f}h0" for index, share in enumerate(found))
        middle = scale.x(sum(found) / len(found))
        lanes.append(Lane(side, dots, f"M{middle} {place * _LANE + 1}v{_LANE - 2}"))
    return Strip(row, scale, tuple(lanes))


def _download(path: Path) -> dict[str, str]:
    """A file as a link that holds its content; large ones are compressed."""
    content, name = path.read_bytes(), path.name
    if len(content) > 100_000:
        content, name = gzip.compress(content, mtime=0), f"{name}.gz"
    return {
        "name": name,
        "size": f"{len(content) / 1000:.0f} kB",
        "link": f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}",
    }


def _folded(cell: CellResult, side: str) -> dict[str, int]:
    """All stacks of a side."""
    folded: dict[str, int] = {}
    for found in cell.profiles:
        if found.side == side:
            for stack, insn in found.folded.items():
                folded[stack] = folded.get(stack, 0) + insn
    return folded


def _ios(cell: CellResult, side: str) -> int:
    """The number of I/Os that the stacks of a side are of."""
    return sum(found.ios for found in cell.profiles if found.side == side)


def _sum(name: str, changes: Sequence[profile.Change]) -> profile.Change:
    """The sum of functions."""
    return profile.Change(name, sum(change.a for change in changes), sum(change.b for change in changes))


def _insert(tree: dict[str, Any], stack: Sequence[str], insn: int) -> None:
    """Adds a stack to a tree of {name: [instructions, {children}]}."""
    for name in stack:
        entry = tree.setdefault(name, [0, {}])
        entry[0] += insn
        tree = entry[1]


def _children(tree: dict[str, Any], least: float) -> list[list[Any]]:
    """A tree's level as lists, frames with less than `least` instructions put together."""
    kept = [[name, insn, _children(inner, least)] for name, (insn, inner) in sorted(tree.items()) if insn >= least]
    small = [insn for insn, _ in tree.values() if insn < least]
    return [*kept, [f"({len(small)} small)", sum(small), []]] if small else kept


def _indexed(tree: list[Any], names: dict[str, int]) -> list[Any]:
    """A tree with names replaced by their index in `names`, which grows."""
    name, insn, children = tree
    return [names.setdefault(name, len(names)), insn, [_indexed(child, names) for child in children]]


def _with_licence(modules: Path, script: str) -> str:
    """A script of the library after its licence, which asks to be kept with it. Errors: OSError."""
    licence = (modules / script).parents[1] / "LICENSE"
    return f"/*!\n{licence.read_text().replace('*/', '* /')}*/\n{(modules / script).read_text()}"


def _install() -> None:
    """Has npm install the library under build/. Errors: PageError."""
    if not shutil.which("npm"):
        raise PageError("flame graphs need npm: apt-get install npm")
    scratch = _BUILD.with_name(f"{_BUILD.name}.{os.getpid()}")
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_SOURCES / name, scratch)
        _run_npm(scratch)
        shutil.rmtree(_BUILD, ignore_errors=True)
        scratch.rename(_BUILD)
    except OSError as error:
        raise PageError(f"cannot install the flame graph library in {_BUILD}: {error.strerror}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_npm(folder: Path) -> None:
    """Runs npm in `folder`. Errors: PageError."""
    try:
        done = subprocess.run(_NPM, cwd=folder, capture_output=True, text=True, timeout=_NPM_SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise PageError(f"npm took more than {_NPM_SECONDS} s to install the flame graph library: is there a network?") from None
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line.lower()), "no reason given")
        raise PageError(f"npm cannot install the flame graph library ({said.strip()}): it needs the network once")

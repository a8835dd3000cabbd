# SPDX-License-Identifier: GPL-2.0
"""Compares a run with the committed reference: does side b execute more instructions per I/O than it did?

A reference (bench/reference/<driver>-<release>.json) has, for each cell, what side b executed per I/O in the kernel and
in its own code, and in each function of the kernel and the module; and what side a executed in the kernel.

More than LIMIT_PERCENT is a failure. Where samples scatter (timers of a full queue may or may not expire together),
growth in the kernel must also be more than so many standard errors of the two means. A cell whose own standard error is
above _NOISE_PERCENT fails: it cannot be judged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from . import profile
from .model import CellResult, RunData, flat

LIMIT_PERCENT = 0.2
_NOISE_PERCENT = 0.5  # Of the mean: a standard error above it would let any growth pass.
_STANDARD_ERRORS = 3
_FORMAT = 1
_DIGITS = 2
_LEAST = 0.5  # Instructions per I/O from which a function, or its growth, is worth a line.
_MOST_SYMBOLS = 10
_FIGURES = {"kernel": "insn_kernel", "own": "insn_own"}
_WORDS = {"kernel": "in the kernel", "own": "in the module's own code"}


class GateError(RuntimeError):
    """The run or the reference cannot be used; the text is one line."""


@dataclass(frozen=True)
class Verdict:
    """The outcome for one cell: what to print of it, and whether it is as good as the reference."""

    passed: bool
    lines: tuple[str, ...]


def reference_path(folder: Path, driver: str, release: str) -> Path:
    """Returns where the reference is, or is to be."""
    return folder / f"{driver}-{release}.json"


def make_reference(run: RunData) -> dict[str, Any]:
    """Returns the reference that a run makes. Errors: GateError if the run is not whole."""
    _must_count(run)
    cells = {cell.name: _figures(cell) for cell in run.cells}
    for name, figures in cells.items():
        if noise := _noise(figures):
            raise GateError(f"no reference: {name}: {noise}")
    return {
        "format": _FORMAT,
        **{key: run.record[key] for key in ("driver", "profile", "release", "commit", "versions")},
        "cells": cells,
    }


def write_reference(path: Path, reference: Mapping[str, Any]) -> None:
    """Writes a reference. Errors: GateError."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(reference, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise GateError(f"cannot write {path}: {error.strerror}") from None


def read_reference(path: Path) -> dict[str, Any]:
    """Reads a reference. Errors: GateError if it is not one; FileNotFoundError."""
    try:
        reference = json.loads(path.read_text())
        if reference["format"] != _FORMAT:
            raise ValueError(f"format {reference['format']}")
        for cell in reference["cells"].values():
            [float(cell[key]) for key in ("a", "error", *_FIGURES)]
            [float(count) for count in cell["symbols"].values()]
        return dict(reference)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GateError(f"{path} is no reference ({error!r}): make it anew with --update") from None


def compare(run: RunData, reference: Mapping[str, Any]) -> list[Verdict]:
    """Returns the verdict on each cell of the reference, and on each that it lacks. Errors: GateError."""
    if not run.counted:
        raise GateError("the run counted no instructions: use --accel icount")
    cells = {cell.name: cell for cell in run.cells}
    verdicts = []
    for name, before in reference["cells"].items():
        if name not in cells:
            verdicts.append(Verdict(False, (f"{name}: FAILED: it is in the reference, but was not run",)))
        elif cells[name].failure:
            verdicts.append(Verdict(False, (f"{name}: FAILED: {cells[name].failure}",)))
        else:
            verdicts.append(_judge(name, _figures(cells[name]), before))
    for name in cells.keys() - reference["cells"].keys():
        verdicts.append(Verdict(False, (f"{name}: FAILED: the reference lacks it: make it anew with --update",)))
    return verdicts


def differences(run: RunData, reference: Mapping[str, Any]) -> list[str]:
    """Returns lines on what else than the driver changed since the reference was made."""
    before, now = reference.get("versions", {}), run.record["versions"]
    return [
        f"{tool} is {now.get(tool, 'missing')}; the reference was made with {before[tool]}"
        for tool in sorted(before)
        if before[tool] != now.get(tool)
    ]


def _must_count(run: RunData) -> None:
    """Raises GateError unless the run has all that a reference takes."""
    if not run.counted:
        raise GateError("the run counted no instructions: use --accel icount")
    for cell in run.cells:
        if cell.failure:
            raise GateError(f"no reference from a run with failures: {cell.name}: {cell.failure}")
    if not run.cells or not run.record["complete"]:
        raise GateError("no reference from a run that is not complete")


def _figures(cell: CellResult) -> dict[str, Any]:
    """Returns a cell's part of the reference. Errors: GateError if something was not measured."""
    folded = [found for found in cell.profiles if found.side == "b"]
    values = {key: flat(cell.values(metric, "b")) for key, metric in _FIGURES.items()}
    values["a"] = flat(cell.values("insn_kernel", "a"))
    if not folded or not all(values.values()):
        raise GateError(f"{cell.name}: the run has no counts or no profile of it")
    ios = sum(found.ios for found in folded)
    counts: dict[str, int] = {}
    for found in folded:
        for symbol, count in profile.by_symbol(profile.kernel_only(found.folded)).items():
            counts[symbol] = counts.get(symbol, 0) + count
    symbols = {symbol: round(count / ios, _DIGITS) for symbol, count in counts.items()}
    figures = {key: round(fmean(found), _DIGITS) for key, found in values.items()}
    kernel = values["kernel"]
    figures["error"] = round(stdev(kernel) / math.sqrt(len(kernel)), _DIGITS) if len(kernel) > 1 else 0.0
    return {**figures, "symbols": {symbol: count for symbol, count in symbols.items() if count >= _LEAST}}


def _judge(name: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> Verdict:
    """Returns the verdict on one cell."""
    if noise := _noise(now):
        return Verdict(False, (f"{name}: FAILED: {noise}: {_change(now['kernel'], before['kernel'])}",))
    scatter = {"kernel": _STANDARD_ERRORS * math.hypot(now["error"], before["error"])}
    grown = [
        key
        for key in _FIGURES
        if _growth(now[key], before[key]) > LIMIT_PERCENT and now[key] - before[key] > scatter.get(key, 0.0)
    ]
    kernel = f"{_change(now['kernel'], before['kernel'])} per I/O in the kernel"
    if not grown:
        return Verdict(True, (f"{name}: ok: {kernel}, {_change(now['own'], before['own'])} in its own code",))
    lines = [f"{name}: GREW: {_change(now[key], before[key])} per I/O {_WORDS[key]}" for key in grown]
    if abs(_growth(now["a"], before["a"])) > LIMIT_PERCENT:
        lines.append(f"  so did the C driver, {_change(now['a'], before['a'])}: not only the driver differs")
    return Verdict(False, (*lines, *_grown_symbols(now["symbols"], before["symbols"])))


def _noise(figures: Mapping[str, Any]) -> str:
    """Says that a cell's samples scatter too much to be compared; "" if they do not."""
    error, mean = figures["error"], figures["kernel"]
    if 100 * error <= _NOISE_PERCENT * mean:
        return ""
    return f"too noisy to judge: the standard error in the kernel is {error:.1f} of {mean:.1f} instructions per I/O, more than {_NOISE_PERCENT:g} %"


def _grown_symbols(now: Mapping[str, float], before: Mapping[str, float]) -> list[str]:
    """Returns a line for each function that executes more, the most first; none if it is an even spread of little."""
    growth = {symbol: now[symbol] - before.get(symbol, 0.0) for symbol in now}
    grown = sorted((symbol for symbol in growth if growth[symbol] >= _LEAST), key=lambda symbol: -growth[symbol])
    lines = [
        f"  {symbol}: {before.get(symbol, 0.0):.2f} -> {now[symbol]:.2f} ({growth[symbol]:+.2f})"
        for symbol in grown[:_MOST_SYMBOLS]
    ]
    return lines + ([f"  and {len(grown) - _MOST_SYMBOLS} functions more"] if len(grown) > _MOST_SYMBOLS else [])


def _growth(now: float, before: float) -> float:
    """Returns the growth in per cent."""
    if before:
        return 100 * (now - before) / before
    return float("inf") if now else 0.0


def _change(now: float, before: float) -> str:
    """Returns both figures and the growth in words."""
    return f"{before:.1f} -> {now:.1f} instructions ({_growth(now, before):+.2f} %)"

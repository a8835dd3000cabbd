# SPDX-License-Identifier: GPL-2.0
"""A run's folder under results/: what was recorded, written and read back.

run.json      the record: environment, parameters, plan, failures
fio.json.xz   what fio printed, by cell
insn.txt      what the counting plugin wrote, if instructions were counted
The rest (samples.csv, table.txt, table.csv, plot.png) is drawn from these by report.py.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import lzma
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import fio, insn, samples
from .matrix import Cell, Matrix
from .plan import PlannedCell, PlannedSample
from .runner import CellOutcome, Outcome

RECORD, FIO, INSN = "run.json", "fio.json.xz", "insn.txt"
_FORMAT = 1


class ResultsError(RuntimeError):
    """A results folder cannot be written or read; the text is one line."""


@dataclass(frozen=True)
class CellSamples:
    """A cell with its samples in the order of the plan; or, if it has none, why."""

    cell: Cell
    samples: list[samples.Sample]
    failure: str

    def costs(self, side: str) -> list[float]:
        """The kept costs of a side."""
        return [sample.cost for sample in self.samples if sample.plan.kept and sample.plan.side == side]


def make_folder(parent: Path, matrix: Matrix, release: str, accel: str) -> Path:
    """Creates and returns a new folder for a run. Errors: ResultsError."""
    control = ["aa"] if matrix.a == matrix.b else []
    today = datetime.date.today().isoformat()
    name = "-".join([today, release, matrix.driver, matrix.profile, *control, accel])
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 1000):
            folder = parent / (name if attempt == 1 else f"{name}.{attempt}")
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                continue
    except OSError as error:
        raise ResultsError(f"cannot create {parent / name}: {error.strerror}") from None
    raise ResultsError(f"{parent} has too many results of today: remove some")


def write(folder: Path, outcome: Outcome, matrix: Matrix, release: str, seed: int, command: list[str]) -> None:
    """Writes the record and the raw output."""
    texts = {cell.plan.index: cell.fio_text for cell in outcome.cells}
    counted = outcome.accel == "icount"
    record = {
        "format": _FORMAT,
        "driver": matrix.driver,
        "profile": matrix.profile,
        "release": release,
        "accel": outcome.accel,
        "unit": "instructions per I/O" if counted else "ns per I/O",
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "seed": seed,
        "command": command,
        "commit": _commit(),
        "host": {"cpu": _cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release(), "qemu": _qemu_version()},
        "guest": outcome.guest,
        "fio": _fio_version(texts.values()),
        "modules": outcome.modules,
        "settings": {name: getattr(matrix, name) for name in ("params", "device", "queue", "ios", "seconds")},
        "cells": [_cell_record(cell) for cell in outcome.cells],
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    (folder / FIO).write_bytes(lzma.compress(json.dumps(texts).encode()))
    if counted:
        (folder / INSN).write_text(outcome.counts_text)


def read_record(folder: Path) -> dict[str, Any]:
    """Returns the record of a run. Errors: ResultsError."""
    try:
        record = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError) as error:
        raise ResultsError(f"{folder} is no results folder: {RECORD}: {error}") from None
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise ResultsError(f"{folder / RECORD} has an unknown format: it is from another version of bench")
    return record


def read_samples(folder: Path, record: dict[str, Any]) -> list[CellSamples]:
    """Returns the cells of a run in the matrix's order, evaluated anew from the raw output. Errors: ResultsError."""
    try:
        texts = json.loads(lzma.decompress((folder / FIO).read_bytes()))
        counts = insn.parse((folder / INSN).read_text()) if record["accel"] == "icount" else None
        plans = [(_planned(entry), entry["failure"]) for entry in record["cells"]]
    except (OSError, ValueError, KeyError, TypeError, lzma.LZMAError, insn.InsnError) as error:
        raise ResultsError(f"{folder} cannot be read: {error}") from None
    result = []
    for plan, failure in sorted(plans, key=lambda item: item[0].index):
        taken: list[samples.Sample] = []
        if not failure:
            try:
                taken = samples.evaluate(plan, texts.get(str(plan.index), ""), counts)
            except samples.SampleError as error:
                failure = str(error)
        result.append(CellSamples(plan.cell, taken, failure))
    return result


def _cell_record(outcome: CellOutcome) -> dict[str, Any]:
    """Returns what the record says of a cell."""
    plan = outcome.plan
    return {
        "index": plan.index,
        **dataclasses.asdict(plan.cell),
        "fio_seed": plan.fio_seed,
        "failure": outcome.failure,
        "samples": [dataclasses.asdict(sample) for sample in plan.samples],
    }


def _planned(entry: dict[str, Any]) -> PlannedCell:
    """Returns the plan of a cell from its record."""
    cell = Cell(entry["rw"], entry["bs"], entry["iodepth"], entry["irqmode"])
    return PlannedCell(entry["index"], cell, entry["fio_seed"], tuple(PlannedSample(**s) for s in entry["samples"]))


def _fio_version(texts: Any) -> str:
    """Returns fio's version from the first output that has it."""
    for text in texts:
        try:
            return fio.version(text)
        except fio.FioError:
            continue
    return "unknown"


def _said(command: list[str]) -> str:
    """Returns what a command prints, "" if it fails."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _commit() -> str:
    """Returns the checkout's commit, with +dirty if files differ from it, other than results of earlier runs."""
    git = ["git", "-C", str(Path(__file__).resolve().parents[2])]
    commit = _said([*git, "rev-parse", "HEAD"])
    return commit + ("+dirty" if _said([*git, "status", "--porcelain", "--", ".", ":!results"]) else "") if commit else "unknown"


def _cpu_model() -> str:
    """Returns the host's CPU model."""
    match = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def _qemu_version() -> str:
    """Returns QEMU's version line."""
    qemu = shutil.which("qemu-system-x86_64")
    return (_said([qemu, "--version"]).splitlines() or ["unknown"])[0] if qemu else "unknown"

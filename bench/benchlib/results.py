# SPDX-License-Identifier: GPL-2.0
"""A run's folder under results/: written while the run goes on, resumed if it was cut short, read back for the report.

run.json         the record (model.py), and the plan under "plan"
raw/BOOT.CELL    while the run goes on: what each cell of a boot left, as JSON, written when the cell has ended
raw.json.xz      when it is complete: the same in one file
What the report draws (tables, plots, pages) is made from these alone.
"""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import json
import lzma
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import insn, workloads
from .matrix import Cell
from .model import CellResult, Profile, RunData, Sample
from .plan import PlannedCell, PlannedSample

RECORD, RAW, PARTS = "run.json", "raw.json.xz", "raw"
FORMAT = 2


class ResultsError(RuntimeError):
    """A results folder cannot be written or read; the text is one line."""


@dataclasses.dataclass
class RawGroup:
    """What the script of some samples left: its output, the load average before, and what the counting plugin wrote."""

    samples: list[str]
    printed: str
    load: float
    counts: str = ""


@dataclasses.dataclass
class RawCell:
    """What a cell left in one boot. `failure` is one line if its samples are not to be used."""

    host: str
    failure: str = ""
    groups: list[RawGroup] = dataclasses.field(default_factory=list)
    profiles: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


class Folder:
    """A folder that a run writes. Errors of every method: ResultsError."""

    def __init__(self, path: Path, record: dict[str, Any], plan: list[PlannedCell]) -> None:
        self.path = path
        self.record = record
        self.plan = plan
        self._lock = os.open(path / PARTS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ResultsError(f"{path}: another run is writing to it") from None

    @classmethod
    def create(cls, parent: Path, record: dict[str, Any], plan: list[PlannedCell]) -> Folder:
        """Makes a new folder, named after what the record says."""
        path = _make(parent, record)
        _write_record(path, record, plan)
        return cls(path, record, plan)

    @classmethod
    def resume(cls, path: Path) -> Folder:
        """Opens the folder of a run that is not complete."""
        record = read_record(path)
        if record["complete"]:
            raise ResultsError(f"{path}: the run is complete: there is nothing to resume")
        try:
            plan = [_planned(entry) for entry in record.pop("plan")]
            (path / PARTS).mkdir(exist_ok=True)
        except (OSError, KeyError, TypeError) as error:
            raise ResultsError(f"{path} cannot be resumed: {error}") from None
        return cls(path, record, plan)

    def close(self) -> None:
        """Lets another run write to the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def done(self) -> dict[str, RawCell]:
        """What was saved so far, by the planned cell's key."""
        return {name: _raw_cell(text) for name, text in _parts(self.path).items()}

    def save(self, planned: PlannedCell, raw: RawCell) -> None:
        """Saves what a cell left."""
        try:
            _write(self.path / PARTS / f"{planned.key}.json", json.dumps(dataclasses.asdict(raw)).encode())
        except OSError as error:
            raise ResultsError(f"cannot write to {self.path}: {error}") from None

    def update(self) -> None:
        """Writes the record as it now is."""
        _write_record(self.path, self.record, self.plan)

    def complete(self) -> None:
        """Puts what was saved in one file, and says in the record that the run is complete."""
        try:
            parts = _parts(self.path)
            _write(self.path / RAW, lzma.compress(json.dumps(parts).encode()))
            self.record["complete"] = True
            self.update()
            shutil.rmtree(self.path / PARTS)
        except OSError as error:
            raise ResultsError(f"cannot write to {self.path}: {error}") from None


def read_record(path: Path) -> dict[str, Any]:
    """Returns the record of a run, with its plan. Errors: ResultsError."""
    try:
        record = json.loads((path / RECORD).read_text())
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} is no results folder: {RECORD}: {error}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ResultsError(f"{path / RECORD} has an unknown format: it is from another version of bench")
    return record


def load(path: Path) -> RunData:
    """Evaluates a run anew from its raw output, also one that is not complete. Errors: ResultsError."""
    record = read_record(path)
    try:
        plan = [_planned(entry) for entry in record.pop("plan")]
        parts = {name: _raw_cell(text) for name, text in _parts(path).items()}
    except (OSError, ValueError, KeyError, TypeError, lzma.LZMAError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from None
    by_cell: dict[int, list[PlannedCell]] = {}
    for planned in plan:
        by_cell.setdefault(planned.index, []).append(planned)
    cells = [_evaluate(by_cell[index], parts, record) for index in sorted(by_cell)]
    record["failures"] = {cell.name: cell.failure for cell in cells if cell.failure}
    return RunData(record, tuple(cells))


def evaluate(planned: PlannedCell, raw: RawCell, workload: workloads.Workload, counted: bool) -> list[Sample]:
    """Returns the samples of a cell in one boot, in the order taken. Errors: WorkloadError for the first that is unsound."""
    groups = {name: group for group in raw.groups for name in group.samples}
    taken = []
    first = ""
    for sample in planned.samples:
        if sample.id not in groups:
            raise workloads.WorkloadError(f"sample {sample.id} was not taken")
        left = groups[sample.id]
        try:
            measured = workload.parse(planned.cell, sample, counted, left.printed)
            first = first or measured.conditions
            if measured.conditions and measured.conditions != first:
                raise workloads.WorkloadError(f"conditions differ from those of the first sample: {_difference(first, measured.conditions)}")
            values = measured.values
            if counted and sample.kind in ("measure", "profile"):
                values = values | _counted(sample, left.counts, measured.ios)
        except workloads.WorkloadError as error:
            raise workloads.WorkloadError(f"sample {sample.id} of side {sample.side}: {error}") from None
        taken.append(Sample(sample.id, planned.boot, sample.round, sample.side, sample.kind, measured.ios, values, left.load))
    return taken


def _counted(sample: PlannedSample, text: str, ios: int) -> dict[str, float]:
    """The instructions per I/O in what the plugin wrote of a sample. Errors: WorkloadError."""
    try:
        count = insn.parse(text).get(sample.id)
    except insn.InsnError as error:
        raise workloads.WorkloadError(str(error)) from None
    if count is None:
        raise workloads.WorkloadError("the counting plugin did not see it")
    if count.own < ios:
        raise workloads.WorkloadError(f"{ios} I/Os took {count.own} instructions of the module")
    parts = {"insn": count.all, "insn_kernel": count.kernel, "insn_own": count.own, "insn_idle": count.idle}
    return {name: number / ios for name, number in parts.items()}


def _difference(first: str, other: str) -> str:
    """The lines that two texts do not share, in one line."""
    a, b = set(first.splitlines()), set(other.splitlines())
    return ", ".join([*(f"-{line}" for line in sorted(a - b)), *(f"+{line}" for line in sorted(b - a))][:6])


def _evaluate(boots: list[PlannedCell], parts: Mapping[str, RawCell], record: Mapping[str, Any]) -> CellResult:
    """Returns a cell with the samples of all boots."""
    cell = boots[0].cell
    workload = workloads.known()[record["workload"]]
    taken: list[Sample] = []
    profiles: list[Profile] = []
    for planned in boots:
        raw = parts.get(planned.key)
        if raw is None:
            if record["complete"]:
                return CellResult(cell.name, cell.axes, failure="it was not taken")
            continue
        if raw.failure:
            return CellResult(cell.name, cell.axes, failure=raw.failure)
        try:
            taken += evaluate(planned, raw, workload, record["accel"] == "icount")
        except workloads.WorkloadError as error:
            return CellResult(cell.name, cell.axes, failure=str(error))
        profiles += [Profile(side, found["ios"], found["folded"], found.get("unit", "instructions")) for side, found in sorted(raw.profiles.items())]
    failure = "" if taken else "it was not taken"
    return CellResult(cell.name, cell.axes, tuple(taken), failure, tuple(profiles))


def _make(parent: Path, record: Mapping[str, Any]) -> Path:
    """Creates and returns a folder. Errors: ResultsError."""
    control = ["aa"] if record["modules"]["a"]["name"] == record["modules"]["b"]["name"] else []
    today = datetime.date.today().isoformat()
    name = "-".join([today, record["release"], record["driver"], record["profile"], *control, record["accel"]])
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 1000):
            path = parent / (name if attempt == 1 else f"{name}.{attempt}")
            try:
                path.mkdir()
                (path / PARTS).mkdir()
                return path
            except FileExistsError:
                continue
    except OSError as error:
        raise ResultsError(f"cannot create {parent / name}: {error.strerror}") from None
    raise ResultsError(f"{parent} has too many results of today: remove some")


def _write_record(path: Path, record: Mapping[str, Any], plan: list[PlannedCell]) -> None:
    """Writes run.json. Errors: ResultsError."""
    entries = [{"boot": p.boot, "index": p.index, "name": p.cell.name, "axes": p.cell.axes, "samples": [dataclasses.astuple(s) for s in p.samples]} for p in plan]
    text = json.dumps(record, indent=1)
    # One line per planned cell: a record is also read by people.
    lines = ",\n  ".join(json.dumps(entry) for entry in entries)
    try:
        _write(path / RECORD, f'{text[:-2]},\n "plan": [\n  {lines}\n ]\n}}\n'.encode())
    except OSError as error:
        raise ResultsError(f"cannot write to {path}: {error}") from None


def _write(path: Path, content: bytes) -> None:
    """Writes a file so that a crash leaves either the old content or the new. Errors: OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _parts(path: Path) -> dict[str, Any]:
    """What every cell left, by key. Errors: OSError, ValueError, LZMAError."""
    if (path / RAW).exists():
        return dict(json.loads(lzma.decompress((path / RAW).read_bytes())))
    return {part.stem: json.loads(part.read_text()) for part in sorted((path / PARTS).glob("[0-9]*.json"))}


def _raw_cell(entry: dict[str, Any]) -> RawCell:
    """Reads what a cell left. Errors: KeyError, TypeError."""
    return RawCell(entry["host"], entry["failure"], [RawGroup(**group) for group in entry["groups"]], entry["profiles"])


def _planned(entry: dict[str, Any]) -> PlannedCell:
    """Reads a planned cell. Errors: KeyError, TypeError."""
    samples = tuple(PlannedSample(*sample) for sample in entry["samples"])
    return PlannedCell(entry["boot"], entry["index"], Cell(entry["name"], entry["axes"]), samples)

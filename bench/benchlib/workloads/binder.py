# SPDX-License-Identifier: GPL-2.0
"""Binder drivers: pairs of processes that call each other through a node of each driver, and how long that takes.

`bench/binder/tool.cc` does a sample. An I/O of the tables is a round trip: a call and its reply, each with a payload of `bs` bytes.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import perf
from ..matrix import Cell, Checker, Matrix, Value
from ..plan import PlannedSample
from . import SYSTEM_MIB, Measured, Setting, WorkloadError, fio

TOP = Path(__file__).resolve().parents[3]
_TOOL = TOP / "build" / "binder" / "binder_tool"
_NODES = {"a": "binder", "b": "binder_cpp"}
_PAIR_MIB = 8
_PAYLOAD = re.compile(r"0|[1-9]\d{0,3}k?")
_PART = re.compile(r"^@@ (\S+)$", re.MULTILINE)


def _bytes(payload: str) -> int:
    """The bytes that a payload like "4k" stands for."""
    return int(payload.removesuffix("k")) << (10 if payload.endswith("k") else 0)


class Binder:
    """Each sample has processes of its own: how their memory lies is part of the scatter of a side's samples."""

    tool = "binder"

    def axes(self) -> dict[str, Callable[[Checker, str, str, Any], Value]]:
        """The payload of calls and replies, and the number of pairs of client and service."""
        return {
            "bs": lambda check, table, key, value: check.text(table, key, str(value), _PAYLOAD),
            "pairs": lambda check, table, key, value: check.integer(table, key, value, 1, 64),
        }

    def tables(self) -> dict[str, Callable[[Checker, str, Any], dict[str, Value]]]:
        """The modules' parameters, without `devices`."""
        return {"params": lambda check, table, value: check.plain(table, value)}

    def name(self, axes: Mapping[str, Value], varied: set[str]) -> str:
        """The name of a cell: "call 4k p2"."""
        return f"call {axes['bs']} p{axes['pairs']}"

    def check(self, matrix: Matrix) -> None:
        """The C module cannot be unloaded. Errors: WorkloadError; also if the tool cannot be made."""
        if matrix.sampling.reload != "boot":
            raise WorkloadError("[sample] reload: the C driver of binder stays loaded until the machine is rebooted")
        made = subprocess.run(["make", "-s", "-C", TOP / "tests" / "binder", _TOOL], capture_output=True, text=True)
        if made.returncode != 0:
            raise WorkloadError(f"cannot build {_TOOL.name}: {made.stderr.strip().splitlines()[-1:]}")

    def guest_arguments(self, matrix: Matrix) -> list[str]:
        """Nothing."""
        return []

    def programs(self) -> dict[str, Path]:
        """None that have to be brought there: guests see this machine's files."""
        return {}

    def needs_mib(self, matrix: Matrix, cell: Cell) -> int:
        """The processes and what they map."""
        return SYSTEM_MIB // 4 + _PAIR_MIB * cell.number("pairs")

    def load(self, matrix: Matrix, setting: Setting) -> str:
        """Loads both modules, each with one node."""
        lines = [fio.PRELUDE]
        for side, module in (("a", matrix.a), ("b", matrix.b)):
            if module in setting.modules:
                lines.append(fio.insmod(module, setting.modules[module], {**matrix.tables["params"], "devices": _node(matrix, module)}))
            if matrix.a == matrix.b:
                break
        return "\n".join(lines)

    def groups(self, matrix: Matrix, cell: Cell, samples: Sequence[PlannedSample], counted: bool) -> list[list[PlannedSample]]:
        """One script for all samples where instructions are counted: a sample has its processes anyway."""
        return [list(samples)] if counted else [[sample] for sample in samples]

    def script(self, matrix: Matrix, setting: Setting, cell: Cell, group: Sequence[PlannedSample]) -> str:
        """Runs the tool for each sample. Instructions are counted from when all processes are ready to when all have done."""
        lines = [fio.PRELUDE]
        stacks = ""
        for sample in group:
            module = matrix.b if sample.side == "b" else matrix.a
            command = [str(_TOOL), "bench", "--device", f"/dev/{_node(matrix, module)}", "--size", str(_bytes(str(cell["bs"]))), "--pairs", str(cell["pairs"])]
            if setting.counted:
                word = {"measure": f"sample {sample.id}", "profile": f"profile {sample.id}"}.get(sample.kind, "end")
                command += ["--count", str(_each(cell, sample)), "--latency", str(int(sample.kind == "latency"))]
                command += ["--mark", f"{setting.mark} {word}", "--end", f"{setting.mark} end"]
                command = ["chrt", "--fifo", "1", *command]
            else:
                seconds = 1 if sample.kind == "warmup" else matrix.sampling.seconds
                command += ["--seconds", str(seconds), "--ramp", str(matrix.sampling.ramp if sample.kind in ("measure", "latency") else 0)]
                if sample.kind == "profile":
                    command, stacks = [*perf.RECORD, *command], perf.FOLD
            lines += [f"echo '@@ {sample.id}'", shlex.join(command)]
        return "\n".join(lines) + f"\n{stacks}"

    def parse(self, cell: Cell, sample: PlannedSample, counted: bool, printed: str) -> Measured:
        """Reads the tool's line. Errors: WorkloadError."""
        pieces = _PART.split(printed)
        parts = dict(zip(pieces[1::2], pieces[2::2]))
        try:
            said = json.loads(parts[sample.id].strip().splitlines()[0])
            done = int(said["round_trips"])
            values = {}
            if sample.kind == "latency":
                values = {metric: float(said[metric]) for metric in ("p50", "p99", "p999")}
            elif not counted:
                values = {"iops": float(said["per_second"]), "bw": 2.0 * float(said["per_second"]) * _bytes(str(cell["bs"]))}
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise WorkloadError(f"what binder_tool printed is not understood: {error!r}") from None
        if not done or (counted and done != _each(cell, sample) * cell.number("pairs")):
            raise WorkloadError(f"binder_tool did {done} round trips")
        return Measured(done, values, "")

    def explain(self, said: str) -> str:
        """The last line."""
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def unload(self, matrix: Matrix, setting: Setting) -> str:
        """Unloads ours; the C driver has no way out."""
        ours = [module for module in setting.modules if module != "binder_linux"]
        return "\n".join(shlex.join(["rmmod", module]) for module in ours) + "\n"


def _node(matrix: Matrix, module: str) -> str:
    """The name of a module's node."""
    return _NODES["b" if module == matrix.b and matrix.a != matrix.b else "a"]


def _each(cell: Cell, sample: PlannedSample) -> int:
    """Round trips of each client where instructions are counted."""
    return max(1, sample.ios // cell.number("pairs"))

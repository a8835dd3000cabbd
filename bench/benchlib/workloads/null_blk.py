# SPDX-License-Identifier: GPL-2.0
"""null_blk, or its C++ twin: disks made through configfs, loaded by fio."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..matrix import Cell, Checker, Matrix, Value
from ..plan import PlannedSample
from . import SYSTEM_MIB, Measured, Setting, WorkloadError, fio

_MIB = 1 << 20
# Blocks that fio's random offsets need at least; fewer make a poor sequence.
_FEWEST_BLOCKS = 16
_CHANGE_MIB = 64  # That a kernel and its tools take while they run.


class NullBlk:
    """Each sample has a disk of its own: where the search for a free tag begins is drawn when a disk is made, is worth
    some instructions per I/O, and stays for the disk's life. So it is part of the scatter of a side's samples.
    """

    tool = "fio"

    def axes(self) -> dict[str, Callable[[Checker, str, str, Any], Value]]:
        """fio's, and the driver's completion mode."""
        return {**fio.axes(), "irqmode": lambda check, table, key, value: check.integer(table, key, value, 0, 2)}

    def tables(self) -> dict[str, Callable[[Checker, str, Any], dict[str, Value]]]:
        """The modules' configfs folders and parameters, the disks' attributes, and what to do with them before."""
        return {
            "configfs": lambda check, table, value: check.plain(table, value),
            "params": lambda check, table, value: check.plain(table, value),
            "device": lambda check, table, value: check.plain(table, value),
            "queue": lambda check, table, value: check.plain(table, value),
            "prepare": _check_prepare,
        }

    def name(self, axes: Mapping[str, Value], varied: set[str]) -> str:
        """The name of a cell."""
        return fio.name(axes, varied) + (f" irq{axes['irqmode']}" if "irqmode" in varied or axes["irqmode"] else "")

    def check(self, matrix: Matrix) -> None:
        """Both modules must have a folder in configfs."""
        for module in (matrix.a, matrix.b):
            if module not in matrix.tables["configfs"]:
                raise WorkloadError(f"module {module}: the matrix knows {', '.join(matrix.tables['configfs'])}")

    def guest_arguments(self, matrix: Matrix) -> list[str]:
        """Nothing."""
        return []

    def programs(self) -> dict[str, Path]:
        """None: fio is installed."""
        return {}

    def needs_mib(self, matrix: Matrix, cell: Cell) -> int:
        """fio's buffers, and the disk's pages if it keeps data."""
        return 2 * fio.huge_pages(cell) + self._data_mib(matrix, cell) + _CHANGE_MIB

    def load(self, matrix: Matrix, setting: Setting) -> str:
        """Loads both modules with the same parameters."""
        lines = [fio.PRELUDE, "modprobe configfs", "[ -n \"$(ls -A /sys/kernel/config)\" ] || mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config"]
        lines += [fio.insmod(name, path, matrix.tables["params"]) for name, path in setting.modules.items()]
        return "\n".join(lines)

    def groups(self, matrix: Matrix, cell: Cell, samples: Sequence[PlannedSample], counted: bool) -> list[list[PlannedSample]]:
        """As many as the disks' memory allows when instructions are counted, and fio's own start would take most of the time."""
        size = 1
        if counted:
            data = self._data_mib(matrix, cell)
            free = matrix.sampling.memory - SYSTEM_MIB - self.needs_mib(matrix, cell)
            size = max(1, 1 + free // data) if data else len(samples)
        return [list(samples[at : at + size]) for at in range(0, len(samples), size)]

    def script(self, matrix: Matrix, setting: Setting, cell: Cell, group: Sequence[PlannedSample]) -> str:
        """Makes a disk for each sample, runs fio, removes the disks."""
        disks = {sample.id: f"bench{number}" for number, sample in enumerate(group)}
        folders = {sample.id: f"{self._root(matrix, sample.side)}/{disks[sample.id]}" for sample in group}
        tidy = "\n".join(f"\t[ ! -d {folder} ] || rmdir {folder}" for folder in folders.values())
        lines = [fio.PRELUDE, fio.working_folder(tidy), fio.take_huge_pages(setting, cell)]
        span = _span_mib(matrix, cell)
        told = set()
        for sample in group:
            folder, disk = folders[sample.id], disks[sample.id]
            lines.append(f"mkdir {folder}")
            for name, value in {**matrix.tables["device"], "irqmode": cell["irqmode"], "power": 1}.items():
                lines.append(f"put {folder}/{name} {shlex.quote(str(value))}")
            for name, value in matrix.tables["queue"].items():
                lines.append(f"put /sys/block/{disk}/queue/{name} {shlex.quote(str(value))}")
            if sample.side not in told:
                lines.append(fio.conditions(sample.side, disk))
                told.add(sample.side)
            if matrix.tables["prepare"]["fill"] and matrix.tables["device"].get("memory_backed") and "read" in str(cell["rw"]):
                lines.append(f"dd if=/dev/zero of=/dev/{disk} bs=4M count={-(-span // 4)} oflag=direct status=none")
        paths = {name: f"/dev/{disk}" for name, disk in disks.items()}
        used = span * _MIB if matrix.tables["prepare"]["span"] else 0
        lines.append(fio.run(setting, cell, fio.job_file(setting, matrix.sampling, cell, group, paths, used), group))
        return "\n".join(lines)

    def parse(self, cell: Cell, sample: PlannedSample, counted: bool, printed: str) -> Measured:
        """Reads fio's output."""
        return fio.parse(cell, sample, counted, printed)

    def explain(self, said: str) -> str:
        """fio's own words, else the last line."""
        return fio.explain(said)

    def unload(self, matrix: Matrix, setting: Setting) -> str:
        """Removes both modules."""
        return shlex.join(["rmmod", *setting.modules]) + "\n"

    def _data_mib(self, matrix: Matrix, cell: Cell) -> int:
        """MiB that a disk keeps."""
        return _span_mib(matrix, cell) if matrix.tables["device"].get("memory_backed") else 0

    def _root(self, matrix: Matrix, side: str) -> str:
        """The configfs folder of a side's module."""
        return f"/sys/kernel/config/{matrix.tables['configfs'][matrix.b if side == 'b' else matrix.a]}"


def _span_mib(matrix: Matrix, cell: Cell) -> int:
    """MiB of the disk that I/Os go to."""
    size = int(matrix.tables["device"]["size"])
    wanted = int(matrix.tables["prepare"]["span"])
    return min(size, max(wanted, -(-_FEWEST_BLOCKS * cell.block_bytes // _MIB))) if wanted else size


def _check_prepare(check: Checker, table: str, value: Any) -> dict[str, Value]:
    """fill: whether disks that keep data are written whole before they are read; span: MiB to use of a disk, 0 for all."""
    check.keys(table, value, ("fill", "span"))
    return {"fill": check.integer(table, "fill", value["fill"], 0, 1), "span": check.integer(table, "span", value["span"], 0, 1 << 24)}

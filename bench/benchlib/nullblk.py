# SPDX-License-Identifier: GPL-2.0
"""Shell scripts that set up null_blk, or its C++ twin, in the guest."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from .matrix import Matrix
from .plan import PlannedCell

_PRELUDE = """\
set -eu
put() {
	printf '%s\\n' "$2" >"$1" || { echo "cannot write $2 to $1" >&2; exit 1; }
}
"""
# The limits and features of a disk decide what the block layer does for each request.
_MUST_AGREE = """\
attributes() {
	(cd "/sys/block/$1/queue" && grep -rs . . | sort)
}
must_agree() {
	attributes "$1" >a
	attributes "$2" >b
	cmp -s a b || { echo "the sides' disks differ: $(diff a b | grep '^[<>]' | tr '\\n' ' ')" >&2; exit 1; }
}
"""
# Of 2 MiB: enough for fio's buffers in the largest cell, the kernel gives fewer if it has no more.
_HUGE_PAGES = """\
put /proc/sys/vm/nr_hugepages 16
[ "$(cat /proc/sys/vm/nr_hugepages)" = 16 ] || { echo "the guest has no memory for 16 huge pages" >&2; exit 1; }
"""


def setup_script(
    matrix: Matrix, files: Mapping[str, Path], code: Mapping[str, Mapping[str, int]], mark: Path | None
) -> str:
    """Loads the modules in `files`, and tells the counting plugin where their code is.

    `code` has the length of each code section of each module.
    """
    lines = [_PRELUDE + _HUGE_PAGES]
    params = [f"{name}={value}" for name, value in matrix.params.items()]
    for module, path in files.items():
        lines.append(shlex.join(["insmod", str(path), *params]))
        for section, length in code[module].items() if mark else ():
            where = shlex.quote(f"/sys/module/{module}/sections/{section}")
            lines.append(f'{shlex.quote(str(mark))} range "$(cat {where})" {length:x}')
    return "\n".join(lines) + "\n"


def cell_script(matrix: Matrix, plan: PlannedCell, job: Path, output: Path, mark: Path | None) -> str:
    """Makes a disk for each sample, runs fio on the job file `job`, and removes the disks.

    Fails if the two sides' disks differ in an attribute of their queues: the comparison would not be of the drivers.

    A disk's random start state (where the search for a free tag begins) is worth some instructions per I/O, and the
    same for the disk's life. With a disk of its own, that is part of the scatter of a side's samples.
    While instructions are counted, fio has real-time priority: nothing but interrupts and the kernel's own workers for
    its requests runs within a sample. (Timed samples are too long for that: the kernel throttles real-time threads.)
    """
    folders = {sample: f"/sys/kernel/config/{_root(matrix, sample.side)}/{sample.disk}" for sample in plan.samples}
    removals = [f"\t[ ! -d {folder} ] || rmdir {folder}" for folder in folders.values()]
    lines = [_PRELUDE + _MUST_AGREE, "cleanup() {", *removals, "}", "trap cleanup EXIT"]
    for sample, folder in folders.items():
        lines.append(f"mkdir {folder}")
        for name, value in {**matrix.device, "irqmode": plan.cell.irqmode, "power": 1}.items():
            lines.append(f"put {folder}/{name} {shlex.quote(str(value))}")
        for name, value in matrix.queue.items():
            lines.append(f"put /sys/block/{sample.disk}/queue/{name} {shlex.quote(str(value))}")
    lines.append('cd "$(mktemp -d)"')
    a, b = (next(sample.disk for sample in plan.samples if sample.side == side) for side in ("a", "b"))
    lines.append(f"must_agree {a} {b}")
    fio = ["fio", "--eta=never", "--output-format=json", f"--output={output}", str(job)]
    lines.append(shlex.join([*(["chrt", "--fifo", "1"] if mark else []), *fio]))
    if mark:
        lines.append(f"{shlex.quote(str(mark))} end")
    return "\n".join(lines) + "\n"


def _root(matrix: Matrix, side: str) -> str:
    """Returns the configfs folder of a side's module."""
    return matrix.configfs[matrix.a if side == "a" else matrix.b]

# SPDX-License-Identifier: GPL-2.0
"""Writes fio job files and reads fio's JSON."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .plan import PlannedCell

# The settings of the published null_blk runs, and two that keep fio's own status thread out of the samples:
# disk_util=0 here and --eta=never on its command line.
_GLOBAL = {
    "ioengine": "io_uring",
    "direct": 1,
    "fixedbufs": 1,
    "registerfiles": 1,
    "nonvectored": 1,
    "gtod_reduce": 1,
    "norandommap": 1,
    "random_generator": "lfsr",
    "group_reporting": 1,
    "thread": 1,
    "numjobs": 1,
    "disk_util": 0,
    "mem": "shmhuge",
    "hugepage-size": "2m",
}


class FioError(RuntimeError):
    """fio failed, or did not do what it was told; the text is one line."""


@dataclass(frozen=True)
class JobResult:
    """What fio says of one sample."""

    ios: int
    runtime_ms: int


def job_file(plan: PlannedCell, cpu: int, seconds: int, mark: Path | None) -> str:
    """Returns the job file of a cell: one section per sample, each waiting for the one before.

    With `mark`, samples do a fixed number of I/Os, and each first tells the counting plugin its id; without,
    they run for `seconds`. `cpu` is the guest's CPU that does the I/O.
    """
    cell = plan.cell
    settings = _GLOBAL | {
        "cpus_allowed": cpu,
        "rw": cell.rw,
        "bs": cell.block_bytes,
        "iodepth": cell.iodepth,
        "randseed": plan.fio_seed,
    }
    lines = ["[global]", *(f"{key}={value}" for key, value in settings.items())]
    for sample in plan.samples:
        lines += [f"[{sample.id}]", "stonewall", "new_group", f"filename=/dev/{sample.disk}"]
        if mark or not sample.kept and sample.round:
            lines.append(f"number_ios={sample.ios}")
        else:
            lines += ["time_based=1", f"runtime={seconds}"]
        if mark:
            lines.append(f"exec_prerun={shlex.quote(str(mark))} sample {sample.id}")
    return "\n".join(lines) + "\n"


def parse(text: str, plan: PlannedCell, counted: bool) -> dict[str, JobResult]:
    """Returns what fio's output `text` says of each sample, by id.

    With `counted`, a sample must have done exactly the planned I/Os. Errors: FioError for the first sample that
    failed, is missing, or did too little.
    """
    jobs = {job["jobname"]: job for job in _document(text)["jobs"]}
    results = {}
    for sample in plan.samples:
        if sample.id not in jobs:
            raise FioError(f"sample {sample.id}: fio did not run it")
        results[sample.id] = result = _result(jobs[sample.id], plan.cell.rw, plan.cell.block_bytes)
        if counted and result.ios != sample.ios:
            raise FioError(f"sample {sample.id}: fio did {result.ios} I/Os instead of {sample.ios}")
    return results


def version(text: str) -> str:
    """Returns fio's version as its output says. Errors: FioError."""
    return str(_document(text)["fio version"])


def _document(text: str) -> dict[str, Any]:
    """Returns the JSON in fio's output, which follows its error messages, if there are any. Errors: FioError."""
    messages, brace, rest = text.partition("{\n")
    said = [line for line in messages.splitlines() if line.startswith("fio: ")]
    try:
        document = json.loads(brace + rest)
        if isinstance(document.get("jobs"), list) and "fio version" in document:
            return document
    except json.JSONDecodeError:
        pass
    raise FioError(said[0] if said else "fio: its output is no whole JSON document")


def _result(job: dict[str, Any], rw: str, block_bytes: int) -> JobResult:
    """Reads one entry of `jobs`. Errors: FioError."""
    name = job["jobname"]
    if job["error"]:
        raise FioError(f"sample {name}: fio reports error {job['error']}")
    direction = job["write" if rw.endswith("write") else "read"]
    ios, done = direction["total_ios"], direction["io_bytes"]
    if not ios or done != ios * block_bytes:
        raise FioError(f"sample {name}: fio did {ios} I/Os but moved {done} bytes")
    return JobResult(ios, direction["runtime"])

# SPDX-License-Identifier: GPL-2.0
"""Turns raw output of fio and the counting plugin into samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import fio, insn
from .plan import PlannedCell, PlannedSample


class SampleError(RuntimeError):
    """A sample failed, so its cell has no result; the text is one line."""


@dataclass(frozen=True)
class Sample:
    """One sample's outcome. `cost` is what is compared: instructions, or nanoseconds, per I/O."""

    plan: PlannedSample
    ios: int
    runtime_ms: int
    counts: insn.Counts | None
    cost: float


def evaluate(plan: PlannedCell, fio_text: str, counts: Mapping[str, insn.Counts] | None) -> list[Sample]:
    """Returns the samples of a cell, in the order taken. `counts` is None if time is what was measured.

    Errors: SampleError if any sample failed: none of its cell is used then.
    """
    try:
        jobs = fio.parse(fio_text, plan, counts is not None)
    except fio.FioError as error:
        raise SampleError(str(error)) from None
    return [_evaluate(sample, jobs[sample.id], counts) for sample in plan.samples]


def _evaluate(sample: PlannedSample, job: fio.JobResult, counts: Mapping[str, insn.Counts] | None) -> Sample:
    """Returns one sample."""
    if counts is None:
        if not job.runtime_ms:
            raise SampleError(f"sample {sample.id}: fio measured no time")
        return Sample(sample, job.ios, job.runtime_ms, None, job.runtime_ms * 1e6 / job.ios)
    count = counts.get(sample.id)
    if count is None:
        raise SampleError(f"sample {sample.id}: the counting plugin did not see it")
    if count.own < job.ios:
        raise SampleError(f"sample {sample.id}: {job.ios} I/Os took {count.own} instructions of the module")
    return Sample(sample, job.ios, job.runtime_ms, count, count.all / job.ios)

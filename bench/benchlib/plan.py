# SPDX-License-Identifier: GPL-2.0
"""Which samples a run takes, in which order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .matrix import Cell, Matrix

TAIL_IOS = 100


@dataclass(frozen=True)
class PlannedSample:
    """One sample. Samples that are not `kept` warm up the guest, or keep fio alive behind the last kept one."""

    id: str
    side: str  # "a" or "b"
    round: int
    kept: bool
    ios: int  # I/Os to do when instructions are counted

    @property
    def disk(self) -> str:
        """Name of the disk, which no other sample of the cell uses."""
        return f"bench_{self.side}_{self.id.partition('.')[2]}"


@dataclass(frozen=True)
class PlannedCell:
    """A cell and its samples in the order in which they are taken."""

    index: int  # place in the matrix, from 0
    cell: Cell
    fio_seed: int
    samples: tuple[PlannedSample, ...]


def make_plan(matrix: Matrix, count: int, seed: int) -> list[PlannedCell]:
    """Returns the cells in random order; each takes a round of warm-up, `count` rounds, and a tail.

    A round takes one sample of each side, in random order. The same `seed` gives the same plan.
    """
    source = random.Random(seed)
    order = list(enumerate(matrix.cells))
    source.shuffle(order)
    return [_plan_cell(index, cell, matrix.ios[cell.bs], count, source) for index, cell in order]


def _plan_cell(index: int, cell: Cell, ios: int, count: int, source: random.Random) -> PlannedCell:
    """Returns the samples of one cell."""
    samples: list[PlannedSample] = []

    def add(sides: Sequence[str], number: int, kept: bool, size: int) -> None:
        for side in sides:
            samples.append(PlannedSample(f"{index}.{len(samples)}", side, number, kept, size))

    for number in range(count + 1):
        add(source.sample("ab", 2), number, number > 0, ios)
    add(source.sample("ab", 1), count + 1, False, TAIL_IOS)
    return PlannedCell(index, cell, source.randrange(1, 2**31), tuple(samples))

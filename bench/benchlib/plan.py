# SPDX-License-Identifier: GPL-2.0
"""Which samples a run takes, in which order."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from .matrix import Cell, Matrix


@dataclass(frozen=True)
class PlannedSample:
    """One sample; model.py says what sides and kinds there are."""

    id: str  # unique in the run
    side: str
    round: int
    kind: str
    ios: int  # to do when instructions are counted
    seed: int  # of the offsets: the same for all sides of a round


@dataclass(frozen=True)
class PlannedCell:
    """A cell in one boot, and its samples there in the order in which they are taken."""

    boot: int
    index: int  # place in the matrix, from 0
    cell: Cell
    samples: tuple[PlannedSample, ...]

    @property
    def key(self) -> str:
        """Names the cell in its boot, also as part of a file name."""
        return f"{self.boot}.{self.index}"


def make_plan(matrix: Matrix, seed: int) -> list[PlannedCell]:
    """Returns the cells of every boot, in random order within it. The same arguments give the same plan."""
    source = random.Random(seed)
    sampling = matrix.sampling
    plan = []
    for boot in range(sampling.boots):
        rounds = ["warmup"]
        rounds += ["measure"] * _share(sampling.count, sampling.boots, boot)
        rounds += ["latency"] * _share(sampling.latency, sampling.boots, boot)
        rounds += ["profile"] * (sampling.stacks and boot == 0)
        order = list(enumerate(matrix.cells))
        source.shuffle(order)
        plan += [_plan_cell(boot, index, cell, matrix, rounds, source) for index, cell in order]
    return plan


def _share(count: int, boots: int, boot: int) -> int:
    """The part of `count` that falls to `boot`."""
    return count * (boot + 1) // boots - count * boot // boots


def _plan_cell(boot: int, index: int, cell: Cell, matrix: Matrix, rounds: Iterable[str], source: random.Random) -> PlannedCell:
    """Returns a cell with `rounds` of the given kinds, each a sample per side in random order."""
    samples: list[PlannedSample] = []
    ios = matrix.sampling.ios.get(str(cell.axes.get("bs")), 0)
    for number, kind in enumerate(rounds):
        sides = "ab" if kind == "profile" or not matrix.sampling.control else "abc"
        seed = source.randrange(1, 2**31)
        for side in source.sample(sides, len(sides)):
            samples.append(PlannedSample(f"{boot}.{index}.{len(samples)}", side, number, kind, ios, seed))
    return PlannedCell(boot, index, cell, tuple(samples))

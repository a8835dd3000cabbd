# SPDX-License-Identifier: GPL-2.0
"""Compares the samples of two sides of a cell, and judges a whole matrix of such comparisons.

Beside the interval that benchmarks usually publish (Welch's t interval of the difference of means, relative to side A)
there is one that knows about boots (hierarchical bootstrap of the ratio), a test for equivalence, and the adjustment of
p values for the number of cells. docs/measuring.md says in words what each can tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from statistics import fmean, variance

import numpy
from scipy import stats
from statsmodels.stats.multitest import multipletests

from .model import flat

CONFIDENCE = 0.95
ALPHA = 0.05
MARGIN = 1.0  # Of the equivalence test, in per cent of mean A.
DRAWS = 10_000  # Of the bootstrap.
_SEED = 1  # A run gives the same intervals each time it is drawn.
VERDICTS = ("faster", "slower", "equivalent", "inconclusive")

Boots = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Comparison:
    """Side B against side A.

    Means and standard deviations are in the unit of the samples; `diff`, `low` and `high` in per cent of `mean_a`, the
    last two at 95 % by Welch. `p` is that of "no difference" (Welch's t test), `p_equivalent` that of "differs by the
    margin or more" (two one-sided tests).
    """

    better: str
    a: Boots = field(repr=False)
    b: Boots = field(repr=False)
    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    sd_a: float
    sd_b: float
    diff: float
    low: float
    high: float
    p: float
    p_equivalent: float

    @property
    def boots(self) -> int:
        """The number of boots."""
        return len(self.a)

    @property
    def ratio(self) -> float:
        """Mean of B over mean of A."""
        return self.mean_b / self.mean_a

    @cached_property
    def ratio_interval(self) -> tuple[float, float]:
        """The bootstrap's 95 % interval of the ratio."""
        return bootstrap(self.a, self.b)

    @property
    def different(self) -> bool:
        """Whether the Welch interval excludes 0."""
        return self.low > 0 or self.high < 0

    @property
    def within_margin(self) -> bool:
        """Whether the equivalence test shows that the difference is smaller than the margin, be it there or not."""
        return self.p_equivalent < ALPHA

    @property
    def confirmed(self) -> bool:
        """Whether the bootstrap's interval excludes a ratio of 1, on the same side as the Welch interval."""
        low, high = self.ratio_interval
        return (self.low > 0 and low > 1) or (self.high < 0 and high < 1)

    @property
    def verdict(self) -> str:
        """One of VERDICTS."""
        if self.different:
            return "faster" if (self.diff > 0) == (self.better == "higher") else "slower"
        return "equivalent" if self.within_margin else "inconclusive"


@dataclass(frozen=True)
class Adjusted:
    """A p value adjusted for all that were tested with it: by Holm, and by Benjamini and Hochberg."""

    holm: float
    bh: float

    @property
    def survives_holm(self) -> bool:
        """Whether the difference stands if not one of all may be called falsely (in 95 of 100 runs)."""
        return self.holm < ALPHA

    @property
    def survives_bh(self) -> bool:
        """Whether it stands if 5 % of the differences called may be false."""
        return self.bh < ALPHA


def compare(a: Boots, b: Boots, better: str) -> Comparison:
    """Compares side B with side A; each is a list of samples for each boot. `better` is "lower" or "higher".

    diff = (mean(b) - mean(a)) / mean(a) over all samples; the interval is diff +- t * s / mean(a), where
    s^2 = var(a)/n(a) + var(b)/n(b) and t is the quantile of Student's distribution for Welch's degrees of freedom.
    Errors: ValueError if a side has fewer than two samples, or one that is not a positive number, or if the sides do not
    have the same number of boots.
    """
    if better not in ("lower", "higher"):
        raise ValueError(f'better is "lower" or "higher", not "{better}"')
    all_a, all_b = _checked(a, b)
    mean_a, mean_b = fmean(all_a), fmean(all_b)
    sd_a, sd_b = math.sqrt(variance(all_a)), math.sqrt(variance(all_b))
    summary = (mean_a, sd_a, len(all_a), mean_b, sd_b, len(all_b))
    half, p, p_equivalent = _welch(*summary)
    diff = mean_b - mean_a
    return Comparison(
        better=better,
        a=a,
        b=b,
        n_a=len(all_a),
        n_b=len(all_b),
        mean_a=mean_a,
        mean_b=mean_b,
        sd_a=sd_a,
        sd_b=sd_b,
        diff=100 * diff / mean_a,
        low=100 * (diff - half) / mean_a,
        high=100 * (diff + half) / mean_a,
        p=p,
        p_equivalent=p_equivalent,
    )


def bootstrap(a: Boots, b: Boots, draws: int = DRAWS, seed: int = _SEED) -> tuple[float, float]:
    """Returns the 95 % percentile interval of mean(b) / mean(a) when boots, and samples inside them, are drawn again.

    Both sides of a draw have the same boots, since a boot may well make both faster or slower. With one boot there is
    nothing to draw from at the upper level: the interval then has the scatter of that boot's samples only.
    """
    random = numpy.random.default_rng(seed)
    chosen = random.integers(len(a), size=(draws, len(a)))
    ratios = _drawn_means(b, chosen, random) / _drawn_means(a, chosen, random)
    low, high = numpy.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def adjust(pvalues: Sequence[float]) -> list[Adjusted]:
    """Adjusts the p values of a matrix for their number, in the same order."""
    if not pvalues:
        return []
    holm, bh = (multipletests(pvalues, ALPHA, method)[1] for method in ("holm", "fdr_bh"))
    return [Adjusted(float(first), float(second)) for first, second in zip(holm, bh)]


def geometric_mean(values: Iterable[float]) -> float:
    """Returns the geometric mean; NaN of nothing."""
    logs = [math.log(value) for value in values]
    return math.exp(fmean(logs)) if logs else math.nan


def _checked(a: Boots, b: Boots) -> tuple[list[float], list[float]]:
    """Returns all samples of both sides. Errors: ValueError, see compare."""
    all_a, all_b = flat(a), flat(b)
    if min(len(all_a), len(all_b)) < 2:
        raise ValueError("an interval needs at least two samples per side")
    if not all(math.isfinite(value) and value > 0 for value in (*all_a, *all_b)):
        raise ValueError("a sample is not a positive number")
    if len(a) != len(b) or not all((*a, *b)):
        raise ValueError("the sides have samples of different boots")
    return all_a, all_b


def _welch(mean_a: float, sd_a: float, n_a: int, mean_b: float, sd_b: float, n_b: int) -> tuple[float, float, float]:
    """Returns half the interval's width, in the samples' unit, the p value of no difference, and that of no equivalence."""
    margin = MARGIN / 100 * mean_a
    diff = mean_b - mean_a
    var_a, var_b = sd_a**2 / n_a, sd_b**2 / n_b
    if var_a + var_b == 0:  # Without any variance the interval is the point itself.
        return 0.0, float(diff == 0), float(abs(diff) >= margin)
    freedom = (var_a + var_b) ** 2 / (var_a**2 / (n_a - 1) + var_b**2 / (n_b - 1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(var_a + var_b)

    def p_value(shift: float, alternative: str) -> float:
        """The p value of mean B + shift being no different from, greater or less than mean A."""
        test = stats.ttest_ind_from_stats(mean_b + shift, sd_b, n_b, mean_a, sd_a, n_a, False, alternative)
        return float(test.pvalue)

    return half, p_value(0, "two-sided"), max(p_value(margin, "greater"), p_value(-margin, "less"))


def _drawn_means(boots: Boots, chosen: numpy.ndarray[Any, Any], random: numpy.random.Generator) -> numpy.ndarray[Any, Any]:
    """Returns for each row of `chosen`, which are indices of boots, the mean of samples drawn anew from each of them."""
    sizes = numpy.array([len(boot) for boot in boots])
    values = numpy.zeros((len(boots), sizes.max()))
    for row, boot in zip(values, boots):
        row[: len(boot)] = boot
    drawn_sizes = sizes[chosen][..., None]
    places = (random.random((*chosen.shape, sizes.max())) * drawn_sizes).astype(numpy.intp)
    drawn = values[chosen[..., None], places]
    drawn *= numpy.arange(sizes.max()) < drawn_sizes
    means: numpy.ndarray[Any, Any] = drawn.sum(axis=(1, 2)) / drawn_sizes.sum(axis=(1, 2))
    return means

# SPDX-License-Identifier: GPL-2.0
"""Compares the samples of two sides: Welch's t interval on the difference of means, relative to side A."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """Means in the unit of the samples; `diff`, `low` and `high` in per cent of `mean_a`."""

    n_a: int
    n_b: int
    mean_a: float
    mean_b: float
    sd_a: float
    sd_b: float
    diff: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What the interval says of side B, samples being costs: the less the better."""
        if self.high < 0:
            return "faster"
        return "slower" if self.low > 0 else "no difference"

    @property
    def ratio(self) -> float:
        """Mean of B over mean of A."""
        return self.mean_b / self.mean_a


def compare(a: Sequence[float], b: Sequence[float]) -> Comparison:
    """Compares side B with side A.

    diff = (mean(b) - mean(a)) / mean(a); the interval is diff +- t * s / mean(a), where
    s^2 = var(a)/n(a) + var(b)/n(b) and t is the quantile of Student's distribution for Welch's degrees of freedom.
    Errors: ValueError if a side has fewer than two samples, or one that is not a positive number.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("an interval needs at least two samples per side")
    if not all(math.isfinite(value) and value > 0 for value in (*a, *b)):
        raise ValueError("a sample is not a positive number")
    mean_a, mean_b = fmean(a), fmean(b)
    var_a, var_b = variance(a) / len(a), variance(b) / len(b)
    half = 0.0  # Without any variance the interval is the point itself.
    if var_a + var_b > 0:
        freedom = (var_a + var_b) ** 2 / (var_a**2 / (len(a) - 1) + var_b**2 / (len(b) - 1))
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(var_a + var_b)
    diff = mean_b - mean_a
    return Comparison(
        n_a=len(a),
        n_b=len(b),
        mean_a=mean_a,
        mean_b=mean_b,
        sd_a=math.sqrt(var_a * len(a)),
        sd_b=math.sqrt(var_b * len(b)),
        diff=100 * diff / mean_a,
        low=100 * (diff - half) / mean_a,
        high=100 * (diff + half) / mean_a,
    )


def geometric_mean(values: Iterable[float]) -> float:
    """Returns the geometric mean; NaN of nothing."""
    logs = [math.log(value) for value in values]
    return math.exp(fmean(logs)) if logs else math.nan

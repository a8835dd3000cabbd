# SPDX-License-Identifier: GPL-2.0
"""Statistics of the benchmark: against SciPy, against a case worked by hand, and on data with known truth."""

import math
import random
import sys
from pathlib import Path

import pytest
from scipy import stats as scipy_stats

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from benchlib import stats  # noqa: E402


def test_case_worked_by_hand():
    # Means 2 and 3; variances of the means 1/3 and 1/3; Welch's freedom (2/3)^2 / ((1/9)/2 + (1/9)/2) = 4;
    # t(0.975, 4) = 2.776445; half width 2.776445 * sqrt(2/3) = 2.266956, in per cent of 2: 113.3478.
    c = stats.compare([1, 2, 3], [2, 3, 4])
    assert (c.n_a, c.n_b, c.mean_a, c.mean_b, c.sd_a, c.sd_b, c.diff) == (3, 3, 2, 3, 1, 1, 50)
    assert c.low == pytest.approx(50 - 113.3478, abs=1e-4)
    assert c.high == pytest.approx(50 + 113.3478, abs=1e-4)
    assert c.ratio == 1.5


def test_interval_excludes_zero_just_when_scipy_finds_a_difference():
    source = random.Random(1)
    verdicts = set()
    for _ in range(300):
        a = [source.gauss(100, 3) for _ in range(source.randint(2, 12))]
        b = [source.gauss(102, 1) for _ in range(source.randint(2, 12))]
        c = stats.compare(a, b)
        p = scipy_stats.ttest_ind(b, a, equal_var=False).pvalue
        assert (c.verdict != "no difference") == (p < 0.05)
        verdicts.add(c.verdict)
    assert {"slower", "no difference"} <= verdicts


def test_interval_is_where_scipy_finds_p_of_five_per_cent():
    a, b = [100.0, 101.0, 103.0, 99.5], [104.0, 104.5, 107.0]
    c = stats.compare(a, b)
    for border in (c.low, c.high):
        shifted = [value - border / 100 * c.mean_a for value in b]
        assert scipy_stats.ttest_ind(shifted, a, equal_var=False).pvalue == pytest.approx(0.05)


def test_interval_covers_the_truth_in_95_per_cent():
    source = random.Random(2)
    covered = 0
    for _ in range(2000):
        c = stats.compare([source.gauss(1000, 5) for _ in range(8)], [source.gauss(1010, 8) for _ in range(8)])
        covered += c.low <= 100 * 10 / 1000 <= c.high
    assert 0.93 <= covered / 2000 <= 0.97


def test_no_variance():
    same = stats.compare([5, 5, 5], [5, 5])
    assert (same.diff, same.low, same.high, same.verdict) == (0, 0, 0, "no difference")
    less = stats.compare([5, 5], [4, 4])
    assert (less.diff, less.low, less.high, less.verdict) == (-20, -20, -20, "faster")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-2, -1, "faster"), (-2, 0, "no difference"), (-1, 1, "no difference"), (0, 2, "no difference"), (1, 2, "slower")],
)
def test_verdict_at_the_borders(low, high, verdict):
    assert stats.Comparison(2, 2, 1, 1, 0, 0, 0, low, high).verdict == verdict


@pytest.mark.parametrize(
    ("a", "b"), [([1], [1, 2]), ([1, 2], []), ([1, math.nan], [1, 2]), ([0, 1], [1, 2]), ([1, 2], [-1, 2])]
)
def test_what_cannot_be_compared_is_refused(a, b):
    with pytest.raises(ValueError):
        stats.compare(a, b)


def test_geometric_mean():
    assert stats.geometric_mean([0.5, 2.0]) == pytest.approx(1)
    assert stats.geometric_mean([1, 10, 100]) == pytest.approx(10)
    assert math.isnan(stats.geometric_mean([]))

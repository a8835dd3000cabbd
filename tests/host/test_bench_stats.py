# SPDX-License-Identifier: GPL-2.0
"""Statistics of the benchmark: against worked examples, SciPy and statsmodels, and on data with known truth."""

import gc
import math
import random
import sys
from pathlib import Path

import numpy
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.weightstats import ttost_ind

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from benchlib import stats  # noqa: E402

TRIALS = 2000


def compare(a, b, better="lower"):
    """A comparison of samples of one boot."""
    return stats.compare([a], [b], better)


def interval(a, b):
    """The Welch interval alone, in per cent."""
    c = compare(a, b)
    return c.low, c.high


def boots_of(random_source, mean, boots, samples, own, scatter=1.0, shared=None):
    """Samples by boot: mean + what the boot does to both sides + what it does to this one + scatter."""
    effect = random_source.normal(0, own, boots) + (0 if shared is None else shared)
    return (mean + effect[:, None] + random_source.normal(0, scatter, (boots, samples))).tolist()


# Examples worked elsewhere, and reference implementations.


def test_case_worked_by_hand():
    # Means 2 and 3; variances of the means 1/3 and 1/3; Welch's freedom (2/3)^2 / ((1/9)/2 + (1/9)/2) = 4;
    # t(0.975, 4) = 2.776445; half width 2.776445 * sqrt(2/3) = 2.266956, in per cent of 2: 113.3478.
    c = compare([1, 2, 3], [2, 3, 4])
    assert (c.n_a, c.n_b, c.mean_a, c.mean_b, c.sd_a, c.sd_b, c.diff) == (3, 3, 2, 3, 1, 1, 50)
    assert c.low == pytest.approx(50 - 113.3478, abs=1e-4)
    assert c.high == pytest.approx(50 + 113.3478, abs=1e-4)
    assert c.ratio == 1.5


def test_published_welch_example():
    # Unequal sizes and variances, as in the widely reprinted third example for Welch's test:
    # t = -2.22, 24.5 degrees of freedom, p = 0.036.
    a = [19.8, 20.4, 19.6, 17.8, 18.5, 18.9, 18.3, 18.9, 19.5, 22.0]
    b = [28.2, 26.6, 20.1, 23.3, 25.2, 22.1, 17.7, 27.6, 20.6, 13.7, 23.2, 17.5, 20.6, 18.0, 23.9, 21.6, 24.3, 20.4]
    b += [24.0, 13.2]
    c = compare(a, b)
    assert (round(c.mean_a, 1), round(c.mean_b, 1)) == (19.4, 21.6)
    assert (round(c.sd_a**2, 1), round(c.sd_b**2, 1)) == (1.4, 17.1)
    assert c.p == pytest.approx(0.036, abs=0.0005)
    t = (c.mean_a - c.mean_b) / math.sqrt(c.sd_a**2 / c.n_a + c.sd_b**2 / c.n_b)
    assert t == pytest.approx(-2.22, abs=0.005)
    half = (c.high - c.low) / 2 / 100 * c.mean_a
    assert half * t / (c.mean_a - c.mean_b) == pytest.approx(scipy_stats.t.ppf(0.975, 24.5), abs=0.001)


def test_p_and_interval_agree_with_scipy():
    source = random.Random(1)
    found = set()
    for _ in range(300):
        a = [source.gauss(100, 3) for _ in range(source.randint(2, 12))]
        b = [source.gauss(102, 1) for _ in range(source.randint(2, 12))]
        c = compare(a, b)
        p = scipy_stats.ttest_ind(b, a, equal_var=False).pvalue
        assert c.p == pytest.approx(p)
        assert c.different == (p < 0.05)
        found.add(c.different)
    assert found == {True, False}


def test_interval_is_where_scipy_finds_p_of_five_per_cent():
    a, b = [100.0, 101.0, 103.0, 99.5], [104.0, 104.5, 107.0]
    c = compare(a, b)
    for border in (c.low, c.high):
        shifted = [value - border / 100 * c.mean_a for value in b]
        assert scipy_stats.ttest_ind(shifted, a, equal_var=False).pvalue == pytest.approx(0.05)


def test_equivalence_agrees_with_statsmodels():
    source = random.Random(3)
    found = set()
    for _ in range(200):
        a = [source.gauss(100, 0.5) for _ in range(source.randint(3, 12))]
        b = [source.gauss(100.4, 0.9) for _ in range(source.randint(3, 12))]
        c = compare(a, b)
        margin = stats.MARGIN / 100 * c.mean_a
        p = ttost_ind(b, a, -margin, margin, usevar="unequal")[0]
        assert c.p_equivalent == pytest.approx(p)
        found.add(c.within_margin)
    assert found == {True, False}


def test_equivalence_is_a_90_per_cent_interval_inside_the_margin():
    # The known dual form of the two one-sided tests at 5 %.
    a, b = [99.0, 100.2, 100.9, 100.1], [100.4, 100.3, 101.0, 100.2, 99.9]
    c = compare(a, b)
    var_a, var_b = c.sd_a**2 / c.n_a, c.sd_b**2 / c.n_b
    freedom = (var_a + var_b) ** 2 / (var_a**2 / (c.n_a - 1) + var_b**2 / (c.n_b - 1))
    half = 100 / c.mean_a * scipy_stats.t.ppf(0.95, freedom) * math.sqrt(var_a + var_b)
    assert c.within_margin == (-stats.MARGIN < c.diff - half and c.diff + half < stats.MARGIN)


def test_adjustment_of_a_textbook_example():
    # Holm: 0.005*4, 0.01*3, 0.03*2, then no less than before. Benjamini-Hochberg: p * 4 / rank, from the largest down.
    adjusted = stats.adjust([0.01, 0.04, 0.03, 0.005])
    assert [a.holm for a in adjusted] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [a.bh for a in adjusted] == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert [a.survives_holm for a in adjusted] == [True, False, False, True]
    assert [a.survives_bh for a in adjusted] == [True] * 4


def test_adjustment_of_the_published_false_discovery_example():
    # The 15 p values of Benjamini and Hochberg's paper (1995): Bonferroni-type control rejects 3, theirs 4.
    values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]
    adjusted = stats.adjust([*values, 0.7590, 1.0])
    assert [a.survives_holm for a in adjusted] == [True] * 3 + [False] * 12
    assert [a.survives_bh for a in adjusted] == [True] * 4 + [False] * 11


def test_adjustment_of_nothing():
    assert stats.adjust([]) == []


# Verdicts.


def test_no_variance():
    same = compare([5, 5, 5], [5, 5])
    assert (same.diff, same.low, same.high, same.verdict) == (0, 0, 0, "equivalent")
    assert (same.p, same.p_equivalent, same.ratio_interval) == (1, 0, (1, 1))
    less = compare([5, 5], [4, 4])
    assert (less.diff, less.low, less.high, less.verdict) == (-20, -20, -20, "faster")
    assert (less.p, less.within_margin, less.confirmed) == (0, False, True)
    tiny = compare([1000, 1000], [1001, 1001])
    assert (tiny.verdict, tiny.within_margin) == ("slower", True)


def test_variance_on_one_side_only():
    c = compare([100, 100, 100], [101, 102, 103])
    assert c.p == pytest.approx(scipy_stats.ttest_1samp([101, 102, 103], 100).pvalue)


@pytest.mark.parametrize(
    ("better", "b", "verdict"),
    [
        ("lower", [90, 91, 92], "faster"),
        ("lower", [110, 111, 112], "slower"),
        ("higher", [90, 91, 92], "slower"),
        ("higher", [110, 111, 112], "faster"),
        ("lower", [99, 102, 103], "inconclusive"),
        ("higher", [100.9, 101.0, 101.2], "equivalent"),
    ],
)
def test_verdict(better, b, verdict):
    c = compare([100.7, 101, 101.3], b, better)
    assert c.verdict == verdict and verdict in stats.VERDICTS


def test_difference_in_one_boot_of_two_is_not_confirmed():
    a = [[100, 100.1, 100.2, 100.3], [100, 100.1, 100.2, 100.3]]
    b = [[100, 100.1, 100.2, 100.3], [101, 101.1, 101.2, 101.3]]
    c = stats.compare(a, b, "lower")
    assert c.verdict == "slower" and not c.confirmed


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([[1]], [[1, 2]]),
        ([[1, 2]], []),
        ([], []),
        ([[1, math.nan]], [[1, 2]]),
        ([[1, math.inf]], [[1, 2]]),
        ([[0, 1]], [[1, 2]]),
        ([[1, 2]], [[-1, 2]]),
        ([[1, 2]], [[1], [2]]),
        ([[1, 2], []], [[1], [2]]),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b):
    with pytest.raises(ValueError):
        stats.compare(a, b, "lower")


def test_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="more"):
        compare([1, 2], [1, 2], "more")


def test_geometric_mean():
    assert stats.geometric_mean([0.5, 2.0]) == pytest.approx(1)
    assert stats.geometric_mean([1, 10, 100]) == pytest.approx(10)
    assert math.isnan(stats.geometric_mean([]))


def test_bootstrap_repeats_itself_and_takes_boots_of_any_size():
    a, b = [[100, 101, 103], [99, 100]], [[102, 104, 103], [101, 100]]
    low, high = stats.bootstrap(a, b)
    assert (low, high) == stats.bootstrap(a, b)
    mean_ratio = (510 / 5) / (503 / 5)
    assert low < mean_ratio < high


def test_bootstrap_agrees_with_one_written_as_loops():
    source = random.Random(5)
    a, b = [[100, 101, 104], [97, 99], [102]], [[103, 104, 104], [99, 100], [107]]
    ratios = []
    for _ in range(20_000):
        boots = [source.randrange(3) for _ in range(3)]
        means = []
        for side in (a, b):
            drawn = [source.choice(side[boot]) for boot in boots for _ in side[boot]]
            means.append(sum(drawn) / len(drawn))
        ratios.append(means[1] / means[0])
    expected = numpy.quantile(ratios, [0.025, 0.975])
    assert stats.bootstrap(a, b) == pytest.approx(expected, abs=0.002)


# Data with known truth. The bounds are what 2,000 trials leave of the stated rates.


def coverage_of_bootstrap(boots, samples, own, trials=TRIALS):
    """The share of bootstrap intervals that hold the true ratio, 1.01; boots also move both sides together."""
    source = numpy.random.default_rng(11)
    covered = 0
    for trial in range(trials):
        shared = source.normal(0, 1, boots)
        a = boots_of(source, 1000, boots, samples, own, shared=shared)
        b = boots_of(source, 1010, boots, samples, own, shared=shared)
        low, high = stats.bootstrap(a, b, draws=500, seed=trial)
        covered += low <= 1.01 <= high
    return covered / trials


@pytest.mark.parametrize(("samples", "sd_a", "sd_b"), [(40, 5, 5), (40, 5, 15), (8, 5, 8)])
def test_welch_interval_covers_the_truth_in_95_per_cent(samples, sd_a, sd_b):
    source = random.Random(2)
    covered = 0
    for _ in range(TRIALS):
        low, high = interval(
            [source.gauss(1000, sd_a) for _ in range(samples)], [source.gauss(1010, sd_b) for _ in range(samples)]
        )
        covered += low <= 1 <= high
    assert 0.93 <= covered / TRIALS <= 0.97


def test_bootstrap_interval_covers_the_truth_in_95_per_cent_with_enough_boots():
    # 40 samples per side, and boots that change one side by half of a sample's scatter.
    assert 0.93 <= coverage_of_bootstrap(boots=10, samples=4, own=0.5) <= 0.97


def test_bootstrap_interval_is_too_narrow_with_few_boots_and_strong_boot_effects():
    # docs/measuring.md says so; this holds the statement to be true.
    assert 0.5 < coverage_of_bootstrap(boots=2, samples=20, own=1, trials=500) < 0.75
    assert 0.8 < coverage_of_bootstrap(boots=5, samples=8, own=1, trials=500) < 0.93


def test_welch_interval_knows_nothing_of_boots():
    # docs/measuring.md says so; this holds the statement to be true.
    source = numpy.random.default_rng(12)
    covered = 0
    for _ in range(500):
        c = stats.compare(boots_of(source, 1000, 5, 8, 1), boots_of(source, 1010, 5, 8, 1), "lower")
        covered += c.low <= 1 <= c.high
    assert 0.5 < covered / 500 < 0.75


def test_false_verdicts_are_about_five_per_cent_before_holm_and_five_per_cent_of_runs_after(monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda: 0)  # statsmodels does so in each adjustment, which takes all the time.
    source = numpy.random.default_rng(13)
    runs, cells = 250, 16
    false, spoilt = 0, 0
    for _ in range(runs):
        sides = source.normal(1000, 5, (cells, 2, 8)).tolist()
        row = [compare(a, b) for a, b in sides]
        false += sum(c.verdict in ("faster", "slower") for c in row)
        spoilt += any(adjusted.survives_holm for adjusted in stats.adjust([c.p for c in row]))
    assert 0.04 <= false / (runs * cells) <= 0.06
    assert spoilt / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


def test_difference_of_the_margin_is_called_equivalent_in_at_most_five_per_cent():
    source = numpy.random.default_rng(14)
    trials = 2000
    sides = [(source.normal(1000, 4, 20).tolist(), source.normal(1010, 4, 20).tolist()) for _ in range(trials)]
    called = sum(compare(a, b).within_margin for a, b in sides)
    assert 0.03 <= called / trials <= 0.07


def test_equal_sides_with_little_scatter_are_equivalent():
    source = numpy.random.default_rng(15)
    verdicts = [compare(*source.normal(1000, 2, (2, 20)).tolist()).verdict for _ in range(500)]
    assert verdicts.count("equivalent") / 500 >= 0.93 and "inconclusive" not in verdicts

"""Spreads, paired differences, the exact test and Holm, against numbers worked by hand, brute force, and scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from rekd.results.statistics import Difference, Spread, holm, paired, spread

TEN = dict(zip(range(2026, 2036), (0.81, 0.83, 0.80, 0.86, 0.79, 0.84, 0.82, 0.85, 0.80, 0.83), strict=True))
OTHER = dict(zip(range(2026, 2036), (0.80, 0.81, 0.81, 0.83, 0.79, 0.80, 0.83, 0.81, 0.78, 0.82), strict=True))


def seeds(*values):
    return dict(enumerate(values))


def test_a_spread_by_hand():
    assert spread([1.0, 3.0, 5.0]) == Spread(3, 3.0, 2.0)
    assert spread([1.0, None, 3.0]).n == 2
    assert spread([4.0]) == Spread(1, 4.0, None) and spread([]) == Spread(0, None, None)


def test_three_pairs_by_hand():
    found = paired(seeds(0.51, 0.62, 0.73), seeds(0.50, 0.60, 0.70))
    assert (found.n, found.alone, found.p) == (3, 0, None)
    assert (found.mean, found.sd) == (pytest.approx(0.02), pytest.approx(0.01))
    # Half of the interval: t(.975, 2) = 4.302653, times .01, over the root of 3.
    assert (found.low, found.high) == (pytest.approx(0.02 - 0.0248414, abs=1e-7), pytest.approx(0.0448414, abs=1e-7))
    assert not found.excludes_zero


def test_the_interval_is_that_of_scipy():
    found = paired(TEN, OTHER)
    theirs = stats.ttest_rel(list(TEN.values()), list(OTHER.values())).confidence_interval(0.95)
    assert (found.low, found.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))


def test_the_test_counts_all_1024_changes_of_sign():
    differences = np.array([TEN[seed] - OTHER[seed] for seed in TEN])
    means = [np.mean(differences * signs) for signs in itertools.product((1, -1), repeat=10)]
    as_far = sum(abs(mean) >= abs(differences.mean()) - 1e-12 for mean in means)
    assert 4 < as_far < 200, "the example must be neither clear nor hopeless"
    assert paired(TEN, OTHER).p == pytest.approx(as_far / 1024)


def test_the_test_is_that_of_scipy_and_exact():
    differences = np.array([TEN[seed] - OTHER[seed] + 0.001 * n for n, seed in enumerate(TEN)])
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert len(theirs.null_distribution) == 2**10
    assert paired({n: value for n, value in enumerate(differences)}, seeds(*[0.0] * 10)).p == theirs.pvalue


def test_ten_of_ten_is_the_smallest_p_and_the_order_of_the_rows_does_not_matter():
    better = {seed: value + 0.01 * (1 + seed % 3) for seed, value in TEN.items()}
    assert paired(better, TEN).p == paired(TEN, better).p == 2 / 1024
    assert paired(better, TEN).mean == -paired(TEN, better).mean


def test_fewer_than_eight_pairs_have_no_p():
    eight = {seed: value for seed, value in TEN.items() if seed < 2034}
    found = paired(eight, OTHER)
    assert (found.n, found.alone) == (8, 2) and found.p >= 2 / 2**8
    seven = {seed: value for seed, value in eight.items() if seed != 2030}
    found = paired(seven, OTHER)
    assert (found.n, found.alone, found.p) == (7, 3, None) and found.low is not None


def test_seeds_that_one_has_alone_are_left_out_and_counted():
    found = paired({1: 0.5, 2: 0.6, 3: 0.9}, {2: 0.5, 3: 0.7, 4: 0.1, 5: 0.2})
    assert (found.n, found.alone, found.mean) == (2, 3, pytest.approx(0.15))


def test_no_pair_and_one_pair():
    assert paired({1: 0.5}, {2: 0.5}) == Difference(0, 2)
    assert paired({1: 0.75}, {1: 0.5}) == Difference(1, 0, 0.25)


def test_equal_rows_differ_by_nothing():
    found = paired(TEN, TEN)
    assert (found.mean, found.sd, found.low, found.high, found.p) == (0, 0, 0, 0, 1)
    assert not found.excludes_zero


def test_equal_differences_have_an_interval_without_width():
    found = paired({seed: 0.75 for seed in TEN}, {seed: 0.5 for seed in TEN})
    assert (found.low, found.high, found.p) == (0.25, 0.25, 2 / 1024) and found.excludes_zero


def test_differences_that_cancel_show_nothing_in_spite_of_rounding():
    signs = {seed: 0.1 * (-1) ** seed + 0.7 for seed in TEN}
    assert paired(signs, {seed: 0.7 for seed in TEN}).p == 1


def test_many_pairs_are_drawn_and_the_same_every_time():
    many = {seed: 0.5 + 0.01 * (seed % 5) - 0.012 for seed in range(40)}
    level = {seed: 0.5 for seed in range(40)}
    first, again = paired(many, level).p, paired(many, level).p
    assert first == again and 0 < first < 0.01


def test_holm_by_hand():
    # Sorted: .005 x 4, .01 x 3, .03 x 2, .04 x 1, which may not fall below .06.
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == {name: pytest.approx(p) for name, p in (("a", 0.03), ("b", 0.06), ("c", 0.06), ("d", 0.02))}
    assert list(found) == ["a", "b", "c", "d"]


def test_holm_at_its_edges():
    assert holm({}) == {} and holm({"a": 0.2}) == {"a": 0.2}
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({"a": 0.002, "b": 0.002}) == {"a": 0.004, "b": 0.004}

"""What may be said of few seeds: spreads, differences paired by seed, an exact test, and Holm's correction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate
from statistics import fmean, stdev

import numpy as np

CONFIDENCE = 0.95
FEWEST = 8
"""Pairs below which no p is given: of five, the smallest that the exact test can give is 1/16, which shows nothing.
Rows of ten seeds keep theirs where one or two runs are left out."""
EXACT = 16
"""Most pairs of which all changes of sign are tried; beyond, as many as of so many pairs are drawn, from seed 0."""
DIGITS = 12
"""Decimals of a mean, beyond which floating point makes equal means differ."""


@dataclass(frozen=True)
class Spread:
    """n numbers: their mean, None of none, and standard deviation over the sample, None of fewer than two."""

    n: int = 0
    mean: float | None = None
    sd: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        return asdict(self)


def spread(values: Iterable[float | None]) -> Spread:
    """Mean and standard deviation of the values that are there."""
    there = [value for value in values if value is not None]
    return Spread(len(there), fmean(there) if there else None, stdev(there) if len(there) > 1 else None)


@dataclass(frozen=True)
class Difference:
    """The first minus the second, seed by seed.

    n: pairs. alone: seeds that only one of the two has. mean, sd: of the differences, as in `Spread`. low, high: the
    interval in which the mean difference of all seeds lies with CONFIDENCE, by Student's t; None of fewer than two
    pairs. p: of the exact test by changes of sign, two-sided; None of fewer than FEWEST pairs. adjusted: the same
    after Holm, among the comparisons that are told together; None until it is set.
    """

    n: int = 0
    alone: int = 0
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    adjusted: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0; False where there is none."""
        return self.low is not None and (self.low > 0 or self.high < 0)

    def to_dict(self) -> dict[str, float | None]:
        return asdict(self)


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """The difference of two rows over the seeds that both have: seed -> value."""
    shared = sorted(first.keys() & second.keys())
    alone = len(first.keys() ^ second.keys())
    differences = np.array([first[seed] - second[seed] for seed in shared], dtype=np.float64)
    found = spread(differences.tolist())
    low, high = _interval(found)
    return Difference(found.n, alone, found.mean, found.sd, low, high, _by_signs(differences))


def _interval(found: Spread) -> tuple[float | None, float | None]:
    """Of the mean; equal numbers have an interval without width."""
    if found.sd is None:
        return None, None
    from scipy.stats import t

    half = float(t.ppf((1 + CONFIDENCE) / 2, found.n - 1)) * found.sd / found.n**0.5
    return found.mean - half, found.mean + half


def _by_signs(differences: np.ndarray) -> float | None:
    """How often a mean at least this far from 0 comes of these differences when the sign of each is a toss-up."""
    if len(differences) < FEWEST:
        return None
    from scipy.stats import permutation_test

    options = {"permutation_type": "samples", "n_resamples": 2**EXACT, "rng": 0, "vectorized": True}
    return float(permutation_test((differences,), _mean, **options).pvalue)


def _mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.round(values.mean(axis), DIGITS)


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment of several p, by their names: below a level, all of them hold at it together."""
    ordered = sorted(p, key=p.__getitem__)
    times = (min(1.0, (len(p) - rank) * p[name]) for rank, name in enumerate(ordered))
    found = dict(zip(ordered, accumulate(times, max), strict=True))
    return {name: found[name] for name in p}

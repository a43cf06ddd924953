"""Is a difference of two methods, seed by seed, larger than chance would make it?

Runs of one seed share split and initial set, so their difference is free of what these add to
both. The exact sign-flip test: if the two of a pair are exchangeable, a difference is as likely to
have the other sign. Its p value is the share of all 2^n ways to set the signs whose sum is at least
as far from 0 as the one observed (Fisher, The Design of Experiments, 1935, section 21). Nothing is
supposed of the distribution. A difference of 0 takes no side: it leaves p as it is without that
pair. A family of tests that is read as a whole is corrected after Holm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from scipy.stats import ttest_1samp

from alframe.benchmarks.statistics.curves import DECIMALS, Floats

MOST = 40
"""Up to so many pairs every one of the 2^n sums is counted."""

SLACK = 1e-9
"""Of the sum of all sizes: two sums that are closer are equal but for rounding."""

GRID = 2**18
"""Beyond MOST pairs, sums are rounded to one of so many steps of the sum of all sizes."""


def smallest_p(n: int) -> float:
    """The smallest two-sided p value that n pairs can have: all n differences of one sign."""
    return min(1.0, 2.0 * 0.5**n)


def sign_flip_p(differences: Floats) -> float | None:
    """Two-sided p value of the mean difference [n] being 0.

    Returns:
        At least :func:`smallest_p` of n; None for n = 0.
    """
    sizes = np.abs(differences)
    if not len(sizes):
        return None
    least = abs(float(differences.sum())) - SLACK * float(sizes.sum())
    if least <= 0:
        return 1.0
    return _counted(sizes, least) if len(sizes) <= MOST else _on_a_grid(differences)


def _counted(sizes: Floats, least: float) -> float:
    """Twice the share of sums that are at least ``least`` > 0: their distribution is symmetric.

    A sum is one of the first half's plus one of the second half's, so 2^(n/2) of each are enough
    to count all 2^n. Both are sorted, so that neighbours are looked up at neighbouring places.
    """
    half = len(sizes) // 2
    first, second = (np.sort(_sums(part)) for part in (sizes[:half], sizes[half:]))
    reach = len(second) - np.searchsorted(second, least - first)
    return int(reach.sum()) * 0.5 ** (len(sizes) - 1)


def _sums(sizes: Floats) -> Floats:
    """All 2^n sums of n numbers with either sign."""
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums - size, sums + size])
    return sums


def _on_a_grid(differences: Floats) -> float:
    """The distribution of the sum, a difference at a time, with differences in whole steps."""
    steps = np.rint(differences * (GRID / np.abs(differences).sum())).astype(np.int64)
    end = int(np.abs(steps).sum())
    chance = np.zeros(2 * end + 1)  # of the sums -end .. end
    chance[end] = 1.0
    for step in steps:
        chance = (np.roll(chance, step) + np.roll(chance, -step)) / 2
    # Rounding moves each of two sums by half a step a difference at most: equal ones stay equal.
    far = np.abs(np.arange(-end, end + 1)) >= abs(steps.sum()) - len(steps)
    return min(1.0, float(chance[far].sum()))


@dataclass(frozen=True)
class Paired:
    """What the seeds that both methods have say.

    Attributes:
        n: seeds.
        difference: mean; None for n = 0.
        wins: seeds in which the first method is ahead.
        ties: seeds in which they are equal.
        p_t: two-sided, paired t test; None for n < 2 or differences that are all equal, which
            have no spread to measure the mean by.
        p_sign_flip: two-sided, exact sign-flip test; None for n = 0.
    """

    n: int
    difference: float | None
    wins: int
    ties: int
    p_t: float | None
    p_sign_flip: float | None


def pair(method: Mapping[int, float], against: Mapping[int, float]) -> Paired:
    """Test a method against another; both by seed, in fractions."""
    found = _differences(method, against)
    return Paired(
        n=len(found),
        difference=float(found.mean()) if len(found) else None,
        wins=int((found > 0).sum()),
        ties=int((found == 0).sum()),
        p_t=_t_test_p(found),
        p_sign_flip=sign_flip_p(found),
    )


def _differences(method: Mapping[int, float], against: Mapping[int, float]) -> Floats:
    seeds = sorted(method.keys() & against.keys())
    found = np.array([method[seed] - against[seed] for seed in seeds], np.float64)
    return np.round(found, DECIMALS)


def _t_test_p(differences: Floats) -> float | None:
    if len(np.unique(differences)) < 2:
        return None
    test: Any = ttest_1samp(differences, 0.0)
    return float(test.pvalue)


def holm(ps: Sequence[float | None]) -> tuple[float | None, ...]:
    """Step-down corrected p values, in the order given.

    The smallest of m is multiplied by m, the next by m - 1 and so on; none becomes smaller than
    the one before it, or larger than 1 (Holm, "A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 1979). The chance of one false finding or more
    among those below alpha is at most alpha.

    Args:
        ps: None is a test that was not made: it does not belong to the family and stays None.
    """
    family = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, place) in enumerate(family):
        largest = max(largest, min(1.0, (len(family) - rank) * p))
        corrected[place] = largest
    return tuple(corrected)


def decidable(ns: Sequence[int], alpha: float) -> tuple[bool, ...]:
    """Whether the sign-flip test of each pair of methods could come out below alpha at all.

    A corrected p value never grows when any p value of the family shrinks. So the most that a pair
    can hope for is that all pairs have the smallest p value that their seeds allow: if it is not
    significant then, no outcome makes it so. For m pairs of n seeds each that asks for
    m * 2 / 2^n < alpha, one pair: n >= 6 at .05. In a family of unequal n a pair of few seeds may
    rank behind those of many and needs less.

    Args:
        ns: common seeds of each pair of the family; a pair without any is not tested.
        alpha: level of the family.
    """
    best = holm([smallest_p(n) if n else None for n in ns])
    return tuple(p is not None and p < alpha for p in best)


def least_seeds(pairs: int, alpha: float) -> int:
    """The smallest n with which pairs of n seeds each are :func:`decidable`."""
    return next(n for n in count(1) if pairs * smallest_p(n) < alpha)

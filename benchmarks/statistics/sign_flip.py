"""The exact sign-flip test: is a mean difference of pairs larger than chance would make it?

If the two of a pair are exchangeable, a difference is as likely to have the other sign. Its p
value is the share of all 2^n ways to set the signs whose sum is at least as far from 0 as the one
observed (Fisher, The Design of Experiments, 1935, section 21). Nothing is supposed of the
distribution. A difference of 0 takes no side: it leaves p as it is without that pair.
"""

import numpy as np

from alframe.benchmarks.statistics.curve import Floats

MOST = 40
"""Up to so many pairs every one of the 2^n sums is counted."""

SLACK = 1e-9
"""Of the sum of all sizes: two sums that are closer are equal but for rounding."""

GRID = 2**20
"""Beyond MOST pairs, sums are rounded to one of so many steps of the sum of all sizes."""


def smallest_p(n: int) -> float:
    """The smallest two-sided p value that n pairs can have: all n differences of one sign."""
    return min(1.0, 2.0 / 2.0**n)


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
    to count all 2^n.
    """
    half = len(sizes) // 2
    first, second = _sums(sizes[:half]), np.sort(_sums(sizes[half:]))
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
    far = np.abs(np.arange(-end, end + 1)) >= abs(steps.sum())
    return min(1.0, float(chance[far].sum()))

"""Holm's correction: p values of a family of tests that is read as a whole."""

from collections.abc import Sequence
from itertools import count

from alframe.benchmarks.statistics.sign_flip import smallest_p


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

"""Every method against random selection, the best baseline, and all others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import TypeAlias

from alframe.benchmarks.statistics import Axis, Costs
from alframe.benchmarks.statistics.curves import Curve, by_method, by_problem, heights
from alframe.benchmarks.statistics.significance import Paired, decidable, holm, pair

Values: TypeAlias = Mapping[str, Mapping[int, float]]
"""Areas, or the metric at one number of labelled images, by method and seed of one problem."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Paired):
    """A method against another, seed by seed, by their heights.

    :func:`~alframe.benchmarks.statistics.curves.heights` says which: areas under the budget curve,
    or the metric at the only budget.

    Attributes:
        method: the one.
        against: the other.
        axis: of the area.
        p_holm: ``p_sign_flip`` after Holm's correction over the pairs of the axis.
        decidable: False where n is so small that no outcome could reach ``alpha``.
        significant: ``p_holm`` below ``alpha``.
        within_noise: the mean difference is no larger than that of one run repeated.
    """

    method: str
    against: str
    axis: Axis
    p_holm: float | None
    decidable: bool
    significant: bool
    within_noise: bool


@dataclass(frozen=True)
class WinMatrix:
    """Pairwise penalty matrix (Ash et al., ICLR 2020, section 5).

    Attributes:
        methods: names.
        cells: (problem, size of the labelled set) pairs that were compared.
        share: ``share[i][j]`` of the cells in which method i beats method j by the corrected
            test.
        decidable: False where n is too small for any win.
    """

    methods: tuple[str, ...]
    cells: int
    share: tuple[tuple[float, ...], ...]
    decidable: bool


def compare(
    curves: Sequence[Curve],
    axis: Axis,
    costs: Costs,
    *,
    baseline: str = "random",
    baselines: Iterable[str] = (),
    alpha: float = 0.05,
    noise: float | None = None,
) -> tuple[Comparison, ...]:
    """Compare the methods of one problem by their areas (AUBC) over the range all curves cover.

    Where all curves have the same single budget, by the metric there.

    Args:
        curves: at most one for each method and seed.
        axis: of the areas.
        costs: of the axis of seconds.
        baseline: name of the method that all others are compared with; need not be there.
        baselines: names of methods that nobody proposes: all others are compared with the best
            of them, too. That is the one of the largest mean area over the seeds that all of them
            have. Those without a seed do not count; nor, where no seed is common, those with the
            fewest, the last named first.
        alpha: level of the tests. Their family, for Holm's correction, is what is returned.
        noise: of :func:`~alframe.benchmarks.statistics.curves.replay_noise`; None if no run was
            repeated. It is that of a single cycle, so the area, a mean over cycles, is marked
            rather too often.

    Returns:
        First those against ``baseline``, then those against the best of ``baselines``, each in the
        order of the curves. Two methods meet only once: the best baseline against random is there,
        random against the best baseline is not.
    """
    found = heights(curves, axis, costs)
    pairs = _pairs(found, [baseline, *_best(found, baselines)])
    results = [pair(found[method], found[against]) for method, against in pairs]
    corrected = holm([result.p_sign_flip for result in results])
    possible = decidable([result.n for result in results], alpha)
    return tuple(
        Comparison(
            method=method,
            against=against,
            axis=axis,
            **vars(result),
            p_holm=p,
            decidable=can,
            significant=p is not None and p < alpha,
            within_noise=_within(result.difference, noise),
        )
        for (method, against), result, p, can in zip(
            pairs, results, corrected, possible, strict=True
        )
    )


def _best(found: Values, names: Iterable[str]) -> list[str]:
    """The name with the largest mean height, the first of equals; none where none has one."""
    ranked = {name: found[name] for name in names if found.get(name)}
    while ranked:
        if seeds := set.intersection(*map(set, ranked.values())):
            means = {name: fmean(own[seed] for seed in seeds) for name, own in ranked.items()}
            return [max(means, key=means.__getitem__)]
        del ranked[min(reversed(ranked), key=lambda name: len(ranked[name]))]
    return []


def _pairs(methods: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """(method, other), without a method's pair with itself and without a pair's mirror image."""
    names = list(methods)
    found: dict[frozenset[str], tuple[str, str]] = {}
    for other in others:
        for method in names:
            if other in names and method != other:
                found.setdefault(frozenset((method, other)), (method, other))
    return list(found.values())


def _within(difference: float | None, noise: float | None) -> bool:
    return difference is not None and noise is not None and abs(difference) <= noise


def win_matrix(curves: Sequence[Curve], alpha: float = 0.05) -> WinMatrix | None:
    """Share of the cells in which each method beats each other one.

    A cell is a problem and a number of labelled images at which two methods or more have runs of a
    common seed. In it every pair of methods is tested by the exact sign-flip test over the seeds
    that both have, corrected after Holm over the pairs of the cell. A method wins where the
    corrected p value is below alpha and the mean difference is in its favour. Shares are of all
    cells, also for two methods that meet in few of them.

    The idea is that of Ash et al., "Deep batch active learning by diverse, uncertain gradient lower
    bounds" (ICLR 2020), section 5.

    # Deviation: they use a t test without correction.

    Args:
        curves: of all problems; at most one for each problem, method and seed.
        alpha: level of the tests of a cell.

    Returns:
        Methods in the order of their first appearance; None where no two of them meet.
    """
    methods = tuple(dict.fromkeys(curve.method for curve in curves))
    cells = [tests for cell in _cells(curves) if (tests := _tests(cell))]
    if not cells:
        return None
    wins = Counter(win for tests in cells for win in _wins(tests, alpha))
    return WinMatrix(
        methods=methods,
        cells=len(cells),
        share=tuple(tuple(wins[a, b] / len(cells) for b in methods) for a in methods),
        decidable=any(any(decidable([t.n for t in c.values()], alpha)) for c in cells),
    )


def _cells(curves: Sequence[Curve]) -> Iterator[Values]:
    """The metric by method and seed, for each problem and number of labelled images."""
    for group in by_problem(curves).values():
        found: dict[int, dict[str, dict[int, float]]] = {}
        for method, seeds in by_method(group).items():
            for seed, curve in seeds.items():
                for size, value in curve.by_size().items():
                    found.setdefault(size, {}).setdefault(method, {})[seed] = value
        yield from found.values()


def _tests(cell: Values) -> dict[tuple[str, str], Paired]:
    """Of every pair of methods with a common seed."""
    tests = {(a, b): pair(cell[a], cell[b]) for a, b in combinations(cell, 2)}
    return {names: test for names, test in tests.items() if test.n}


def _wins(tests: Mapping[tuple[str, str], Paired], alpha: float) -> Iterator[tuple[str, str]]:
    """(ahead, behind) for each pair that differs."""
    corrected = holm([test.p_sign_flip for test in tests.values()])
    for ((a, b), test), p in zip(tests.items(), corrected, strict=True):
        if p is not None and p < alpha and test.difference is not None:
            yield (a, b) if test.difference > 0 else (b, a)

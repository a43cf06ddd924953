"""Performance profiles (Dolan & More, Mathematical Programming 2002)."""

from collections.abc import Iterator, Mapping, Sequence

from alframe.benchmarks.findings import Axis, Costs, Profile
from alframe.benchmarks.statistics.crossing import first_crossing
from alframe.benchmarks.statistics.curve import Curve, by_method, by_problem

QS = (0.5, 0.7, 0.9)
"""Shares of full supervision: early, middle and late on a curve."""


def performance_profile(
    curves: Sequence[Curve],
    full: Mapping[str, float],
    axis: Axis,
    costs: Costs,
    *,
    qs: Sequence[float] = QS,
) -> Profile | None:
    """Budgets needed to reach levels, as multiples of the smallest that any method needed.

    A problem is (problem, seed, q): the budget at which the curve of that seed first reaches q of
    the problem's full supervision. It counts if every method has a curve of that seed, so that
    none fails for not having been run, and if at least one reaches the level. A level that all
    curves start above does count, with ratio 1 for methods that start from the same budget; one
    that is reached for nothing (no boxes, on their axis) does not, for it has no ratios.

    Args:
        curves: of all problems; at most one for each problem, method and seed.
        full: problem -> its metric of full supervision, one for all seeds and methods; problems
            without are left out.
        axis: of the budget.
        costs: of the axis of seconds.
        qs: shares of ``full``.

    Returns:
        ``problems`` counts those described above. None where there are none.
    """
    methods = dict.fromkeys(curve.method for curve in curves)
    ratios: dict[str, list[float]] = {method: [] for method in methods}
    solved = list(_solved(curves, full, axis, costs, qs))
    for budgets in solved:
        smallest = min(budgets.values())
        for method, budget in budgets.items():
            ratios[method].append(budget / smallest)
    found = {method: tuple(sorted(values)) for method, values in ratios.items()}
    return Profile(problems=len(solved), ratios=found) if solved else None


def share_within(ratios: Sequence[float], problems: int, tau: float) -> float:
    """A point of the profile: share of the problems solved within tau times the smallest budget.

    Args:
        ratios: of one method, one for each problem that it solved.
        problems: how many there are, at least one.
        tau: 1 asks in how many the method was the best.
    """
    return sum(ratio <= tau for ratio in ratios) / problems


def _solved(
    curves: Sequence[Curve],
    full: Mapping[str, float],
    axis: Axis,
    costs: Costs,
    qs: Sequence[float],
) -> Iterator[Mapping[str, float]]:
    """Budgets of the methods that solved a problem, for each problem that one of them solved."""
    for name, seeds in _posed(curves):
        for q in qs if name in full else ():
            needed = {
                method: first_crossing(*curve.along(axis, costs), q * full[name])
                for method, curve in seeds.items()
            }
            budgets = {m: budget for m, budget in needed.items() if budget is not None}
            if budgets and min(budgets.values()) > 0:
                yield budgets


def _posed(curves: Sequence[Curve]) -> Iterator[tuple[str, Mapping[str, Curve]]]:
    """Problem, and its curves of one seed by method, where every method has one."""
    methods = {curve.method for curve in curves}
    for name, group in by_problem(curves).items():
        found = by_method(group)
        if methods == found.keys():
            for seed in sorted(set.intersection(*(set(seeds) for seeds in found.values()))):
                yield name, {method: seeds[seed] for method, seeds in found.items()}

"""Performance profiles (Dolan & More, Mathematical Programming 2002)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from alframe.benchmarks.findings import Axis, Costs, Profile
from alframe.benchmarks.statistics.crossing import first_crossing
from alframe.benchmarks.statistics.curve import Curve, by_method, by_problem

QS = (0.5, 0.7, 0.9)
"""Shares of full supervision: early, middle and late on a curve."""

Attempt: TypeAlias = tuple[str, str, int]
"""Problem, method and seed."""
Posed: TypeAlias = tuple[str, int]
"""Problem and seed."""


def performance_profile(
    curves: Sequence[Curve],
    full: Mapping[str, float],
    axis: Axis,
    costs: Costs,
    *,
    failed: Collection[Attempt] = (),
    qs: Sequence[float] = QS,
) -> Profile | None:
    """Budgets needed to reach levels, as multiples of the smallest that any method needed.

    A problem is (problem, seed, q): the budget at which the curve of that seed first reaches q of
    the problem's full supervision. It counts if every method was run with that seed, so that none
    fails for not having been tried, and if at least one reaches the level. A run that failed
    reaches none. A level that all curves start above does count, with ratio 1 for methods that
    start from the same budget; one that is reached for nothing (no objects, on their axis) does
    not, for it has no ratios.

    Args:
        curves: of all problems; at most one for each problem, method and seed.
        full: problem -> its metric of full supervision, one for all seeds and methods; problems
            without are left out.
        axis: of the budget.
        costs: of the axis of seconds.
        failed: what was run and has no curve.
        qs: shares of ``full``.

    Returns:
        ``problems`` counts those described above. None where there are none.
    """
    methods = dict.fromkeys([*(c.method for c in curves), *(m for _, m, _ in failed)])
    attempts = _attempts(curves, failed)
    posed = {k: c for k, c in attempts.items() if c.keys() == methods.keys() and k[0] in full}
    solved = [b for k, c in posed.items() for b in _solved(c, full[k[0]], axis, costs, qs)]
    ratios = {m: sorted(b[m] / min(b.values()) for b in solved if m in b) for m in methods}
    found = {method: tuple(values) for method, values in ratios.items()}
    left_out = _by_problem(key for key in attempts if key not in posed)
    return Profile(problems=len(solved), ratios=found, left_out=left_out) if solved else None


def share_within(ratios: Sequence[float], problems: int, tau: float) -> float:
    """A point of the profile: share of the problems solved within tau times the smallest budget.

    Args:
        ratios: of one method, one for each problem that it solved.
        problems: how many there are, at least one.
        tau: 1 asks in how many the method was the best.
    """
    return sum(ratio <= tau for ratio in ratios) / problems


def _attempts(
    curves: Iterable[Curve], failed: Iterable[Attempt]
) -> dict[Posed, dict[str, Curve | None]]:
    """Curves by method for each problem and seed; None is a run that failed."""
    found: dict[Posed, dict[str, Curve | None]] = defaultdict(dict)
    for problem, group in by_problem(curves).items():
        for method, seeds in by_method(group).items():
            for seed, curve in seeds.items():
                found[problem, seed][method] = curve
    for problem, method, seed in failed:
        found[problem, seed].setdefault(method, None)
    return found


def _solved(
    runs: Mapping[str, Curve | None], full: float, axis: Axis, costs: Costs, qs: Sequence[float]
) -> Iterator[Mapping[str, float]]:
    """Budgets of the methods that reached a level, for each level that one of them reached."""
    lines = {method: curve.along(axis, costs) for method, curve in runs.items() if curve}
    for q in qs:
        needed = {method: first_crossing(*line, q * full) for method, line in lines.items()}
        budgets = {method: budget for method, budget in needed.items() if budget is not None}
        if budgets and min(budgets.values()) > 0:
            yield budgets


def _by_problem(found: Iterable[Posed]) -> dict[str, tuple[int, ...]]:
    """Seeds of each problem, ascending."""
    seeds: dict[str, list[int]] = defaultdict(list)
    for problem, seed in found:
        seeds[problem].append(seed)
    return {problem: tuple(sorted(numbers)) for problem, numbers in seeds.items()}

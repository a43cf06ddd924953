"""Budgets that methods need to reach a level: what they save, and performance profiles.

A curve that starts at the level or above it says only that its first budget is enough: less was
not tried. Such a budget is an upper bound, and the saving with it a bound as well.

The level is a share of full supervision, which is a mean over seeds and known up to its interval.
A saving is decidable if it exists at both ends of that interval as well, and is told with the
smallest and the largest within it. Of a single seed there is no interval, and nothing is decidable.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeAlias

import numpy as np

from alframe.benchmarks.statistics import QS, Axis, Costs, Q
from alframe.benchmarks.statistics.curves import (
    DECIMALS,
    Curve,
    Floats,
    Summary,
    by_method,
    by_problem,
    first_crossing,
)
from alframe.grouping import by_key

Attempt: TypeAlias = tuple[str, str, int]
"""Problem, method and seed."""
Posed: TypeAlias = tuple[str, int]
"""Problem and seed."""

ONE_SEED = "full supervision was run with one seed"
NOT_ALL = "it does not exist at both ends of the interval of full supervision"


@dataclass(frozen=True)
class Saving:
    """How much labelling a method saves to reach a level.

    Attributes:
        method: the one.
        level: of the metric.
        n: seeds that both have: the mean curves are over these.
        needed: budget at which the mean curve reaches the level; None: not reached.
        baseline: the same of random selection.
        saving: 1 - needed / baseline; None where one of them is, or both are upper bounds.
        needed_at_most: ``needed`` is an upper bound, for the mean curve starts at the level or
            above; then ``saving`` is a lower bound.
        baseline_at_most: the same of ``baseline``; then ``saving`` is an upper bound.
        between: the smallest and the largest saving for levels within the interval of full
            supervision; None where it has none, or a saving does not exist at one of its ends.
        between_bounds: whether the smallest is an upper bound, and the largest a lower one, as
            savings at some of these levels are.
        undecided: why full supervision is no reference for a saving, which is then None; empty
            where it is one.
    """

    method: str
    level: float
    n: int
    needed: float | None
    baseline: float | None
    saving: float | None
    needed_at_most: bool = False
    baseline_at_most: bool = False
    between: tuple[float, float] | None = None
    between_bounds: tuple[bool, bool] = (False, False)
    undecided: str = ""


@dataclass(frozen=True)
class Profile:
    """Performance profile (Dolan and More, 2002).

    Attributes:
        problems: how many (dataset, model, seed, level) any method solved.
        ratios: method -> its ratio of budget needed to the smallest needed, ascending, one for
            each problem that it solved.
        left_out: seeds by name of the problem that some method was not run with, or that have no
            level.
        of_one_seed: problems whose full supervision, and so their levels, is of one seed.
    """

    problems: int
    ratios: Mapping[str, tuple[float, ...]]
    left_out: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    of_one_seed: tuple[str, ...] = ()


def savings_within(
    curves: Sequence[Curve], full: Summary, axis: Axis, costs: Costs, *, baseline: str = "random"
) -> tuple[Saving, ...]:
    """:func:`label_savings` at the mean of full supervision, held against its interval.

    Args:
        curves: at most one for each method and seed.
        full: the metric of full supervision over its seeds.
        axis: of the budget.
        costs: of the axis of seconds.
        baseline: name of the method to compare with.

    Returns:
        As there; what the interval leaves open has no saving, and says why.
    """
    found = label_savings(curves, full.mean, axis, costs, baseline=baseline)
    if full.interval is None:
        return tuple(replace(s, saving=None, undecided=ONE_SEED) for s in found)
    low, high = full.interval
    methods = {name: [*seeds.values()] for name, seeds in by_method(curves).items()}
    return tuple(
        _held_against(s, methods[s.method], methods[baseline], (Q * low, Q * high), axis, costs)
        for s in found
    )


def _held_against(
    found: Saving,
    curves: Sequence[Curve],
    baseline: Sequence[Curve],
    levels: tuple[float, float],
    axis: Axis,
    costs: Costs,
) -> Saving:
    if found.saving is None:
        return found
    both = {c.seed for c in curves} & {c.seed for c in baseline}
    curves, baseline = ([c for c in each if c.seed in both] for each in (curves, baseline))
    turns = chain.from_iterable(_turns(each, levels, axis, costs) for each in (curves, baseline))
    every = [saving(curves, baseline, level, axis, costs) for level in (*levels, *turns)]
    values = [s.saving for s in (found, *every) if s.saving is not None]
    if any(s.saving is None for s in every):
        return replace(found, saving=None, undecided=NOT_ALL)
    bounds = [(s.baseline_at_most, s.needed_at_most) for s in (found, *every)]
    at_most, at_least = (any(column) for column in zip(*bounds, strict=True))
    return replace(found, between=(min(values), max(values)), between_bounds=(at_most, at_least))


def _turns(
    curves: Sequence[Curve], levels: tuple[float, float], axis: Axis, costs: Costs
) -> Iterator[float]:
    """Levels at which the budget that is needed turns or jumps, and those just above them.

    Between two of them it is linear in the level, and what is saved has its extremes at the ends.
    """
    low, high = levels
    for value in _mean_curve(curves, axis, costs)[1]:
        if low <= value < high:
            yield float(value)
            yield min(high, float(value) + 2 * 10**-DECIMALS)


def label_savings(
    curves: Sequence[Curve],
    full: float,
    axis: Axis,
    costs: Costs,
    *,
    q: float = Q,
    baseline: str = "random",
) -> tuple[Saving, ...]:
    """What each method of one problem saves against a baseline at q of full supervision.

    Args:
        curves: at most one for each method and seed.
        full: the metric of full supervision. One number for all, for a method with a better
            reference of its own would be asked for more than the baseline.
        axis: of the budget.
        costs: of the axis of seconds.
        q: share of ``full`` that is to be reached.
        baseline: name of the method to compare with.

    Returns:
        One for each method but the baseline, in the order of the curves; empty without the
        baseline.
    """
    methods = {name: [*seeds.values()] for name, seeds in by_method(curves).items()}
    theirs = methods.pop(baseline, None)
    if theirs is None:
        return ()
    return tuple(saving(ours, theirs, q * full, axis, costs) for ours in methods.values())


def saving(
    curves: Sequence[Curve], baseline: Sequence[Curve], level: float, axis: Axis, costs: Costs
) -> Saving:
    """1 - budget of a method / budget of the baseline, at which their mean curves reach a level.

    The means are over the seeds that both have. Seeds are easy or hard: with others of them a
    method would save labels against itself.

    Args:
        curves: of one method, one for each seed.
        baseline: of another, one for each seed.
        level: of the metric.
        axis: of the budget.
        costs: of the axis of seconds.

    Returns:
        Budgets of the first crossings; two upper bounds have no saving.
    """
    seeds = {c.seed for c in curves} & {c.seed for c in baseline}
    needed, at_most = _reached([c for c in curves if c.seed in seeds], level, axis, costs)
    theirs, theirs_at_most = _reached([c for c in baseline if c.seed in seeds], level, axis, costs)
    unknown = at_most and theirs_at_most
    return Saving(
        curves[0].method,
        level=level,
        n=len(seeds),
        needed=needed,
        baseline=theirs,
        saving=None if needed is None or not theirs or unknown else 1 - needed / theirs,
        needed_at_most=at_most,
        baseline_at_most=theirs_at_most,
    )


def _reached(
    curves: Sequence[Curve], level: float, axis: Axis, costs: Costs
) -> tuple[float | None, bool]:
    """Where the mean curve first reaches a level, and whether that is its first budget."""
    budgets, values = _mean_curve(curves, axis, costs)
    found = first_crossing(budgets, values, level)
    return found, found is not None and found == float(budgets[0])


def _mean_curve(curves: Sequence[Curve], axis: Axis, costs: Costs) -> tuple[Floats, Floats]:
    """Budgets [C] that all curves cover, ascending, and the mean of their values there [C].

    Beyond the end of a curve the mean would be of other seeds, and jump for that reason alone.
    The budgets are those of every cycle of every curve, so the mean is linear between them. There
    are none where the curves cover nothing in common, and without any curve.
    """
    lines = [curve.along(axis, costs) for curve in curves]
    low = max((x[0] for x, _ in lines), default=np.inf)
    high = min((x[-1] for x, _ in lines), default=-np.inf)
    if low > high:
        return np.empty(0), np.empty(0)
    budgets = np.unique(np.clip(np.concatenate([x for x, _ in lines]), low, high))
    return budgets, np.mean([np.interp(budgets, x, y) for x, y in lines], axis=0)


def performance_profile(
    curves: Sequence[Curve],
    full: Mapping[str, Summary],
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
        full: problem -> its metric of full supervision over its seeds, whose mean is one for all
            seeds and methods; problems without are left out.
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
    solved = [b for k, c in posed.items() for b in _solved(c, full[k[0]].mean, axis, costs, qs)]
    ratios = {m: sorted(b[m] / min(b.values()) for b in solved if m in b) for m in methods}
    found = {method: tuple(values) for method, values in ratios.items()}
    seeds = by_key(key for key in attempts if key not in posed)
    left_out = {problem: tuple(sorted(numbers)) for problem, numbers in seeds.items()}
    if not solved:
        return None
    of_one_seed = tuple(name for name, level in full.items() if level.interval is None)
    return Profile(len(solved), found, left_out, of_one_seed)


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

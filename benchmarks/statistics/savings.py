"""Labelling that a method saves on the way to a level.

A curve that starts at the level or above it says only that its first budget is enough: less was
not tried. Such a budget is an upper bound, and the saving with it a bound as well.

The level is a share of full supervision, which is a mean over seeds and known up to its interval.
A saving is decidable if it exists at both ends of that interval as well, and is told with what it
is there. Of a single seed there is no interval, and nothing is decidable.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alframe.benchmarks.findings import Axis, Costs, Saving, Summary
from alframe.benchmarks.statistics.crossing import first_crossing
from alframe.benchmarks.statistics.curve import Curve, Floats, by_method

Q = 0.9
"""Share of full supervision that is to be reached."""


ONE_SEED = "full supervision was run with one seed"
NOT_ALL = "it does not exist at both ends of the interval of full supervision"


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
    low, high = (
        label_savings(curves, end, axis, costs, baseline=baseline) for end in full.interval
    )
    return tuple(_held_against(*same) for same in zip(found, low, high, strict=True))


def _held_against(found: Saving, low: Saving, high: Saving) -> Saving:
    if found.saving is None:
        return found
    if low.saving is None or high.saving is None:
        return replace(found, saving=None, undecided=NOT_ALL)
    all_three = (found.saving, low.saving, high.saving)
    return replace(found, between=(min(all_three), max(all_three)))


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

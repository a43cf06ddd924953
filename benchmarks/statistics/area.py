"""AUBC: the area under a metric's curve over the budget, divided by the range of budgets.

After Zhan et al., "A comparative survey: benchmarking for pool-based active learning" (IJCAI
2021). The unit is that of the metric: the area is the curve's mean height. Heights over different
ranges cannot be compared, since the metric grows with the budget. Over images all finished runs of
a suite share their range. Over objects and seconds they do not: a method that selects crowded
images starts where the others do and ends far to their right, and would be rewarded for having
bought more. So the areas of one table are all taken over the range of budgets that every curve
covers, with linear interpolation where that range starts or ends between two cycles.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.integrate import trapezoid

from alframe.benchmarks.findings import Axis, Costs
from alframe.benchmarks.statistics.curve import Curve, by_method


def aubc(
    curve: Curve, axis: Axis, costs: Costs, span: tuple[float, float] | None = None
) -> float | None:
    """Trapezoid area of a curve divided by the range of budgets.

    Args:
        curve: one run.
        axis: of the budget.
        costs: of the axis of seconds.
        span: budgets from which and to which; the curve's own first and last by default.

    Returns:
        The metric's mean height; None where the curve has fewer than two budgets or does not
        cover the span, or the span is empty.
    """
    budgets, values = curve.along(axis, costs)
    low, high = span or (budgets[0], budgets[-1])
    if not budgets[0] <= low < high <= budgets[-1]:
        return None
    inside = (budgets > low) & (budgets < high)
    places = np.array([low, *budgets[inside], high])
    heights = np.interp(places, budgets, values)
    return float(trapezoid(heights, places) / (high - low))


def common_span(curves: Iterable[Curve], axis: Axis, costs: Costs) -> tuple[float, float] | None:
    """The range of budgets that all curves cover.

    Curves with a single budget, which have no area over any range, do not narrow it.

    Returns:
        The largest first and the smallest last budget; None where no budgets lie between.
    """
    budgets = [curve.along(axis, costs)[0] for curve in curves]
    ends = [(x[0], x[-1]) for x in budgets if len(x) > 1]
    if not ends:
        return None
    low, high = max(float(x) for x, _ in ends), min(float(x) for _, x in ends)
    return (low, high) if low < high else None


def areas(
    curves: Sequence[Curve], axis: Axis, costs: Costs, span: tuple[float, float] | None = None
) -> dict[str, dict[int, float]]:
    """Areas of one problem's curves that can be compared, by method and seed.

    Args:
        curves: at most one for each method and seed.
        axis: of the budget.
        costs: of the axis of seconds.
        span: as in :func:`aubc`; :func:`common_span` of the curves by default.

    Returns:
        Every method, in the order of the curves, with the seeds whose curves have an area.
    """
    span = span or common_span(curves, axis, costs)
    found: dict[str, dict[int, float]] = {}
    for method, seeds in by_method(curves).items():
        heights = {s: aubc(c, axis, costs, span) if span else None for s, c in seeds.items()}
        found[method] = {seed: height for seed, height in heights.items() if height is not None}
    return found

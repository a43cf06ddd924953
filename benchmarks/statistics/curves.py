"""The metric of one run over its cycles, and what single curves say: areas, crossings, noise.

AUBC is the area under a metric's curve over the budget, divided by the range of budgets, after
Zhan et al., "A comparative survey: benchmarking for pool-based active learning" (IJCAI 2021). The
unit is that of the metric: the area is the curve's mean height. Heights over different ranges
cannot be compared, since the metric grows with the budget. Over images all finished runs of a suite
share their range. Over objects and seconds they do not: a method that selects crowded images starts
where the others do and ends far to their right, and would be rewarded for having bought more. So
the areas of one table are all taken over the range of budgets that every curve covers, with linear
interpolation where that range starts or ends between two cycles.
"""

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.stats import t

from alframe.benchmarks.statistics import Axis, Costs
from alframe.errors import RunError
from alframe.grouping import by_key

CONFIDENCE = 0.95
"""Of the interval of a mean."""

Floats: TypeAlias = NDArray[np.float64]

DECIMALS = 12
"""Metrics (fractions) that agree to so many decimals are equal: the rest is rounding."""


@dataclass(frozen=True)
class Summary:
    """Several runs' values of one quantity.

    Attributes:
        mean: over ``n`` runs.
        sd: standard deviation, n - 1 in the denominator; None for one run.
        n: runs.
        interval: 95 % confidence interval of the mean by Student's t; None for one run.
    """

    mean: float
    sd: float | None
    n: int
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Curve:
    """One run of one method.

    Attributes:
        problem: dataset and model, as the suite calls them together.
        method: its name.
        seed: of the run.
        images: labelled in each cycle, at least one cycle; never fewer than in the last.
        objects: annotated in them; never fewer than in the last cycle.
        values: the metric, a finite fraction; a cycle without one is left out of all.
        seconds: what annotating took so far; None where it is modelled.

    Raises:
        ValueError: the three differ in length, are empty, or a value is not finite.
        RunError: images or objects become fewer.
    """

    problem: str
    method: str
    seed: int
    images: tuple[int, ...]
    objects: tuple[int, ...]
    values: tuple[float, ...]
    seconds: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.objects) == len(self.values) > 0:
            raise ValueError(f"{self}: expected images, objects and a value for one cycle or more")
        if not all(map(math.isfinite, self.values)):
            raise ValueError(f"{self}: expected finite values")
        for name, counts in (("images", self.images), ("objects", self.objects)):
            if any(after < before for before, after in pairwise(counts)):
                raise RunError(
                    f"{self.problem}/{self.method}, seed {self.seed}: labelled {name} become fewer "
                    f"from cycle to cycle {counts}; leave this run out or run it again"
                )

    def budget(self, axis: Axis, costs: Costs) -> tuple[float, ...]:
        """What the labels of each cycle cost, in units of the axis."""
        if axis == "seconds":
            return self.seconds or tuple(map(costs.seconds, self.images, self.objects))
        return self.images if axis == "images" else self.objects

    def along(self, axis: Axis, costs: Costs) -> tuple[Floats, Floats]:
        """Budgets [C], strictly ascending, and values [C].

        Of several cycles with one budget the last counts.
        """
        points = dict(zip(self.budget(axis, costs), self.values, strict=True))
        return np.array([*points], np.float64), np.array([*points.values()], np.float64)

    def by_size(self) -> Mapping[int, float]:
        """The metric by number of labelled images; the last of cycles with one number."""
        return dict(zip(self.images, self.values, strict=True))


def by_problem(curves: Iterable[Curve]) -> dict[str, list[Curve]]:
    """Curves of each problem, in the order of their first appearance."""
    return by_key((curve.problem, curve) for curve in curves)


def by_method(curves: Sequence[Curve]) -> dict[str, dict[int, Curve]]:
    """Curves of one problem by method, in the order of their first appearance, and seed.

    Raises:
        ValueError: the curves are of several problems.
        RunError: a method has two curves of one seed; which of them to pair is not ours to say.
    """
    if len(by_problem(curves)) > 1:
        raise ValueError(f"expected one problem, got {', '.join(by_problem(curves))}")
    found: dict[str, dict[int, Curve]] = {}
    for curve in curves:
        seeds = found.setdefault(curve.method, {})
        if curve.seed in seeds:
            raise RunError(
                f"{curve.problem}/{curve.method}: expected one run a seed, got two of seed "
                f"{curve.seed}; leave one of them out"
            )
        seeds[curve.seed] = curve
    return found


def replay_noise(run: Curve, again: Curve) -> float | None:
    """The largest absolute difference of the metric between a run and its repetition.

    Returns:
        Over the numbers of labelled images that both have; None where they have none in common.
    """
    ours, theirs = run.by_size(), again.by_size()
    return max((abs(ours[n] - theirs[n]) for n in ours.keys() & theirs.keys()), default=None)


def first_crossing(budgets: Floats, values: Floats, level: float) -> float | None:
    """Interpolate linearly to the budget at which a curve first reaches a level.

    Args:
        budgets: ascending [C].
        values: of the metric [C].
        level: of the metric.

    Returns:
        The budget; None where no value reaches the level. Where the first one does already it is
        the first budget: an upper bound, for less was not tried.
    """
    reached = np.flatnonzero(np.round(values, DECIMALS) >= round(level, DECIMALS))
    if not len(reached):
        return None
    if not reached[0]:
        return float(budgets[0])
    between = slice(reached[0] - 1, reached[0] + 1)
    return float(np.interp(level, values[between], budgets[between]))


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


def areas(curves: Sequence[Curve], axis: Axis, costs: Costs) -> dict[str, dict[int, float]]:
    """Areas of one problem's curves that can be compared, by method and seed.

    Args:
        curves: at most one for each method and seed.
        axis: of the budget.
        costs: of the axis of seconds.

    Returns:
        Every method, in the order of the curves, with the seeds whose curves have an area over
        the :func:`common_span` of all.
    """
    span = common_span(curves, axis, costs)
    found: dict[str, dict[int, float]] = {}
    for method, seeds in by_method(curves).items():
        heights = {s: aubc(c, axis, costs, span) if span else None for s, c in seeds.items()}
        found[method] = {seed: height for seed, height in heights.items() if height is not None}
    return found


def heights(curves: Sequence[Curve], axis: Axis, costs: Costs) -> dict[str, dict[int, float]]:
    """By what one problem's curves are compared, by method and seed.

    Returns:
        Their :func:`areas`; where all have the same single budget, the metric there. Cycles that
        cost nothing on an axis are no single budget: they differ in images.
    """
    budgets = {tuple(curve.along(axis, costs)[0]) for curve in curves}
    grown = any(len({*curve.images}) > 1 for curve in curves)
    if grown or [len(found) for found in budgets] != [1]:
        return areas(curves, axis, costs)
    return {
        method: {seed: curve.values[-1] for seed, curve in seeds.items()}
        for method, seeds in by_method(curves).items()
    }


def summarise(values: Collection[float]) -> Summary:
    """Mean, standard deviation (n - 1 in the denominator), n, and interval of the mean.

    The interval is Student's, mean +- t(n - 1) sd / sqrt(n), and supposes roughly normal values. A
    single value has neither deviation nor interval.

    Raises:
        ValueError: there are no values.
    """
    n = len(values)
    if not n:
        raise ValueError("expected one value or more, got none")
    mean = statistics.mean(map(float, values))  # exact, so equal values have their own mean
    if n == 1:
        return Summary(mean, None, 1, None)
    sd = statistics.stdev(values)
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
    return Summary(mean, sd, n, (mean - half, mean + half))

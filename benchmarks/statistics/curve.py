"""The metric of one run over its cycles."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from alframe.benchmarks.findings import Axis, Costs
from alframe.errors import RunError

Floats: TypeAlias = NDArray[np.float64]

DECIMALS = 12
"""Metrics (fractions) that agree to so many decimals are equal: the rest is rounding."""


@dataclass(frozen=True)
class Curve:
    """One run of one method.

    Attributes:
        problem: dataset and detector, as the suite calls them together.
        method: its name.
        seed: of the run.
        images: labelled in each cycle, at least one cycle; never fewer than in the last.
        objects: annotated in them; never fewer than in the last cycle.
        values: the metric, a finite fraction; a cycle without one is left out of all three.

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
            return tuple(map(costs.seconds, self.images, self.objects))
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
    found: dict[str, list[Curve]] = {}
    for curve in curves:
        found.setdefault(curve.problem, []).append(curve)
    return found


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

"""Curves for tests: ten images a cycle and three objects an image, where nothing else is said."""

from alframe.benchmarks.statistics import Costs
from alframe.benchmarks.statistics.curves import Curve

COSTS = Costs()


def curve(values, method="random", seed=0, problem="p", images=None, objects=None):
    images = tuple(images or (10 * (i + 1) for i in range(len(values))))
    objects = tuple(objects or (3 * n for n in images))
    return Curve(problem, method, seed, images, objects, tuple(values))


def flat(heights, method="random", problem="p", cycles=2):
    """A curve for each seed, at one height over all cycles: its area, too."""
    return [curve([h] * cycles, method, seed, problem) for seed, h in enumerate(heights)]

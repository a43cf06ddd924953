"""What a benchmark's numbers allow one to say.

Everything starts from a :class:`~alframe.benchmarks.statistics.curves.Curve`: the metric of one run
over its cycles. Runs of two methods with the same seed start from the same labelled images, so
methods are compared seed by seed.

- ``curves``: mean and interval of several runs, areas over one range of budgets for all, the noise
  of a repetition, the budget at which a curve reaches a level
- ``significance``: paired tests, and with how many seeds they can come out at all
- ``comparisons``: areas against random selection and the best baseline; which method beats which
- ``levels``: labelling saved on the way to a level, performance profiles

A run that is unfinished, or has no value in its first or last cycle, shortens the range over which
areas and savings compare, for all methods: leave it out there. Profiles and wins compare what is
there.
"""

from dataclasses import dataclass
from typing import Literal

Axis = Literal["images", "objects", "seconds"]
"""What labelling costs: images, objects revealed, or seconds: measured, else modelled (see
:class:`Costs`)."""
AXES: tuple[Axis, ...] = ("images", "objects", "seconds")
Q = 0.9
"""Share of full supervision that is to be reached."""
QS = (0.5, 0.7, 0.9)
"""Shares of full supervision: early, middle and late on a curve."""


@dataclass(frozen=True)
class Costs:
    """Modelled seconds of annotation: images * image + objects * object.

    The default is Su, Deng and Fei-Fei, "Crowdsourcing annotations for visual object detection"
    (HCOMP 2012), medians: 25.5 s to draw a box and 9.0 s to verify it, 7.8 s to verify that an
    image is covered.
    """

    image: float = 7.8
    object: float = 34.5

    def seconds(self, images: float, objects: float) -> float:
        """What labelling takes."""
        return images * self.image + objects * self.object

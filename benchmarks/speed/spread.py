"""Several measurements of one quantity."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """What was measured, in the order of measuring.

    Attributes:
        values: at least one.
    """

    values: tuple[float, ...]

    @staticmethod
    def of(*values: float) -> "Spread":
        """Of values given one by one."""
        return Spread(values)

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)


def ratios(values: Sequence[float], base: Sequence[float]) -> Spread:
    """Each value over the one of the base that was measured in the same turn."""
    return Spread(tuple(a / b for a, b in zip(values, base, strict=True)))

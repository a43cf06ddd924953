"""One line of the result: what was measured of one way of doing something, several times."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Spread:
    """What was measured, in the order of measuring."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)


def ratios(values: Sequence[float], base: Sequence[float]) -> Spread:
    """Each value over the one of the base that was measured in the same turn."""
    return Spread(tuple(a / b for a, b in zip(values, base, strict=True)))


SECONDS = "seconds"
"""Of one call."""
RATIO = "ratio"
"""Seconds over those of ``against`` in the same turn."""
ROOFLINE = "roofline"
"""Operations a second, as a share of what a product of large matrices reaches."""
GFLOP = "GFLOP"
"""Floating-point operations of one call, a multiplication and an addition counted as two."""
OPERATIONS = "operations"
"""Calls into the library that compute something; on a GPU each is a launch at least."""
SYNCHRONISATIONS = "synchronisations"
"""Times that the host waits for the device."""
MEMORY = "GiB"
"""Largest resident memory of the process."""
PER_IMAGE = "KiB an image"
"""Resident memory for each image more."""
TIME_EXPONENT, MEMORY_EXPONENT = "time exponent", "memory exponent"
"""a of size ** a, between the two largest sizes; 1 is linear."""


@dataclass(frozen=True)
class Timing:
    """Measurements of one side of a case.

    Attributes:
        case: for example ``train/retina-300``.
        side: for example ``ours bf16``.
        measures: by name.
        items: what one call handles, in ``unit``.
        unit: of the items.
        against: the side of the same case that ``ratio`` refers to.
        failed: why there are no measurements.
    """

    case: str
    side: str
    measures: Mapping[str, Spread] = field(default_factory=dict)
    items: int = 1
    unit: str = ""
    against: str | None = None
    failed: str | None = None

    def plain(self) -> dict[str, Any]:
        """For JSON: every measurement, and the median of each measure."""
        measures = {
            name: {"median": spread.median, "values": list(spread.values)}
            for name, spread in self.measures.items()
        }
        return {**self.__dict__, "measures": measures}

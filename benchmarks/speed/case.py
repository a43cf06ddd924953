"""What can be measured, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alframe.benchmarks.speed.row import Timing
from alframe.benchmarks.speed.setting import Setting


@dataclass(frozen=True)
class Case:
    """Something to measure.

    Attributes:
        name: family, slash, what.
        measure: does it.
    """

    name: str
    measure: Callable[[str, Setting], Sequence[Timing]]

    def __call__(self, setting: Setting) -> Sequence[Timing]:
        """The rows of this case."""
        return self.measure(self.name, setting)

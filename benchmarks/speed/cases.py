"""What can be measured, and how: all cases, and those that a command names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name

import torch

from alframe.benchmarks.speed.clock import Clock
from alframe.benchmarks.speed.row import Timing
from alframe.errors import ConfigError


@dataclass(frozen=True)
class Setting:
    """What all cases are told.

    Attributes:
        device: where to compute.
        clock: of that device.
        quick: shapes as small as can be: shows that the cases run, and says nothing of speed.
        repeats: turns.
        patience: seconds of a contest after which no further turn begins, once there are
            :data:`~alframe.benchmarks.speed.contest.LEAST`.
    """

    device: torch.device
    clock: Clock
    quick: bool = False
    repeats: int = 7
    patience: float = 120.0

    @property
    def cuda(self) -> bool:
        """Whether it is a GPU."""
        return self.device.type == "cuda"


@dataclass(frozen=True)
class Case:
    """Something to measure."""

    name: str
    measure: Callable[[str, Setting], Sequence[Timing]]

    def __call__(self, setting: Setting) -> Sequence[Timing]:
        """The rows of this case."""
        return self.measure(self.name, setting)


MODULES = (
    "torchvision_cases", "miaod_cases", "launches", "precisions", "loading_cases", "scoring",
    "evaluation_cases", "centres", "growth",
)  # fmt: skip
"""Each has a function ``cases``."""


def all_cases(setting: Setting) -> list[Case]:
    """Whatever can be measured on this device."""
    modules = (resolve_name(f"alframe.benchmarks.speed.{name}") for name in MODULES)
    return [case for module in modules for case in module.cases(setting)]


def chosen(cases: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """Those of these names, or of these families; all where none is named.

    Raises:
        ConfigError: a name is neither; lists what there is.
    """
    unknown = [name for name in names if not any(_named(case, name) for case in cases)]
    if unknown:
        raise ConfigError(
            f"no case or family {', '.join(unknown)} on this device; there are "
            f"{', '.join(case.name for case in cases)}"
        )
    return [case for case in cases if not names or any(_named(case, name) for name in names)]


def _named(case: Case, name: str) -> bool:
    return name in (case.name, case.name.partition("/")[0])

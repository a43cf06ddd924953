"""How a case is to be measured."""

from dataclasses import dataclass

import torch

from alframe.benchmarks.speed.clock import Clock


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

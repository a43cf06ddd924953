"""What a fit consists of: phases, and in each phase steps that are repeated in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from alframe.training.batch import Batch


@dataclass(frozen=True)
class Losses:
    """What a batch costs.

    Attributes:
        terms: scalars; their sum is back-propagated.
        stats: scalars that are only recorded.
    """

    terms: Mapping[str, Tensor]
    stats: Mapping[str, Tensor] = field(default_factory=dict)

    def total(self) -> Tensor:
        """The sum of the terms."""
        return torch.stack([t.float() for t in self.terms.values()]).sum()


LossFn = Callable[[nn.Module, Batch], Losses]


def _everything(_: str) -> bool:
    return True


@dataclass(frozen=True)
class Step:
    """One batch, one backward pass, one optimiser step.

    Attributes:
        stream: name of the stream that the batch comes from.
        loss: from model and batch to losses.
    """

    stream: str
    loss: LossFn


@dataclass(frozen=True)
class Phase:
    """A part of a fit, with an optimiser of its own.

    Attributes:
        name: for the journal and the logs.
        length: in the unit of the training's length: passes over the labelled images, or
            iterations.
        steps: done one after the other in every iteration; each has its own batch, backward
            pass and optimiser step.
        trains: which parameters are trained, by name; the others keep their values, and their
            BatchNorm its statistics. Parameters that the model itself froze stay frozen.
    """

    name: str
    length: int
    steps: tuple[Step, ...]
    trains: Callable[[str], bool] = _everything

"""Phases of a fit, the steps that each repeats, and the loss as a module that DDP wraps.

N processes make the steps of one process with ``training.accumulate=N``: each computes one of the
parts. What a loss takes from a whole batch (the number of positives that it is divided by) is
therefore taken from the part, in both. Sums are rounded in another order, and where images differ
in size a part is padded no more than its own images need. A run that is resumed by another number
of processes goes on as if it had another ``training.accumulate``.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from alframe.training.batch import Batch
from alframe.training.distributed import is_initialized


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
    """A part of a fit, with an optimiser of its own unless ``training.restart`` is false.

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


class Computation(nn.Module):
    """From a loss function and a batch to the total loss, and to what is recorded of it.

    Losses are functions over parts of a model, each step has its own, and DDP watches over what
    goes through ``forward``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        # Steps need not use everything that is trained, so DDP has to look for what they left
        # out. It complains where there is nothing to be found; now there always is.
        self.unused = nn.Parameter(torch.zeros((), device=next(model.parameters()).device))

    def forward(self, loss: LossFn, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, and terms, stats and total without their graph."""
        losses = loss(self.model, batch)
        total = losses.total()
        scalars = {**losses.terms, **losses.stats, "total": total}
        return total, {name: value.detach() for name, value in scalars.items()}


def parallel(model: nn.Module) -> nn.Module:
    """The computation on ``model``, of all processes if there are several.

    To be made anew when other parameters are frozen. A parameter that no process has used keeps
    a gradient of None and rests, as it does in one process. Buffers (the statistics of
    BatchNorm, where they are not frozen) are those of the main process; layers that draw random
    numbers draw others in each.
    """
    computation = Computation(model)
    if not is_initialized():
        return computation
    return DistributedDataParallel(computation, find_unused_parameters=True)


def unfinished(computation: nn.Module, more: bool) -> contextlib.AbstractContextManager[Any]:
    """Leave gradients in each process while there is more of its batch to come."""
    if more and isinstance(computation, DistributedDataParallel):
        return computation.no_sync()
    return contextlib.nullcontext()

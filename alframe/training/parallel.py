"""The computation of a loss, as a module whose gradients DistributedDataParallel averages.

N processes make the steps of one process with ``training.accumulate=N``: each computes one of the
parts. What a loss takes from a whole batch (the number of positives that it is divided by) is
therefore taken from the part, in both. Sums are rounded in another order, and where images differ
in size a part is padded no more than its own images need. A run that is resumed by another number
of processes goes on as if it had another ``training.accumulate``.
"""

import contextlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from alframe.training.batch import Batch
from alframe.training.distributed import is_initialized
from alframe.training.phases import LossFn


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
    BatchNorm, where they are not frozen) are those of the main process, and layers that draw
    random numbers draw the same ones in all.
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

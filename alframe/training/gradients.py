"""Norms of the gradient of each loss term over the parts of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alframe.training.batch import Batch
from alframe.training.phases import Losses, LossFn

WATCH_EVERY = 100
"""Iterations between two looks: each takes as many backward passes as the loss has terms."""
GRADIENT = "gradient/"
"""What the names of the norms begin with, among the scalars of a step."""

Parts = Mapping[str, Sequence[nn.Parameter]]
"""Parameters by the part of the network that they belong to."""


def parts_of(network: nn.Module, model: Any) -> Parts:
    """The parameters of each child of ``model``, and of what a learner has added in ``network``.

    Of a detector in MI-AOD: ``backbone``, ``fpn``, ``class_tower``, ``box_tower``, ``second`` and
    ``mil``.
    """
    added = {name: child for name, child in network.named_children() if child is not model}
    children = dict(model.named_children()) | (added if model is not network else {})
    parts = {name: [*child.parameters()] for name, child in children.items()}
    return {name: parameters for name, parameters in parts.items() if parameters}


@dataclass(frozen=True)
class Watched:
    """A loss, and the norm of each of its terms' gradients over each part that is trained.

    The norms are among what is only recorded, as ``gradient/TERM/PART``.
    """

    loss: LossFn
    parts: Parts

    def __call__(self, model: nn.Module, batch: Batch) -> Losses:
        """The loss of a batch, and its norms."""
        losses = self.loss(model, batch)
        norms = {
            f"{GRADIENT}{term}/{part}": norm
            for term, value in losses.terms.items()
            for part, norm in gradient_norms(value, self.parts).items()
        }
        return Losses(losses.terms, {**losses.stats, **norms})


def gradient_norms(loss: Tensor, parts: Parts) -> dict[str, Tensor]:
    """The Euclidean norm of the gradient of ``loss`` over each part; the graph is kept.

    Parts that are not trained at all are left out. What the loss does not depend on counts as 0.
    """
    trained = {name: [p for p in part if p.requires_grad] for name, part in parts.items()}
    everything = [p for part in trained.values() for p in part]
    zeros: list[Tensor | None] = [None] * len(everything)
    found = iter(
        torch.autograd.grad(loss, everything, retain_graph=True, allow_unused=True)
        if loss.requires_grad
        else zeros
    )
    norms: dict[str, Tensor] = {}
    for name, part in trained.items():
        if part:
            own = [g.float().norm() for g in (next(found) for _ in part) if g is not None]
            norms[name] = torch.stack(own).norm() if own else torch.zeros((), device=loss.device)
    return norms

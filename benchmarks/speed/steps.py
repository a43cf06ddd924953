"""One training step, as :mod:`alframe.training.fit` makes it, and one pass of inference."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.roofline import Precision
from alframe.training.device import autocast

SGD: dict[str, Any] = {"lr": 1e-6, "momentum": 0.9, "weight_decay": 5e-4}
"""So slow that nothing changes in the course of the measurement."""


def sgd(model: nn.Module, *, fused: bool) -> torch.optim.Optimizer:
    """The optimiser over what is trained.

    Args:
        model: as it will be trained.
        fused: as ours; else as torch makes it by default, which is torchvision's way.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.SGD(trained, fused=fused or None, **SGD)


def training(
    loss: Callable[[], Tensor],
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    precision: Precision,
) -> Work:
    """A function that makes one step."""

    def step() -> None:
        optimizer.zero_grad()
        with autocast(device, precision):
            total = loss()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def inference(found: Callable[[], object], device: torch.device, precision: Precision) -> Work:
    """A function that makes one pass without gradients."""

    def one_pass() -> object:
        with torch.inference_mode(), autocast(device, precision):
            return found()

    return one_pass

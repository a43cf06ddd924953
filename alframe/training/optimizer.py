"""How weights are updated, and how they are averaged."""

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from alframe.config import TrainingConfig


def optimizer_of(parameters: list[nn.Parameter], config: TrainingConfig) -> torch.optim.Optimizer:
    """The configured optimiser, which updates all parameters in one operation."""
    shared: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay, "fused": True}
    if config.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **shared)
    return torch.optim.SGD(parameters, momentum=config.momentum, **shared)


def moving_average(model: nn.Module, decay: float | None) -> AveragedModel | None:
    """An exponential moving average of the weights and statistics of ``model``, or none."""
    if decay is None:
        return None
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)

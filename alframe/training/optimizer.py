"""How weights are updated, and how they are averaged."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from alframe.config.sections import TrainingConfig
from alframe.model import Grouped

FACTOR = "lr_factor"
"""Of a parameter group: what its learning rate is multiplied by."""


def build_optimizer(
    model: nn.Module, parameters: Sequence[nn.Parameter], config: TrainingConfig
) -> torch.optim.Optimizer:
    """The configured optimiser, which updates a group of parameters in one operation.

    Args:
        model: says which parameters are trained at another rate, if it is
            :class:`~alframe.model.Grouped`.
        parameters: of the model, those to train.
        config: the ``training`` section.
    """
    groups = parameter_groups(model, parameters)
    shared: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay, "fused": True}
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, **shared)
    return torch.optim.SGD(groups, momentum=config.momentum, **shared)


def parameter_groups(model: nn.Module, parameters: Sequence[nn.Parameter]) -> list[dict[str, Any]]:
    """``parameters``, those of a group of the model's under its factor; empty groups left out."""
    factors = dict.fromkeys(parameters, 1.0)
    for factor, members in model.parameter_groups() if isinstance(model, Grouped) else ():
        factors |= {p: factor for p in members if p in factors}
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter, factor in factors.items():
        groups.setdefault(factor, []).append(parameter)
    return [{"params": members, FACTOR: factor} for factor, members in groups.items()]


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Train each group at this rate times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group[FACTOR]


def ema_of(model: nn.Module, decay: float | None) -> AveragedModel | None:
    """An exponential moving average of the weights and statistics of ``model``, or none."""
    if decay is None:
        return None
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)

"""Optimiser, learning-rate schedule, linear scaling rule, and EMA of the weights."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from alframe.config.sections import TrainingConfig
from alframe.errors import ConfigError, PluginError
from alframe.grouping import by_key
from alframe.model import Grouped

FACTOR = "lr_factor"
"""Of a parameter group: what its learning rate is multiplied by."""


def build_optimizer(
    model: nn.Module, parameters: Sequence[nn.Parameter], config: TrainingConfig
) -> torch.optim.Optimizer:
    """The configured optimiser, which updates a group of parameters in one operation.

    Args:
        model: says which parameters are trained at another rate, if it, or one that a learner has
            put into it, is :class:`~alframe.model.Grouped`.
        parameters: of the model, those to train.
        config: the ``training`` section.

    Raises:
        PluginError: see :func:`parameter_groups`.
    """
    groups = parameter_groups(model, parameters)
    shared: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay, "fused": True}
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, **shared)
        case "sgd":
            return torch.optim.SGD(groups, momentum=config.momentum, **shared)


def parameter_groups(model: nn.Module, parameters: Sequence[nn.Parameter]) -> list[dict[str, Any]]:
    """``parameters``, those of a group of the model's under its factor; empty groups left out.

    Raises:
        PluginError: the model gives no pairs of a factor and parameters, or a parameter twice.
    """
    factors = dict.fromkeys(parameters, 1.0)
    for part in model.modules():
        own = _factors(part) if isinstance(part, Grouped) else {}
        factors |= {p: factor for p, factor in own.items() if p in factors}
    groups = by_key((factor, parameter) for parameter, factor in factors.items())
    return [{"params": members, FACTOR: factor} for factor, members in groups.items()]


def _factors(model: Grouped) -> dict[nn.Parameter, float]:
    """The factors of a model's own groups."""
    where, found = f"{type(model).__name__}.parameter_groups", dict[nn.Parameter, float]()
    for pair in model.parameter_groups():
        factor, given = pair if isinstance(pair, tuple | list) and len(pair) == 2 else (None, None)
        members: list[Any] = [None]
        if isinstance(given, Iterable) and not isinstance(given, Tensor):
            members = [*given]
        if not (isinstance(factor, int | float) and all(isinstance(m, Tensor) for m in members)):
            raise PluginError(
                f"{where} gives a {type(pair).__name__}: expected pairs of a factor on the "
                "learning rate and parameters"
            )
        for parameter in members:
            if found.setdefault(parameter, factor) != factor:
                raise PluginError(
                    f"{where} has a parameter under {found[parameter]} and under {factor}: "
                    "expected one factor"
                )
    return found


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


def lr_factor(config: TrainingConfig, progress: float, since_start: int) -> float:
    """The factor on ``config.lr``.

    Args:
        config: schedule, milestones, gamma, warm-up.
        progress: how far the whole fit is, in the unit of its length (passes or iterations).
        since_start: iterations since the optimiser's first; with one for each phase, warm-up
            starts anew in each, as mmcv's hooks do.
    """
    if config.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * min(progress / config.length, 1.0)))
    else:
        factor = config.gamma ** sum(progress >= m for m in config.milestones)
    if since_start < config.warmup:
        share = since_start / config.warmup
        factor *= config.warmup_start + (1 - config.warmup_start) * share
    return factor


def late_milestones(config: TrainingConfig) -> str:
    """A sentence on milestones that no iteration comes to; empty where there are none."""
    late = [m for m in config.milestones if m >= config.length]
    if not late:
        return ""
    unit = "passes" if config.passes else "iterations"
    return (
        f"training.milestones: {', '.join(f'{m:g}' for m in late)} is not before the end, after "
        f"{config.length} {unit}: the rate does not fall there; lower it, or train longer"
    )


def scaled(training: TrainingConfig, processes: int) -> TrainingConfig:
    """The section with batch size and learning rate of all processes together.

    ``batch_size`` is what one optimiser step sees, whoever computes it: any number of processes
    shares it, and the learning rate stays. With ``per_process`` both are those of a single
    process, and N of them take N times the images at N times the rate: the linear scaling rule
    (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.1), which wants a warm-up.

    Raises:
        ConfigError: there are more processes than images in a batch.
    """
    size, lr = training.batch_size, training.lr
    if training.per_process:
        size, lr = size * processes, lr * processes
    if size < processes:
        raise ConfigError(
            f"training.batch_size={size} is too little for {processes} processes: give each at "
            "least one image, start fewer (--nproc_per_node), or set training.per_process=true"
        )
    return training.model_copy(update={"batch_size": size, "lr": lr, "per_process": False})

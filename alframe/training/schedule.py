"""Learning rate as a function of the iteration."""

import math

from alframe.config import TrainingConfig


def lr_factor(config: TrainingConfig, progress: float, phase_iteration: int) -> float:
    """The factor on ``config.lr``.

    Args:
        config: schedule, milestones, gamma, warm-up.
        progress: how far the whole fit is, in the unit of its length (passes or iterations).
        phase_iteration: iterations since the phase began; warm-up starts anew in each phase,
            as each phase has an optimiser of its own (mmcv; specs/miaod.md 3.2).
    """
    if config.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * min(progress / config.length, 1.0)))
    else:
        factor = config.gamma ** sum(progress >= m for m in config.milestones)
    if phase_iteration < config.warmup:
        share = phase_iteration / config.warmup
        factor *= config.warmup_start + (1 - config.warmup_start) * share
    return factor

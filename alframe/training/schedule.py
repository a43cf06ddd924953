"""Learning rate as a function of the iteration."""

import math

from alframe.config.sections import TrainingConfig


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

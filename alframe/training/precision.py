"""``training.precision=auto``: fp32 or bf16, whichever trains this model faster on this device.

Processors that have bf16 gain a factor of two in large convolutions and lose in those of single
channels, which mobile networks are made of. So it is tried once, when a run begins, and kept.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch

from alframe.config import DataConfig
from alframe.datasets.base import ImageSet
from alframe.learner import Learner
from alframe.training.batch import Batch
from alframe.training.data import Collate, read_sample
from alframe.training.device import has_bf16

logger = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16"]
CLEARLY = 0.9
"""bf16 rounds, so it has to take less than this share of the time of fp32."""
TURNS, PATIENCE = 3, 10.0
"""How often each is timed, unless that many seconds have passed."""
MOST_IMAGES = 16
"""Of the batch that is tried; more take longer and say the same."""


@runtime_checkable
class Rehearses(Protocol):
    """What a learner may have so that its precision can be chosen; else it is fp32 on a CPU."""

    def rehearsal(self, images: ImageSet) -> Callable[[Precision], object]:
        """A function that computes the gradients of one batch, made of some of these images."""
        ...


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        chosen: the precision.
        fp32: seconds of a forward and a backward pass; None where nothing had to be tried.
        bf16: likewise.
    """

    chosen: Precision
    fp32: float | None = None
    bf16: float | None = None


def choose(learner: Learner, images: ImageSet, device: torch.device) -> Choice:
    """The faster one; bf16 on a GPU that has it.

    Args:
        learner: not fitted yet; left as it is.
        images: of the pool.
        device: of the learner.
    """
    if device.type == "cuda" or not has_bf16(device):
        return Choice("bf16" if has_bf16(device) else "fp32")
    if not isinstance(learner, Rehearses):
        return Choice("fp32")
    choice = faster(learner.rehearsal(images))
    logger.info(
        "precision %s: a training step takes %.2f s in fp32 and %.2f s in bf16",
        choice.chosen,
        choice.fp32,
        choice.bf16,
    )
    return choice


def faster(
    once: Callable[[Precision], object], now: Callable[[], float] = time.perf_counter
) -> Choice:
    """Time both in turns, the first time not counted, and take the best of each.

    Args:
        once: what is timed.
        now: a clock, in seconds.
    """
    taken: dict[Precision, list[float]] = {"fp32": [], "bf16": []}
    began = now()
    for turn in range(1 + TURNS):
        for precision, seconds in taken.items():
            started = now()
            once(precision)
            if turn:
                seconds.append(now() - started)
        if turn and now() - began > PATIENCE:
            break
    fp32, bf16 = min(taken["fp32"]), min(taken["bf16"])
    return Choice("bf16" if bf16 < CLEARLY * fp32 else "fp32", fp32, bf16)


def made_up(images: ImageSet, data: DataConfig, batch_size: int) -> Batch:
    """A batch to rehearse with: the first of the images several times, with an object drawn up."""
    sample = read_sample(ImageSet(images.images, images.ids), images.ids[0])
    height, width = sample.image.shape[:2]
    box = np.array([[width, height, 3 * width, 3 * height]], np.float32) / np.float32(4)
    labelled = replace(sample, boxes=box, labels=np.zeros(1, np.int64))
    return Collate(data.pad)([labelled] * min(max(batch_size, 2), MOST_IMAGES))

"""What is done to training images, one at a time, before they are put into a batch.

An augmentation of an unlabelled image gets a sample without targets, so it cannot look at them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sample:
    """One image on its way into a batch.

    Attributes:
        item: its id.
        image: uint8 [H, W, 3], RGB.
        original: (height, width) before resizing.
        boxes: float32 [N, 4], x1 y1 x2 y2 in pixels of ``image``; None if unlabelled.
        labels: int64 [N]; None if unlabelled.
    """

    item: str
    image: NDArray[np.uint8]
    original: tuple[int, int]
    boxes: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None


Augmentation = Callable[[Sample, np.random.Generator], Sample]


def hflip(sample: Sample, rng: np.random.Generator) -> Sample:
    """Mirror left and right with probability 0.5."""
    if rng.random() >= 0.5:
        return sample
    flipped = replace(sample, image=sample.image[:, ::-1])
    if sample.boxes is None:
        return flipped
    boxes = sample.boxes.copy()
    boxes[:, [0, 2]] = sample.image.shape[1] - sample.boxes[:, [2, 0]]
    return replace(flipped, boxes=boxes)


AUGMENTATIONS: dict[str, Augmentation] = {"hflip": hflip}
"""By the names of ``training.augment``."""

"""Drawn shapes with masks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Dataset
from alframe.datasets.masks import masked
from alframe.datasets.shapes import DrawnImages, layout, shapes
from alframe.datasets.shapes_drawing import paint_numbers
from alframe.tasks.segmentation import TASK

BACKGROUND = "background"


def shapes_seg(
    *,
    pool: int = 300,
    test: int = 100,
    size: int = 64,
    classes: int = 3,
    max_objects: int = 3,
    seed: int = 0,
) -> Dataset:
    """Draw the images of the dataset ``shapes``, with a mask of each: background and shapes.

    Args:
        pool: how many items may be labelled.
        test: how many items the evaluation split has.
        size: height and width of the images in pixels.
        classes: how many kinds of shapes; the background is one class more, the first.
        max_objects: most shapes in an image.
        seed: other seeds draw other images.

    Raises:
        ConfigError: a number is out of range.
    """
    drawn = shapes(
        pool=pool, test=test, size=size, classes=classes, max_objects=max_objects, seed=seed
    )
    source = drawn.images
    assert isinstance(source, DrawnImages)
    masks = {item: DrawnMask(source, item) for item in (*drawn.pool, *drawn.test)}
    return replace(
        drawn,
        name="shapes-seg",
        classes=(BACKGROUND, *drawn.classes),
        targets={item: masked(mask(), mask) for item, mask in masks.items()},
        task=TASK,
    )


@dataclass(frozen=True)
class DrawnMask:
    """The mask of a drawn image."""

    source: DrawnImages
    item: str

    def __call__(self) -> NDArray[np.uint8]:
        """Draw it, uint8 [side, side]: 0 is the background."""
        return paint_numbers(layout(self.source, self.item), self.source.side)

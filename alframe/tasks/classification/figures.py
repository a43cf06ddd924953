"""Figures: drawn shapes, one an image, to be told apart."""

from dataclasses import replace

from alframe.datasets.base import Dataset, Target
from alframe.datasets.shapes import shapes
from alframe.tasks.classification import TASK

NOTHING = "nothing"
"""The class of images without a shape."""


def figures(
    *, pool: int = 500, test: int = 200, size: int = 32, classes: int = 5, seed: int = 0
) -> Dataset:
    """Draw a dataset of single shapes on cluttered ground; some images show nothing, a class too.

    The first classes are common, the last ones rare.

    Args:
        pool: how many items may be labelled.
        test: how many items the evaluation split has.
        size: height and width of the images in pixels.
        classes: how many kinds of shapes, as in the dataset ``shapes``; nothing is one more.
        seed: other seeds draw other images.

    Raises:
        ConfigError: a number is out of range.
    """
    drawn = shapes(pool=pool, test=test, size=size, classes=classes, max_objects=1, seed=seed)
    targets = {
        item: Target.of(None, target.labels if len(target.labels) else [classes])
        for item, target in drawn.targets.items()
    }
    names = (*drawn.classes, NOTHING)
    return replace(drawn, name="figures", classes=names, targets=targets, task=TASK)

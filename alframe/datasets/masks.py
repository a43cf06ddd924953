"""Masks of classes: a number for each pixel of an image, read when they are needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alframe.datasets.base import IGNORED, Target
from alframe.errors import DataError

ReadMask = Callable[[], NDArray[np.uint8]]
_NEIGHBOURS = np.ones((3, 3), np.bool_)
"""Pixels that touch at a corner are of one region."""


@dataclass(frozen=True, eq=False)
class RelabelledMask:
    """A mask with the labels of other classes.

    Attributes:
        mask: reads it.
        labels: int64 [C], the label that each one becomes; -1 ignores its pixels.
    """

    mask: ReadMask
    labels: NDArray[np.int64]

    def __call__(self) -> NDArray[np.uint8]:
        """Read and relabel, uint8 [H, W]."""
        table = np.full(256, IGNORED, np.uint8)
        table[: len(self.labels)] = np.where(self.labels < 0, IGNORED, self.labels)
        return table[self.mask()]


def mask_of(target: Target, item: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The mask of an annotation, read, if it is one of its image, uint8 [H, W].

    Args:
        target: with a mask.
        item: whose it is, for messages.
        size: (height, width) of the original image in pixels.

    Raises:
        DataError: it has another type or size, or shows a class above those of its objects.
    """
    mask: object = target.mask() if target.mask else None
    if not isinstance(mask, np.ndarray) or mask.dtype != np.uint8 or mask.shape != size:
        got = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise DataError(f"the mask of {item} is {got}: expected uint8 {size}, as its image has")
    most = int(target.labels.max(initial=-1))
    if (strange := mask[(mask > most) & (mask != IGNORED)]).size:
        raise DataError(
            f"the mask of {item} shows the class {strange.max()}, of which it has no object: "
            "build the annotation with alframe.datasets.masks.masked"
        )
    return mask


def relabelled(target: Target, labels: NDArray[np.int64]) -> Target:
    """An annotation with the labels of other classes; objects that become -1 are left out."""
    own = labels[target.labels]
    kept = own >= 0
    boxes = None if target.boxes is None else target.boxes[kept]
    mask = None if target.mask is None else RelabelledMask(target.mask, labels)
    return Target(
        boxes, own[kept], target.difficult[kept], target.crowd[kept], target.area[kept], mask
    )


def masked(mask: NDArray[np.uint8], read: ReadMask) -> Target:
    """The annotation that a mask is: its objects are the regions of its classes.

    A region is what hangs together, also by corners; ignored pixels are of none.

    Args:
        mask: uint8 [H, W], looked at and not kept.
        read: reads it again.
    """
    labels, areas = regions(mask)
    return Target.of(None, labels, area=areas, mask=read)


def regions(mask: NDArray[np.uint8]) -> tuple[list[int], list[int]]:
    """The class and the area in pixels of each region, class by class."""
    from scipy import ndimage

    labels: list[int] = []
    areas: list[int] = []
    # Each class is looked for in the rectangle around it alone.
    for label, around in enumerate(ndimage.find_objects(mask.astype(np.int16) + 1, IGNORED)):
        if around is None:
            continue
        labelled: Any = ndimage.label(mask[around] == label, _NEIGHBOURS)
        own = np.bincount(labelled[0].ravel())[1:].tolist()
        labels += [label] * len(own)
        areas += own
    return labels, areas


def resized(mask: NDArray[np.uint8], shape: tuple[int, int], **options: Any) -> NDArray[np.uint8]:
    """A mask of another height and width: each pixel takes the class of the nearest.

    Args:
        mask: uint8 [H, W].
        shape: (height, width) in pixels.
        options: ``box``, the part to show, x1 y1 x2 y2 in pixels of the mask.
    """
    if shape == mask.shape and not options:
        return mask
    height, width = shape
    picture = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST, **options)
    return np.asarray(picture)

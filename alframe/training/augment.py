"""What is done to training images, one at a time, before they are put into a batch.

An augmentation of an unlabelled image gets a sample without targets, so it cannot look at them.
None changes the shape of an image: batches come out as ``data.resize`` makes them, in training
and in evaluation alike, and the cache holds images of that size.

# Deviation: SSD resizes after these augmentations, we before: a crop is enlarged from the resized
image, not cut from the original. In return images are decoded and shrunk once, not in each pass.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alframe.training import geometric
from alframe.training.geometric import Window
from alframe.training.photometric import photometric_distort

MIN_SIDE = 1.0
"""Pixels. Smaller boxes are left out: log(0) in their code, and every anchor would tie at IoU 0."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One image on its way into a batch.

    Attributes:
        item: its id.
        image: uint8 [H, W, 3], RGB.
        original: (height, width) before resizing.
        boxes: float32 [N, 4], x1 y1 x2 y2 in pixels of ``image``; None if unlabelled, or
            without geometry.
        labels: int64 [N]; None if unlabelled.
        mask: uint8 [H, W], the class of each pixel of ``image``; None if unlabelled, or without.
    """

    item: str
    image: NDArray[np.uint8]
    original: tuple[int, int]
    boxes: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    mask: NDArray[np.uint8] | None = None


Augmentation = Callable[[Sample, np.random.Generator], Sample]


def hflip(sample: Sample, rng: np.random.Generator) -> Sample:
    """Mirror left and right with probability 0.5."""
    if rng.random() >= 0.5:
        return sample
    mask = None if sample.mask is None else sample.mask[:, ::-1]
    flipped = replace(sample, image=sample.image[:, ::-1], mask=mask)
    if sample.boxes is None:
        return flipped
    boxes = sample.boxes.copy()
    boxes[:, [0, 2]] = sample.image.shape[1] - sample.boxes[:, [2, 0]]
    return replace(flipped, boxes=boxes)


def photometric(sample: Sample, rng: np.random.Generator) -> Sample:
    """Light and colour; see :func:`alframe.training.photometric.photometric_distort`."""
    return replace(sample, image=photometric_distort(sample.image, rng))


def zoom_out(sample: Sample, rng: np.random.Generator) -> Sample:
    """Zoom out; see :func:`alframe.training.geometric.zoom_out`."""
    return _through(geometric.zoom_out(_whole(sample), rng), sample)


def random_crop(sample: Sample, rng: np.random.Generator) -> Sample:
    """Zoom in, on objects where they are known; :func:`alframe.training.geometric.random_crop`."""
    return _through(_cropped(_whole(sample), sample, rng), sample)


def padded_crop(sample: Sample, rng: np.random.Generator) -> Sample:
    """Shift by up to an eighth of each side; :func:`alframe.training.geometric.padded_crop`."""
    return _through(geometric.padded_crop(_whole(sample), rng), sample)


def zoom_out_crop(sample: Sample, rng: np.random.Generator) -> Sample:
    """Zoom out, then in; sharper than one after the other, as pixels are resampled once."""
    return _through(_cropped(geometric.zoom_out(_whole(sample), rng), sample, rng), sample)


def _whole(sample: Sample) -> Window:
    return Window(0.0, 0.0, float(sample.image.shape[1]), float(sample.image.shape[0]))


def _cropped(window: Window, sample: Sample, rng: np.random.Generator) -> Window:
    (height, width), (high, wide) = sample.image.shape[:2], sample.original
    return geometric.random_crop(window, sample.boxes, rng, aspect=(high / height) / (wide / width))


def _through(window: Window, sample: Sample) -> Sample:
    """The sample as the window shows it."""
    if window == _whole(sample):
        return sample
    mask = None if sample.mask is None else geometric.resample_mask(sample.mask, window)
    visible = replace(sample, image=geometric.resample(sample.image, window), mask=mask)
    if sample.boxes is None or sample.labels is None:
        return visible
    height, width = sample.image.shape[:2]
    boxes, kept = geometric.crop_boxes(sample.boxes, window, (height, width), MIN_SIDE)
    return replace(visible, boxes=boxes[kept], labels=sample.labels[kept])


AUGMENTATIONS: dict[str, Augmentation] = {
    "hflip": hflip,
    "padded_crop": padded_crop,
    "photometric": photometric,
    "random_crop": random_crop,
    "zoom_out": zoom_out,
    "zoom_out_crop": zoom_out_crop,
}
"""By the names of ``training.augment``."""

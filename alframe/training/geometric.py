"""Windows on an image: what is shown of it, and of the plane around it.

Zooming out and cropping only move the window. Pixels are resampled once, at the end, to the
shape that the image had: so batches keep their shapes, and nothing is shrunk only to be enlarged
again.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alframe.datasets.base import IGNORED
from alframe.datasets.masks import resized

Boxes = NDArray[np.float32]

GROUND = (124, 116, 104)
"""What surrounds an image: the mean colour of ImageNet."""
MOST_ZOOM = 4.0
"""The most that the sides of a window grow."""
SMALLEST = 0.3
"""The least that is left of each side by a crop."""
PADDING = 1 / 8
"""What a padded crop adds to each border, as a share of the side."""
LEAST_IOUS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
"""One is drawn for each crop: how much it must overlap every object."""
ASPECT = 2.0
"""A crop is at most so many times longer than wide, or wider than long."""
TRIES = 50
"""Windows drawn before another rule is."""


class Window(NamedTuple):
    """A rectangle in pixels of the image; it may reach beyond the image."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """In pixels of the image."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """In pixels of the image."""
        return self.y2 - self.y1


def zoom_out(window: Window, rng: np.random.Generator) -> Window:
    """With probability 0.5 up to :data:`MOST_ZOOM` times as large, the old one somewhere in it.

    SSD, section 3.6 ("zoom out"); mmdet's Expand.
    """
    if rng.random() >= 0.5:
        return window
    ratio = rng.uniform(1, MOST_ZOOM)
    width, height = ratio * window.width, ratio * window.height
    left = window.x1 - rng.uniform(0, width - window.width)
    top = window.y1 - rng.uniform(0, height - window.height)
    return Window(left, top, left + width, top + height)


def padded_crop(window: Window, rng: np.random.Generator) -> Window:
    """A window of the same size, shifted by whole pixels: up to :data:`PADDING` of its sides.

    Of an image of 32 pixels that is padded by 4 on each side a part of 32 is shown (He et al., CVPR
    2016, section 4.2).

    # Deviation: it is padded with the mean colour, not with zeros.
    """
    across, down = (round(PADDING * side) for side in (window.width, window.height))
    x, y = rng.integers(-across, across + 1), rng.integers(-down, down + 1)
    return Window(window.x1 + x, window.y1 + y, window.x2 + x, window.y2 + y)


def random_crop(
    window: Window, boxes: Boxes | None, rng: np.random.Generator, aspect: float = 1.0
) -> Window:
    """A part of the window that overlaps all objects and has the centre of one in it.

    A rule is drawn: leave the window as it is, or an overlap of :data:`LEAST_IOUS`; then windows,
    until one obeys (SSD, section 2.2, "Data augmentation"; mmdet's MinIoURandomCrop). Without
    objects, or where they are not known, the first window is taken.

    # Deviation: corners are not rounded to pixels.

    Args:
        window: to cut from.
        boxes: [N, 4], x1 y1 x2 y2 of the objects in pixels of the image; None if unlabelled.
        rng: drawn from until a window is found.
        aspect: height / width of the original's pixels in pixels of the image: the shape of a
            crop is bounded as it was before the image was stretched.
    """
    while True:
        rule = rng.integers(len(LEAST_IOUS) + 1)
        if rule == len(LEAST_IOUS):
            return window
        windows = _drawn(window, rng, aspect)
        if boxes is not None and len(boxes):
            windows = windows[_obey(windows, boxes, LEAST_IOUS[rule])]
        if len(windows):
            return Window(*windows[0].tolist())


def _drawn(window: Window, rng: np.random.Generator, aspect: float) -> NDArray[np.float64]:
    """Parts of a window of acceptable shapes, up to :data:`TRIES`: float64 [n, 4]."""
    full = np.array([window.width, window.height])
    sides = rng.uniform(SMALLEST, 1, (TRIES, 2)) * full
    corners = np.array(window[:2]) + rng.random((TRIES, 2)) * (full - sides)
    ratio = aspect * sides[:, 1] / sides[:, 0]
    windows = np.concatenate([corners, corners + sides], axis=1)
    kept: NDArray[np.float64] = windows[(ratio >= 1 / ASPECT) & (ratio <= ASPECT)]
    return kept


def _obey(windows: NDArray[np.float64], boxes: Boxes, least: float) -> NDArray[np.bool_]:
    """Which windows overlap every box enough and show a centre: bool [n]."""
    a, b = windows[:, None], boxes[None]  # [n, 1, 4], [1, N, 4]
    shared = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    overlap = shared.clip(min=0).prod(axis=-1)  # [n, N]
    iou = overlap / (_areas(a) + _areas(b) - overlap)
    obey: NDArray[np.bool_] = np.all(iou >= least, axis=1) & np.any(_centres(a, b), axis=1)
    return obey


def _areas(boxes: NDArray[Any]) -> NDArray[Any]:
    areas: NDArray[Any] = (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1)  # [..., 4] -> [...]
    return areas


def _centres(windows: NDArray[np.float64], boxes: Boxes) -> NDArray[np.bool_]:
    """Whether the centres of boxes lie in windows, which are broadcast: [..., 4] -> bool [...]."""
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    inside = (centres > windows[..., :2]) & (centres < windows[..., 2:])
    both: NDArray[np.bool_] = inside[..., 0] & inside[..., 1]
    return both


def resample(image: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """What the window shows, as large as the image: uint8 [H, W, 3].

    The image's borders come to lie on whole pixels, up to half a pixel off.
    """
    canvas = np.full(image.shape, GROUND, np.uint8)
    (rows, columns), box = _seen(window, *image.shape[:2])
    size = columns.stop - columns.start, rows.stop - rows.start
    if min(size) > 0:
        picture = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, box=box)
        canvas[rows, columns] = np.asarray(picture)
    return canvas


def resample_mask(mask: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """What the window shows of a mask, as :func:`resample` does of its image: uint8 [H, W].

    Each pixel takes the class of the nearest; what surrounds the image is ignored.
    """
    canvas = np.full(mask.shape, IGNORED, np.uint8)
    (rows, columns), box = _seen(window, *mask.shape)
    shape = rows.stop - rows.start, columns.stop - columns.start
    if min(shape) > 0:
        canvas[rows, columns] = resized(mask, shape, box=box)
    return canvas


def _seen(
    window: Window, height: int, width: int
) -> tuple[tuple[slice, slice], tuple[float, float, float, float]]:
    """Where in the window the image is seen, rows and columns, and x1 y1 x2 y2 of what of it."""
    x1, y1 = max(window.x1, 0.0), max(window.y1, 0.0)
    x2, y2 = min(window.x2, float(width)), min(window.y2, float(height))
    left, right = (round((x - window.x1) * width / window.width) for x in (x1, x2))
    top, bottom = (round((y - window.y1) * height / window.height) for y in (y1, y2))
    return (slice(top, bottom), slice(left, right)), (x1, y1, x2, y2)


def crop_boxes(
    boxes: Boxes, window: Window, shape: tuple[int, int], least: float
) -> tuple[Boxes, NDArray[np.bool_]]:
    """Boxes in pixels of what the window shows, cut at its borders, and which of them count.

    Args:
        boxes: float32 [N, 4], x1 y1 x2 y2 in pixels of the image.
        window: what is shown.
        shape: height and width of the image.
        least: pixels that each side of a box must have left.

    Returns:
        Boxes [N, 4], and bool [N]: their centre is in the window and they are large enough.
    """
    height, width = shape
    scale = np.array([width / window.width, height / window.height] * 2)
    moved = (boxes - np.array(window[:2] * 2)) * scale
    moved = moved.clip(0, np.array([width, height] * 2)).astype(np.float32)
    large = (moved[:, 2:] - moved[:, :2] >= least).all(axis=1)
    return moved, large & _centres(np.array(window), boxes)

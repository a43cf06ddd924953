"""Procedurally drawn shapes: a detection dataset that needs no download.

Every image depends on its id and the seed alone, in every process and however many others there
are. A scene is laid out by one generator and painted by another, so that targets are known
without drawing and pixels are drawn without anyone seeing a target.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Dataset, Target
from alframe.datasets.shapes_drawing import HOLES, OUTLINES, Figure, Points, paint
from alframe.errors import ConfigError
from alframe.seeds import Seeds

NAMES = tuple(OUTLINES)

_EMPTY_SHARE = 0.12
_EXTENT = (20 / 128, 58 / 128)  # longer side of a box, as a share of the image
_OVERLAP = 0.25  # at most this share of the smaller of two boxes is common
_TILT = np.pi / 18  # a larger one takes many more examples of each class
_TRIES = 12
# Class k is drawn in proportion to 1 / (k + 1): common ones are learnt from any sample,
# rare ones only by those who look for them.
_IMBALANCE = 1.0
_VERSION = 1  # raise it when the same seed draws anything else

MOST = {"pool": 1_000_000, "test": 1_000_000, "size": 10_000, "classes": len(NAMES),
        "max_objects": 1_000}  # fmt: skip
"""What is drawn within minutes; more is a slip of the finger."""


def shapes(
    *,
    pool: int = 500,
    test: int = 200,
    size: int = 128,
    classes: int = 5,
    max_objects: int = 5,
    seed: int = 0,
) -> Dataset:
    """Draw a dataset of coloured shapes on cluttered ground.

    Shapes vary in colour, size, ratio and rotation, cover one another in part and are crossed by
    strokes. Some images are empty; the first classes are common and the last ones rare.

    Args:
        pool: how many items may be labelled.
        test: how many items the evaluation split has.
        size: height and width of the images in pixels.
        classes: how many classes, in the order circle, square, triangle, star, cross, ring,
            crescent, arrow, heart, bolt.
        max_objects: most objects in an image.
        seed: other seeds draw other images.

    Raises:
        ConfigError: a number is out of range.
    """
    _check(pool=pool, test=test, size=size, classes=classes, max_objects=max_objects, seed=seed)
    images = DrawnImages(size, classes, max_objects, seed)
    splits = [
        tuple(f"{split}/{number:06d}" for number in range(count))
        for split, count in (("pool", pool), ("test", test))
    ]
    return Dataset(
        name="shapes",
        classes=NAMES[:classes],
        images=images,
        targets={item: _target(images, item) for ids in splits for item in ids},
        pool=splits[0],
        test=splits[1],
    )


@dataclass(frozen=True)
class DrawnImages:
    """An :class:`~alframe.datasets.base.ImageSource` that draws what is asked for.

    Attributes:
        side: height and width in pixels.
        classes: how many kinds of shapes.
        max_objects: most objects in an image.
        seed: of all images.
    """

    side: int
    classes: int
    max_objects: int
    seed: int

    def read(self, item: str) -> NDArray[np.uint8]:
        """Draw one image, uint8 [side, side, 3]."""
        return paint(layout(self, item), self.side, _rng(self, item, "paint"))

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels."""
        del item
        return self.side, self.side

    def stamp(self, item: str) -> str:
        """All that the image depends on besides its id."""
        del item
        return f"shapes-{_VERSION}-{self.side}-{self.classes}-{self.max_objects}-{self.seed}"


@lru_cache(maxsize=2048)  # the target of an image asks for it, and its pixels
def layout(source: DrawnImages, item: str) -> tuple[Figure, ...]:
    """The figures of one drawn image, from the bottom to the top."""
    rng = _rng(source, item, "layout")
    if rng.random() < _EMPTY_SHARE:
        return ()
    weights = 1.0 / np.arange(1, source.classes + 1) ** _IMBALANCE
    count = int(rng.integers(1, source.max_objects + 1))
    labels = rng.choice(source.classes, count, p=weights / weights.sum()).tolist()
    figures: list[Figure] = []
    for label in labels:
        for _ in range(_TRIES):
            figure = _figure(label, source.side, rng)
            if all(_common_share(figure.box, other.box) <= _OVERLAP for other in figures):
                figures.append(figure)
                break
    return tuple(figures)


def _figure(label: int, side: int, rng: np.random.Generator) -> Figure:
    """One shape of random size, ratio and rotation, at most a third of it cut off by the border."""
    angle, ratio = rng.uniform(-_TILT, _TILT), rng.uniform(0.85, 1.18)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    extent = side * np.exp(rng.uniform(*np.log(_EXTENT)))
    outline = (OUTLINES[NAMES[label]] * (ratio, 1.0)) @ turn
    sides = np.ptp(outline, axis=0)
    outline *= extent / sides.max()
    outline -= (outline.min(axis=0) + outline.max(axis=0)) / 2
    margin = extent * 0.35
    centre = rng.uniform(margin, side - margin, 2)
    share = HOLES.get(NAMES[label])
    hole = None if share is None else outline * share + centre
    return Figure(label, outline + centre, hole)


def _target(source: DrawnImages, item: str) -> Target:
    figures = layout(source, item)
    boxes = np.clip([figure.box for figure in figures], 0, source.side)
    return Target.of(boxes, [figure.label for figure in figures])


def _common_share(a: Points, b: Points) -> float:
    """Common area of two boxes as a share of the smaller one."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    smaller = min(np.prod(box[2:] - box[:2]) for box in (a, b))
    return float(np.prod(sides.clip(min=0)) / smaller)


def _rng(source: DrawnImages, item: str, use: str) -> np.random.Generator:
    return Seeds(source.seed).rng("shapes", item, use)


def _check(**numbers: int) -> None:
    limits = [("least", {**dict.fromkeys(numbers, 1), "size": 32, "seed": 0}), ("most", MOST)]
    problems = [
        f"dataset.{name}: expected at {which} {limit:,}, got {numbers[name]:,}"
        for which, each in limits
        for name, limit in each.items()
        if (numbers[name] < limit if which == "least" else numbers[name] > limit)
    ]
    if problems:
        raise ConfigError(problems)

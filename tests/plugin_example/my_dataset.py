"""A dataset: pixels on one side, annotations on the other, joined by ids."""

import numpy as np

from alframe.datasets.base import Dataset, Target


def discs(*, pool: int = 200, test: int = 50, size: int = 64) -> Dataset:
    """One bright disc an image, large or small, on dark noise.

    Args:
        pool: how many items may be labelled.
        test: how many items the evaluation split has.
        size: height and width of the images in pixels.
    """
    splits = [
        tuple(f"{split}/{number:04d}" for number in range(count))
        for split, count in (("pool", pool), ("test", test))
    ]
    return Dataset(
        name="discs",
        classes=("small", "large"),
        images=Images(size),
        targets={item: target(item, size) for ids in splits for item in ids},
        pool=splits[0],
        test=splits[1],
    )


class Images:
    """Draws what is asked for; it holds no annotation, so that none can be read from it."""

    def __init__(self, side: int) -> None:
        self.side = side

    def read(self, item: str):
        """One image, uint8 [side, side, 3]."""
        x, y, radius = disc(item, self.side)
        rows, columns = np.mgrid[: self.side, : self.side]
        image = generator(item, "noise").integers(0, 60, (self.side, self.side, 3), np.uint8)
        image[(columns - x) ** 2 + (rows - y) ** 2 <= radius**2] += 150
        return image

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.side, self.side

    def stamp(self, item: str) -> str:
        """What the cache of decoded images goes by."""
        return f"discs-1-{self.side}"


def target(item: str, side: int) -> Target:
    """The box of the disc, and whether it is a small or a large one."""
    x, y, radius = disc(item, side)
    return Target.of([[x - radius, y - radius, x + radius, y + radius]], [radius > side / 6])


def disc(item: str, side: int) -> tuple[float, float, float]:
    """Centre and radius in pixels."""
    rng = generator(item, "disc")
    radius = rng.uniform(side / 12, side / 4)
    return rng.uniform(radius, side - radius), rng.uniform(radius, side - radius), radius


def generator(item: str, use: str) -> np.random.Generator:
    """The same numbers for an image every time."""
    return np.random.default_rng(list(f"{item} {use}".encode()))

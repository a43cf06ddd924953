"""What a report says of the images that methods selected; a part of its findings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chosen:
    """What one method selected, all cycles and seeds together.

    Attributes:
        method: its name.
        histogram: share of each class among the objects of the selected images, in class order.
        objects_per_image: mean over the selected images.
    """

    method: str
    histogram: tuple[float, ...]
    objects_per_image: float


@dataclass(frozen=True)
class Selections:
    """What the methods selected, against the pool.

    Attributes:
        classes: names.
        pool: share of each class among the objects of the pool.
        pool_objects_per_image: mean over the pool.
        methods: one each.
        overlap: Jaccard index of what two methods selected in the cycles in which both did, mean
            over common seeds; ``overlap[i][j]`` for ``methods[i]`` and ``methods[j]``; None
            without such a cycle.
    """

    classes: tuple[str, ...]
    pool: tuple[float, ...]
    pool_objects_per_image: float
    methods: tuple[Chosen, ...]
    overlap: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A selected image for the gallery.

    Attributes:
        item: its id.
        score: by the strategy; None where it has none.
        jpeg: the image with its annotated boxes.
    """

    item: str
    score: float | None
    jpeg: bytes


@dataclass(frozen=True)
class Gallery:
    """The first images that a method selected in one cycle of one run.

    Attributes:
        method: its name.
        seed: of the run.
        cycle: whose selection it is.
        pictures: best first.
    """

    method: str
    seed: int
    cycle: int
    pictures: tuple[Picture, ...]

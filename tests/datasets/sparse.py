"""Drawn shapes in a pool of which nine of ten images show nothing, as camera traps take."""

from dataclasses import replace

from alframe.datasets.base import Dataset
from alframe.datasets.shapes import shapes

DRAWN = 9
"""So many are drawn for each that is kept: one of eight or so shows nothing."""


def sparse(*, pool: int = 2000, test: int = 500, shown: float = 0.1, seed: int = 0) -> Dataset:
    """Images of ``shapes``; ``shown`` is the share of those with an object."""
    drawn = shapes(pool=DRAWN * pool, test=DRAWN * test, seed=seed)

    def kept(ids: tuple[str, ...], count: int) -> tuple[str, ...]:
        objects = [item for item in ids if len(drawn.targets[item].labels)]
        nothing = [item for item in ids if not len(drawn.targets[item].labels)]
        some = round(count * shown)
        return (*objects[:some], *nothing[: count - some])

    splits = kept(drawn.pool, pool), kept(drawn.test, test)
    targets = {item: drawn.targets[item] for ids in splits for item in ids}
    return replace(drawn, name="sparse", pool=splits[0], test=splits[1], targets=targets)

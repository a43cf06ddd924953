"""Images from files and from the cache into training batches."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from alframe.benchmarks.speed.case import Case
from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.jpegs import jpegs
from alframe.benchmarks.speed.row import Timing
from alframe.benchmarks.speed.setting import Setting
from alframe.datasets.base import ImageSet, ImageSource
from alframe.datasets.cache import CachedImages, CacheMode, Resize
from alframe.seeds import Seeds
from alframe.training.data import TrainingStream

DECODED, CACHED = "from JPEG", "from the cache"


def cases(setting: Setting) -> Iterator[Case]:
    """Loading alone, in which GPUs have no part."""
    if not setting.cuda:
        yield Case("data/loading-300", _loading)


def _loading(name: str, setting: Setting) -> Sequence[Timing]:
    """Training batches of 300 x 300 pixels, by one process."""
    count = 20 if setting.quick else 300
    with jpegs(count) as (files, ids):
        sides = [
            Side(DECODED, _reading(files, ids, "none")),
            Side(CACHED, _reading(files, ids, "ram"), DECODED),
        ]
        return contest(name, sides, setting, items=count, unit="images")


def _reading(files: ImageSource, ids: tuple[str, ...], mode: CacheMode) -> Work:
    images = ImageSet(cached(files, ids, Resize("stretch", 300, 300), mode), ids)
    settings: dict[str, Any] = {"batch_size": 20, "pad": 1, "augment": ("hflip",)}
    stream = TrainingStream(images, seeds=Seeds(0), **settings)
    return lambda: [batch.ids for batch in stream.batches(0, stream.batches_per_pass())]


def cached(files: ImageSource, ids: Sequence[str], resize: Resize, mode: CacheMode) -> CachedImages:
    """A source of resized images, its cache filled."""
    images = CachedImages(files, resize, mode, limit_bytes=2**33)
    if mode != "none":
        images.prepare(ids, workers=os.cpu_count() or 1)
    return images

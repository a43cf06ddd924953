"""Images from files and from the cache into training batches."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.row import Timing
from alframe.datasets.base import ImageSet, ImageSource
from alframe.datasets.cache import CachedImages, CacheMode
from alframe.datasets.files import ImageFiles
from alframe.datasets.resize import Resize
from alframe.datasets.shapes import DrawnImages
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


HEIGHT, WIDTH = 375, 500
"""Of most images of Pascal VOC; with this quality, files are as long as its (some 80 kB)."""
QUALITY = 95
DISTINCT = 300


@contextlib.contextmanager
def jpegs(count: int) -> Iterator[tuple[ImageFiles, tuple[str, ...]]]:
    """A source of ``count`` images, and their ids; the files are deleted afterwards.

    Beyond :data:`DISTINCT` of them, the files come round again: drawing takes longer than decoding.
    """
    drawn = DrawnImages(WIDTH, 5, 5, 0)
    with tempfile.TemporaryDirectory(prefix="alframe-speed-") as name:
        folder = Path(name)
        files = [folder / f"{number}.jpg" for number in range(min(count, DISTINCT))]
        for path in files:
            Image.fromarray(drawn.read(path.stem)[:HEIGHT]).save(path, quality=QUALITY)
        paths = {f"{number:06d}": files[number % DISTINCT] for number in range(count)}
        yield ImageFiles(paths, [folder]), tuple(paths)

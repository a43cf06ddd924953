"""JPEG files like photographs, drawn into a temporary folder."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from alframe.datasets.files import ImageFiles
from alframe.datasets.shapes import DrawnImages

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

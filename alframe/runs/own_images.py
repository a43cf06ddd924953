"""Image files of one's own, checked before a model is asked about them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from alframe.config.draft import Layer
from alframe.config.resolve import resolve
from alframe.config.sections import DataConfig
from alframe.datasets.cache import CachedImages, Resize
from alframe.datasets.files import ImageFiles
from alframe.datasets.pictures import Reading
from alframe.datasets.problems import sentences
from alframe.errors import DataError


class Photos:
    """Image files under the ids ``"0"``, ``"1"``, ..., read and resized as a run's own.

    All of them are decoded once, one at a time: together they may be more than memory holds.

    Args:
        files: of the images.
        data: the run's; with ``white`` null, it is found among these images.

    Raises:
        DataError: files that cannot be read, all of them.
    """

    def __init__(self, files: Sequence[Path], data: DataConfig) -> None:
        self.files = tuple(files)
        paths = {str(number): path for number, path in enumerate(files)}
        reading = Reading(data.max_megapixels, data.white, "give the path of an image", flags=True)
        images = ImageFiles(paths, {p.resolve().parent for p in files}, reading=reading)
        resize = Resize(data.resize, data.long, data.short)
        self._originals = images
        self.images = CachedImages(images, resize, "none", limit_bytes=0)
        problems = self.images.prepare(tuple(paths), workers=1)
        if problems:
            raise DataError(sentences(problems.values()))

    def pixels(self, number: int) -> NDArray[np.uint8]:
        """An image in its own size, uint8 [H, W, 3]."""
        reading = replace(self._originals.reading, white=self.images.white)
        return self._originals.reading_as(reading).read(str(number))

    def notes(self) -> list[str]:
        """What is worth saying of the images: black ones, white in those of more than 8 bits."""
        return self.images.notes({str(i): str(path) for i, path in enumerate(self.files)})


def data_of(stored: Layer, **given: Any) -> DataConfig:
    """How a run reads its images, without torch; other values where they are given.

    Args:
        stored: the run's ``config.yaml``.
        given: settings; None leaves the run's.

    Raises:
        ConfigError: it is not the configuration of a run.
    """
    try:
        data = DataConfig.model_validate(stored.get("data", {}))
    except ValidationError:
        data = resolve([stored]).data  # which says what is wrong
    return data.model_copy(update={k: v for k, v in given.items() if v is not None})

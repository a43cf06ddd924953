"""Image files of one's own: checked, and told from those that a run has labelled."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from alframe.config.draft import Layer
from alframe.config.layers import at_root
from alframe.config.resolve import drafted, resolve
from alframe.config.sections import DataConfig
from alframe.datasets.base import Dataset
from alframe.datasets.cache import CachedImages
from alframe.datasets.files import ImageFiles
from alframe.datasets.folders import REMEDY, Given
from alframe.datasets.pictures import Reading
from alframe.datasets.problems import sentences
from alframe.datasets.resize import Resize
from alframe.errors import DataError
from alframe.files.home import real
from alframe.runs.build import asks_people, build_dataset
from alframe.runs.journal import Journal
from alframe.runs.records import asked_for
from alframe.runs.rundir import stored_layer
from alframe.words import plural


class UnreadableError(DataError):
    """Files that cannot be read, by their places in the list that was given."""

    def __init__(self, problems: Mapping[str, DataError]) -> None:
        super().__init__(sentences(problems.values()))
        self.places = frozenset(map(int, problems))


class Photos:
    """Image files under the ids ``"0"``, ``"1"``, ..., read and resized as a run's own.

    All of them are decoded once, one at a time: together they may be more than memory holds.

    Args:
        files: of the images.
        data: the run's; with ``white`` null, it is found among these images.

    Raises:
        UnreadableError: files that cannot be read, all of them.
    """

    def __init__(self, files: Sequence[Path], data: DataConfig) -> None:
        self.files = tuple(files)
        paths = {str(number): path for number, path in enumerate(files)}
        reading = Reading(data.max_megapixels, data.white, REMEDY, flags=True)
        folders = {real(path).parent for path in files}
        images = ImageFiles(paths, folders, reading=reading)
        self._originals = images
        self.images = CachedImages(images, Resize.of(data), "none", limit_bytes=0)
        problems = self.images.prepare(tuple(paths), workers=1)
        if problems:
            raise UnreadableError(problems)

    def pixels(self, number: int) -> NDArray[np.uint8]:
        """An image in its own size, uint8 [H, W, 3]."""
        reading = replace(self._originals.reading, white=self.images.white)
        return self._originals.reading_as(reading).read(str(number))

    def notes(self) -> list[str]:
        """What is worth saying of the images: black ones, white in those of more than 8 bits."""
        return self.images.notes({str(i): str(path) for i, path in enumerate(self.files)})


def photos_of(
    given: Sequence[Given], explicit: Collection[Path], data: DataConfig
) -> tuple[list[Given], Photos, list[str]]:
    """Pictures, without those in folders that cannot be read, and notes on them all.

    Args:
        given: the pictures.
        explicit: paths that the user gave: such a file has to be one.
        data: the run's.

    Raises:
        DataError: files that cannot be read.
    """
    try:
        photos = Photos([picture.path for picture in given], data)
        return list(given), photos, photos.notes()
    except UnreadableError as error:
        rest = [picture for place, picture in enumerate(given) if place not in error.places]
        if not rest or any(given[place].path in explicit for place in error.places):
            raise
        photos = Photos([picture.path for picture in rest], data)
        left = [f"left out: {problem.removesuffix(f'; {REMEDY}')}" for problem in error.problems]
        return rest, photos, [*left, *photos.notes()]


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


def without_used(
    given: Sequence[Given], run: Path, data_root: str | None = None
) -> tuple[list[Given], str]:
    """Pictures without those that a run has labelled, asks people for or tests on.

    They are told by their files, links resolved, whatever ids the dataset has made of them. Torch
    is not imported.

    Args:
        given: the pictures.
        run: the run directory.
        data_root: where the dataset lies, if not where the run found it.

    Returns:
        The others, and a sentence that counts those that were left out.

    Raises:
        AlframeError: there is no such run, or its dataset cannot be read.
    """
    config = drafted([stored_layer(run), at_root(data_root)]).light()
    dataset = build_dataset(config)
    ids = {*dataset.test, *asked_for(Journal(run))}
    ids.update(dataset.known if asks_people(config) else ())
    files = _files(dataset, ids)
    left = [picture for picture in given if real(picture.path) not in files]
    what = plural(len(given) - len(left), "image")
    note = f"left out {what} of {len(given):,} that {run} has labelled, asks for or tests on"
    if not {real(picture.path) for picture in given} & (files | _files(dataset, dataset.pool)):
        note += "; none of these is an image of its dataset"
    return left, note


def _files(dataset: Dataset, ids: Iterable[str]) -> frozenset[Path]:
    there = frozenset((*dataset.pool, *dataset.test))  # the dataset may have changed since
    return frozenset(real(file) for item in there & {*ids} if (file := dataset.file(item)))

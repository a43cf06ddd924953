"""Candidates of a selection by name: what predictions may call them, and where pictures lie."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alframe.annotations.vocabulary import UNSIZED
from alframe.datasets.folders import below, no_image_in
from alframe.datasets.held_out import listed
from alframe.datasets.listing import Listing
from alframe.datasets.name_matching import Pictures, parts_of
from alframe.datasets.pictures import decoded, header_size
from alframe.datasets.problems import Problem, Problems
from alframe.errors import DataError
from alframe.files.presence import is_folder
from alframe.words import named, plural


class Candidates:
    """Images by id, with pictures where there are files.

    They are :class:`alframe.annotations.vocabulary.Images`.

    Args:
        ids: of all of them; None takes whatever name comes.
        roots: folders in which the files may lie; an id that leads out of them has none.
        free: ids may be paths anywhere, as in a list that the user wrote.
    """

    def __init__(
        self, ids: Iterable[str] | None, roots: Sequence[Path] = (), *, free: bool = False
    ) -> None:
        self.ids = None if ids is None else frozenset(ids)
        self._pictures = None if self.ids is None else Pictures(self.ids, self.size, self.file)
        self._roots, self._free = tuple(roots), free

    def find(self, name: str) -> str:
        """The id of the image that a file calls ``name``.

        Raises:
            BadItemError: there is none, or there are several.
        """
        return name if self._pictures is None else self._pictures.find(name)

    def doubts(self, items: Collection[str]) -> list[tuple[str, Problem]]:
        """Those of the images found that may not be meant; see :class:`.PictureNames`."""
        return [] if self._pictures is None else self._pictures.doubts(items)

    def notes(self) -> list[str]:
        """What was found by likeness alone; see :class:`.PictureNames`."""
        return [] if self._pictures is None else self._pictures.notes()

    def file(self, item: str) -> Path | None:
        """Where the picture lies; None where it is no file."""
        if not self._free and parts_of(item)[1]:
            return None
        return next((root / item for root in self._roots if (root / item).is_file()), None)

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels; :data:`.vocabulary.UNSIZED` without a file."""
        path = self.file(item)
        return UNSIZED if path is None else header_size(path)

    def read(self, item: str) -> NDArray[np.uint8]:
        """The picture in RGB, uint8 [H, W, 3]."""
        path = self.file(item)
        if path is None:
            raise DataError(f"{item} is no file here: give the folder or list of images")
        return decoded(path).pixels

    def stamp(self, item: str) -> str:
        """The name: nothing is kept that a change of the file would make stale."""
        return item


def candidates_in(path: Path) -> tuple[Candidates, list[str]]:
    """The images in a folder, or in a list with a name in each line.

    Returns:
        Images, and a sentence for each reason to leave out others; where a list has names of files
        and names of none, those of none are told.

    Raises:
        DataError: there is nothing, or no image.
    """
    if is_folder(path):
        names, notes = below(path, Listing())
        if not names:
            raise DataError(no_image_in(path, notes))
        there = [name for name in names if (path / name).is_file()]
        if gone := sorted({*names} - {*there}):
            what = f"{plural(len(gone), 'link')} to nothing and the like"
            notes.append(f"left out {what}: {named(gone)}")
        return Candidates(there, [path]), notes
    names = listed(path, Candidates(None), Problems("error", ""), "--images")
    images = Candidates(names, [path.parent, Path()], free=True)
    gone = [name for name in names if images.file(name) is None]
    if not gone or len(gone) == len(names):  # one of ids alone speaks of pictures elsewhere
        return images, []
    return images, [f"{plural(len(gone), 'image')} of {path} cannot be found here: {named(gone)}"]

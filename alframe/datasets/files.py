"""Images in files: paths that stay inside their folder, and the source that reads them."""

import copy
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.pictures import DEFAULT, Picture, Reading, check_regular, decoded, header_size
from alframe.datasets.problems import BadItemError, Problem
from alframe.errors import DataError
from alframe.files.home import expanded
from alframe.files.presence import is_folder


def home_of(root: str | Path, expected: str) -> Path:
    """The folder of a dataset, if there is one.

    Raises:
        DataError: there is none; says what was ``expected``.
    """
    home = expanded(root)
    if not is_folder(home):
        raise DataError(
            f"{home} is not a folder: expected {expected}; set dataset.root (--data-root)"
        )
    return home


def inside(folder: Path, name: str) -> Path:
    """``folder / name``, for a name that comes from an annotation or a list.

    Raises:
        DataError: the name is absolute or climbs out of the folder.
    """
    relative = PurePosixPath(name.replace("\\", "/"))
    climbs = relative.is_absolute() or ".." in relative.parts or PureWindowsPath(name).drive
    if climbs or not relative.parts or "\0" in name:
        raise DataError(
            f"{name!r} leaves its folder {folder}: expected a relative path below it; correct the "
            "annotation"
        )
    return folder / relative


def check_link(path: str | Path, folders: Iterable[Path]) -> None:
    """A file of annotations lies in one of the folders, as pictures have to.

    Raises:
        BadItemError: it is a link to somewhere else.
    """
    real = os.path.realpath(path)
    if not real.startswith(_real(folders)):
        cause = "a file of annotations is a link out of the dataset"
        raise BadItemError(Problem(cause, f"{path} (to {real})", "put the file itself there"))


def _real(folders: Iterable[Path]) -> tuple[str, ...]:
    """What paths in one of the folders begin with, links resolved."""
    return tuple({os.path.realpath(folder).rstrip(os.sep) + os.sep for folder in folders})


class ImageFiles:
    """An :class:`~alframe.datasets.base.ImageSource` of image files.

    Args:
        paths: the file of each id.
        folders: where files may lie. A link from inside to outside of all of them is refused.
        sizes: (height, width) as annotated, by id; read from the file's header where missing.
        reading: how files become pixels.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        folders: Iterable[Path],
        sizes: Mapping[str, tuple[int, int]] | None = None,
        reading: Reading = DEFAULT,
    ) -> None:
        self._paths = {item: str(path) for item, path in paths.items()}
        self._folders = _real(folders)
        self._sizes = dict(sizes or {})
        self.reading = reading

    def reading_as(self, reading: Reading) -> "ImageFiles":
        """The same files, read in another way."""
        other = copy.copy(self)
        other.reading = reading
        return other

    def adding(
        self, paths: Mapping[str, Path], sizes: Mapping[str, tuple[int, int]]
    ) -> "ImageFiles":
        """These files, and others in the same folders, with the sizes (height, width) of some."""
        other = copy.copy(self)
        other._paths = self._paths | {item: str(path) for item, path in paths.items()}
        other._sizes = self._sizes | dict(sizes)
        return other

    def read(self, item: str) -> NDArray[np.uint8]:
        """Decode one image to RGB, uint8 [H, W, 3], upright as its EXIF orientation says.

        Raises:
            BadItemError: the file is missing, truncated, not an image, too large, or outside of
                the folders.
        """
        return self.picture(item).pixels

    def picture(self, item: str) -> Picture:
        """Decode one image, and say what is white in it; raises as :meth:`read` does."""
        return decoded(self._checked(item), self.reading)

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels: as annotated, else from the header of the file."""
        if item not in self._sizes:
            self._sizes[item] = header_size(self._checked(item), self.reading)
        return self._sizes[item]

    def file(self, item: str) -> Path:
        """The file of an image."""
        return Path(self._paths[item])

    def stamp(self, item: str) -> str:
        """Length and time of change of the file, and its path.

        Copies keep length and time, also of pictures that have been worked on since.
        """
        path = self._checked(item)
        status = check_regular(path, self.reading.remedy)
        whole = os.path.abspath(path)  # noqa: PTH100 - of text, a hundred thousand times
        return f"{status.st_size}-{status.st_mtime_ns}-{whole}"

    def _checked(self, item: str) -> str:
        path = self._paths[item]
        real = os.path.realpath(path)
        if real.startswith(self._folders):
            return path
        cause = "the image lies outside of the dataset, to which a link may not lead"
        remedy = f"put the file itself there, or {self.reading.remedy}"
        raise BadItemError(Problem(cause, f"{path} -> {real}", remedy))

"""Images in files: paths that stay inside their folder, and decoding."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from alframe.errors import DataError

REMEDY = "replace the file, or set dataset.on_bad_item=skip"
_EXIF_ORIENTATION = 0x0112
_SIDES_SWAPPED = frozenset({5, 6, 7, 8})


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


class ImageFiles:
    """An :class:`~alframe.datasets.base.ImageSource` of image files.

    Args:
        paths: the file of each id.
        folders: where files may lie. A link from inside to outside of all of them is refused.
        sizes: (height, width) as annotated, by id; read from the file's header where missing.
        remedy: what the error for an unreadable file tells to do.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        folders: Iterable[Path],
        sizes: Mapping[str, tuple[int, int]] | None = None,
        remedy: str = REMEDY,
    ) -> None:
        self._paths = {item: str(path) for item, path in paths.items()}
        self._folders = tuple(
            {os.path.realpath(folder).rstrip(os.sep) + os.sep for folder in folders}
        )
        self._sizes = dict(sizes or {})
        self._remedy = remedy

    def read(self, item: str) -> NDArray[np.uint8]:
        """Decode one image to RGB, uint8 [H, W, 3], upright as its EXIF orientation says.

        Raises:
            DataError: the file is missing, truncated, not an image, or outside of the folders.
        """
        path = self._checked(item)
        try:
            with Image.open(path) as image:
                return _rgb(image)
        except Exception as error:  # decoders raise anything on foreign bytes
            raise _unreadable(path, error, self._remedy) from error

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels: as annotated, else from the header of the file."""
        if item not in self._sizes:
            self._sizes[item] = header_size(self._checked(item), self._remedy)
        return self._sizes[item]

    def stamp(self, item: str) -> str:
        """Length and time of change of the file."""
        path = self._checked(item)
        try:
            status = Path(path).stat()
        except OSError as error:
            raise _unreadable(path, error, self._remedy) from error
        return f"{status.st_size}-{status.st_mtime_ns}"

    def _checked(self, item: str) -> str:
        path = self._paths[item]
        real = os.path.realpath(path)
        if real.startswith(self._folders):
            return path
        raise DataError(
            f"{path} is a link to {real}, outside of the dataset: put the file itself there"
        )


def header_size(path: str | Path, remedy: str = REMEDY) -> tuple[int, int]:
    """(height, width) in pixels of an upright image, without decoding it.

    Raises:
        DataError: the file is missing or not an image.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(_EXIF_ORIENTATION) in _SIDES_SWAPPED
    except Exception as error:  # see ImageFiles.read
        raise _unreadable(path, error, remedy) from error
    return (width, height) if turned else (height, width)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    upright: Image.Image = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        upright = _sixteen_to_eight_bits(upright)
    elif upright.mode in ("F", "P"):
        # Neither converts to RGB directly: F not at all, P with a warning where it has alpha.
        upright = upright.convert("L" if upright.mode == "F" else "RGBA")
    return np.array(upright.convert("RGB"))


def _sixteen_to_eight_bits(image: Image.Image) -> Image.Image:
    # Pillow's own conversion cuts everything above 255 to white.
    values: NDArray[Any] = np.asarray(image)
    return Image.fromarray(np.clip(values // 256, 0, 255).astype(np.uint8))


def _unreadable(path: str | Path, error: Exception, remedy: str) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path} is missing: {remedy}")
    reason = str(error).partition("\n")[0] or type(error).__name__
    return DataError(f"{path} cannot be read as an image ({reason}): {remedy}")

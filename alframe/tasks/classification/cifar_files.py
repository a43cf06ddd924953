"""Files of CIFAR-10: images and labels of its binary and of its Python version."""

import functools
import io
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.pictures import regular_file
from alframe.datasets.problems import BadItemError, Problem

SIDE = 32
PIXELS = 3 * SIDE * SIDE
RECORD = 1 + PIXELS
"""Bytes of an image in the binary version: its label, then red, green and blue rows."""
REMEDY = "unpack the archive again"


class Records(NamedTuple):
    """What a file holds.

    Attributes:
        labels: uint8 [N].
        pixels: uint8 [N, 3072].
    """

    labels: NDArray[np.uint8]
    pixels: NDArray[np.uint8]


class CifarImages:
    """An :class:`~alframe.datasets.base.ImageSource` over the files; each is read when needed.

    Of a binary file a read takes the bytes of one image; a Python file is unpickled as a whole,
    and kept.

    Args:
        places: file and number in it, by id.
    """

    def __init__(self, places: dict[str, tuple[Path, int]]) -> None:
        self._places = places

    def read(self, item: str) -> NDArray[np.uint8]:
        """One image, uint8 [32, 32, 3].

        Raises:
            BadItemError: the file has gone, or is cut.
        """
        path, number = self._places[item]
        row = _binary_row(path, number) if path.suffix == ".bin" else _kept(path).pixels[number]
        planes: NDArray[np.uint8] = row.reshape(3, SIDE, SIDE).transpose(1, 2, 0)
        return np.ascontiguousarray(planes)

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels."""
        del item
        return SIDE, SIDE

    def stamp(self, item: str) -> str:
        """The file of the image, which is checked, and the place in it."""
        path, number = self._places[item]
        return f"{path.name}-{number}"


def records(content: bytes, *, binary: bool) -> Records:
    """Labels and pixels in the content of a file.

    Raises:
        ValueError: it is something else.
    """
    return _of_binary(content) if binary else _of_pickle(content)


def _of_binary(content: bytes) -> Records:
    if not content or len(content) % RECORD:
        raise ValueError(f"its length is no multiple of {RECORD:,} bytes")
    table = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return Records(table[:, 0], table[:, 1:])


def _of_pickle(content: bytes) -> Records:
    """Raises ValueError for whatever a broken or malicious file makes of it."""
    try:
        table: Any = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        labels, pixels = np.asarray(table[b"labels"]), table[b"data"]
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    fits = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8
    if not fits or pixels.shape != (len(labels), PIXELS):
        raise ValueError(f"its data are no bytes of {PIXELS:,} an image")
    return Records(labels.astype(np.uint8), pixels)


class _Unpickler(pickle.Unpickler):
    """Takes lists, texts and numbers, and of objects arrays of numpy alone."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy", "_reconstruct"): np.zeros(0).__reduce__()[0],
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): lambda text, _: text.encode("latin1"),  # bytes of Python 3
        }
        if found := allowed.get((module.partition(".")[0], name)):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is not let in")


def _binary_row(path: Path, number: int) -> NDArray[np.uint8]:
    with regular_file(path, REMEDY) as file:
        file.seek(number * RECORD + 1)
        content = file.read(PIXELS)
    if len(content) != PIXELS:
        raise BadItemError(Problem("the file has been cut", str(path), REMEDY))
    return np.frombuffer(content, np.uint8)


@functools.lru_cache(maxsize=6)
def _kept(path: Path) -> Records:
    with regular_file(path, REMEDY) as file:
        content = file.read()
    try:
        return records(content, binary=False)
    except ValueError as error:
        raise BadItemError(Problem("the file has been changed", str(path), REMEDY)) from error

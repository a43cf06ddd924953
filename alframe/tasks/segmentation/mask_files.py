"""Masks in files: what their values mean, and whether they are what they should be."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from alframe.config.checks import Checks
from alframe.datasets.base import IGNORED
from alframe.datasets.pictures import (
    STARTS_A_PROGRAM,
    WITHOUT_LIMIT,
    open_picture,
    regular_file,
)
from alframe.datasets.problems import SKIP, SWAPPED, BadItemError, Problem
from alframe.grouping import by_key
from alframe.words import named

MOST_CLASSES = IGNORED
"""What fits into one byte beside :data:`~alframe.datasets.base.IGNORED`."""
FOREGROUND = 255
"""Of binary masks; the background is 0."""
NUMBERS = frozenset({"L", "P", "1", "I", "I;16", "I;16B"})
"""Modes of pictures with one whole number a pixel."""
SPREAD = {"L;2": 85, "L;4": 17}
"""By how much Pillow multiplies the numbers of grey PNGs of 2 and 4 bits, by their raw mode."""
LOSSY = frozenset({"JPEG", "MPO"})
REMEDY = f"replace the file{SKIP}"


@dataclass(frozen=True)
class MaskCoding:
    """What the values in mask files mean.

    Attributes:
        ignore_index: the value of pixels of no class; None where there is none.
        reduce_zero_label: 0 is a pixel of no class too, and 1 is the first class.
        binary: 0 is the background and 255 the foreground.

    Raises:
        ConfigError: the options contradict one another.
    """

    ignore_index: int | None = 255
    reduce_zero_label: bool = False
    binary: bool = False

    def __post_init__(self) -> None:
        with Checks() as check:
            if self.binary and self.reduce_zero_label:
                check.problems.append(
                    "dataset.binary and dataset.reduce_zero_label contradict one another: in a "
                    "binary mask 0 is the background; leave out one of the two"
                )
            if self.ignore_index is not None and not 0 <= self.ignore_index <= 255:
                check.problems.append(
                    f"ignore_index: expected a value of 0 to 255 or null, got {self.ignore_index}"
                )

    @cached_property
    def table(self) -> NDArray[np.uint8]:
        """The class of each value of a file, uint8 [256], as if there were as many as can be."""
        values = np.arange(256)
        if self.binary:
            values[[0, FOREGROUND]] = 0, 1
        elif self.reduce_zero_label:
            values = np.where(values == 0, IGNORED, values - 1)
        if self.ignore_index is not None and not (self.binary and self.ignore_index == FOREGROUND):
            values[self.ignore_index] = IGNORED
        return values.astype(np.uint8)

    def classes_of(self, values: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """The class of each pixel, uint8 [H, W], of the values of a file."""
        found: NDArray[np.uint8] = self.table[values]
        return found

    def unexpected(self, values: NDArray[np.int64], classes: int | None) -> list[int]:
        """Those of some values that mean nothing.

        Args:
            values: that occur in a file.
            classes: how many there are; None where they are still counted.
        """
        fits = (values >= 0) & (values < 256)
        known = values[fits]
        means = self.table[known].astype(np.int64)
        ignored = (means == IGNORED) & ((known == self.ignore_index) | (known == 0))
        most = MOST_CLASSES if classes is None else classes
        wrong = ~ignored & ((means >= most) | (self.binary & ~np.isin(known, (0, FOREGROUND))))
        return [*known[wrong].tolist(), *values[~fits].tolist()]

    def expected(self, classes: int | None) -> str:
        """The values that are expected, in words."""
        index = self.ignore_index
        ignore = "" if index is None else f" or {index} (dataset.ignore_index)"
        if self.binary:
            return f"0 and 255 (dataset.binary=true){'' if index == FOREGROUND else ignore}"
        first = int(self.reduce_zero_label)
        last = "254" if classes is None else str(first + classes - 1)
        zero = ", 0 (dataset.reduce_zero_label)" if self.reduce_zero_label else ""
        return f"{first} to {last}{zero}{ignore}"


class Palettes:
    """The numbers that palette masks have for a colour, which ought to be one in all files.

    A program that reduces the colours of each picture by itself numbers them anew in each.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[int, ...], dict[int, str]] = {}

    def add(self, path: str, palette: Sequence[int], values: NDArray[np.integer[Any]]) -> None:
        """Note the colours of a file, but for those that it has for several numbers."""
        there: list[int] = np.unique(values).tolist()
        colours = by_key((tuple(palette[3 * n : 3 * n + 3]), n) for n in there)
        for colour, numbers in colours.items():
            if colour and len(numbers) == 1:
                self._seen.setdefault(colour, {}).setdefault(numbers[0], path)

    def problem(self) -> str | None:
        """What is wrong with them, if anything."""
        for colour, files in self._seen.items():
            if len(files) > 1:
                (one, first), (other, second), *_ = sorted(files.items())
                return (
                    f"palettes of masks differ, so that a number means several classes: the colour "
                    f"{', '.join(map(str, colour))} is {one} in {first} and {other} in {second}; "
                    "save the numbers of the classes as grey PNGs, or with one palette"
                )
        return None


@dataclass(frozen=True)
class MaskFile:
    """A mask in a file, read when it is called.

    Attributes:
        path: of the file.
        coding: what its values mean.
        palettes: note its colours, when it is first looked at.
    """

    path: str
    coding: MaskCoding
    palettes: "Palettes | None" = None

    def __call__(self) -> NDArray[np.uint8]:
        """The class of each pixel, uint8 [H, W].

        Raises:
            BadItemError: the file is missing, broken, or has more than one channel, or was replaced
                by one with larger values after :func:`check_mask`.
        """
        values = self.values()
        if values.dtype != np.uint8 and not ((values >= 0) & (values < 256)).all():
            raise BadItemError(Problem("the mask has values above 255", self.path, REMEDY))
        return self.coding.classes_of(values)

    def values(self, size: tuple[int, int] | None = None) -> NDArray[np.integer[Any]]:
        """The values as they are written; those above 255 are for :func:`check_mask`.

        Args:
            size: (height, width) of the image: a mask of another size, unless it is turned, is
                refused before it is decoded.

        Raises:
            BadItemError: see :meth:`__call__`; or it has another size than its image.
        """
        with regular_file(self.path, REMEDY) as file, WITHOUT_LIMIT:
            try:
                with open_picture(file, self.path) as picture:
                    if picture.format in STARTS_A_PROGRAM:
                        raise ValueError(picture.format)
                    if size is not None and sorted(picture.size) != sorted(size):
                        raise BadItemError(_misfit(self.path, picture.size, size))
                    mode, lossy = picture.mode, picture.format in LOSSY
                    raw = [tile[3] for tile in picture.tile]
                    spread = next((step for kind, step in SPREAD.items() if kind in raw), 1)
                    values = np.asarray(_upright(picture))
                    if self.palettes is not None and mode == "P":
                        self.palettes.add(self.path, picture.getpalette("RGB") or [], values)
            except BadItemError:
                raise
            except Exception as error:  # Pillow raises anything on foreign bytes
                cause = "the mask cannot be read as an image"
                raise BadItemError(Problem(cause, self.path, REMEDY)) from error
        if mode in NUMBERS and not lossy:
            if mode == "1":
                return values.astype(np.uint8) * (FOREGROUND if self.coding.binary else 1)
            return values if self.coding.binary else values // spread
        channels = values.shape[2] if values.ndim == 3 else 1
        cause = f"the mask has {channels} channels ({mode}), expected one of class numbers"
        if lossy:
            cause = "the mask is a JPEG, whose values are not those that were saved"
        elif channels == 1:
            cause = f"the mask has values that are no whole numbers ({mode})"
        remedy = f"save the numbers of the classes as a grey or palette PNG{SKIP}"
        raise BadItemError(Problem(cause, self.path, remedy))


def _upright(picture: Image.Image) -> Image.Image:
    """A picture turned as its orientation says, as those of datasets are."""
    picture.load()
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # damaged metadata, of which other programs take no notice either
        return picture


def _misfit(path: str, found: tuple[int, ...], size: tuple[int, int]) -> Problem:
    """That a mask of ``found`` width and height is not one of an image of a (height, width)."""
    (width, height), (high, wide) = found, size
    at = f"{path} ({width} x {height}, the image {wide} x {high})"
    if found == size:
        cause = f"the mask has width and height of its image {SWAPPED}"
        remedy = f"turn the mask, or remove the orientation of the image if it has one{SKIP}"
        return Problem(cause, at, remedy)
    return Problem("the mask has another size than its image", at, REMEDY)


def check_mask(file: MaskFile, size: tuple[int, int], classes: int | None) -> NDArray[np.uint8]:
    """Read a mask, once it is sure that it fits its image.

    Args:
        file: of the mask.
        size: (height, width) of the image.
        classes: how many there are; None where they are still counted.

    Returns:
        The class of each pixel, uint8 [H, W].

    Raises:
        BadItemError: it cannot be read, has another size, or values that mean nothing.
    """
    values, problems = file.values(size), []
    if values.shape != size:
        problems.append(_misfit(file.path, values.shape[::-1], size))
    if wrong := file.coding.unexpected(np.unique(values).astype(np.int64), classes):
        cause = f"the mask has values that are no class: expected {file.coding.expected(classes)}"
        at = f"{file.path} ({named([str(value) for value in wrong])})"
        remedy = "correct the file, dataset.classes or the options"
        if wrong == [FOREGROUND] and not file.coding.binary:
            remedy = (
                "set dataset.ignore_index=255 if it is no class, or dataset.binary=true if the "
                "mask is of 0 and 255 alone"
            )
        problems.append(Problem(cause, at, f"{remedy}{SKIP}"))
    if problems:
        raise BadItemError(*problems)
    return file.coding.classes_of(values)

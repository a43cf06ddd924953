"""Opening a picture: the one place where a file becomes a size and pixels.

Size and pixels come of the same steps (open, check, turn upright), so that they agree. A picture
of several frames is its first one. Transparency is left out: colours are those that are stored.
"""

import contextlib
import functools
import math
import os
import re
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from alframe.datasets.depth import deep_values, in_eight_bits, white_of
from alframe.datasets.png import metadata_first
from alframe.datasets.problems import SKIP, BadItemError, Problem

REMEDY = f"replace the file{SKIP}"
MAX_MEGAPIXELS = 100.0
PHOTOGRAPHS = frozenset(
    {"JPEG", "MPO", "PNG", "BMP", "DIB", "WEBP", "TIFF", "GIF", "JPEG2000", "AVIF", "PPM"}
)
"""Formats by which a file whose name does not say so is recognised as a picture."""

STARTS_A_PROGRAM = frozenset({"EPS"})
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_TIFF = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})
_ORIENTATION = 274  # of EXIF, and of TIFF's own tags
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDES_SWAPPED = frozenset({5, 6, 7, 8})
# P converts to RGB with a warning where it has alpha, the others not at all.
_BY_WAY_OF = {"P": "RGBA", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}

T = TypeVar("T")

# Of oddities in the metadata of files that are read all the same.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@dataclass(frozen=True)
class Reading:
    """How files become pixels.

    Attributes:
        max_megapixels: larger pictures are refused before they are decoded.
        white: the value that becomes 255 where a picture has more than 8 bits; None takes for each
            picture the smallest usual one that its values do not exceed.
        remedy: what the error for an unreadable file tells to do.
        flags: whether a user sets the first two by ``--white`` and the like, for messages.
    """

    max_megapixels: float = MAX_MEGAPIXELS
    white: float | None = None
    remedy: str = REMEDY
    flags: bool = False

    def setting(self, name: str) -> str:
        """What a user sets."""
        return f"--{name.replace('_', '-')}" if self.flags else f"data.{name}"


DEFAULT = Reading()
OF_ANY_SIZE = Reading(max_megapixels=math.inf)
READING: ContextVar[Reading] = ContextVar("reading", default=DEFAULT)
"""How images are read of the dataset that is being made, for what is decoded with it: masks."""


@contextlib.contextmanager
def reading_as(reading: Reading) -> Iterator[None]:
    """Make a dataset whose images are read so."""
    token = READING.set(reading)
    try:
        yield
    finally:
        READING.reset(token)


class Picture(NamedTuple):
    """A decoded file.

    Attributes:
        pixels: RGB, uint8 [H, W, 3].
        white: the smallest usual white that its own values do not exceed; None where it has 8 bits.
    """

    pixels: NDArray[np.uint8]
    white: float | None


def header_size(path: str | Path, reading: Reading = OF_ANY_SIZE) -> tuple[int, int]:
    """(height, width) in pixels of an upright picture, without decoding it.

    Raises:
        BadItemError: the file is missing, not a regular file, not a picture, or too large for
            ``reading``.
    """
    with _opened(path, reading) as (image, file):
        return _guarded(path, reading, lambda: _upright_size(image, _orientation(image, file)))


def decoded(path: str | Path, reading: Reading = DEFAULT) -> Picture:
    """A picture, upright.

    Raises:
        BadItemError: see :func:`header_size`; or it is broken, or has another size than it says.
    """
    with _opened(path, reading) as (image, file):
        orientation = _guarded(path, reading, lambda: _orientation(image, file))
        size = _upright_size(image, orientation)
        values = _guarded(path, reading, lambda: deep_values(image, file))
        own = None if values is None else white_of(values)
        if values is not None and own is not None:
            shown = Image.fromarray(in_eight_bits(values, reading.white or own))
        else:
            shown = _guarded(path, reading, lambda: _loaded(image))
        # Pillow has turned a TIFF while decoding it.
        turn = None if image.format == "TIFF" else _TURNS.get(orientation)
        pixels = _guarded(path, reading, lambda: _rgb(shown, turn))
    if pixels.shape[:2] != size:
        cause = "the image has another size than its header says"
        raise BadItemError(Problem(cause, str(path), reading.remedy))
    return Picture(pixels, own)


def thumbnail(path: str | Path, side: int, reading: Reading = DEFAULT) -> Image.Image:
    """A small upright picture, RGB, to look at.

    Of a JPEG a fraction is decoded, which takes a tenth of the time.

    Args:
        path: of the file.
        side: the longest side of the result in pixels; smaller pictures stay as they are.
        reading: see there.

    Raises:
        BadItemError: see :func:`decoded`.
    """
    with _opened(path, reading) as (image, file):
        if image.format in ("JPEG", "MPO"):
            turn = _TURNS.get(_guarded(path, reading, lambda: _orientation(image, file)))
            image.draft("RGB", (side, side))
            shown = _guarded(path, reading, lambda: _rgb(_loaded(image), turn))
        else:
            shown = None
    small = Image.fromarray(decoded(path, reading).pixels if shown is None else shown)
    small.thumbnail((side, side))
    return small


def is_picture(path: str | Path) -> bool:
    """Whether a file is a picture by its content.

    Raises:
        BadItemError: it is missing, not a regular file, or cannot be opened.
    """
    with regular_file(path, DEFAULT.remedy) as file, WITHOUT_LIMIT:
        try:
            with open_picture(file, path) as image:
                return image.format in PHOTOGRAPHS
        except Exception:  # see _guarded
            return False


@contextlib.contextmanager
def regular_file(path: str | Path, remedy: str) -> Iterator[IO[bytes]]:
    """Open a file for reading, once it is sure that this cannot wait for anybody.

    Raises:
        BadItemError: it is missing, not a regular file (a pipe, a device, a folder), or unreadable.
    """
    check_regular(path, remedy)
    try:
        file = Path(path).open("rb")  # noqa: SIM115  # what is raised below is not about opening
    except OSError as error:
        raise BadItemError(_inaccessible(path, error, remedy)) from error
    with file:
        yield file


def check_regular(path: str | Path, remedy: str) -> os.stat_result:
    """Refuse what is not a regular file; opens nothing.

    Returns:
        Its length, time of change and so on.

    Raises:
        BadItemError: see :func:`regular_file`.
    """
    try:
        status = Path(path).stat()
    except OSError as error:
        raise BadItemError(_inaccessible(path, error, remedy)) from error
    if not stat.S_ISREG(status.st_mode):
        kind = next((k for is_it, k in _KINDS.items() if is_it(status.st_mode)), "something else")
        cause = f"expected an image file, got {kind}"
        raise BadItemError(Problem(cause, str(path), remedy))
    return status


@functools.cache
def _formats(tga: bool) -> tuple[str, ...]:
    """Those that are opened: of others Pillow decodes some (ICO) before it says how large they are.

    EPS is among them to be refused by its name; TGA, which has no signature, by its suffix alone.
    """
    Image.init()
    wanted = PHOTOGRAPHS | STARTS_A_PROGRAM | ({"TGA"} if tga else set())
    return tuple(name for name in Image.ID if name in wanted)


def open_picture(file: IO[bytes], path: str | Path) -> ImageFile.ImageFile:
    """Its header, of a format that datasets may have; or what Pillow raises."""
    return Image.open(file, formats=_formats(str(path).lower().endswith(".tga")))


@contextlib.contextmanager
def _opened(path: str | Path, reading: Reading) -> Iterator[tuple[ImageFile.ImageFile, IO[bytes]]]:
    # From an open file, not by its name: Pillow maps named ones, and dies where one is cut.
    with regular_file(path, reading.remedy) as file, WITHOUT_LIMIT:
        image = _guarded(path, reading, lambda: open_picture(file, path))
        with image:
            _check(path, image, reading)
            yield image, file


def _check(path: str | Path, image: Image.Image, reading: Reading) -> None:
    width, height = image.size
    if image.format in STARTS_A_PROGRAM:
        cause = f"images in the format {image.format} are not read"
        raise BadItemError(Problem(cause, str(path), "convert them to JPEG or PNG"))
    if min(width, height) < 1:
        cause = f"the image has no pixels ({width} x {height})"
        raise BadItemError(Problem(cause, str(path), reading.remedy))
    if (megapixels := width * height / 1e6) > reading.max_megapixels:
        limit = f"{reading.setting('max_megapixels')}={reading.max_megapixels:.10g}"
        raise BadItemError(
            Problem(
                f"the image is larger than the limit {limit}",
                f"{path} ({width:,} x {height:,} pixels, {megapixels:,.6g} megapixels)",
                "raise the limit if memory suffices (some 10 bytes a pixel), or replace the file",
            )
        )


def _orientation(image: ImageFile.ImageFile, file: IO[bytes]) -> int:
    """The orientation that EXIF or XMP gives: 1 to 8, where 1 is upright."""
    behind = metadata_first(file) if image.format == "PNG" else None
    try:
        described = Image.open(behind, formats=["PNG"]) if behind else image
        # The method of all images, since that of PNG decodes.
        value = Image.Image.getexif(described).get(_ORIENTATION)
    except Exception:  # damaged metadata, of which other programs take no notice either
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _upright_size(image: ImageFile.ImageFile, orientation: int) -> tuple[int, int]:
    width, height = image.size
    # Pillow swaps the sides already when it opens a TIFF with the tag, but not one with XMP.
    is_swapped = getattr(image, "tag_v2", {}).get(_ORIENTATION) in _SIDES_SWAPPED
    if orientation in _SIDES_SWAPPED and not (image.format == "TIFF" and is_swapped):
        return width, height
    return height, width


def _loaded(image: ImageFile.ImageFile) -> Image.Image:
    image.load()
    way = _BY_WAY_OF.get(image.mode)
    return image.convert(way) if way else image


def _rgb(shown: Image.Image, turn: Image.Transpose | None) -> NDArray[np.uint8]:
    rgb = shown if shown.mode == "RGB" else shown.convert("RGB")
    return np.array(rgb if turn is None else rgb.transpose(turn))


def _guarded(path: str | Path, reading: Reading, ask: Callable[[], T]) -> T:
    """What Pillow answers; it raises anything on foreign bytes."""
    try:
        return ask()
    except Exception as error:
        problem = Problem(_cause(path, error), str(path), reading.remedy)
        raise BadItemError(problem) from error


def _cause(path: str | Path, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return _unknown(path)
    if isinstance(error, MemoryError):
        return "out of memory to decode the image"
    reason = str(error).partition("\n")[0] or type(error).__name__
    # Without what differs from file to file, so that a cause is told once.
    return (
        f"the file cannot be read as an image ({re.sub(r' [(][^()]*[0-9][^()]*[)]', '', reason)})"
    )


def _unknown(path: str | Path) -> str:
    with Path(path).open("rb") as file:
        head = file.read(12)
    if not head:
        return "the file is empty"
    if head[4:8] == b"ftyp" and head[8:] in _HEIC:
        return "the image is HEIC, which Pillow cannot read (convert it to JPEG or PNG)"
    if head[:4] in _TIFF:
        return "the file is a TIFF of a kind that Pillow cannot read (such as 64-bit floats)"
    return "the file is not an image of a kind that is read"


def _inaccessible(path: str | Path, error: OSError, remedy: str) -> Problem:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        with contextlib.suppress(OSError):  # no link, or one that cannot be asked
            at = f"{path} -> {Path(path).readlink()}"
            return Problem("the image is a link to nothing", at, remedy)
        return Problem("the image is missing", str(path), remedy)
    return Problem(f"the file cannot be opened ({error.strerror})", str(path), remedy)


class _WithoutLimit:
    """Takes Pillow's own limit away while pictures are open, in however many threads.

    It counts before we can, its warning is for programmers, and its error does not say the size.
    """

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._limit: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._users += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                Image.MAX_IMAGE_PIXELS = self._limit


WITHOUT_LIMIT = _WithoutLimit()

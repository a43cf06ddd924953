"""Pictures of more than 8 bits: their values, and what of them becomes white.

Cameras and scanners store 10, 12 or 14 bits in 16, and floats in any range; what is white is not
in the file. It is the smallest usual maximum that the values do not exceed.
"""

import sys
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

WHITES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0, 2.0**20 - 1, 2.0**24 - 1, 2.0**32 - 1)
"""Usual maxima: of floats, and of 8 to 32 bits."""

_OVERSHOOT = 1.05  # by as much do filters leave the range of floats
_SIXTEEN = 65535
_BITS, _PHOTOMETRIC, _LAYOUT, _SAMPLES = 258, 262, 284, 339  # tags of TIFF
_WHITE_IS_ZERO, _PLANES, _UNSIGNED = 0, 2, 1
_OTHER_HALF = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_COLOURS = ("RGB", "RGBA", "RGBX", "LA")


def deep_values(image: ImageFile.ImageFile, file: IO[bytes]) -> NDArray[Any] | None:
    """The values of a picture of more than 8 bits, [H, W] or [H, W, 3]; None of any other.

    Decodes the picture, turned as Pillow turns it (TIFF only); alpha is left out.

    Args:
        image: opened and not decoded yet.
        file: where it comes from.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _one_channel(image)
    halves = _halves(image)
    if halves is None:
        return None
    if image.mode == "RGBA" and halves[0].startswith("LA"):  # 4 bytes a pixel, as RGBA has
        _decode_as(image, ["RGBA"] * len(image.tile))
        pairs = np.asarray(image)
        return _joined(pairs[..., 0], pairs[..., 1])
    # From the same open file: each seeks what it decodes, and the first one is done by then.
    low = Image.open(file, formats=[str(image.format)])
    _decode_as(image, halves)
    _decode_as(low, [half[:-1] + _OTHER_HALF[half[-1]] for half in halves])
    upper, lower = (np.asarray(each)[..., :3] for each in (image, low))
    return _joined(upper, lower)


def white_of(values: NDArray[Any]) -> float:
    """The smallest usual white that no value exceeds; beyond all of them, the largest value."""
    if values.dtype.kind != "f":
        largest = float(values.max())
        return next((white for white in WHITES if white >= max(largest, 2)), largest)
    largest = float(values.max(where=np.isfinite(values), initial=0)) / _OVERSHOOT
    return next((white for white in WHITES if white >= largest), largest)


def in_eight_bits(values: NDArray[Any], white: float) -> NDArray[np.uint8]:
    """Scale ``0`` to ``white`` to 0 to 255, rounded; what lies outside is cut, NaN is black."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        table = _scaled(np.arange(_SIXTEEN + 1), white)
        return table.take(values)
    return _scaled(values, white)


def _scaled(values: NDArray[Any], white: float) -> NDArray[np.uint8]:
    scaled = np.nan_to_num(values * np.float64(255 / white), nan=0, posinf=255, neginf=0)
    return (np.clip(scaled, 0, 255) + 0.5).astype(np.uint8)


def _joined(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> NDArray[Any]:
    return upper.astype(np.uint16) << 8 | lower


def _one_channel(image: ImageFile.ImageFile) -> NDArray[Any]:
    # A tag is asked for before the picture is decoded, which may close what it is read from.
    inverted = _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO and image.mode.startswith("I;16")
    unsigned = image.mode == "I" and image.format == "TIFF"
    unsigned = unsigned and _first(_tag(image, _SAMPLES) or _UNSIGNED) == _UNSIGNED
    values: NDArray[Any] = np.asarray(image)
    if inverted:
        return _SIXTEEN - values
    return values.view(np.uint32) if unsigned else values


def _halves(image: ImageFile.ImageFile) -> list[str] | None:
    """How Pillow reads the upper halves of 16 bits, for each tile; None where there are 8.

    It has no mode for colours of 16 bits and leaves the lower half out, but can be told to read
    the other byte order, which is the lower one.
    """
    if not image.tile:
        return None
    if image.format == "TIFF" and _tag(image, _LAYOUT) == _PLANES and image.tile[0][0] == "raw":
        # Deviation: Pillow reads such planes as if they had 8 bits.
        if _first(_tag(image, _BITS)) != 16:
            return None
        order = "B" if getattr(image, "tag_v2").prefix == b"MM" else "L"  # noqa: B009  # TIFF only
        return [f"{_rawmode(tile)};16{order}" for tile in image.tile]
    modes = [_rawmode(tile) for tile in image.tile]
    colours, _, depth = modes[0].partition(";")
    return modes if colours in _COLOURS and depth[:2] == "16" else None


def _decode_as(image: ImageFile.ImageFile, modes: list[str]) -> None:
    image.tile = [
        tile._replace(args=mode if isinstance(tile.args, str) else (mode, *(tile.args or ())[1:]))
        for tile, mode in zip(image.tile, modes, strict=True)
    ]


def _rawmode(tile: Any) -> str:
    args = tile.args
    mode = args if isinstance(args, str) else args[0] if args else ""
    return mode if isinstance(mode, str) else ""


def _tag(image: ImageFile.ImageFile, tag: int) -> Any:
    return getattr(image, "tag_v2", {}).get(tag)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value

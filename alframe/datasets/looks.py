"""What decoded images look like: black, of one colour, of more than 8 bits; a note for each."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alframe.words import named, plural

DARK = 15
"""Of 255: values up to here count as black. They are what 12 bits in 16 had to become."""

_FEW = 1000  # one in as many values may be bright in a black image: hot pixels, a date
_SAMPLES = 48  # rows and columns that are looked at first


class Look(NamedTuple):
    """What is worth saying of an image.

    Attributes:
        white: of its own values, where it has more than 8 bits (:mod:`alframe.datasets.depth`).
        dark: whether it is nearly black.
        flat: whether it is of one colour, and not black.
    """

    white: float | None = None
    dark: bool = False
    flat: bool = False


PLAIN = Look()


def look_at(image: NDArray[np.uint8], white: float | None) -> Look:
    """Look at an image, uint8 [H, W, 3]; most are settled by a few hundred of their pixels."""
    height, width = image.shape[:2]
    sample = image[:: max(1, height // _SAMPLES), :: max(1, width // _SAMPLES)]
    dark = _is_dark(sample) and _is_dark(image)
    flat = not dark and _is_flat(sample) and _is_flat(image)
    return Look(white, dark, flat)


def white_among(looks: Mapping[str, Look]) -> float | None:
    """The white of a dataset: that of its brightest image; None where all have 8 bits."""
    return max((look.white for look in looks.values() if look.white is not None), default=None)


def notes_on(looks: Mapping[str, Look], white: float | None, setting: str) -> list[str]:
    """A sentence for each thing that is worth saying.

    Args:
        looks: of the images, by id.
        white: as which their values were scaled.
        setting: what sets it.
    """
    deep = {item: look.white for item, look in looks.items() if look.white is not None}
    dark = [item for item, look in looks.items() if look.dark]
    flat = [item for item, look in looks.items() if look.flat]
    notes = []
    if deep and white is not None:
        notes.append(
            f"{plural(len(deep), 'image')} of more than 8 bits, in which {white:,.10g} is taken as "
            f"white ({setting} sets it)"
        )
        if brighter := [item for item, own in deep.items() if own > white]:
            notes.append(
                f"{plural(len(brighter), 'image')} with values above {setting}={white:.10g}, "
                f"which are cut: {named(brighter)}"
            )
    if dark:
        remedy = "check these files, and how they were converted"
        if set(dark) & deep.keys():
            remedy = f"check them, and set {setting} to the value that is white"
        notes.append(f"{plural(len(dark), 'image')} nearly black: {named(dark)}; {remedy}")
    if flat:
        count = plural(len(flat), "image")
        notes.append(f"{count} of one colour only: {named(flat)}; check these files")
    return notes


def _is_dark(image: NDArray[np.uint8]) -> bool:
    return int(np.count_nonzero(image > DARK)) * _FEW <= image.size


def _is_flat(image: NDArray[np.uint8]) -> bool:
    return bool((image == image[0, 0]).all())

"""Random changes of light and colour."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

BRIGHTNESS = 32.0
CONTRAST = SATURATION = (0.5, 1.5)
HUE = 18.0
"""Degrees."""

VALUES = np.arange(256.0)
"""Of one channel."""


def photometric_distort(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The image, RGB [H, W, 3], of other brightness, contrast, saturation, hue, order of channels.

    Each with probability 0.5; contrast before or after saturation and hue (Howard, "Some
    Improvements on Deep Convolutional Neural Network Based Image Classification", 2013, as in
    SSD and mmdet's PhotoMetricDistortion).

    # Deviation: values are rounded to bytes between the steps, hues to 1.4 degrees.
    """
    applied = rng.random(5) < 0.5
    brightness = rng.uniform(-BRIGHTNESS, BRIGHTNESS) if applied[0] else 0.0
    contrast = rng.uniform(*CONTRAST) if applied[1] else 1.0
    saturation = rng.uniform(*SATURATION) if applied[2] else 1.0
    hue = rng.uniform(-HUE, HUE) if applied[3] else 0.0
    before, after = (contrast, 1.0) if rng.random() < 0.5 else (1.0, contrast)
    picture = _lit(Image.fromarray(image), brightness, before)
    picture = _turned(_saturated(picture, saturation), hue)
    picture = _lit(picture, 0.0, after)
    if applied[4]:
        channels = picture.split()
        picture = Image.merge("RGB", [channels[i] for i in rng.permutation(3)])
    return np.asarray(picture)


def _lit(picture: Image.Image, brightness: float, contrast: float) -> Image.Image:
    if (brightness, contrast) == (0.0, 1.0):
        return picture
    return picture.point(3 * _table((VALUES + brightness) * contrast))


def _saturated(picture: Image.Image, factor: float) -> Image.Image:
    """HSV's saturation times ``factor``: each channel's distance from the largest one."""
    if factor == 1.0:
        return picture
    red, green, blue = picture.split()
    value = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return Image.blend(Image.merge("RGB", [value] * 3), picture, factor)


def _turned(picture: Image.Image, hue: float) -> Image.Image:
    """HSV's hue plus ``hue`` degrees."""
    if hue == 0.0:
        return picture
    around = (VALUES + round(hue * 256 / 360)) % 256
    tables = _table(around) + _table(VALUES) + _table(VALUES)
    return picture.convert("HSV").point(tables).convert("RGB")


def _table(values: NDArray[np.float64]) -> list[int]:
    """What becomes of each of the 256 values of a channel, as Pillow wants it."""
    table: list[int] = values.round().clip(0, 255).astype(np.uint8).tolist()
    return table

"""Pictures of what a detector found, and of where it is uncertain."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from alframe.captions import apart
from alframe.colours import OKABE_ITO
from alframe.fonts import font
from alframe.shaped import Float32, Float64, UInt8
from alframe.text import printable

COLOURS = tuple(ImageColor.getrgb(colour) for colour in OKABE_ITO)
"""Of classes, repeated."""

SCORE = " 0.99"
"""What ends a caption."""


def heat_map(
    boxes: "Float32[NDArray[np.float32], 'A 4']",
    values: "Float64[NDArray[np.float64], ' A']",
    height: int,
    width: int,
) -> "Float64[NDArray[np.float64], 'H W']":
    """Spread the value of each box evenly over the pixels that it covers, and add up.

    The map sums to the values of the boxes that lie in the image: a small box makes a bright
    spot, a large one of the same value a faint veil.

    Args:
        boxes: x1 y1 x2 y2 in pixels; what lies outside of the image is cut off.
        values: one for each box, not negative.
        height: of the map.
        width: of the map.
    """
    limits = np.array([width, height, width, height])
    x1, y1, x2, y2 = np.clip(np.rint(boxes), 0, limits).astype(np.int64).T
    area = (x2 - x1) * (y2 - y1)
    density = np.divide(values, area, out=np.zeros(len(values)), where=area > 0)
    # Corners of a summed-area table: as much work for a large box as for a small one.
    corners = np.zeros((height + 1, width + 1))
    for ys, xs, sign in ((y1, x1, 1), (y1, x2, -1), (y2, x1, -1), (y2, x2, 1)):
        np.add.at(corners, (ys, xs), sign * density)
    heat: NDArray[np.float64] = corners.cumsum(axis=0).cumsum(axis=1)[:height, :width]
    return heat.clip(min=0.0)


def overlay(
    image: "UInt8[NDArray[np.uint8], 'H W 3']",
    heat: "Float64[NDArray[np.float64], 'H W']",
    opacity: float,
    hottest: float | None = None,
) -> "UInt8[NDArray[np.uint8], 'H W 3']":
    """Lay a heat map over an image: where there is no heat the image is seen as it is.

    Args:
        image: RGB.
        heat: not negative.
        opacity: of the hottest place, 0 to 1; others are fainter in proportion.
        hottest: the heat that has the last colour; by default that of the hottest place.
    """
    from matplotlib import colormaps

    most = heat.max() if hottest is None else hottest
    scaled = heat / most if most > 0 else heat
    coloured = colormaps["inferno"](scaled)[..., :3] * 255  # [H, W] -> [H, W, 3]
    share = opacity * scaled[..., None]
    mixed = (1 - share) * image + share * coloured
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def with_legend(picture: Image.Image, shown: Sequence[tuple[str, tuple[int, ...]]]) -> Image.Image:
    """The picture with names and their colours in lines below it."""
    size = max(10, round(max(picture.size) / 60))
    texts, space = [printable(name) for name, _ in shown], size // 2
    fonts = [font(text, size) for text in texts]
    widths = [2 * size + math.ceil(f.getlength(t)) for f, t in zip(fonts, texts, strict=True)]
    whole = max([picture.width, *(width + 2 * space for width in widths)])
    places: list[tuple[int, int]] = []
    x, y = space, picture.height + space
    for width in widths:
        if x > space and x + width > whole:
            x, y = space, y + size + space
        places.append((x, y))
        x += width + space
    canvas = Image.new("RGB", (whole, y + size + space), "white")
    canvas.paste(picture, (0, 0))
    draw = ImageDraw.Draw(canvas)
    for text, letters, (_, colour), (left, top) in zip(texts, fonts, shown, places, strict=True):
        draw.rectangle((left, top, left + size, top + size), fill=colour)
        draw.text((left + size + space, top), text, font=letters, fill="black")
    return canvas


def with_boxes(
    image: "UInt8[NDArray[np.uint8], 'H W 3']",
    boxes: "Float32[NDArray[np.float32], 'N 4']",
    labels: Sequence[int],
    captions: Sequence[str],
) -> Image.Image:
    """Draw boxes with captions, these apart from each other (:mod:`alframe.captions`).

    Args:
        image: RGB.
        boxes: x1 y1 x2 y2 in pixels; the first one is on top, and keeps its caption where it is.
        labels: choose the colours.
        captions: one for each box.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    size = max(10, min(round(max(picture.size) / 45), round(min(picture.size) / 14)))
    thickness = max(1, round(size / 7))
    texts = [*map(printable, captions)]
    fonts = [font(text, size) for text in texts]
    texts = [_short(t, f, picture.width) for t, f in zip(texts, fonts, strict=True)]
    widths = [math.ceil(f.getlength(text)) for f, text in zip(fonts, texts, strict=True)]
    corners = boxes[:, :2].tolist()
    lefts = [max(0.0, min(x, picture.width - w)) for (x, _), w in zip(corners, widths, strict=True)]
    spans = [(left, left + width) for left, width in zip(lefts, widths, strict=True)]
    tops = apart(spans, [max(0.0, y - size - 2) for _, y in corners], size + 2, picture.height)
    colours = [COLOURS[label % len(COLOURS)] for label in labels]
    for box, colour in reversed([*zip(boxes.tolist(), colours, strict=True)]):
        draw.rectangle(box, outline=colour, width=thickness)
    written = [*zip(lefts, tops, texts, fonts, colours, strict=True)]
    for left, top, text, letters, colour in reversed(written):
        draw.rectangle(draw.textbbox((left, top), text, font=letters), fill=colour)
        draw.text((left, top), text, font=letters, fill=_ink(colour))
    return picture


def _short(text: str, letters: ImageFont.FreeTypeFont, width: int) -> str:
    """As much of a caption as a picture has room for: both its ends, with the score."""
    short, kept = text, len(text)
    while kept > 2 * len(SCORE) and letters.getlength(short) > width:
        kept -= 1
        short = f"{text[: kept - len(SCORE)]}…{text[-len(SCORE) :]}"
    return short


def _ink(colour: Sequence[int]) -> str:
    """Black or white, whichever differs more from a colour (WCAG 2.2, contrast ratio)."""
    parts = [part / 255 for part in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"

"""Outlines of the drawn shapes, and the painting of scenes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Points = NDArray[np.float64]  # [K, 2], x y
Colour = tuple[int, int, int]

_SMOOTH = 4  # masks are drawn this many times larger, then averaged


@dataclass(frozen=True, eq=False)
class Figure:
    """One object of a scene.

    Attributes:
        label: index of its class.
        outline: float64 [K, 2], corners in pixels.
        hole: likewise, what is cut out; None where nothing is.
    """

    label: int
    outline: Points
    hole: Points | None

    @property
    def box(self) -> NDArray[np.float64]:
        """x1 y1 x2 y2 of the outline in pixels, float64 [4]."""
        return np.concatenate([self.outline.min(axis=0), self.outline.max(axis=0)])

    @property
    def frame(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The pixels around the outline: their corner (x, y) above left, and (width, height)."""
        left, top, right, bottom = (int(side) for side in np.floor(self.box))
        return (left, top), (right - left + 1, bottom - top + 1)


def paint(figures: Sequence[Figure], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint a scene, later figures over earlier ones: uint8 [size, size, 3]."""
    base = rng.uniform(60, 195) + rng.uniform(-40, 40, 3)  # a tinted grey
    image = _background(base, size, rng)
    _strokes(image, int(rng.integers(4, 12)), size, rng)
    for figure in figures:
        _paint_figure(image, figure, base, rng)
    _strokes(image, int(rng.integers(0, 3)), size, rng, thin=True)
    return _noisy(image, rng)


def paint_numbers(figures: Sequence[Figure], size: int) -> NDArray[np.uint8]:
    """What :func:`paint` shows of each figure: the number after its label, uint8 [size, size].

    A pixel belongs to a figure that covers half of it; 0 is of none. Strokes are no objects.
    """
    numbers = Image.new("L", (size, size))
    for figure in figures:
        corner, frame = figure.frame
        covered = np.asarray(_mask(figure, corner, frame)) >= 128
        mask = Image.fromarray(covered.astype(np.uint8) * 255)
        numbers.paste(figure.label + 1, (*corner, corner[0] + frame[0], corner[1] + frame[1]), mask)
    return np.array(numbers)


def _background(base: Points, size: int, rng: np.random.Generator) -> Image.Image:
    """Soft blotches, coarse and fine, about one colour."""
    field = np.zeros((size, size, 3), dtype=np.float32)
    for cells, strength in ((3, 34), (12, 18)):
        blotches = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        large = Image.fromarray(blotches).resize((size, size), Image.Resampling.BICUBIC)
        field += (np.asarray(large, dtype=np.float32) - 127.5) * (strength / 127.5)
    return Image.fromarray(np.clip(field + base.astype(np.float32), 0, 255).astype(np.uint8))


def _strokes(
    image: Image.Image, count: int, size: int, rng: np.random.Generator, *, thin: bool = False
) -> None:
    """Lines and arcs that are no object."""
    draw = ImageDraw.Draw(image)
    for _ in range(count):
        colour = _colour(rng)
        width = 1 if thin else int(rng.integers(1, max(2, size // 32) + 1))
        x, y = rng.uniform(0, size, 2)
        if rng.random() < 0.5:
            dx, dy = rng.normal(0, size / 4, 2)
            draw.line((x, y, x + dx, y + dy), fill=colour, width=width)
        else:
            radius, start = rng.uniform(size / 16, size / 3), rng.uniform(0, 360)
            frame = (x - radius, y - radius, x + radius, y + radius)
            draw.arc(frame, start, start + rng.uniform(30, 120), fill=colour, width=width)


def _paint_figure(
    image: Image.Image, figure: Figure, base: Points, rng: np.random.Generator
) -> None:
    corner, frame = figure.frame
    mask = _mask(figure, corner, frame)
    colour = _contrasting(base, rng)
    image.paste(_shaded(colour, frame, rng), corner, mask)
    if rng.random() < 0.4:
        rim = tuple(int(channel * 0.45) for channel in colour)
        edge = mask.filter(ImageFilter.FIND_EDGES)
        image.paste(rim, (*corner, corner[0] + frame[0], corner[1] + frame[1]), edge)


def _mask(figure: Figure, corner: tuple[int, int], frame: tuple[int, int]) -> Image.Image:
    """How much of each pixel of the frame the figure covers, 0..255."""
    large = Image.new("L", (frame[0] * _SMOOTH, frame[1] * _SMOOTH))
    draw = ImageDraw.Draw(large)
    for points, value in ((figure.outline, 255), (figure.hole, 0)):
        if points is not None:
            draw.polygon(((points - corner) * _SMOOTH).ravel().tolist(), fill=value)
    return large.reduce(_SMOOTH)


def _shaded(colour: Points, frame: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """One colour, lighter towards one side."""
    width, height = frame
    across, down = rng.uniform(-22, 22, 2)
    light = np.linspace(-across, across, width) + np.linspace(-down, down, height)[:, None]
    return Image.fromarray(np.clip(colour + light[..., None], 0, 255).astype(np.uint8))


def _contrasting(base: Points, rng: np.random.Generator) -> Points:
    """A colour far from ``base``, so that the figure can be seen."""
    candidates = rng.uniform(0, 255, (6, 3))
    distance = np.linalg.norm(candidates - base, axis=1)
    clear = candidates[distance > 130]
    return np.asarray(clear[0] if len(clear) else candidates[distance.argmax()])


def _colour(rng: np.random.Generator) -> Colour:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def _noisy(image: Image.Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    pixels = np.asarray(image, dtype=np.int16)
    noise = rng.integers(-9, 10, pixels.shape[:2], dtype=np.int16)
    return np.asarray(np.clip(pixels + noise[..., None], 0, 255), dtype=np.uint8)


def _ngon(corners: int, start: float = -np.pi / 2) -> Points:
    return _arc(start, start + 2 * np.pi, corners + 1)[:-1]


def _arc(start: float, end: float, points: int) -> Points:
    angle = np.linspace(start, end, points)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _star() -> Points:
    points = _ngon(10)
    points[1::2] *= 0.42
    return points


def _cross() -> Points:
    arm = [(-0.3, -1), (0.3, -1), (0.3, -0.3)]
    turns = (np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), turn) for turn in range(4))
    return np.concatenate([np.array(arm) @ turn for turn in turns])


def _crescent() -> Points:
    # The unit circle without the circle of radius 0.8 about (0.5, 0); they cross at these angles.
    tip, inner_tip = np.arccos(0.61), np.arctan2(np.sin(np.arccos(0.61)), 0.11)
    outer = _arc(tip, 2 * np.pi - tip, 30)
    inner = 0.8 * _arc(2 * np.pi - inner_tip, inner_tip, 24) + (0.5, 0)
    return np.concatenate([outer, inner])


def _heart() -> Points:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, -y], axis=1) / 17


def _arrow() -> Points:
    upper = [(-1, -0.22), (0.1, -0.22), (0.1, -0.7), (1, 0)]
    lower = [(x, -y) for x, y in upper[-2::-1]]
    return np.array([*upper, *lower])


def _bolt() -> Points:
    half = [(-0.15, -1.0), (0.5, -1.0), (0.12, -0.2), (0.6, -0.2)]
    return np.array([*half, *((-x, -y) for x, y in half)])


# The order is that of the labels, and from common to rare.
OUTLINES: dict[str, Points] = {
    "circle": _ngon(40),
    "square": _ngon(4, np.pi / 4),
    "triangle": _ngon(3),
    "star": _star(),
    "cross": _cross(),
    "ring": _ngon(40),
    "crescent": _crescent(),
    "arrow": _arrow(),
    "heart": _heart(),
    "bolt": _bolt(),
}
HOLES: dict[str, float] = {"ring": 0.55}

"""One label file of YOLO: ``class cx cy width height`` in shares of the image, a line an object."""

import math
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from alframe.datasets.objects import Box
from alframe.datasets.problems import SKIP, BadItemError, Problem

REMEDY = f"correct the file{SKIP}"
SLACK = 0.01
"""By which the sides of a box may be larger than its image, as of tools that round. Its middle has
to lie within; what reaches out, as of tools that do not clip, is cut off later."""
MANY, LEAST = 3, 3
"""Lines that are no accident, and points that are seen."""
TRACKED = 7
"""Numbers of a line of ``yolo track save_txt=True save_conf=True``; an outline of three points has
as many."""
TOLERATED = {
    "polygons": ("polygon", "of which the enclosing box is taken"),
    "keypoints": ("line", "with keypoints, of which the box is taken"),
    "twice": (
        "line",
        "of labels there twice, taken once (a detector that appends to its files makes them)",
    ),
}
"""Of each odd kind of lines, its noun, and what becomes of it."""


class Label(NamedTuple):
    """One object.

    Attributes:
        number: of its class.
        box: x1 y1 x2 y2 in pixels.
        score: of a model, or NaN.
        length: how many numbers the line has, without keypoints.
    """

    number: int
    box: Box
    score: float
    length: int


def read_labels(
    data: bytes, where: str, size: tuple[int, int], odd: Counter[str], keypoints: int
) -> list[Label]:
    """Read a label file.

    A line has the number of a class and a box, or the outline of one (three points or more), and
    may end with the score of a model. Where there are keypoints, they follow the box.

    Args:
        data: its bytes.
        where: what messages call it.
        size: (height, width) of the image in pixels.
        odd: counts ``polygons``, of which the enclosing boxes are taken, lines with ``keypoints``,
            of which the boxes are, and lines that are there ``twice``, which are taken once; and
            polygons that are ``posed``, rather boxes with keypoints, up to the first that is not,
            or ``tracked``, maybe boxes with a score and the id of a track.
        keypoints: how many numbers of them a line has; 0 where outlines are expected.

    Raises:
        BadItemError: with every line that is none.
    """
    problems: list[Problem] = []
    found: dict[bytes, Label] = {}
    height, width = size
    for number, line in enumerate(data.removeprefix(BOM_UTF8).splitlines(), 1):
        if not (fields := line.split()):
            continue
        if line in found:
            odd["twice"] += 1
            continue
        try:
            if b"_" in line:  # Python takes 1_5 as 15
                raise ValueError
            values = list(map(float, fields))  # of bytes, which are digits of ASCII alone
            box = _without_keypoints(values, keypoints) if keypoints else values
            found[line] = _label(box, height, width)
        except ValueError as error:
            problems.append(_problem(line, where, number, error))
            continue
        if len(values) > 6:
            if not keypoints and odd["posed"] == odd["polygons"]:  # all of them so far
                odd["posed"] += _is_posed(values)
            odd["tracked"] += not keypoints and len(values) == TRACKED and values[-1].is_integer()
            odd["keypoints" if keypoints else "polygons"] += 1
    if problems:
        raise BadItemError(*problems)
    return list(found.values())


def rather_boxes(odd: Mapping[str, int]) -> str | None:
    """A sentence on polygons all of which rather are boxes with more behind them."""
    count = odd["polygons"]
    if count >= MANY and odd["tracked"] == count:
        return (
            f"all {count:,} polygons have three points and end with 0 or 1: are they boxes with a "
            "score and the id of a track? Take the ids out, or write the boxes by predict"
        )
    if odd["posed"] < MANY or odd["posed"] < count:
        return None
    return (
        f"the first four numbers of all {count:,} polygons enclose the others: are they "
        "boxes with keypoints? Then a data.yaml with kpt_shape says so"
    )


def _is_posed(values: Sequence[float]) -> bool:
    """Whether the first four numbers are a box around points that fill half of it or more.

    Each with two numbers, or a third that says whether it is seen; a score may come last.
    """
    x, y, w, h = values[1:5]
    if min(w, h) <= 0:
        return False
    for size in (2, 3):
        rest = values[5:] if (len(values) - 5) % size == 0 else values[5:-1]
        if len(rest) % size:
            continue
        parts = [rest[place : place + size] for place in range(0, len(rest), size)]
        seen = [part for part in parts if (part[0] or part[1]) and (size == 2 or part[2] > 0)]
        xs, ys = ([abs(part[axis] - middle) for part in seen] for axis, middle in ((0, x), (1, y)))
        if len(seen) < LEAST or max(xs) > w / 2 + SLACK or max(ys) > h / 2 + SLACK:
            continue
        spread = [max(p[axis] for p in seen) - min(p[axis] for p in seen) for axis in (0, 1)]
        if spread[0] >= w / 2 and spread[1] >= h / 2:
            return True
    return False


def _without_keypoints(values: list[float], count: int) -> list[float]:
    """A line without its keypoints; a ValueError says what was expected."""
    if len(values) <= 6:
        return values
    if len(values) not in (5 + count, 6 + count):
        raise ValueError(f"expected class cx cy width height and {count} numbers, by kpt_shape")
    return values[:5] + values[5 + count :]


def _label(values: list[float], height: int, width: int) -> Label:
    """One line; a ValueError says what was expected."""
    score, last = math.nan, None
    if len(values) in (5, 6):
        number, x, y, w, h, *rest = values
        last = rest[0] if rest else None
        x1, y1, x2, y2 = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    elif len(values) > 6:
        number, xs, ys = values[0], values[1::2], values[2::2]
        last = xs.pop() if len(xs) > len(ys) else None
        if len(values) == TRACKED and values[-1] > 1 and values[-1].is_integer():
            raise ValueError("expected a score at the end, and no id of a track behind it")
        if not math.isfinite(sum(xs) + sum(ys)):
            raise ValueError("expected shares of width and height, 0..1")
        x1, y1, x2, y2 = min(xs), min(ys), max(xs), max(ys)
        x, y, w, h = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
    else:
        raise ValueError("expected class cx cy width height")
    if not (number.is_integer() and number >= 0):
        raise ValueError("expected the number of a class first, 0 or larger")
    most = 1 + SLACK
    if not (0 <= x <= 1 and 0 <= y <= 1 and 0 <= w <= most and 0 <= h <= most):
        raise ValueError("expected shares of width and height, 0..1")
    if last is not None:
        score = last
        if not 0 <= score <= 1:
            raise ValueError("expected a score of 0..1 in the last place")
    box = (x1 * width, y1 * height, x2 * width, y2 * height)
    return Label(int(number), box, score, len(values))


def _problem(line: bytes, where: str, number: int, error: ValueError) -> Problem:
    said = str(error)
    cause = said if said.startswith("expected") else "expected numbers, with a point for decimals"
    text = line.decode(errors="replace").strip()
    got = text if len(text) <= 60 else f"{text[:60]}..."
    return Problem(f"a line of labels: {cause}", f"{where} (line {number}: {got})", REMEDY)

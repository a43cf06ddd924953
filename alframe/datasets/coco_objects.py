"""Rows of ``annotations`` of a COCO file: a class, a box, and what else is said of an object."""

import contextlib
import math
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.coco_fields import (
    ById,
    Row,
    WrongFieldError,
    amount,
    box,
    finite,
    flag,
    given,
    take,
    take_reference,
)
from alframe.datasets.objects import Annotated, Box
from alframe.datasets.outlines import turned

_NUMBERS, _KEYS, _FLAGS = (float, int), (int, str), (0, 1, None)
_LARGEST = sys.float_info.max


_EXACT = 2**53
"""Below it, sums of whole numbers are those of floats."""


class QuickRows(NamedTuple):
    """Rows of results as columns.

    Attributes:
        images: their ``image_id``.
        categories: their ``category_id``.
        box: float64 [n, 4], x1 y1 x2 y2.
        score: float64 [n].
    """

    images: list[Any]
    categories: list[Any]
    box: NDArray[np.float64]
    score: NDArray[np.float64]


def quick_rows(rows: Sequence[Row]) -> QuickRows | None:
    """Rows of results in all of which all is as usual; None where each has to be looked at."""
    try:
        if set(map(len, rows)) != {4}:
            return None
        images, categories, boxes, scores = (
            [row[name] for row in rows] for name in ("image_id", "category_id", "bbox", "score")
        )
        numbers = list(chain(chain.from_iterable(boxes), scores))
        usual = (
            {*map(type, images), *map(type, categories)} <= {*_KEYS}
            and {*map(type, boxes)} == {list}
            and {*map(len, boxes)} == {4}
            and {*map(type, numbers)} <= {*_NUMBERS}
        )
        table = np.array(numbers if usual else [], np.float64)
    except (LookupError, TypeError, ArithmeticError):
        return None
    box, score = table[: -len(rows)].reshape(-1, 4), table[-len(rows) :]
    if not (usual and (np.abs(box) < _EXACT).all() and ((score >= 0) & (score <= 1)).all()):
        return None
    box[:, 2:] += box[:, :2]
    return QuickRows(images, categories, box, score)


def quick_object(
    row: Row, owners: Mapping[Any, str], categories: Mapping[Any, str]
) -> Annotated | None:
    """The object of a row in which all is as usual; None where :func:`read_object` has to look.

    It is several times as fast, so that reading takes little longer than parsing.
    """
    try:
        image, category = row["image_id"], row["category_id"]
        x, y, width, height = box = row["bbox"]
        own, crowd, score = row.get("area"), row.get("iscrowd"), row.get("score")
        if type(inner := row.get("attributes")) is dict:
            score = inner.get("score") if score is None else score
            if inner.get("rotation"):
                return None
        usual = (
            type(image) in _KEYS
            and type(category) in _KEYS
            and type(box) is list
            and type(x) in _NUMBERS
            and type(y) in _NUMBERS
            and type(width) in _NUMBERS
            and type(height) in _NUMBERS
            and (own is None or (type(own) in _NUMBERS and 0 <= own <= _LARGEST))
            and (score is None or (type(score) in _NUMBERS and 0 <= score <= 1))
            and crowd in _FLAGS
        )
        if not usual or "difficult" in row:
            return None
        each = () if (scores := row.get("scores")) is None else shares(scores)
        if each is None:
            return None
        right, bottom = float(x + width), float(y + height)
        if not -_LARGEST <= right <= _LARGEST or not -_LARGEST <= bottom <= _LARGEST:
            return None  # one of the four is not finite, or may be none
        return Annotated(
            owners[image],
            categories[category],
            (float(x), float(y), right, bottom),
            False,
            bool(crowd),
            math.nan if own is None else float(own),
            math.nan if score is None else float(score),
            each,
        )
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None


def read_object(
    row: Row, owner: str, categories: ById[str], size: tuple[int, int] | None = None
) -> Annotated:
    """The object of any row, of an image of some ``size`` (height, width), where that is known.

    Raises:
        WrongFieldError: a field is missing or not what is expected.
    """
    wanted = take_reference(row, "category_id")
    category = categories.get(wanted)
    if category is None:
        raise WrongFieldError(".category_id", "no category has this id", str(wanted))
    crowd = given(row, "iscrowd", flag, "0 or 1")
    own = given(row, "area", amount, "a number >= 0")
    return Annotated(
        owner,
        category,
        _corners(row, size),
        difficult=bool(given(row, "difficult", flag, "0 or 1")),
        crowd=bool(crowd),
        area=math.nan if own is None else own,
        score=_score(row),
        scores=given(row, "scores", shares, "a list of numbers from 0 to 1") or (),
    )


def share(value: Any) -> float | None:
    """A number from 0 to 1."""
    return float(value) if type(value) in _NUMBERS and 0 <= value <= 1 else None


def shares(value: Any) -> tuple[float, ...] | None:
    """Numbers from 0 to 1."""
    if type(value) is not list or not all(type(v) in _NUMBERS and 0 <= v <= 1 for v in value):
        return None
    return tuple(map(float, value))


def _score(row: Row) -> float:
    """Of a model: a field of results, or an attribute, as CVAT keeps it."""
    inner = row.get("attributes")
    place = inner if row.get("score") is None and isinstance(inner, dict) else row
    score = given(place, "score", share, "a number from 0 to 1")
    return math.nan if score is None else score


def _corners(row: Row, size: tuple[int, int] | None) -> Box:
    """``bbox``, or what encloses ``segmentation`` where there is no box.

    What CVAT turned has the box before the turn, and the degrees as an attribute.
    """
    if row.get("bbox") is None and (outline := row.get("segmentation")):
        sized = isinstance(outline, dict) and size
        wanted = f"RLE of the size {list(sized)}, that of the image" if sized else "polygons or RLE"
        return take(row, "segmentation", partial(_enclosed, size=size), wanted)
    x, y, width, height = take(row, "bbox", box, "four finite numbers [x, y, width, height]")
    inner = row.get("attributes")
    degrees = _degrees(inner.get("rotation")) if isinstance(inner, dict) else 0.0
    return turned((x, y, x + width, y + height), degrees)


def _degrees(given: Any) -> float:
    """A number, or one as text; nothing else, as others have words there."""
    with contextlib.suppress(ValueError):
        given = float(given) if isinstance(given, str) else given
    return finite(given) or 0.0


def _enclosed(outline: Any, size: tuple[int, int] | None) -> Box | None:
    """The box around polygons ``[[x, y, x, y, ...], ...]`` or a run-length encoding."""
    if isinstance(outline, dict):
        return None if size and outline.get("size") != list(size) else _decoded(outline)
    if not isinstance(outline, list) or not all(isinstance(part, list) for part in outline):
        return None
    numbers = [number for part in outline for number in part]
    even = all(len(part) >= 6 and len(part) % 2 == 0 for part in outline)
    if not even or not all(type(n) in _NUMBERS and math.isfinite(n) for n in numbers):
        return None
    xs = [number for part in outline for number in part[0::2]]
    ys = [number for part in outline for number in part[1::2]]
    return float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))


def _decoded(outline: Row) -> Box | None:
    """The box around a run-length encoding, compressed or not."""
    from pycocotools import mask  # here, as few files need it

    counts, size = outline.get("counts"), outline.get("size")
    sides = size if isinstance(size, list) and len(size) == 2 else []
    if not sides or not all(type(side) is int and 0 < side <= 1 << 16 for side in sides):
        return None
    runs: Any = _counts(counts) if isinstance(counts, str) else counts
    whole = isinstance(runs, list) and all(type(run) is int and run >= 0 for run in runs)
    if not whole or sum(runs) != sides[0] * sides[1]:
        return None
    uncompressed: Any = {"counts": runs, "size": sides}
    encoded = mask.frPyObjects(uncompressed, *sides)
    x, y, width, height = map(float, mask.toBbox(encoded))
    return x, y, x + width, y + height


def _counts(text: str) -> list[int]:
    """The lengths of runs in COCO's compressed form: five bits a letter, the lowest first.

    From the fourth on, a number is the difference to the one two before it. Nothing where a letter
    is none of the 64, or a number longer than any length.
    """
    bits = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64) - 48
    ends = np.flatnonzero(bits & 32 == 0)
    if not len(ends) or bits.min() < 0 or bits.max() > 63:
        return []
    starts = np.concatenate([[0], ends[:-1] + 1])
    letters = ends + 1 - starts
    if letters.max() > 12:
        return []
    place = np.arange(ends[-1] + 1) - np.repeat(starts, letters)
    counts = np.add.reduceat((bits[: len(place)] & 31) << 5 * place, starts)
    counts -= (bits[ends] >> 4 & 1) << 5 * letters
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    found: list[int] = counts.tolist()
    return found

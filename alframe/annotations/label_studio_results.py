"""Regions of Label Studio, in percent of an image, as objects."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from alframe.annotations.parts import NO_BOX, REMEDY
from alframe.datasets.coco_objects import share
from alframe.datasets.objects import Annotated, Box
from alframe.datasets.outlines import ellipse, enclosing, turned
from alframe.datasets.problems import SKIP, BadItemError, Problem
from alframe.words import named

_BARE = frozenset({"rectangle", "polygon", "ellipse"})
"""Regions whose label is a result of its own, of the type ``labels`` and the same id."""
_LABELLED = frozenset({"rectanglelabels", "polygonlabels", "ellipselabels"})
_OF_BRUSHES = f"export its format BRUSH_TO_COCO, or draw boxes{SKIP}"
_SHAPES = frozenset({"brush", "brushlabels", "keypoint", "keypointlabels", "vectorlabels"})
"""Regions that are told, and no boxes; an image with nothing else is not one without objects."""
_GEOMETRY = frozenset({"width", "height", "points", "radiusX", "radiusY"})
"""What a region in an image has, one in a text or a sound does not."""


def read_results(
    results: Any, item: str, size: tuple[int, int], place: str, told: Counter[str]
) -> list[Annotated]:
    """The objects of one annotation or prediction.

    Args:
        results: its ``result``.
        item: the id of its image.
        size: (height, width) of the image in pixels.
        place: what messages call the task.
        told: counts what is no box, by its type.

    Raises:
        BadItemError: with all that is wrong.
    """
    if not isinstance(results, list):
        raise BadItemError(Problem("expected a list as result", place, REMEDY))
    problems: list[Problem] = []
    found: list[Annotated] = []
    lost: list[str] = []
    bare: dict[Any, int] = {}
    shown_on: set[str] = set()
    for number, result in enumerate(results, 1):
        try:
            kind = result["type"]
            if kind in _BARE:
                bare[result.get("id")] = number
            elif kind in _LABELLED or (kind == "labels" and is_region(result["value"])):
                found.append(_object(result, kind, item, size))
                bare.pop(result.get("id"), None)
                if image := result.get("to_name"):
                    shown_on.add(str(image))
            elif not kind and is_region(result.get("value")):  # as JSON_MIN has them
                raise _WrongError("a region needs one label")
            else:
                told[str(kind)[:40] or "without type"] += 1
                lost += [str(kind)] if kind in _SHAPES else []
        except _WrongError as error:
            problems.append(Problem(str(error), f"{place}, result {number}", REMEDY))
        except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError):
            cause = "a region is not what Label Studio writes"
            problems.append(Problem(cause, f"{place}, result {number}", REMEDY))
    if len(shown_on) > 1:
        cause = f"regions are of several images, {named(sorted(shown_on))}"
        problems.append(Problem(cause, place, f"make tasks of one image each{SKIP}"))
    no_label = "a region needs one label"
    problems += [Problem(no_label, f"{place}, result {n}", REMEDY) for n in bare.values()]
    if lost and not found:
        remedy = _OF_BRUSHES if lost[0] == "brushlabels" else NO_BOX
        problems.append(Problem(f"a region is no box: {lost[0]}", place, remedy))
    if problems:
        raise BadItemError(*problems)
    return found


def is_region(value: Any) -> bool:
    """Whether a value is of a part of an image, whatever it lacks."""
    return isinstance(value, Mapping) and not _GEOMETRY.isdisjoint(value)


class _WrongError(Exception):
    """What is wrong with a region, in words."""


def _object(result: Mapping[str, Any], kind: str, item: str, size: tuple[int, int]) -> Annotated:
    value = result["value"]
    names = value.get(kind)
    if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
        raise _WrongError("a region needs one label")
    x1, y1, x2, y2 = box = _box(value, *size)
    if not math.isfinite(x1 + y1 + x2 + y2):
        raise _WrongError("a region has numbers that are not finite")
    given = result.get("score")
    score = math.nan if given is None else share(given)
    if score is None:
        raise _WrongError("a score is no number of 0..1")
    return Annotated(item, names[0], box, score=score)


def _box(value: Mapping[str, Any], height: int, width: int) -> Box:
    """x1 y1 x2 y2 in pixels; a LookupError or TypeError where it cannot be told."""
    right, down = width / 100, height / 100
    if "points" in value:
        points = ((_number(x), _number(y)) for x, y in value["points"])
        return enclosing([(x * right, y * down) for x, y in points])
    x, y = _number(value["x"]) * right, _number(value["y"]) * down
    degrees = _number(value.get("rotation") or 0)
    if "radiusX" in value:
        radii = _number(value["radiusX"]) * right, _number(value["radiusY"]) * down
        return ellipse(x, y, *radii, degrees)
    box = x, y, x + _number(value["width"]) * right, y + _number(value["height"]) * down
    return turned(box, degrees, around=(x, y))


def _number(value: Any) -> float:
    """A number that is no truth value; a TypeError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)

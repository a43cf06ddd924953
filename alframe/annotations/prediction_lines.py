"""JSON lines of ``alframe predict --json``: an image a line, with its detections."""

import json
from collections.abc import Mapping
from typing import Any

from alframe.annotations.object_columns import Packed
from alframe.annotations.parts import first_found
from alframe.annotations.sources import Source, head, read
from alframe.annotations.vocabulary import Annotations, Images
from alframe.datasets.bulk import uncollected
from alframe.datasets.coco_fields import box
from alframe.datasets.coco_objects import share
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import BadItemError, Problem, Problems
from alframe.errors import DataError

REMEDY = "write the file anew: alframe predict RUN IMAGES --json > FILE"
MOST = 1 << 20
"""Bytes in which the first line ends."""


def recognises(source: Source) -> bool:
    """Whether a file begins with a line of them."""
    if source.is_dir():
        return False
    try:
        row = json.loads(head(source, MOST).partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and {"image", "detections"} <= row.keys()


@uncollected()
def read_lines(source: Source, images: Images, problems: Problems) -> Annotations:
    """All lines; one without detections is of an image on which nothing was found.

    Raises:
        DataError: the file cannot be read.
    """
    found, seen = Annotations((), objects=Packed()), set[str]()
    for number, line in enumerate(read(source).splitlines(), 1):
        item = place = f"{source}: line {number}"
        if not line.strip():
            continue
        try:
            row = _row(line, place)
            item = first_found(images, [row["image"]], place)
            if item in seen:
                raise BadItemError(Problem("two lines are about one image", place, "remove one"))
            seen.add(item)
            found.objects += [_object(item, each, place) for each in row["detections"]]
            found.images.append(item)
        except DataError as error:
            problems.take(item, error)
    found.classes = tuple(sorted({thing.name for thing in found.objects}))
    return found


def _row(line: bytes, place: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadItemError(Problem("a line is no JSON", f"{place} ({error})", REMEDY)) from None
    named = isinstance(row, dict) and isinstance(row.get("image"), str)
    if not named or not isinstance(row.get("detections"), list):
        raise BadItemError(Problem("expected an object with image and detections", place, REMEDY))
    content: Mapping[str, Any] = row
    return content


def _object(item: str, given: Any, place: str) -> Annotated:
    row = given if isinstance(given, dict) else {}
    name, corners, score = row.get("class"), box(row.get("box")), share(row.get("score"))
    if not isinstance(name, str) or not name or corners is None or score is None:
        cause = "expected detections with a class, a box x1 y1 x2 y2 and a score of 0..1"
        raise BadItemError(Problem(cause, place, REMEDY))
    return Annotated(item, name, corners, score=score)

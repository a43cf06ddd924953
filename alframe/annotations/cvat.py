"""CVAT for images 1.1: one XML file of a task, a job or a project."""

import math
from collections import Counter
from functools import partial
from xml.etree.ElementTree import Element

from alframe.annotations.cvat_query import LABELS, QUERY, write_query
from alframe.annotations.parts import NO_BOX, REMEDY, first_found, joined, note_sizes
from alframe.annotations.sources import Source, files, read
from alframe.annotations.vocabulary import Annotations, Format, Images
from alframe.annotations.xml_files import has_root, root_of
from alframe.datasets.bulk import uncollected
from alframe.datasets.objects import Annotated, Box
from alframe.datasets.outlines import ellipse, enclosing, pixels, turned
from alframe.datasets.problems import BadItemError, Problem, Problems
from alframe.datasets.xml_text import decimals, parsed_xml
from alframe.errors import DataError, together
from alframe.words import tallied

NOT_BOXES = frozenset({"points", "polyline", "skeleton", "cuboid"})
"""Shapes that are no boxes, nor have one around them that an object would have."""
NO_OBJECTS = NOT_BOXES | {"tag"}
_LABELS = "./meta//labels/label/name"


def shape_box(shape: Element) -> Box:
    """x1 y1 x2 y2 of what encloses a shape.

    Raises:
        KeyError: a coordinate is missing.
        ValueError: one is no finite number, or the shape is unknown.
    """
    get = shape.attrib
    rotation = get.get("rotation") or "0"
    if shape.tag == "box":
        left, top, right, bottom, degrees = decimals(
            [get["xtl"], get["ytl"], get["xbr"], get["ybr"], rotation]
        )
        box = turned((left, top, right, bottom), degrees)
    elif shape.tag == "polygon":
        points = [decimals(pair.split(",")) for pair in get["points"].split(";")]
        box = enclosing([(x, y) for x, y in points])
    elif shape.tag == "mask":
        sides = ("left", "top", "width", "height")
        left, top, width, height = decimals([get[side] for side in sides])
        within = 0.0, 0.0, width, height
        if runs := get.get("rle"):  # Datumaro gives the sides of the whole image
            within = pixels(list(map(int, decimals(runs.split(",")))), int(width), int(height))
        box = left + within[0], top + within[1], left + within[2], top + within[3]
    elif shape.tag == "ellipse":
        x, y, rx, ry, degrees = decimals([get["cx"], get["cy"], get["rx"], get["ry"], rotation])
        box = ellipse(x, y, rx, ry, degrees)
    else:
        raise ValueError(shape.tag)
    if not math.isfinite(sum(box)):
        raise ValueError(box)
    return box


@uncollected()
def read_cvat(source: Source, images: Images, problems: Problems) -> Annotations:
    """All images of all files; one without a shape shows nothing.

    The attribute ``score`` is read of shapes that are not ``source="manual"``.

    Raises:
        DataError: a file is malformed, or is one of a video.
    """
    own = [file for file in files(source, ".xml").values() if root_of(file) == "annotations"]
    parts = together(*(partial(_read, file, images, problems) for file in own))
    return joined(dict(zip(map(str, own), parts, strict=True)), problems)


def _read(file: Source, images: Images, problems: Problems) -> Annotations:
    return _Reader(str(file), images, problems).read(read(file))


class _Reader:
    """Reads one file."""

    def __init__(self, where: str, images: Images, problems: Problems) -> None:
        self._where, self._images, self._problems = where, images, problems
        self._found = Annotations((), listed=True)
        self._sizes: dict[str, tuple[int, int]] = {}
        self._other = Counter[str]()

    def read(self, data: bytes) -> Annotations:
        """The file's bytes as annotations."""
        root, found = self._root(data), self._found
        if root.tag != "annotations":
            raise DataError(f"{self._where}: expected <annotations> of CVAT, got <{root.tag:.40}>")
        if root.find("track") is not None:
            raise DataError(
                f"{self._where} is a file of CVAT for video, whose tracks are not read: export the "
                "task as CVAT for images 1.1"
            )
        for number, element in enumerate(root.iterfind("image"), 1):
            self._add(element, number)
        names = (label.text or "" for label in root.iterfind(_LABELS))
        found.classes = tuple(dict.fromkeys(name for name in names if name))
        if not found.classes:
            found.classes = tuple(sorted({thing.name for thing in found.objects}))
        if self._other:
            found.notes.append(f"{self._where}: shapes that are no boxes: {tallied(self._other)}")
        note_sizes(found, self._where, self._sizes, self._images)
        return found

    def _root(self, data: bytes) -> Element:
        try:
            return parsed_xml(data, self._where)
        except BadItemError as error:  # of the whole file, which cannot be skipped
            causes = [f"{one.cause}: {one.at}; export it again" for one in error.found]
            raise DataError(causes) from None

    def _add(self, element: Element, number: int) -> None:
        item = f"{self._where}: image {number}"
        try:
            item = first_found(self._images, [element.get("name", "")], self._where)
            if item in self._sizes:
                raise self._bad("the image appears twice", item)
            self._sizes[item] = self._size(element, item)
            self._found.images.append(item)
        except DataError as error:
            self._problems.take(item, error)
            return
        lost = {shape.tag for shape in element} & NOT_BOXES
        if lost and all(shape.tag in NO_OBJECTS for shape in element):
            cause = f"a shape is no box: {', '.join(sorted(lost))}"
            self._problems.add(item, Problem(cause, f"{self._where} ({item})", NO_BOX))
        for place, shape in enumerate(element, 1):
            if shape.tag in NO_OBJECTS:
                self._other[shape.tag] += 1
                continue
            try:
                self._found.objects.append(self._object(item, place, shape))
            except BadItemError as error:
                self._problems.take(item, error)

    def _size(self, element: Element, item: str) -> tuple[int, int]:
        try:
            height, width = map(
                int, decimals([element.attrib[side] for side in ("height", "width")])
            )
        except (KeyError, ValueError, OverflowError):
            return self._images.size(item)
        return (height, width) if height and width else self._images.size(item)

    def _object(self, item: str, place: int, shape: Element) -> Annotated:
        name = shape.get("label")
        if not name:
            raise self._bad(f"a <{shape.tag:.40}> has no label", f"{item}, shape {place}")
        try:
            box = shape_box(shape)
        except (KeyError, ValueError, OverflowError):
            cause = f"a <{shape.tag:.40}> has no coordinates, or such that are no finite numbers"
            raise self._bad(cause, f"{item}, shape {place}") from None
        score = math.nan
        if len(shape) and shape.get("source") != "manual":
            score = self._score(shape, f"{item}, shape {place}")
        return Annotated(item, name, box, score=score)

    def _score(self, shape: Element, place: str) -> float:
        given = next((a.text or "" for a in shape if a.get("name") == "score"), None)
        if given is None:
            return math.nan
        try:
            (score,) = decimals([given])
        except ValueError:
            score = math.nan
        if not 0 <= score <= 1:
            raise self._bad("a score is no number of 0..1", f"{place}, got {given[:40]!r}")
        return score

    def _bad(self, cause: str, at: str) -> BadItemError:
        return BadItemError(Problem(cause, f"{self._where} ({at})", REMEDY))


CVAT = Format(
    "cvat",
    "CVAT for images 1.1, an XML file",
    partial(has_root, root="annotations"),
    read_cvat,
    write_query,
    (
        f"Make a task of the images; its labels (Raw) are {LABELS}.",
        f"[Menu of the task > Upload annotations > CVAT 1.1, with {QUERY}: the proposals.]",
        "[Correct them. ]An image without a box shows nothing.",
        "When all images are done: Export task dataset > CVAT for images 1.1; give back that zip.",
    ),
    beside=frozenset({LABELS}),
)

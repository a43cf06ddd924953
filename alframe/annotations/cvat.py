"""CVAT for images 1.1: one XML file of a task, a job or a project."""

import math
from collections import Counter
from xml.etree.ElementTree import Element

from alframe.annotations.base import Annotations, Format, Images
from alframe.annotations.cvat_query import LABELS, QUERY, write_query
from alframe.annotations.cvat_shapes import NO_BOX, shape_box
from alframe.annotations.parts import REMEDY, first_found, other_sizes, together
from alframe.annotations.sources import Source, called, read
from alframe.annotations.xml_files import has_root, xml_files
from alframe.datasets.bulk import uncollected
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import BadItemError, Problem, Problems, tallied
from alframe.datasets.voc_xml import parsed_xml
from alframe.errors import DataError

_LABELS = "./meta//labels/label/name"


def recognises(source: Source) -> bool:
    """Whether there is an XML file with a root ``<annotations>``."""
    return has_root(source, "annotations")


@uncollected()
def read_cvat(source: Source, images: Images, problems: Problems) -> Annotations:
    """All images of all files; one without a shape shows nothing.

    The attribute ``score`` is read of shapes that are not ``source="manual"``.

    Raises:
        DataError: a file is malformed, or is one of a video.
    """
    found = xml_files(source, "annotations")
    return together(
        [_Reader(str(file), images, problems).read(read(file)) for file in found.values()],
        called(source),
        problems,
    )


class _Reader:
    """Reads one file."""

    def __init__(self, where: str, images: Images, problems: Problems) -> None:
        self._where, self._images, self._problems = where, images, problems
        self._found = Annotations(())
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
        found.notes += other_sizes(self._where, self._sizes, self._images)
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
        for place, shape in enumerate(element, 1):
            if shape.tag in NO_BOX:
                self._other[shape.tag] += 1
                continue
            try:
                self._found.objects.append(self._object(item, place, shape))
            except BadItemError as error:
                self._problems.take(item, error)

    def _size(self, element: Element, item: str) -> tuple[int, int]:
        try:
            height, width = (int(float(element.attrib[side])) for side in ("height", "width"))
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
            score = float(given)
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
    recognises,
    read_cvat,
    write_query,
    (
        f"Make a task of the images; its labels (Raw) are {LABELS}.",
        f"[Menu of the task > Upload annotations > CVAT 1.1, with {QUERY}: the proposals.]",
        "[Correct them. ]An image without a box shows nothing.",
        "When all images are done: Export task dataset > CVAT for images 1.1; give back that zip.",
    ),
)

"""One annotation file of Pascal VOC."""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from alframe.datasets.objects import Box
from alframe.datasets.outlines import turned
from alframe.datasets.problems import SKIP, BadItemError, Problem
from alframe.datasets.xml_text import REMEDY, decimals, parsed_xml
from alframe.files.reading import regular

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_EMPTY = ("", "", "", "")
_FLAGS = {"": False, "0": False, "1": True}
_SHAPES = ("robndbox", "polygon", "segmentation", "bbox", "part")
_FOREIGN_ROOTS = {
    "annotations": "CVAT's own format or several annotations in one file",
    "html": "a web page, as of a download that failed",
    "svg": "a drawing",
    "dataset": "another tool's format",
}


@dataclass(frozen=True)
class VocObject:
    """One object: its class, x1 y1 x2 y2 as written, and the flag ``difficult``."""

    name: str
    box: Box
    difficult: bool


@dataclass(frozen=True)
class VocAnnotation:
    """One file: (height, width) of the image where it is given, its objects, its picture.

    ``path`` is where that lay when somebody annotated it.
    """

    size: tuple[int, int] | None
    objects: tuple[VocObject, ...]
    filename: str
    path: str = ""


def read_annotation(path: str | Path) -> VocAnnotation:
    """Read one XML file.

    Namespaces and capital letters in the names of elements are tolerated.

    Raises:
        BadItemError: the file is missing, malformed or declares a document type (which could
            expand entities without end or name other files); or with every field that is
            missing or of a wrong type.
    """
    return parsed_annotation(_bytes(path), path)


def parsed_annotation(data: bytes, path: str | Path) -> VocAnnotation:
    """The annotation in the bytes of an XML file, as :func:`read_annotation`."""
    root = _plain(parsed_xml(data, path))
    reader = _Reader(str(path))
    if root.tag != "annotation":
        raise BadItemError(_foreign(path, root.tag))
    size = reader.size(root)
    elements = root.findall("object")
    if not elements:
        reader.check_empty(root)
    objects = [reader.object(element, n) for n, element in enumerate(elements, start=1)]
    if reader.problems:
        raise BadItemError(*reader.problems)
    own = tuple(each for each in objects if each is not None)
    return VocAnnotation(size, own, _text(root, "filename"), _text(root, "path"))


def _bytes(path: str | Path) -> bytes:
    try:
        with regular(Path(path)) as file:
            return file.read()
    except FileNotFoundError:
        remedy = f"add it, take the image out of the list{SKIP}"
        problem = Problem("the annotation is missing", str(path), remedy)
    except OSError as error:
        problem = Problem(f"an annotation cannot be read as XML ({error})", str(path), REMEDY)
    raise BadItemError(problem) from None


def _plain(root: Element) -> Element:
    """The tree with the names of elements in small letters and without namespaces."""
    tags = "".join({element.tag for element in root.iter()})
    if not tags.islower() or "}" in tags:  # few files: the check is far quicker than the change
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2].lower()
    return root


def _foreign(path: str | Path, tag: str) -> Problem:
    known = _FOREIGN_ROOTS.get(tag)
    got = f"<{tag[:40]}>{f', {known}' if known else ''}"
    return Problem(f"expected the root element <annotation>, got {got}", str(path), REMEDY)


class _Reader:
    """Reads elements of one file and collects what is wrong with them."""

    def __init__(self, path: str) -> None:
        self.problems: list[Problem] = []
        self._path = path

    def size(self, root: Element) -> tuple[int, int] | None:
        """(height, width); None where it is missing, or 0 x 0 as some tools write it."""
        element = root.find("size")
        if element is None:
            return None
        width, height = (self._side(element, side) for side in ("width", "height"))
        return (height, width) if width and height else None

    def check_empty(self, root: Element) -> None:
        """That an annotation without objects has no boxes in another place either."""
        for child in root:
            if next(child.iter("bndbox"), None) is not None:
                self._add("boxes lie outside of <object>s of the root", f"in <{child.tag}>")

    def object(self, element: Element, number: int) -> VocObject | None:
        """One object, or None where it has problems."""
        place = f"object {number}"
        name = " ".join(element.findtext("name", "").split())
        if not name:
            self._add("an object has no <name>", place)
        difficult = _FLAGS.get(_text(element, "difficult"))
        if difficult is None:
            got = f"got {_text(element, 'difficult')[:40]!r}"
            self._add("<difficult> must be 0 or 1", place, got)
        frames = element.findall("bndbox")
        if len(frames) != 1:
            self._add_frames(element, len(frames), place)
            return None
        box = _box(frames[0])
        if box is None:
            self._add_corners(frames[0], place)
            return None
        return VocObject(name, turned(box, _degrees(element)), bool(difficult))

    def _add_frames(self, element: Element, count: int, place: str) -> None:
        if count:
            self._add("an object has more than one <bndbox>", place, f"{count} of them")
            return
        shape = next((shape for shape in _SHAPES if element.find(shape) is not None), None)
        also = f" of its own, but <{shape}>" if shape else ""
        self._add(f"an object has no <bndbox>{also}", place)

    def _side(self, element: Element, tag: str) -> int:
        text = _text(element, tag)
        value = _number(text or "0")
        if not math.isfinite(value) or value < 0:
            self._add(f"<{tag}> of <size> must be a number of pixels", "", f"got {text[:40]!r}")
            return 0
        return int(value)

    def _add_corners(self, frame: Element, place: str) -> None:
        for tag in _CORNERS:
            text = frame.findtext(tag, "")
            if not math.isfinite(_number(text)):
                comma = ", with a point for decimals" if "," in text else ""
                got = "nothing" if frame.find(tag) is None else repr(text[:40])
                self._add(f"<{tag}> must be a number{comma}", place, f"got {got}")

    def _add(self, cause: str, *where: str) -> None:
        details = ": ".join(filter(None, where))
        at = f"{self._path} ({details})" if details else self._path
        self.problems.append(Problem(cause, at, REMEDY))


def _number(text: str) -> float:
    try:
        return decimals([text])[0]
    except ValueError:
        return math.nan


def _box(frame: Element) -> Box | None:
    """The four corners, or None where one is missing or no number."""
    try:
        x1, y1, x2, y2 = decimals(tuple(map(frame.findtext, _CORNERS, _EMPTY)))
    except ValueError:
        return None
    box = x1, y1, x2, y2
    return box if all(map(math.isfinite, box)) else None


def _degrees(element: Element) -> float:
    """By which CVAT turned an object, whose box is that before the turn."""
    attributes = element.find("attributes")
    for attribute in () if attributes is None else attributes.iterfind("attribute"):
        if _text(attribute, "name") == "rotation":
            degrees = _number(_text(attribute, "value"))
            return degrees if math.isfinite(degrees) else 0.0
    return 0.0


def _text(parent: Element, tag: str) -> str:
    return parent.findtext(tag, "").strip()

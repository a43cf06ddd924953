"""One annotation file of Pascal VOC."""

import math
from dataclasses import dataclass
from pathlib import Path

# Safe on hostile files with the builder below, which refuses document types.
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from alframe.datasets.assemble import Box
from alframe.errors import DataError

REMEDY = "correct the annotation, or set dataset.on_bad_item=skip"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FLAGS = {"": False, "0": False, "1": True}


@dataclass(frozen=True)
class VocObject:
    """One object: its class, x1 y1 x2 y2 as written, and the flag ``difficult``."""

    name: str
    box: Box
    difficult: bool


@dataclass(frozen=True)
class VocAnnotation:
    """One file: (height, width) of the image where it is given, and the objects."""

    size: tuple[int, int] | None
    objects: tuple[VocObject, ...]


def read_annotation(path: Path) -> VocAnnotation:
    """Read one XML file.

    Raises:
        DataError: the file is missing, malformed or declares a document type (which could
            expand entities without end or name other files); or with every field that is
            missing or of a wrong type.
    """
    root = _root(path)
    problems: list[str] = []
    size = _size(root, problems)
    objects = [_object(e, n, problems) for n, e in enumerate(root.findall("object"), start=1)]
    if problems:
        raise DataError(f"{path}: {problem}; {REMEDY}" for problem in problems)
    return VocAnnotation(size, tuple(o for o in objects if o is not None))


class _NoDocumentType(TreeBuilder):
    def doctype(self, *_: object) -> None:
        raise DataError("a document type (<!DOCTYPE>) is not allowed in annotations; remove it")


def _root(path: Path) -> Element:
    parser = XMLParser(target=_NoDocumentType())  # noqa: S314
    try:
        parser.feed(path.read_bytes())
        root: Element = parser.close()
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: expected the annotation of a listed image; add it, take the image "
            "out of the list, or set dataset.on_bad_item=skip"
        ) from None
    except (ParseError, OSError, ValueError, LookupError) as error:
        raise DataError(f"{path} is not well-formed XML ({error}): {REMEDY}") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    if root.tag != "annotation":
        raise DataError(f"{path}: expected the root element <annotation>, got <{root.tag}>")
    return root


def _size(root: Element, problems: list[str]) -> tuple[int, int] | None:
    element = root.find("size")
    if element is None:
        return None
    width, height = (_number(element, side, "<size>", problems) for side in ("width", "height"))
    # Some tools write 0 x 0 for "unknown".
    return (int(height), int(width)) if width >= 1 and height >= 1 else None


def _object(element: Element, number: int, problems: list[str]) -> VocObject | None:
    before = len(problems)
    place = f"object {number}"
    name = _text(element, "name")
    if not name:
        problems.append(f"{place} has no <name>")
    difficult = _FLAGS.get(_text(element, "difficult"))
    if difficult is None:
        problems.append(f"{place}: <difficult> must be 0 or 1, got {_shown(element, 'difficult')}")
    frame = element.find("bndbox")
    if frame is None:
        problems.append(f"{place} has no <bndbox>")
    if frame is None or difficult is None:
        return None
    x1, y1, x2, y2 = (_number(frame, corner, place, problems) for corner in _CORNERS)
    return VocObject(name, (x1, y1, x2, y2), difficult) if len(problems) == before else None


def _number(parent: Element, tag: str, place: str, problems: list[str]) -> float:
    try:
        value = float(_text(parent, tag))
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    problems.append(f"{place}: <{tag}> must be a number, got {_shown(parent, tag)}")
    return math.nan


def _text(parent: Element, tag: str) -> str:
    child = parent.find(tag)
    return "" if child is None else (child.text or "").strip()


def _shown(parent: Element, tag: str) -> str:
    return "nothing" if parent.find(tag) is None else repr(_text(parent, tag)[:40])

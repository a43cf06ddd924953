"""One annotation file of COCO, checked field by field."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from os.path import splitext
from pathlib import Path
from typing import Any

from alframe.datasets.coco_fields import (
    ById,
    Key,
    Row,
    WrongFieldError,
    area,
    box,
    flag,
    given,
    size,
    take,
    take_id,
    text,
)
from alframe.datasets.coco_kinds import EXPECTED, has_keypoints, kind_of
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import BadItemError, Problem, Problems, grouped
from alframe.errors import DataError

REMEDY = "correct the file, or set dataset.on_bad_item=skip"


@dataclass(frozen=True)
class CocoImage:
    """One image.

    Attributes:
        item: its id in the dataset.
        path: its file.
        size: (height, width) where they are given.
        ignored: an annotator gave it up; ours, no field of COCO.
    """

    item: str
    path: Path
    size: tuple[int, int] | None
    ignored: bool = False


@dataclass
class CocoFile:
    """One annotation file.

    Attributes:
        categories: names, in the order of their ids.
        images: those that have no problem of their own.
        objects: of these images; boxes are x1 y1 x2 y2.
        annotated: ids of images that have an annotation, usable or not.
        notes: what was seen through.
    """

    categories: list[str]
    images: list[CocoImage] = field(default_factory=list)
    objects: list[Annotated] = field(default_factory=list)
    annotated: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def read_annotations(
    path: Path, folder: Path, prefix: str, find: Callable[[str], str], problems: Problems
) -> CocoFile:
    """Read one file of instances.

    Args:
        path: the JSON file.
        folder: of the images.
        prefix: of the ids, which are ``prefix/name-of-file-without-suffix``.
        find: from the name of a file as annotated to the path below ``folder`` of that which is
            meant; raises a BadItemError where there is none.
        problems: takes what is wrong with single images and objects.

    Raises:
        DataError: the file is missing or malformed, or one of its three lists is.
    """
    content = _load(path)
    tables = {name: _table(path, content, name) for name in ("categories", "images", "annotations")}
    reader = _Reader(path, _categories(path, tables["categories"]), problems)
    start = f"{prefix}/" if prefix else ""
    for number, row in enumerate(tables["images"]):
        reader.add_image(number, row, folder, start, find)
    for number, row in enumerate(tables["annotations"]):
        reader.add_object(number, row)
    return reader.end(keypoints=has_keypoints(content))


class _Reader:
    def __init__(self, path: Path, categories: ById[str], problems: Problems) -> None:
        self._file = CocoFile(list(categories.values.values()))
        self._path = path
        self._problems = problems
        self._categories = categories
        self._owners = ById[str]()
        self._items: dict[str, Path] = {}

    def add_image(
        self,
        number: int,
        row: Row,
        folder: Path,
        start: str,
        find: Callable[[str], str],
    ) -> None:
        """Add one row of ``images``, or what is wrong with it to the problems."""
        known: Key | None = None
        item = f"{self._path}: images[{number}]"
        try:
            known = take_id(row, "id")
            name = take(row, "file_name", text, "text")
            item = start + name
            file = find(name)
            path, item = folder / file, start + splitext(file)[0]  # noqa: PTH122
            if known in self._owners.values or item in self._items:
                self._problems.add(self._owners.values.get(known, item))
                raise _twice(known, name, path, self._items.get(item, path))
            gave_up = bool(given(row, "ignored", flag, "0 or 1"))
            self._file.images.append(CocoImage(item, path, size(row), gave_up))
            self._items[item] = path
        except WrongFieldError as error:
            self._problems.add(item, self._problem(error, "images", number))
        except BadItemError as error:
            self._problems.take(item, error)
        if known is not None:  # also of a bad image, whose objects are then no further problem
            self._owners.values.setdefault(known, item)

    def add_object(self, number: int, row: Row) -> None:
        """Add one row of ``annotations``, or what is wrong with it to the problems."""
        owner: str | None = None
        try:
            image = take(row, "image_id", _as_it_is, "a whole number or a string")
            owner = self._owners.get(image)
            if owner is None:
                raise WrongFieldError(".image_id", "no image has this id", str(image))
            self._file.annotated.add(owner)
            self._file.objects.append(_object(row, owner, self._categories))
        except WrongFieldError as error:
            place = owner or f"{self._path}: annotations[{number}]"
            self._problems.add(place, self._problem(error, "annotations", number, owner))

    def end(self, *, keypoints: bool) -> CocoFile:
        """The file, once all rows are added."""
        self._file.notes += self._owners.notes("image_id")
        self._file.notes += self._categories.notes("category_id")
        if keypoints:
            self._file.notes.append(
                f"{self._path} is a file of keypoints, with boxes of people alone; for all classes "
                "take that of instances"
            )
        return self._file

    def _problem(
        self, error: WrongFieldError, table: str, number: int, owner: str | None = None
    ) -> Problem:
        details = ": ".join(filter(None, (owner, error.got and f"got {error.got}")))
        at = f"{table}[{number}]{f' ({details})' if details else ''}"
        return Problem(f"{self._path}: {table}{error.field}: {error.expected}", at, REMEDY)


def _twice(known: Key, name: str, path: Path, before: Path) -> WrongFieldError:
    if path == before:
        return WrongFieldError("", "the image appears twice", f"id {known!r}, {name!r}")
    return WrongFieldError(
        "",
        "two names differ in their suffix alone, which is no part of an image's id: rename one",
        f"{name!r} and {before.name!r}",
    )


def _object(row: Row, owner: str, categories: ById[str]) -> Annotated:
    wanted = take(row, "category_id", _as_it_is, "a whole number or a string")
    category = categories.get(wanted)
    if category is None:
        raise WrongFieldError(".category_id", "no category has this id", str(wanted))
    x, y, width, height = take(row, "bbox", box, "four finite numbers [x, y, width, height]")
    crowd = given(row, "iscrowd", flag, "0 or 1")
    own = given(row, "area", area, "a number >= 0")
    corners = (x, y, x + width, y + height)
    return Annotated(
        owner, category, corners, crowd=bool(crowd), area=math.nan if own is None else own
    )


def _as_it_is(value: Any) -> Any:
    """An id that names a row of another table, which may be of another type there."""
    return value if isinstance(value, int | str | float) and not isinstance(value, bool) else None


def _load(path: Path) -> Row:
    try:
        content = _parsed(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: expected COCO instances in JSON; set dataset.root, "
            "dataset.pool_annotations or dataset.test_annotations"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON ({_reason(error)}); {EXPECTED}") from None
    kind = kind_of(content)
    if kind is not None or not isinstance(content, dict):
        raise DataError(f"{path} is a file of another kind, {kind}: {EXPECTED}")
    return content


def _parsed(data: bytes) -> Any:
    """The JSON of a file in any of its encodings, with a byte order mark or without."""
    return json.loads(data.decode(json.detect_encoding(data)))


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError) and not error.doc.strip():
        return "it is empty"
    if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
        return f"a second value begins in line {error.lineno}: JSON Lines are not read"
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return "a number has thousands of digits"
    return str(error)


def _table(path: Path, content: Row, name: str) -> list[Any]:
    rows = content.get(name)
    if not isinstance(rows, list):
        got = "nothing" if name not in content else json.dumps(rows)[:40]
        raise DataError(f"{path}: {name}: expected a list, got {got}; {EXPECTED}")
    return rows


def _categories(path: Path, rows: list[Any]) -> ById[str]:
    names: dict[Key, str] = {}
    problems = []
    for number, row in enumerate(rows):
        try:
            known, name = take_id(row, "id"), take(row, "name", text, "text in quotes")
            if known in names or name in names.values():
                raise WrongFieldError("", "the category appears twice", f"id {known!r}, {name!r}")
            names[known] = name
        except WrongFieldError as error:
            cause = f"{path}: categories{error.field}: {error.expected}"
            problems.append(Problem(cause, f"categories[{number}] (got {error.got})", "correct it"))
    if problems:
        raise DataError(grouped(problems))
    return ById(sorted(names.items(), key=lambda pair: (isinstance(pair[0], str), pair[0])))

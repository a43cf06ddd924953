"""One annotation file of COCO, checked field by field."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from alframe.datasets.assemble import Annotated, Box
from alframe.datasets.files import inside
from alframe.datasets.problems import Problems
from alframe.errors import DataError

Key = int | str
Row = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class CocoImage:
    """One image: its id in the dataset, its file, and (height, width) where they are given."""

    item: str
    path: Path
    size: tuple[int, int] | None


@dataclass
class CocoFile:
    """One annotation file.

    Attributes:
        categories: names by id, in the order of the ids.
        images: those that have no problem of their own.
        objects: of these images; boxes are x1 y1 x2 y2.
    """

    categories: dict[Key, str]
    images: list[CocoImage] = field(default_factory=list)
    objects: list[Annotated] = field(default_factory=list)


def read_annotations(path: Path, folder: Path, prefix: str, problems: Problems) -> CocoFile:
    """Read one file of instances.

    Args:
        path: the JSON file.
        folder: of the images.
        prefix: of the ids, which are ``prefix/name-of-file-without-suffix``.
        problems: takes what is wrong with single images and objects.

    Raises:
        DataError: the file is missing or malformed, or one of its three lists is.
    """
    content = _load(path)
    tables = {name: _table(path, content, name) for name in ("categories", "images", "annotations")}
    reader = _Reader(_categories(path, tables["categories"]), folder, prefix, problems)
    for place, row in _numbered(path, "images", tables["images"]):
        reader.add_image(place, row)
    for place, row in _numbered(path, "annotations", tables["annotations"]):
        reader.add_object(place, row)
    return reader.file


class _WrongFieldError(Exception):
    """A field is missing or of the wrong type; whoever catches it knows in which row."""


class _Reader:
    def __init__(
        self, categories: dict[Key, str], folder: Path, prefix: str, problems: Problems
    ) -> None:
        self.file = CocoFile(categories)
        self._folder = folder
        self._prefix = PurePosixPath(prefix)
        self._problems = problems
        self._owners: dict[Key, str] = {}
        self._items: dict[str, Path] = {}

    def add_image(self, place: "_Place", row: Row) -> None:
        """Add one row of ``images``, or what is wrong with it to the problems."""
        key: Key | None = None
        item = str(place)
        try:
            key = _id(row, "id")
            name = _take(row, "file_name", _string, "a string")
            path = self._path(name)
            item = (self._prefix / path.relative_to(self._folder)).with_suffix("").as_posix()
            if key in self._owners or item in self._items:
                self._problems.add(self._owners.get(key, item))
                raise _WrongFieldError(_twice(key, name, path, self._items.get(item, path)))
            self.file.images.append(CocoImage(item, path, _size(row)))
            self._items[item] = path
        except _WrongFieldError as error:
            self._problems.add(item, f"{place}{error}")
        if key is not None:  # also of a bad image, whose objects are then no further problem
            self._owners.setdefault(key, item)

    def add_object(self, place: "_Place", row: Row) -> None:
        """Add one row of ``annotations``, or what is wrong with it to the problems."""
        owner: str | None = None
        try:
            key = _id(row, "image_id")
            owner = self._owners.get(key)
            if owner is None:
                raise _WrongFieldError(f".image_id: no image has the id {key!r}")
            self.file.objects.append(_object(row, owner, self.file.categories))
        except _WrongFieldError as error:
            self._problems.add(owner or str(place), f"{place}{error}")

    def _path(self, name: str) -> Path:
        try:
            return inside(self._folder, name)
        except DataError as error:
            raise _WrongFieldError(f".file_name: {error}") from None


def _twice(key: Key, name: str, path: Path, before: Path) -> str:
    if path == before:
        return f": the image appears twice (id {key!r}, {name!r})"
    return (
        f": {name!r} and {before.name!r} differ in their suffix alone, which is no part of an "
        "image's id: rename one of the two"
    )


def _object(row: Row, owner: str, categories: Mapping[Key, str]) -> Annotated:
    category = _id(row, "category_id")
    if category not in categories:
        raise _WrongFieldError(f".category_id: no category has the id {category!r}")
    x, y, width, height = _take(row, "bbox", _box, "four numbers [x, y, width, height]")
    crowd = _take(row, "iscrowd", _flag, "0 or 1") if "iscrowd" in row else False
    area = _take(row, "area", _area, "a number >= 0") if "area" in row else math.nan
    box = (x, y, x + width, y + height)
    return Annotated(owner, categories[category], box, crowd=crowd, area=area)


def _load(path: Path) -> Row:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            content = json.load(stream)
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: expected COCO instances in JSON; set dataset.root, "
            "dataset.pool_annotations or dataset.test_annotations"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}); correct the file") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected an object with images, annotations and categories")
    return content


def _table(path: Path, content: Row, name: str) -> list[Any]:
    rows = content.get(name)
    if not isinstance(rows, list):
        got = "nothing" if name not in content else _shown(rows)
        raise DataError(f"{path}: {name}: expected a list, got {got}; is it a file of instances?")
    return rows


def _categories(path: Path, rows: list[Any]) -> dict[Key, str]:
    names: dict[Key, str] = {}
    problems = []
    for place, row in _numbered(path, "categories", rows):
        try:
            key = _id(row, "id")
            name = _take(row, "name", _string, "a string")
            if key in names or name in names.values():
                raise _WrongFieldError(f": the category appears twice (id {key!r}, {name!r})")
            names[key] = name
        except _WrongFieldError as error:
            problems.append(f"{place}{error}")
    if problems:
        raise DataError(problems)
    return dict(sorted(names.items(), key=lambda pair: (isinstance(pair[0], str), pair[0])))


@dataclass(frozen=True)
class _Place:
    """Names a row of a file; a string only once something is wrong with it."""

    path: Path
    table: str
    number: int

    def __str__(self) -> str:
        return f"{self.path}: {self.table}[{self.number}]"


def _numbered(path: Path, table: str, rows: list[Any]) -> Iterator[tuple[_Place, Row]]:
    for number, row in enumerate(rows):
        yield _Place(path, table, number), row


def _take(row: Row, name: str, accept: Callable[[Any], T | None], expected: str) -> T:
    if not isinstance(row, dict):
        raise _WrongFieldError(f": expected an object with {name!r}, got {_shown(row)}")
    value = accept(row[name]) if name in row else None
    if value is None:
        got = _shown(row[name]) if name in row else "nothing"
        raise _WrongFieldError(f".{name}: expected {expected}, got {got}")
    return value


def _id(row: Row, name: str) -> Key:
    key: Key = _take(row, name, _key, "a number or a string")
    return key


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _size(row: Row) -> tuple[int, int] | None:
    if not {"width", "height"} <= row.keys():
        return None
    height = _take(row, "height", _side, "a number of pixels >= 1")
    return height, _take(row, "width", _side, "a number of pixels >= 1")


def _key(value: Any) -> Any:  # a Key or None, of which mypy makes `object` in _take
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _side(value: Any) -> int | None:
    return int(value) if _is_number(value) and value >= 1 else None


def _flag(value: Any) -> bool | None:
    return bool(value) if value in (0, 1) else None


def _area(value: Any) -> float | None:
    return float(value) if _is_number(value) and value >= 0 else None


def _box(value: Any) -> Box | None:
    if isinstance(value, list) and len(value) == 4 and all(map(_is_number, value)):
        x, y, width, height = map(float, value)
        return x, y, width, height
    return None


def _is_number(value: Any) -> bool:
    """Whether it is one, finite, that also a float can hold."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return bool(number and abs(value) <= sys.float_info.max)

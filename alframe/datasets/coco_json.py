"""One annotation file of COCO, checked field by field."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from os.path import splitext
from pathlib import Path
from typing import Any

from alframe.datasets.coco_fields import (
    ById,
    Key,
    Row,
    WrongFieldError,
    amount,
    flag,
    given,
    size,
    take,
    take_id,
    take_reference,
    text,
)
from alframe.datasets.coco_kinds import EXPECTED, has_keypoints, kind_of
from alframe.datasets.coco_objects import quick_object, read_object
from alframe.datasets.json_text import parsed
from alframe.datasets.objects import Annotated, Collected
from alframe.datasets.problems import SKIP, BadItemError, Problem, Problems, grouped
from alframe.errors import DataError, together
from alframe.files.reading import regular

REMEDY = f"correct the file{SKIP}"
TABLES = ("categories", "images", "annotations")


@dataclass(frozen=True)
class CocoImage:
    """One image.

    Attributes:
        item: its id in the dataset.
        path: its file.
        size: (height, width) where they are given.
        ignored: an annotator gave it up; ours, no field of COCO.
        seconds: what annotating it took; likewise.
    """

    item: str
    path: Path
    size: tuple[int, int] | None
    ignored: bool = False
    seconds: float | None = None


@dataclass
class CocoFile:
    """One annotation file.

    Attributes:
        categories: names, in the order of their ids.
        images: those that have no problem of their own.
        objects: of these images; boxes are x1 y1 x2 y2.
        annotated: ids of images that have an annotation, usable or not.
        notes: what was tolerated.
    """

    categories: list[str]
    images: list[CocoImage] = field(default_factory=list)
    objects: Collected = field(default_factory=list[Annotated])
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
    start = f"{prefix}/" if prefix else ""

    def locate(name: str) -> tuple[str, Path]:
        file = find(name)
        return start + splitext(file)[0], folder / file  # noqa: PTH122

    return read_instances(_load(path), path, locate, problems, start)


def _load(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: it is missing or no JSON.
    """
    try:
        with regular(path) as file:  # of any size: there are datasets of gigabytes
            return parsed(file.read(), path, EXPECTED)
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing: expected COCO instances in JSON; set dataset.root, "
            "dataset.pool_annotations or dataset.test_annotations; dataset.test=20% draws a test "
            "split from the pool"
        ) from None
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"{path} cannot be read as JSON ({why}); {EXPECTED}") from None


def read_instances(
    content: Any,
    path: Path | str,
    locate: Callable[[str], tuple[str, Path]],
    problems: Problems,
    start: str = "",
) -> CocoFile:
    """Read a file of instances that has been parsed.

    Args:
        content: of the JSON file.
        path: what messages call it.
        locate: from the name of a file as annotated to the id and the file of the image that is
            meant; raises a BadItemError where there is none.
        problems: takes what is wrong with single images and objects.
        start: what the problems of an image that is not found put before its name.

    Raises:
        DataError: one of the three lists is missing or malformed.
    """
    reader = InstancesReader(content, path, problems)
    reader.add_images(locate, start)
    reader.add_objects(reader.tables["annotations"])
    return reader.end()


class InstancesReader:
    """Takes the rows of a file of instances, or says what is wrong with them.

    Args:
        content: of the JSON file.
        path: what messages call it.
        problems: takes what is wrong with single images and objects.

    Attributes:
        tables: its three lists.
        categories: names by their ids.
        owners: ids of images in the dataset by those of the file, also of bad images, whose objects
            are then no further problem.
        file: what has been read.
        source: what messages call the file of the objects.

    Raises:
        DataError: one of the three lists is missing or malformed.
    """

    def __init__(self, content: Any, path: Path | str, problems: Problems) -> None:
        if (kind := kind_of(content)) is not None:
            raise DataError(f"{path} is a file of another kind, {kind}: {EXPECTED}")
        tables = together(*(partial(_table, path, content, name) for name in TABLES))
        self.tables = dict(zip(TABLES, tables, strict=True))
        self.categories = _categories(path, self.tables["categories"])
        self.owners = ById[str]()
        self.file = CocoFile(list(self.categories.values.values()))
        self.source = str(path)
        self._path = path
        self._problems = problems
        self._items: dict[str, CocoImage] = {}
        self._keypoints = has_keypoints(content)

    def add_images(self, locate: Callable[[str], tuple[str, Path]], start: str = "") -> None:
        """Add the rows of ``images``; see :func:`read_instances`."""
        for number, row in enumerate(self.tables["images"]):
            self._add_image(number, row, start, locate)

    def _add_image(
        self, number: int, row: Row, start: str, locate: Callable[[str], tuple[str, Path]]
    ) -> None:
        known: Key | None = None
        item = f"{self._path}: images[{number}]"
        try:
            known = take_id(row)
            name = take(row, "file_name", text, "text")
            item = start + name
            item, path = locate(name)
            if known in self.owners.values or item in self._items:
                self._problems.add(self.owners.values.get(known, item))
                before = self._items.get(item)
                raise _twice(known, name, path, before.path if before else path)
            gave_up = bool(given(row, "ignored", flag, "0 or 1"))
            took = given(row, "seconds", amount, "a number of seconds")
            self._items[item] = image = CocoImage(item, path, size(row), gave_up, took)
            self.file.images.append(image)
        except WrongFieldError as error:
            self._problems.add(item, _problem(error, self._path, "images", number))
        except BadItemError as error:
            self._problems.take(item, error)
        if known is not None:
            self.owners.values.setdefault(known, item)

    def add_objects(self, rows: Iterable[Row], first: int = 0) -> None:
        """Add rows of objects, of which ``first`` have been added before."""
        owners, names = self.owners.values, self.categories.values
        annotated, add = self.file.annotated, self.file.objects.append
        for number, row in enumerate(rows, first):
            thing = quick_object(row, owners, names)
            if thing is None:
                self._add_object(number, row)
            else:
                annotated.add(thing.owner)
                add(thing)

    def _add_object(self, number: int, row: Row) -> None:
        owner: str | None = None
        try:
            owner = self.owner(row)
            self.file.annotated.add(owner)
            image = self._items.get(owner)
            sides = image.size if image else None
            self.file.objects.append(read_object(row, owner, self.categories, sides))
        except BadItemError as error:
            self._problems.take(f"{self.source}: annotations[{number}]", error)
        except WrongFieldError as error:
            place = owner or f"{self.source}: annotations[{number}]"
            self._problems.add(place, _problem(error, self.source, "annotations", number, owner))

    def owner(self, row: Row) -> str:
        """The image of an object.

        Raises:
            WrongFieldError: there is none.
        """
        meant = take_reference(row, "image_id")
        owner = self.owners.get(meant)
        if owner is None:
            raise WrongFieldError(".image_id", "no image has this id", str(meant))
        return owner

    def end(self) -> CocoFile:
        """The file, once all rows are added."""
        self.file.notes += self.owners.notes("image_id")
        self.file.notes += self.categories.notes("category_id")
        if self._keypoints and len(self.file.categories) == 1:
            self.file.notes.append(
                f"{self._path} is a file of keypoints, with boxes of people alone; for all classes "
                "take that of instances"
            )
        return self.file


def _problem(
    error: WrongFieldError, path: Path | str, table: str, number: int, owner: str | None = None
) -> Problem:
    details = ": ".join(filter(None, (owner, error.got and f"got {error.got}")))
    at = f"{table}[{number}]{f' ({details})' if details else ''}"
    return Problem(f"{path}: {table}{error.field}: {error.expected}", at, REMEDY)


def _twice(known: Key, name: str, path: Path, before: Path) -> WrongFieldError:
    if path == before:
        return WrongFieldError("", "the image appears twice", f"id {known!r}, {name!r}")
    return WrongFieldError(
        "",
        "two names differ in their suffix alone, which is no part of an image's id: rename one",
        f"{name!r} and {before.name!r}",
    )


def _table(path: Path | str, content: Row, name: str) -> list[Any]:
    rows = content.get(name)
    if not isinstance(rows, list):
        got = "nothing" if name not in content else json.dumps(rows)[:40]
        raise DataError(f"{path}: {name}: expected a list, got {got}; {EXPECTED}")
    return rows


def _categories(path: Path | str, rows: list[Any]) -> ById[str]:
    names: dict[Key, str] = {}
    problems = []
    for number, row in enumerate(rows):
        try:
            known, name = take_id(row), take(row, "name", text, "text in quotes")
            if known in names or name in names.values():
                raise WrongFieldError("", "the category appears twice", f"id {known!r}, {name!r}")
            names[known] = name
        except WrongFieldError as error:
            cause = f"{path}: categories{error.field}: {error.expected}"
            problems.append(Problem(cause, f"categories[{number}] (got {error.got})", "correct it"))
    if problems:
        raise DataError(grouped(problems))
    return ById(in_order(names.items()).items())


def in_order(names: Iterable[tuple[Key, str]]) -> dict[Key, str]:
    """Categories by their ids, numbers before text."""
    return dict(sorted(names, key=lambda pair: (isinstance(pair[0], str), pair[0])))

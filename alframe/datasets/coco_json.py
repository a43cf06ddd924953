"""One annotation file of COCO, checked field by field."""

import json
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
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
    key,
    size,
    take,
    take_id,
    text,
)
from alframe.datasets.coco_kinds import EXPECTED, has_keypoints, kind_of
from alframe.datasets.coco_loading import load
from alframe.datasets.coco_objects import (
    QuickRows,
    as_it_is,
    quick_object,
    quick_rows,
    read_object,
)
from alframe.datasets.objects import Annotated, Collected, CollectedColumns
from alframe.datasets.problems import SKIP, BadItemError, Problem, Problems, grouped
from alframe.errors import DataError

REMEDY = f"correct the file{SKIP}"


@dataclass(frozen=True)
class Results:
    """Rows of a detector's results, and how those are found that no number of a file names.

    Attributes:
        parts: of rows ``image_id category_id bbox score``, gone through once.
        named: the id of the image that an ``image_id`` names; raises a BadItemError.
        objects: takes what was found.
        path: what messages call them.
    """

    parts: Iterable[Sequence[Any]]
    named: Callable[[str], str]
    objects: CollectedColumns
    path: str


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

    return read_instances(load(path), path, locate, problems, start)


def read_instances(
    content: Any,
    path: Path | str,
    locate: Callable[[str], tuple[str, Path]],
    problems: Problems,
    start: str = "",
    results: "Results | None" = None,
) -> CocoFile:
    """Read a file of instances that has been parsed.

    Args:
        content: of the JSON file.
        path: what messages call it.
        locate: from the name of a file as annotated to the id and the file of the image that is
            meant; raises a BadItemError where there is none.
        problems: takes what is wrong with single images and objects.
        start: what the problems of an image that is not found put before its name.
        results: what a detector found, in place of the file's own annotations.

    Raises:
        DataError: one of the three lists is missing or malformed.
    """
    if (kind := kind_of(content)) is not None:
        raise DataError(f"{path} is a file of another kind, {kind}: {EXPECTED}")
    tables = {name: _table(path, content, name) for name in ("categories", "images", "annotations")}
    reader = _Reader(path, _categories(path, tables["categories"]), problems, results)
    for number, row in enumerate(tables["images"]):
        reader.add_image(number, row, start, locate)
    if results:
        reader.add_results(results)
    else:
        reader.add_objects(tables["annotations"])
    return reader.end(keypoints=has_keypoints(content))


class _Reader:
    def __init__(
        self,
        path: Path | str,
        categories: ById[str],
        problems: Problems,
        results: "Results | None" = None,
    ) -> None:
        self._file = CocoFile(list(categories.values.values()))
        if results:
            self._file.objects = results.objects
        self._named = results.named if results else None
        self._bare = not categories.values
        self._path = path
        self._rows = results.path if results else path
        self._problems = problems
        self._categories = categories
        self._owners = ById[str]()
        self._items: dict[str, CocoImage] = {}

    def add_image(
        self,
        number: int,
        row: Row,
        start: str,
        locate: Callable[[str], tuple[str, Path]],
    ) -> None:
        """Add one row of ``images``, or what is wrong with it to the problems."""
        known: Key | None = None
        item = f"{self._path}: images[{number}]"
        try:
            known = take_id(row)
            name = take(row, "file_name", text, "text")
            item = start + name
            item, path = locate(name)
            if known in self._owners.values or item in self._items:
                self._problems.add(self._owners.values.get(known, item))
                before = self._items.get(item)
                raise _twice(known, name, path, before.path if before else path)
            gave_up = bool(given(row, "ignored", flag, "0 or 1"))
            took = given(row, "seconds", amount, "a number of seconds")
            self._items[item] = image = CocoImage(item, path, size(row), gave_up, took)
            self._file.images.append(image)
        except WrongFieldError as error:
            self._problems.add(item, self._problem(error, "images", number))
        except BadItemError as error:
            self._problems.take(item, error)
        if known is not None:  # also of a bad image, whose objects are then no further problem
            self._owners.values.setdefault(known, item)

    def add_results(self, results: Results) -> None:
        """Add what a detector found, or what is wrong with it to the problems."""
        first = 0
        for part in results.parts:
            if not self._add_columns(quick_rows(part), results.objects):
                self.add_objects(map(_by_file_name, part), first)
            first += len(part)

    def _add_columns(self, rows: QuickRows | None, objects: CollectedColumns) -> bool:
        """Add rows at once, where that can be done; otherwise nothing is added."""
        if rows is None or not self._know(set(rows.images), set(rows.categories)):
            return False
        owners, names = (
            list(map(known.values.__getitem__, keys))
            for known, keys in (
                (self._owners, rows.images),
                (self._categories, rows.categories),
            )
        )
        self._file.annotated.update(owners)
        objects.add(owners, names, rows.box, rows.score)
        return True

    def _know(self, images: Set[Key], categories: Set[Key]) -> bool:
        """Whether all of these are known, maybe by their names, as which they are remembered."""
        for image in images - self._owners.values.keys():
            if self._named is None or len(self._owners.meant(image)) == 1:
                return False
            try:
                self._by_name(image)
            except BadItemError:
                return False
        unknown = categories - self._categories.values.keys()
        if self._bare:
            self._categories.values.update((kind, str(kind)) for kind in unknown)
        return self._bare or not unknown

    def add_objects(self, rows: Iterable[Row], first: int = 0) -> None:
        """Add the rows of ``annotations``, or what is wrong with them to the problems."""
        owners, names = self._owners.values, self._categories.values
        annotated, add = self._file.annotated, self._file.objects.append
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
            meant = take(row, "image_id", as_it_is, "a whole number or a string")
            owner = self._owners.get(meant) or self._by_name(meant)
            if owner is None:
                raise WrongFieldError(".image_id", "no image has this id", str(meant))
            self._file.annotated.add(owner)
            if self._named and self._bare and (kind := key(row.get("category_id"))) is not None:
                self._categories.values.setdefault(kind, str(kind))
            image = self._items.get(owner)
            sides = image.size if image else None
            self._file.objects.append(read_object(row, owner, self._categories, sides))
        except BadItemError as error:
            self._problems.take(f"{self._rows}: annotations[{number}]", error)
        except WrongFieldError as error:
            place = owner or f"{self._rows}: annotations[{number}]"
            self._problems.add(place, self._problem(error, "annotations", number, owner))

    def _by_name(self, image: Key) -> str | None:
        """The image that results call by its name, which is remembered."""
        if self._named is None:
            return None
        item = self._named(str(image))
        self._owners.values[image] = item
        return item

    def end(self, *, keypoints: bool) -> CocoFile:
        """The file, once all rows are added."""
        if self._bare:
            self._file.categories = list(_in_order(self._categories.values.items()).values())
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
        path = self._path if table == "images" else self._rows
        return Problem(f"{path}: {table}{error.field}: {error.expected}", at, REMEDY)


def _by_file_name(row: Any) -> Any:
    """A row of results whose ``image_id`` is the name of the file, where the row has that, too.

    Ultralytics makes the number 5 of 000005.jpg, which may be another image's in a file of
    instances.
    """
    name = row.get("file_name") if isinstance(row, dict) else None
    return {**row, "image_id": name} if name and isinstance(name, str) else row


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
    return ById(_in_order(names.items()).items())


def _in_order(names: Iterable[tuple[Key, str]]) -> dict[Key, str]:
    return dict(sorted(names, key=lambda pair: (isinstance(pair[0], str), pair[0])))

"""COCO results: what a detector found, in lists that name images and classes by numbers."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from alframe.annotations.json_files import content_of, json_files
from alframe.annotations.json_rows import parts_in
from alframe.annotations.object_columns import Packed
from alframe.annotations.parts import first_found, located
from alframe.annotations.sources import Source, folder_of
from alframe.annotations.vocabulary import Images
from alframe.datasets.coco_fields import Key, Row, WrongFieldError, key, take_reference
from alframe.datasets.coco_json import CocoFile, InstancesReader, in_order
from alframe.datasets.coco_objects import QuickRows, quick_rows
from alframe.datasets.names import stem
from alframe.datasets.problems import BadItemError, Problem, Problems
from alframe.errors import DataError
from alframe.grouping import by_key
from alframe.words import named


@dataclass(frozen=True)
class CocoResults:
    """What a detector found.

    Attributes:
        file: as if it had been annotated.
        where: the file of instances whose numbers the results have, or themselves.
        content: of the file of instances; without one, of one in which there is nothing.
    """

    file: CocoFile
    where: str
    content: Any


def read_results(source: Source, images: Images, problems: Problems) -> CocoResults:
    """The lists of results of a source.

    Raises:
        DataError: a file is malformed, or there are several of instances beside lists.
    """
    results = json_files(source, "results", "empty")
    beside = {str(file): content_of(file) for file in _instances_of(source)}
    rows = next(chain.from_iterable(map(parts_in, results.values())), []) if beside else []
    own = {where: content for where, content in beside.items() if _is_of(content, rows, images)}
    if len(own) > 1:
        raise DataError(
            f"{source} is a list of results, whose image_id and category_id are numbers of a file "
            f"of instances: expected that one beside it, got {named(list(own))}; put the results "
            "with theirs into a folder of their own"
        )
    nothing: Any = {"images": [], "annotations": [], "categories": []}
    where, content = next(iter(own.items()), (str(source), nothing))
    reader = _ResultsReader(content, where, problems, source, images)
    reader.add_images(located(images, where))
    for result in results.values():
        again = reader.add_results(parts_in(result))
        for item in sorted(again) if len(again) > 1 else ():  # a list may be cut within an image
            cause = "several files of results are of an image"
            remedy = "give each model's file alone, or join the files of one"
            problems.add(item, Problem(cause, f"{source}: {item}", remedy))
    file = reader.end()
    _check_listed(source, file, problems)
    if own and _other_by_name(content, rows):
        file.notes.append(
            f"{source}: its numbers of images are taken for those of {where}; by the names of "
            "pictures, as Ultralytics counts them, they would be of others: take that file away "
            "if it is not theirs"
        )
    file.notes += [
        f"{source}: {where} is not what its numbers are of: it lacks some of its images, or most "
        "of its classes"
        for where in beside
        if where not in own
    ]
    return CocoResults(file, where, content)


def _instances_of(source: Source) -> list[Source]:
    """Files of instances beside results: in their folder, or its ``annotations``."""
    below = json_files(folder_of(source), "instances")
    by_folder = by_key((name.rpartition("/")[0], file) for name, file in below.items())
    return by_folder.get("") or by_folder.get("annotations", [])


def _is_of(content: Any, rows: Sequence[Any], images: Images) -> bool:
    """Whether results are of a file of instances, and not of pictures that they name themselves.

    A file of answers that lies beside them, say, lacks some of the pictures, or most classes; one
    of another dataset has none of them.
    """
    try:
        ids, kinds = ({str(row["id"]) for row in content[t]} for t in ("images", "categories"))
        names = {str(row.get("file_name") or row["image_id"]) for row in rows}
        if names & ids or not ids:
            return True
        found = {images.find(name) for name in names}
        shown = {str(row["category_id"]) for row in rows}
        listed = set(_there(content["images"], images))
        return found <= listed and 2 * len(shown & kinds) >= len(shown)
    except (LookupError, TypeError, AttributeError, DataError):
        return True  # reading them tells what is wrong


def _other_by_name(content: Any, rows: Sequence[Any]) -> bool:
    """Whether numbers of images are all names of pictures as well, and not of the same ones."""
    with contextlib.suppress(LookupError, TypeError, AttributeError, ValueError):
        numbers = {row["image_id"] for row in rows if not row.get("file_name")}
        by_name = by_key(
            (int(name), row["id"])
            for row in content["images"]
            if (name := stem(row["file_name"].rpartition("/")[2])).isdecimal()
        )
        known = numbers <= by_name.keys() and all(len(ids) == 1 for ids in by_name.values())
        return known and any(by_name[n] != [n] for n in numbers)
    return False


def _there(rows: Iterable[Any], images: Images) -> Iterator[str]:
    """The pictures of those rows of a file of instances that are of some."""
    for row in rows:
        with contextlib.suppress(BadItemError):
            yield images.find(row["file_name"])


class _ResultsReader(InstancesReader):
    """Takes rows of results in place of a file's own annotations.

    Args:
        content: of the file of instances; one of nothing where there is none.
        path: what messages call that.
        problems: takes what is wrong with single images and objects.
        source: of the results.
        images: that an ``image_id`` may name.
    """

    def __init__(
        self, content: Any, path: Path | str, problems: Problems, source: Source, images: Images
    ) -> None:
        super().__init__(content, path, problems)
        self.source = str(source)
        self.file.objects = self._columns = Packed()
        self._images = images
        self._bare = not self.categories.values
        self._named: set[str] = set()

    def add_results(self, parts: Iterable[Sequence[Any]]) -> set[str]:
        """Add rows ``image_id category_id bbox score`` of a file, gone through once.

        Returns:
            The images that files before it are of as well.
        """
        before, self.file.annotated = self.file.annotated, set()
        first = 0
        for part in parts:
            if not self._add_columns(quick_rows(part)):
                self.add_objects(map(_by_file_name, part), first)
            first += len(part)
        again = before & self.file.annotated
        self.file.annotated |= before
        return again

    def _add_columns(self, rows: QuickRows | None) -> bool:
        """Add rows at once, where that can be done; otherwise nothing is added."""
        if rows is None or not self._know(set(rows.images), set(rows.categories)):
            return False
        owners = list(map(self.owners.values.__getitem__, rows.images))
        names = list(map(self.categories.values.__getitem__, rows.categories))
        self.file.annotated.update(owners)
        self._columns.add(owners, names, rows.box, rows.score)
        return True

    def _know(self, images: Set[Key], categories: Set[Key]) -> bool:
        """Whether all of these are known, maybe by their names, as which they are remembered."""
        for image in images - self.owners.values.keys():
            if len(self.owners.meant(image)) == 1:
                return False
            try:
                self._by_name(image)
            except BadItemError:
                return False
        unknown = categories - self.categories.values.keys()
        self._call_by_number(unknown)
        return self._bare or not unknown

    def owner(self, row: Row) -> str:
        """The image of an object, maybe by its name.

        Raises:
            BadItemError: there is none.
            WrongFieldError: the row does not say.
        """
        meant = take_reference(row, "image_id")
        owner = self.owners.get(meant) or self._by_name(meant)
        kind = key(row.get("category_id"))
        self._call_by_number({kind} if kind is not None else set())
        if kind is not None and self.categories.get(kind) is None:
            said = f"no category of {self._path} has this id (if it is not theirs, take it away)"
            raise WrongFieldError(".category_id", said, str(kind))
        return owner

    def _by_name(self, image: Key) -> str:
        """The image that results call by its name, which is remembered."""
        remedy = "image_id has to be the name of a picture, or put the file of instances beside it"
        item = first_found(self._images, [str(image)], self.source, remedy)
        self.owners.values[image] = item
        self._named.add(item)
        return item

    def _call_by_number(self, categories: Set[Key]) -> None:
        """Without a file of instances, classes have no other names."""
        if self._bare:
            for number in categories:
                self.categories.values.setdefault(number, str(number))

    def end(self) -> CocoFile:
        """The file, once all rows are added."""
        self.file.categories = list(in_order(self.categories.values.items()).values())
        if self._named and not self._bare:
            self.file.notes.append(
                f"{self.source} names its images, and its classes are taken for the numbers of "
                f"{self._path}"
            )
        return super().end()


def _by_file_name(row: Any) -> Any:
    """A row of results whose ``image_id`` is the name of the file, where the row has that, too.

    Ultralytics makes the number 5 of 000005.jpg, which may be another image's in a file of
    instances.
    """
    name = row.get("file_name") if isinstance(row, dict) else None
    return {**row, "image_id": name} if name and isinstance(name, str) else row


def _check_listed(source: Source, found: CocoFile, problems: Problems) -> None:
    """Results are of images that the file of instances has, where there is one."""
    listed = {image.item for image in found.images} or found.annotated
    for item in sorted(found.annotated - listed - problems.items):
        cause = "an image_id is that of no image in the file of instances"
        problems.add(item, Problem(cause, f"{source}: {item}", "give the file that it is of"))

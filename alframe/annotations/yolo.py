"""YOLO: a text file of labels beside each image, and ``data.yaml`` with the names of classes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from alframe.annotations.base import Annotations, Format, Images
from alframe.annotations.parts import first_found
from alframe.annotations.sources import Files, Source, called, files, folder_of, head, read
from alframe.annotations.yolo_labels import Label, read_labels
from alframe.annotations.yolo_names import LISTS, names_of
from alframe.annotations.yolo_query import write_query
from alframe.datasets.bulk import uncollected
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import BadItemError, Problem, Problems, named
from alframe.errors import DataError

_LABEL = re.compile(rb"\s*\d+(?:\.0*)?(?:\s+[-+.\deE]+){4}")
_NUMBER = re.compile(rb"\s*\d")
_NOT_LABELS = {*LISTS, "train.txt", "val.txt", "test.txt", "images.txt", "readme.txt"}


def recognises(source: Source) -> bool:
    """Whether a file begins with a line of labels, or there are names for files that are empty."""
    texts = _labels(source)
    starts = (head(file, 256) for file in texts.values())
    if any(_LABEL.match(start) for start in starts):
        return True
    listed = any(name.rpartition("/")[2] in ("data.yaml", *LISTS) for name in files(source))
    return listed and (source.is_dir() or not texts) and bool(texts or files(source, ".yaml"))


@uncollected()
def read_yolo(source: Source, images: Images, problems: Problems) -> Annotations:
    """All label files of a folder; an empty one is an image without objects.

    Raises:
        DataError: there is none, or the names of classes are malformed.
    """
    folder = folder_of(source)
    source = folder if source.name.lower().endswith((".yaml", ".yml")) else source
    names, labels = names_of(folder), _labels(source)
    if not labels:
        raise DataError(f"{source}: expected label files of YOLO (.txt) in it, or in labels/")
    reader = _Reader(images, problems, names, _is_of_label_studio(source))
    for name, file in labels.items():
        reader.add(name, file)
    return reader.end(called(source))


def named_by(found: Annotations, classes: Sequence[str]) -> Annotations:
    """Annotations whose classes are numbers, with the names of these numbers.

    Raises:
        DataError: a number has no name.
    """
    if not found.numbered:
        return found
    if unknown := [name for name in found.classes if int(name) >= len(classes)]:
        raise DataError(
            f"no class has the number {named(unknown)}: numbers count {', '.join(classes)} from 0 "
            "on; give the names in a data.yaml beside the labels"
        )
    objects = [thing._replace(name=classes[int(thing.name)]) for thing in found.objects]
    return replace(found, classes=tuple(classes), objects=objects, numbered=False)


def _labels(source: Source) -> Files:
    """Label files: those below ``labels``, or all texts that are no lists of other things."""
    texts = files(source, ".txt")
    if not source.is_dir():
        return texts.only(lambda name: name.lower().endswith(".txt"))
    below = texts.only(lambda name: "labels" in name.split("/")[:-1])
    return below or texts.only(lambda name: name.rpartition("/")[2].lower() not in _NOT_LABELS)


class _Reader:
    """Reads label files one by one."""

    def __init__(
        self, images: Images, problems: Problems, names: tuple[str, ...] | None, lossy: bool
    ) -> None:
        self._images, self._problems, self._names, self._lossy = images, problems, names, lossy
        self._found = Annotations(names or (), numbered=names is None)
        self._odd = Counter[str]()
        self._items: dict[str, str] = {}

    def add(self, name: str, file: Source) -> None:
        """Read one, or note what is wrong with it."""
        item = where = str(file)
        try:
            item = first_found(self._images, _meant(name), where)
            if item in self._items:
                at = f"{where} and {self._items[item]}"
                raise BadItemError(Problem("two label files are of one image", at, "remove one"))
            self._items[item] = where
            labels = read_labels(read(file), where, self._images.size(item), self._odd)
            self._take(item, [self._object(item, label, where) for label in labels])
        except DataError as error:
            self._problems.take(item, error)

    def _take(self, item: str, objects: list[Annotated]) -> None:
        if not objects and self._lossy:
            self._odd["unclear"] += 1
            return
        self._found.images.append(item)
        self._found.objects += objects

    def _object(self, item: str, label: Label, where: str) -> Annotated:
        number, box, score = label
        if self._names is None:
            return Annotated(item, str(number), box, score=score)
        if number >= len(self._names):
            cause = f"no class has this number: there are {len(self._names)} names"
            at = f"{where}: {number}"
            raise BadItemError(Problem(cause, at, "add its name, or correct the number"))
        return Annotated(item, self._names[number], box, score=score)

    def end(self, where: str) -> Annotations:
        """All that was read."""
        if self._names is None:
            numbers = sorted({int(thing.name) for thing in self._found.objects})
            self._found.classes = tuple(map(str, numbers))
        told = {
            "polygons": "polygon{s} of which the enclosing box is taken",
            "twice": "line{s} of labels there twice, taken once (a detector that appends to its "
            "files makes them)",
            "unclear": "empty file{s} not taken: Label Studio's YOLO export does not tell images "
            "without objects from those that nobody annotated; export JSON",
        }
        self._found.notes += [
            f"{where}: {self._odd[kind]:,} {text.format(s='s' if self._odd[kind] > 1 else '')}"
            for kind, text in told.items()
            if self._odd[kind]
        ]
        return self._found


def _meant(name: str) -> list[str]:
    """What the image of a label file may be called: beside it, in ``images``, in no such folder."""
    *folders, last = name.removesuffix(".txt").split("/")
    swapped = ["images" if folder == "labels" else folder for folder in folders]
    without = [f for f in folders if f not in ("labels", "images", "obj_train_data")]
    ways = (swapped, folders, without)
    return list(dict.fromkeys("/".join([*way, last]) for way in ways))


def _is_of_label_studio(source: Source) -> bool:
    notes = files(source, "notes.json") if source.is_dir() else {}
    return any(b'"Label Studio"' in read(file) for file in notes.values())


YOLO = Format(
    "yolo",
    "a text file of labels for each image, with data.yaml or classes.txt",
    recognises,
    read_yolo,
    write_query,
    (
        "labels/ has a file of proposals for each image that has some, data.yaml the names.",
        "Put the images into images/ beside labels/, in the same folders.",
        "labelImg and its like: open images/, save to labels/, in the format YOLO.",
        "Save an empty file for an image without objects: a missing one is not annotated yet.",
        "Give back the folder, or a zip of it.",
    ),
)

"""YOLO: a text file of labels beside each image, and ``data.yaml`` with the names of classes."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alframe.annotations.object_columns import Packed
from alframe.annotations.parts import first_found, note_misread
from alframe.annotations.sources import Source, called, folder_of, read
from alframe.annotations.vocabulary import Annotations, Format, Images
from alframe.annotations.yolo_files import (
    beside_labels,
    image_names,
    is_of_label_studio,
    label_files,
    recognises,
)
from alframe.annotations.yolo_names import is_of_a_model, keypoints_of, names_of
from alframe.annotations.yolo_query import CLASSES, NAMES, below_images, write_query
from alframe.datasets.boxes import CENTRE
from alframe.datasets.bulk import uncollected
from alframe.datasets.objects import Annotated, Collected
from alframe.datasets.problems import BadItemError, Problem, Problems
from alframe.datasets.yolo_labels import TOLERATED, Label, rather_boxes, read_labels
from alframe.errors import DataError
from alframe.words import named, plural

GIVE = "give what an annotation tool saves"
_UNCLEAR = (
    "empty file",
    "not taken: Label Studio's YOLO export does not tell images without objects from those that "
    "nobody annotated; export JSON",
)
MOST_TURNED = 10
"""Numbers of a line that is a turned box: its class, four corners and a score."""
ALIKE = 3
"""From so many longer lines of one length on, they rather have keypoints than outlines."""


def read_yolo(source: Source, images: Images, problems: Problems) -> Annotations:
    """All label files of a folder; an empty one is an image without objects.

    Raises:
        DataError: there is none, they are what a model of ours found, or the names of classes are
            malformed.
    """
    found = _read(source, images, problems, list[Annotated]())
    scored = sum(not math.isnan(thing.score) for thing in found.objects)
    if is_of_a_model(folder_of(source)) and (scored or not len(found.objects)):  # not corrected
        raise DataError(f"{called(source)}: what a model found is no answer of people; {GIVE}")
    if scored:
        found.notes.append(
            f"{called(source)}: {plural(scored, 'line')} of labels end with a score, as what a "
            "model found does; taken as answers of people"
        )
    return found


def read_predictions(source: Source, images: Images, problems: Problems) -> Annotations:
    """As :func:`read_yolo`; of detectors that find hundreds of objects on each image."""
    return _read(source, images, problems, Packed())


@uncollected()
def _read(source: Source, images: Images, problems: Problems, objects: Collected) -> Annotations:
    folder = folder_of(source)
    source = folder if source.name.lower().endswith((".yaml", ".yml")) else source
    (names, elsewhere), labels = names_of(folder), label_files(source)
    if not labels:
        raise DataError(f"{source}: expected label files of YOLO (.txt) in it, or in labels/")
    keypoints, lossy = keypoints_of(folder), is_of_label_studio(source)
    reader = _Reader(images, problems, names, keypoints, lossy, objects)
    for name, file in labels.items():
        reader.add(name, file)
    found = reader.end(called(source))
    if elsewhere:
        found.notes.append(f"{called(source)}: names of classes are those of {elsewhere}")
    note_misread(found, called(source), images, problems, CENTRE)
    if source.is_dir() and (others := beside_labels(source, labels)):
        count = plural(len(others), "label file")
        found.notes.append(
            f"{called(source)}: {count} not below labels/, left out: {named(others)}"
        )
    return found


def named_by(found: Annotations, classes: Sequence[str], path: Path) -> Annotations:
    """Annotations whose classes are numbers, with the names of these numbers.

    Args:
        found: what was read.
        classes: names.
        path: that they were read from, for messages.

    Raises:
        DataError: a number has no name.
    """
    if not found.numbered:
        return found
    if unknown := [name for name in found.classes if int(name) >= len(classes)]:
        raise DataError(
            f"{path}: no class has the number {named(unknown)}: numbers count "
            f"{', '.join(classes)} from 0 on; give the names in a data.yaml beside the labels"
        )
    objects = found.objects
    if isinstance(objects, Packed):
        objects.rename(lambda name: classes[int(name)])
    else:
        objects = [thing._replace(name=classes[int(thing.name)]) for thing in objects]
    return replace(found, classes=tuple(classes), objects=objects, numbered=False)


class _Reader:
    """Reads label files one by one."""

    def __init__(
        self,
        images: Images,
        problems: Problems,
        names: tuple[str, ...] | None,
        keypoints: int,
        lossy: bool,
        objects: Collected,
    ) -> None:
        self._images, self._problems, self._names = images, problems, names
        self._keypoints, self._lossy = keypoints, lossy
        self._remedy = "export JSON, which has the folders of images" if lossy else None
        self._found = Annotations(names or (), objects=objects, numbered=names is None)
        self._numbers = set[int]()
        self._lengths = Counter[int]()
        self._odd = Counter[str]()
        self._items: dict[str, str] = {}

    def add(self, name: str, file: Source) -> None:
        """Read one, or note what is wrong with it."""
        item = where = str(file)
        try:
            item = first_found(self._images, image_names(name), where, self._remedy)
            if item in self._items:
                at = f"{where} and {self._items[item]}"
                raise BadItemError(Problem("two label files are of one image", at, "remove one"))
            self._items[item] = where
            size = self._images.size(item)
            labels = read_labels(read(file), where, size, self._odd, self._keypoints)
            self._take(item, self._objects(item, labels, where))
        except DataError as error:
            self._problems.take(item, error)

    def _take(self, item: str, objects: list[Annotated]) -> None:
        if not objects and self._lossy:
            self._odd["unclear"] += 1
            return
        self._found.images.append(item)
        self._found.objects += objects

    def _objects(self, item: str, labels: list[Label], where: str) -> list[Annotated]:
        names = self._names
        if names is None:
            self._numbers.update(label.number for label in labels)
            self._lengths.update(label.length for label in labels)
        elif unknown := sorted({label.number for label in labels if label.number >= len(names)}):
            cause = f"no class has this number: names are of 0 to {len(names) - 1}"
            at = f"{where}: {named(list(map(str, unknown)))}"
            raise BadItemError(Problem(cause, at, "add its name, or correct the number"))
        name_of = str if names is None else names.__getitem__
        return [
            Annotated(item, name_of(each.number), each.box, score=each.score) for each in labels
        ]

    def end(self, where: str) -> Annotations:
        """All that was read.

        Raises:
            DataError: nothing says whether lines have outlines or keypoints, as what predicts poses
                writes them, and it rather is the latter.
        """
        if self._names is None:
            self._check_outlines(where)
            self._found.classes = tuple(map(str, sorted(self._numbers)))
        self._found.notes += [
            f"{where}: {plural(self._odd[kind], noun)} {text}"
            for kind, (noun, text) in {**TOLERATED, "unclear": _UNCLEAR}.items()
            if self._odd[kind]
        ]
        if rather := rather_boxes(self._odd):
            self._found.notes.append(f"{where}: {rather}")
        return self._found

    def _check_outlines(self, where: str) -> None:
        longer = [length for length in self._lengths if length > MOST_TURNED]
        if len(longer) == 1 and (count := self._lengths[longer[0]]) >= ALIKE:
            raise DataError(
                f"{where}: {count:,} lines of {longer[0]} numbers each, which may be boxes with "
                "keypoints or outlines: put a data.yaml with the names of classes beside them, "
                "and with kpt_shape if they are keypoints"
            )


YOLO = Format(
    "yolo",
    "YOLO's .txt files, with data.yaml or classes.txt",
    recognises,
    read_yolo,
    write_query,
    (
        f"{NAMES} has the names[; labels/ a file of proposals for each image that has some].",
        "The images belong into images/ beside labels/, in the same folders (not a second "
        "images/): --copy puts them there.",
        "labelImg and its like: open images/, save to labels/, in the format YOLO.",
        "Save an empty file for an image without objects: a missing one is not annotated yet.",
        "Give back the folder, or a zip of it.",
    ),
    read_predictions,
    below_images,
    frozenset({NAMES, CLASSES}),
)

"""YOLO: ``data.yaml``, and a text file of labels beside each image."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from alframe.config.path_options import Place
from alframe.datasets.assemble import Found, assemble
from alframe.datasets.base import Dataset, OnBadItem
from alframe.datasets.boxes import CENTRE
from alframe.datasets.bulk import uncollected
from alframe.datasets.data_yaml import text_of
from alframe.datasets.files import check_link, home_of
from alframe.datasets.held_out import hold_out, share_of
from alframe.datasets.names import likeness
from alframe.datasets.objects import Annotated, Writing
from alframe.datasets.problems import SKIP, BadItemError, Problem, Problems, two_of_one_stem
from alframe.datasets.unannotated import Unannotated
from alframe.datasets.yolo_found import LabelFiles, label_of
from alframe.datasets.yolo_labels import TOLERATED, Label, rather_boxes, read_labels
from alframe.datasets.yolo_layout import YoloFile
from alframe.errors import DataError
from alframe.files.home import expanded
from alframe.files.presence import exists
from alframe.files.reading import LIST_BYTES, read_bytes
from alframe.words import named, plural, tallied

REMEDY = f"correct the label file{SKIP}"
SPLITS = ("val", "test")
"""Lists to evaluate on."""
LISTS = ("classes.txt", "obj.names")
"""Names of classes, by number, a line each; labelImg's predefined ones are of no labels."""


@uncollected()
def yolo(
    root: str,
    *,
    data: Place | None = None,
    test: Literal["val", "test"] | Place | int | float | None = None,
    test_seed: int = 0,
    classes: Sequence[str] | None = None,
    unannotated: Unannotated = "unlabelled",
    on_bad_item: OnBadItem = "error",
) -> Dataset:
    """Read a dataset in the layout of YOLO.

    Ids are the paths of the pictures below ``root``, with their suffix: ``images/train/1.jpg``.
    The labels of an image are in ``labels`` where it is in ``images``, or beside it, in any case
    of these names; those of ``1.jpg`` may be called ``1.jpg.txt``.

    Args:
        root: the folder with images and labels.
        data: the file with names and splits; by default the ``data.yaml`` in ``root``. Its
            ``train`` is the pool.
        test: which of its lists to evaluate on, ``val`` or ``test``: by default the former,
            without one the latter. Or a text file with images of ``train``, an id in each line, or
            a share of the annotated ones such as ``20%``, which is drawn. Without any of these,
            ``budget.test=40`` draws images to test on, which people annotate.
        test_seed: other seeds draw another share.
        classes: names to keep, in the order of their labels. By default those found in the pool,
            and all of them where images are unannotated.
        unannotated: what images without a label file are: ``unlabelled``, which people may be
            asked for; or ``empty``, without objects, as YOLO's trainers take them.
        on_bad_item: ``skip`` leaves out items with an unusable image or label file, and notes it;
            and unannotated ones where nobody is asked.

    Raises:
        DataError: with every problem found: the file, a list, an image or a label file.
    """
    home = home_of(root, "one with data.yaml")
    found = Found(home, Problems(on_bad_item), Writing(CENTRE))
    labels = LabelFiles(home, found.listing)
    file = YoloFile(found, labels, None if data is None else expanded(data))
    listed = (key for key in SPLITS if test is None and file.has(key))
    split = test if test in SPLITS else next(listed, None)
    found.tested, found.known = split is not None or test is not None, list(file.names)
    found.pool = file.images("train")
    found.test = file.images(split) if split else []
    found.problems.refuse(*file.wrong)
    found.files = {item: home / item for item in (*found.pool, *found.test)}
    found.around = [home / folder for folder in sorted(set(map(_folder, found.files)))]
    found.around += [folder for key in SPLITS if key != split for folder in file.folders(key)]
    reader = _Reader(found, file, labels)
    reader.read()
    reader.check_names()
    if unannotated == "empty":
        found.bare.clear()
    if test is not None and not split:
        with found.problems.gathering():
            if share_of(str(test)) is None and not exists(expanded(str(test))):
                raise DataError(
                    f"dataset.test={test}: expected val or test, which are lists of data.yaml, a "
                    "text file with the id of an image in each line, or a share as 20%"
                )
            hold_out(found, str(test), test_seed)
    found.check_tested(
        "add it, empty where the image shows no object; or set dataset.unannotated=empty"
    )
    found.notes += reader.notes()
    return assemble("yolo", found, classes)


def _folder(image: str) -> str:
    """Where images of a dataset lie by the path of one: the last ``images`` above it, if any."""
    folders = image.split("/")[:-1]
    places = [n for n, name in enumerate(folders, 1) if name.lower() == "images"]
    return "/".join(folders[: places[-1]] if places else folders)


class _Reader:
    """Reads the label file of each image."""

    def __init__(self, found: Found, file: YoloFile, files: LabelFiles) -> None:
        self._found, self._names, self._keypoints = found, file.names, file.keypoints
        self._files = files
        self._odd: dict[str, Counter[str]] = {}
        self._labels: dict[str, list[str]] = {}

    def read(self) -> None:
        """Read all of them, or note what is wrong."""
        found = self._found
        for item in found.files:
            if (label := self._files.of(item)) is None:
                found.bare[item] = f"{found.home}/{label_of(item)[0]}"
            else:
                self._labels.setdefault(label, []).append(item)
        usual = frozenset(self._labels)
        for item in list(found.bare):
            if label := self._files.like(item, usual):
                del found.bare[item]
                self._labels.setdefault(label, []).append(item)
        for label, items in self._labels.items():
            try:
                if len(items) > 1:
                    raise BadItemError(two_of_one_stem(items, label, "label file"))
                found.objects += self._objects(items[0], f"{found.home}/{label}")
            except DataError as error:
                for item in items:
                    found.problems.take(item, error)

    def check_names(self) -> None:
        """Refuse lists of classes, in the folder of the dataset or beside labels, in another order.

        Raises:
            DataError: names those that contradict the file of the dataset.
        """
        home, known = self._found.home, [likeness(name) for name in self._names]
        folders = sorted({"", *(label.rpartition("/")[0] for label in self._labels)})
        wrong = []
        for path in (home / folder / name for folder in folders for name in LISTS):
            if str(path) not in self._found.listing:
                continue
            lines = text_of(read_bytes(path, LIST_BYTES), str(path)).splitlines()
            if any(likeness(one) != own for one, own in zip(lines, known, strict=False) if one):
                wrong.append(str(path))
        if wrong:
            raise DataError(
                f"{named(wrong)} and the data.yaml of {home} differ in the names of classes, or in "
                "their order: keep the one by which the numbers were written"
            )

    def notes(self) -> list[str]:
        """What was tolerated, of each kind once, and label files of no image."""
        scores = ("object", "with a score, as a model writes it; did people draw these?")
        notes = [
            f"{plural(self._odd[kind].total(), noun)} {text}: {tallied(self._odd[kind])}"
            for kind, (noun, text) in {**TOLERATED, "scores": scores}.items()
            if kind in self._odd
        ]
        if rather := rather_boxes(Counter({kind: odd.total() for kind, odd in self._odd.items()})):
            notes.append(rather)
        if orphans := [n for n in self._files.beside(self._labels) if n not in self._labels]:
            count = plural(len(orphans), "label file")
            notes.append(f"left out {count} of no image of a split: {named(orphans)}")
        return notes

    def _objects(self, item: str, path: str) -> list[Annotated]:
        entry = self._found.listing.entry(path)
        if entry is not None and entry.is_symlink():
            check_link(path, [self._found.home])
        try:
            data = read_bytes(Path(path), LIST_BYTES)
        except OSError as error:
            cause = f"a label file cannot be read ({error.strerror})"
            raise BadItemError(Problem(cause, path, REMEDY)) from error
        if not data.strip():
            return []
        odd = Counter[str]()
        labels = read_labels(data, path, self._found.size(item), odd, self._keypoints)
        odd["scores"] = sum(label.score == label.score for label in labels)  # not NaN
        for kind in +odd:
            self._odd.setdefault(kind, Counter())[item] = odd[kind]
        return self._named(item, path, labels)

    def _named(self, item: str, path: str, labels: Sequence[Label]) -> list[Annotated]:
        names = self._names
        cause = f"no class has this number: data.yaml has {plural(len(names), 'name')}"
        wrong = sorted({label.number for label in labels if label.number >= len(names)})
        if wrong:
            raise BadItemError(*(Problem(cause, f"{path} ({n})", REMEDY) for n in wrong))
        return [Annotated(item, names[label.number], label.box) for label in labels]

"""``alframe export --annotations``: what a run has annotated, as a dataset of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from alframe.annotations.coco_writing import write_answers
from alframe.annotations.files_oracle import answered_by
from alframe.annotations.vocabulary import UNSIZED, Annotations, AskedImage, Sheet
from alframe.annotations.yolo_query import write_query
from alframe.config.resolve import drafted
from alframe.config.sections import RunConfig
from alframe.datasets.base import LabelledSet, file_of
from alframe.datasets.name_matching import Pictures
from alframe.detectors.handing_over import (
    asked_images,
    side_by_side,
    write_instances,
    write_pictures,
)
from alframe.errors import RunError
from alframe.files.atomic import write_text
from alframe.runs.build import asks_people
from alframe.runs.journal import Journal
from alframe.runs.kept import dataset_of
from alframe.runs.records import asked_for
from alframe.runs.rundir import stored_layer
from alframe.text import command, printable
from alframe.words import named, plural

TRAIN, TEST, GIVEN_UP, TEST_LIST = "train.json", "test.json", "given_up.json", "test.txt"


@dataclass(frozen=True)
class Labelled:
    """What a run has annotated.

    Attributes:
        splits: ids to train and to test on, by ``train`` and ``test``.
        known: the images of both, and their annotations.
        classes: names, in label order, with those that came with answers.
        given_up: ids of images that annotators gave up.
    """

    splits: Mapping[str, tuple[str, ...]]
    known: LabelledSet
    classes: tuple[str, ...]
    given_up: tuple[str, ...]

    def named(self, split: str) -> dict[str, str]:
        """What files call the images of a split, by id: that and the suffix of the picture."""
        files = {item: file_of(self.known.images, item) for item in self.splits[split]}
        return {item: AskedImage(item, file, *UNSIZED).name for item, file in files.items()}


def labelled_by(run: Path, config: RunConfig) -> Labelled:
    """What is annotated in a run: what people have answered, or what has been revealed.

    Raises:
        AlframeError: its dataset cannot be read, or its annotations have no boxes or are not kept.
    """
    dataset, journal = dataset_of(config, run), Journal(run)
    if dataset.task != "detection":
        raise RunError(f"{run}: its annotations are of {dataset.task}, expected boxes")
    given_up = frozenset[str]()
    if asks_people(config):
        dataset, given_up = answered_by(run, dataset)
        ids = frozenset(dataset.targets)
    else:
        ids = asked_for(journal).union(dataset.test)
        if lacking := sorted(ids - dataset.targets.keys()):
            raise RunError(f"{run}: its oracle kept no annotation of {named(lacking)}")
    begun = journal.of("initial")
    aside = {*dataset.test, *(begun[0]["test"] if begun else ())}
    shown = ids - given_up
    known = tuple(item for item in (*dataset.pool, *dataset.test) if item in shown)
    splits = {
        "train": tuple(item for item in known if item not in aside),
        "test": tuple(item for item in known if item in aside),
    }
    labelled = LabelledSet(dataset.images, known, dataset.targets)
    return Labelled(splits, labelled, dataset.classes, tuple(sorted(given_up)))


def write_annotations(run: Path, name: str, folder: Path) -> list[str]:
    """Write what a run has annotated.

    Args:
        run: the run directory.
        name: ``coco`` or ``yolo``.
        folder: where to.

    Returns:
        Lines for people.

    Raises:
        AlframeError: there is no run; see :func:`labelled_by`.
    """
    config = drafted([stored_layer(run)]).light()
    found = labelled_by(run, config)
    folder.mkdir(parents=True, exist_ok=True)
    lines = _as_coco(found, folder) if name == "coco" else _as_yolo(found, folder)
    if name == "coco" and "annotations" in config.dataset.options:
        lines.append(_anew(run, folder, tested=bool(found.splits["test"])))
    counts = {split: len(ids) for split, ids in found.splits.items()}
    parts = [f"{count:,} to {split} on" for split, count in counts.items()]
    parts += [f"{len(found.given_up):,} given up"] if found.given_up else []
    said = f"{plural(sum(counts.values()), 'image')} annotated in {run}: {', '.join(parts)}"
    classes = f"Classes: {printable(', '.join(found.classes))}."
    write_text(folder / "README.txt", "\n".join([f"{said}.", *lines, classes]) + "\n")
    return [f"wrote {folder}: {said}"]


def _anew(run: Path, folder: Path, *, tested: bool) -> str:
    settings = [f"dataset.annotations={folder.absolute()}"]
    settings += [f"dataset.test={(folder / TEST_LIST).absolute()}"] if tested else []
    again = command("run", "--config", run / "config.yaml", "--output", "NEW", *settings)
    return f"A new run that begins with these, tested on the same images: {again}"


def _as_coco(found: Labelled, folder: Path) -> list[str]:
    for split, name in (("train", TRAIN), ("test", TEST)):
        if found.splits[split]:
            write_instances(found.known, found.classes, found.named(split), folder / name)
    if found.given_up:
        images = Pictures(found.given_up, found.known.images.size)
        ids = list(found.given_up)
        said = Annotations(found.classes, ids, ignored={*ids})
        write_answers(said, images, folder / GIVEN_UP)
    if tested := found.splits["test"]:
        write_text(folder / TEST_LIST, "".join(f"{item}\n" for item in tested))
    return [
        f"{TRAIN}, {TEST}: COCO instances; file_name is below the folder of the pictures. "
        f"{GIVEN_UP}, where it is there, lists images that nobody could annotate.",
    ]


def _as_yolo(found: Labelled, folder: Path) -> list[str]:
    flat = side_by_side(found.known)
    names = {i: f"{split}/{flat[i]}" for split, ids in found.splits.items() for i in ids}
    write_pictures(found.known, folder / "images", names)
    asked = tuple(asked_images(found.known, found.classes, names, folder / "images"))
    write_query(Sheet(folder.name, found.classes, asked), folder)
    for image in asked:
        if not image.proposals:  # shows nothing, and was looked at
            path = folder / "labels" / f"{image.stem}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, "")
    lists = {"train": "images/train", "val": "images/test"}
    there = {key: path for key, path in lists.items() if (folder / path).is_dir()}
    content = {**there, "names": list(found.classes)}
    write_text(folder / "data.yaml", yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    return [
        "data.yaml, images/ and labels/, as YOLO's trainers take them. Pictures are links to those "
        "of the dataset (cp -rL copies them), or PNG; objects that are not trained on, crowds and "
        "difficult ones, are left out."
    ]

"""People as the oracle, by files: a query to be annotated, and a COCO file of answers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Dataset, Target
from alframe.datasets.boxes import Cleaning, clean_boxes
from alframe.datasets.coco_json import CocoFile, read_annotations
from alframe.datasets.objects import Annotated
from alframe.datasets.problems import BadItemError, Problem, Problems, grouped, named, plural
from alframe.errors import DataError, Waiting
from alframe.files.atomic import write_text
from alframe.oracle import Answers, OracleSetup
from alframe.text import command

REMEDY = "correct the file of answers"


class FilesOracle:
    """Asks by ``queries/cycle_NN/query.json`` and reads ``answers/cycle_NN.json``.

    The query is a file of COCO instances without annotations: images, whose ``file_name`` is their
    id, and the categories. The answers are the same with annotations. An image that is not listed
    is not answered yet; one without annotations shows nothing; ``"ignored": 1`` gives one up.

    Args:
        setup: the dataset, and where the files lie.
    """

    def __init__(self, setup: OracleSetup) -> None:
        self._dataset, self._folder = setup.dataset, setup.folder

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        """The answers, once there is one for each of ``ids``.

        Raises:
            Waiting: some are missing; says how many and where they belong.
            DataError: the answers cannot be used; every problem.
        """
        if not ids:
            return Answers({})
        query = self._folder / "queries" / f"cycle_{cycle:02d}" / "query.json"
        answers = self._folder / "answers" / f"cycle_{cycle:02d}.json"
        if not query.exists():
            query.parent.mkdir(parents=True, exist_ok=True)
            answers.parent.mkdir(exist_ok=True)
            write_text(query, json.dumps(asked_of_people(self._dataset, ids), indent=1) + "\n")
        found = answered(answers, ids, self._dataset) if answers.exists() else Answers({})
        if missing := [i for i in ids if i not in found.targets and i not in found.ignored]:
            resume = command("run", "--output", self._folder, "--resume")
            raise Waiting(
                [
                    f"cycle {cycle} waits for {len(missing)} of {plural(len(ids), 'image')} to be "
                    f"annotated: {named(missing)}",
                    f"annotate what {query} lists, save it as {answers} (COCO instances), and go "
                    f"on with: {resume}",
                ]
            )
        return found


def asked_of_people(dataset: Dataset, ids: Sequence[str]) -> Mapping[str, Any]:
    """The images and categories of a query, as a file of COCO instances has them."""
    images = []
    for number, item in enumerate(ids, 1):
        height, width = dataset.images.size(item)
        images.append({"id": number, "file_name": item, "width": width, "height": height})
    names = enumerate(dataset.classes, 1)
    categories = [{"id": number, "name": name} for number, name in names]
    return {"images": images, "categories": categories, "annotations": []}


def answered(path: Path, ids: Sequence[str], dataset: Dataset) -> Answers:
    """What a file of COCO instances says of ``ids``.

    Raises:
        DataError: an image was not asked for, a class is unknown, a box cannot be used, or the
            file is malformed; every problem.
    """
    wanted, problems = set(ids), Problems("error")

    def find(name: str) -> str:
        if name in wanted:
            return f"{name}.jpg"  # the reader takes the suffix off
        raise BadItemError(Problem("the image was not asked for", f"{path}: {name}", REMEDY))

    found = read_annotations(path, path.parent, "", find, problems)
    problems.settle()
    clean = _clean(found.objects, dataset)
    if wrong := [*_foreign(path, found, dataset), *_misplaced(path, found, clean.keep)]:
        raise DataError(grouped(wrong))
    rows: dict[str, list[int]] = {image.item: [] for image in found.images}
    for row, thing in enumerate(found.objects):
        rows[thing.owner].append(row)
    ignored = frozenset(image.item for image in found.images if image.ignored)
    labels = np.array([dataset.classes.index(thing.name) for thing in found.objects], int)
    crowd = np.array([thing.crowd for thing in found.objects], bool)
    targets = {
        item: Target.of(clean.boxes[own], labels[own], crowd=crowd[own])
        for item, own in rows.items()
        if item not in ignored
    }
    return Answers(targets, ignored)


def _clean(objects: Sequence[Annotated], dataset: Dataset) -> Cleaning:
    sizes = [dataset.images.size(thing.owner) for thing in objects]
    heights, widths = [h for h, _ in sizes], [w for _, w in sizes]
    return clean_boxes([thing.box for thing in objects], heights, widths)


def _foreign(path: Path, found: CocoFile, dataset: Dataset) -> list[Problem]:
    names = {thing.name for thing in found.objects} - set(dataset.classes)
    known = f"use one of {', '.join(dataset.classes)}"
    return [Problem("the class is unknown", f"{path}: {name!r}", known) for name in sorted(names)]


def _misplaced(path: Path, found: CocoFile, keep: NDArray[np.bool_]) -> list[Problem]:
    cause = "the box is empty, or lies outside of its image"
    bad = dict.fromkeys(t.owner for t, kept in zip(found.objects, keep, strict=True) if not kept)
    return [Problem(cause, f"{path}: {owner}", REMEDY) for owner in bad]

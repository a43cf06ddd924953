"""Which pictures a run has labelled, so that others can be looked for."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from alframe.config.draft import Layer
from alframe.config.resolve import drafted
from alframe.datasets.base import Dataset
from alframe.datasets.folders import Given
from alframe.datasets.problems import plural
from alframe.runs.build import asks_people, build_dataset
from alframe.runs.journal import Journal
from alframe.runs.records import asked_for
from alframe.runs.rundir import stored_layer


def without_used(
    given: Sequence[Given], run: Path, data_root: str | None = None
) -> tuple[list[Given], str]:
    """Pictures without those that a run has labelled, asks people for or tests on.

    They are told by their files, links resolved, whatever ids the dataset has made of them. Torch
    is not imported.

    Args:
        given: the pictures.
        run: the run directory.
        data_root: where the dataset lies, if not where the run found it.

    Returns:
        The others, and a sentence that counts those that were left out.

    Raises:
        AlframeError: there is no such run, or its dataset cannot be read.
    """
    own: list[Layer] = [{"dataset": {"root": data_root}}] if data_root else []
    config = drafted([stored_layer(run), *own]).light()
    dataset = build_dataset(config)
    ids = {*dataset.test, *asked_for(Journal(run / "journal.jsonl"))}
    ids.update(dataset.known if asks_people(config) else ())
    files = _files(dataset, ids)
    left = [picture for picture in given if _real(picture.path) not in files]
    what = plural(len(given) - len(left), "image")
    note = f"left out {what} of {len(given):,} that {run} has labelled, asks for or tests on"
    if not {_real(picture.path) for picture in given} & (files | _files(dataset, dataset.pool)):
        note += "; none of these is an image of its dataset"
    return left, note


def _files(dataset: Dataset, ids: Iterable[str]) -> frozenset[str]:
    there = frozenset((*dataset.pool, *dataset.test))  # the dataset may have changed since
    return frozenset(_real(file) for item in there & {*ids} if (file := dataset.file(item)))


def _real(path: Path) -> str:
    return os.path.realpath(path)

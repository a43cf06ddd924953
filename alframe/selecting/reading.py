"""Material of a selection from files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from alframe.annotations.answers import CheckedAnswers
from alframe.annotations.base import Annotations
from alframe.annotations.formats import read_annotations, read_predictions
from alframe.annotations.packed import ObjectColumns, Packed
from alframe.annotations.yolo import named_by
from alframe.datasets.base import Dataset, Target
from alframe.datasets.drawn import listed
from alframe.datasets.problems import Problems, named, plural
from alframe.errors import ConfigError, DataError
from alframe.learner import BOX_FEATURES, DETECTIONS, EMBEDDING
from alframe.selecting.candidates import Candidates, candidates_in
from alframe.selecting.choosing import Material
from alframe.selecting.detections import StoredDetections
from alframe.selecting.signals import StoredSignals
from alframe.selecting.vectors import StoredVectors, read_vectors

Missing = Literal["skip", "empty"]


def read_material(
    *,
    predictions: Path | None = None,
    embeddings: Path | None = None,
    images: Path | None = None,
    labelled: Path | None = None,
    missing: Missing = "skip",
    skip_bad: bool = False,
) -> Material:
    """Read everything that a choice is made of.

    Args:
        predictions: of a model, in any format that is read.
        embeddings: an npz; see :mod:`alframe.selecting.vectors`.
        images: a folder or a list of them; by default those of the embeddings, or else of the
            predictions.
        labelled: images that are not to be chosen: a list, or annotations in any format.
        missing: whether an image without predictions was not predicted, or shows nothing.
        skip_bad: leave out images of which something is wrong.

    Raises:
        DataError: every problem.
        ConfigError: neither predictions, embeddings nor images are given.
    """
    if not (predictions or embeddings or images):
        raise ConfigError("there is nothing to choose from: give --predictions or --embeddings")
    problems = Problems("skip" if skip_bad else "error", "--skip-bad")
    vectors = read_vectors(embeddings) if embeddings else None
    candidates, notes = _candidates(images, vectors.ids if vectors else None)
    found = read_predictions(predictions, candidates, problems) if predictions else None
    if candidates.ids is None and found is not None:
        candidates = Candidates(found.images, [Path()])
    ids = frozenset(candidates.ids or ())
    if found and missing == "empty":
        found.images = sorted(ids)
    if vectors and images:
        known = _found(vectors.ids, candidates, problems)
        vectors = vectors.renamed(lambda item: known.get(item, item))
    classes, own = (found.classes, found.notes) if found else ((), [])
    targets, done, said = _labelled(labelled, candidates, classes, problems)
    notes = [*notes, *own, *said, *problems.settle()]
    detections = None
    if found is not None:
        detections = stored(found, str(predictions))
        notes += _nothing_found(detections)
    return Material(
        ids - problems.items,
        classes,
        StoredSignals(detections, StoredVectors(vectors) if vectors else None),
        candidates,
        done,
        targets,
        notes,
    )


def stored(found: Annotations, where: str) -> StoredDetections:
    """What a model found, to be streamed.

    Raises:
        DataError: see :class:`~alframe.selecting.detections.StoredDetections`.
    """
    objects = found.objects if isinstance(found.objects, Packed) else Packed(found.objects)
    columns = objects.columns()
    rows = {item: row for row, item in enumerate(found.images)}
    labels = {name: label for label, name in enumerate(found.classes)}
    owner = np.array([rows[item] for item in objects.owners], np.int32)
    name = np.array([labels[each] for each in objects.names], np.int32)
    if len(columns.owner):
        columns = ObjectColumns(
            owner[columns.owner], name[columns.name], columns.box, columns.score, columns.scores
        )
    return StoredDetections(found.images, found.classes, columns, where)


def _candidates(images: Path | None, ids: tuple[str, ...] | None) -> tuple[Candidates, list[str]]:
    if images:
        return candidates_in(images)
    return Candidates(ids, [Path()]), []


def _found(names: tuple[str, ...], candidates: Candidates, problems: Problems) -> Mapping[str, str]:
    """The ids of images that embeddings have, by their names there."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = candidates.find(name)
        except DataError as error:
            problems.take(name, error)
    return found


def _labelled(
    path: Path | None, candidates: Candidates, classes: tuple[str, ...], problems: Problems
) -> tuple[Mapping[str, Target], frozenset[str], list[str]]:
    """Annotations and ids of what is labelled, and notes."""
    if path is None:
        return {}, frozenset(), []
    if path.is_file() and path.suffix.lower() in ("", ".txt", ".lst"):
        names = listed(path, Candidates(None), Problems("error", ""), "--labelled")
        done, foreign = _sorted_out(names, candidates)
        notes = (
            [f"{plural(len(foreign), 'labelled image')} not among the images: {named(foreign)}"]
            if foreign
            else []
        )
        return {}, frozenset(done), notes
    said = read_annotations(path, candidates, problems)
    said = named_by(said, classes) if classes else said
    dataset = Dataset("labelled", classes or said.classes, candidates, {}, (), ())
    checked = CheckedAnswers(said, dataset, path)
    for item, problem in checked.problems() if classes else ():
        problems.add(item, problem)
    if problems.items:
        return {}, frozenset(said.images), said.notes
    return checked.answers().targets, frozenset(said.images), said.notes


def _sorted_out(names: list[str], candidates: Candidates) -> tuple[list[str], list[str]]:
    done, foreign = [], []
    for name in names:
        try:
            done.append(candidates.find(name))
        except DataError:
            foreign.append(name)
    return done, foreign


def _nothing_found(detections: StoredDetections) -> list[str]:
    empty = [item for item, row in detections.rows.items() if not detections.counted[row]]
    if not empty:
        return []
    return [f"nothing was found on {plural(len(empty), 'image')}: {named(empty)}"]


def promised(predictions: Path | None, embeddings: Path | None) -> frozenset[str]:
    """The signals that files will give, before predictions are read.

    Raises:
        DataError: a file is not there, or embeddings cannot be read.
    """
    if gone := [str(path) for path in (predictions, embeddings) if path and not path.exists()]:
        raise DataError(f"{path}: nothing lies there: give its path" for path in gone)
    vectors = read_vectors(embeddings) if embeddings else None
    names = {DETECTIONS} if predictions else set[str]()
    if vectors and vectors.image is not None:
        names.add(EMBEDDING)
    if vectors and vectors.objects is not None and predictions:
        names.add(BOX_FEATURES)
    return frozenset(names)

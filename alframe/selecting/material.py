"""Material of a selection from files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from alframe.annotations.answers import CheckedAnswers, of_images
from alframe.annotations.formats import read_predictions
from alframe.annotations.object_columns import ObjectColumns, Packed, without_scores
from alframe.annotations.query_folders import read_annotated
from alframe.annotations.vocabulary import Annotations, Images
from alframe.annotations.yolo import named_by
from alframe.datasets.base import Dataset, Target
from alframe.datasets.held_out import listed
from alframe.datasets.name_matching import SeveralError
from alframe.datasets.names import has_picture_suffix
from alframe.datasets.problems import SKIP, Problem, Problems
from alframe.errors import ConfigError, DataError
from alframe.files.presence import exists
from alframe.selecting.candidates import Candidates, candidates_in
from alframe.selecting.choosing import Material
from alframe.selecting.detections import StoredDetections
from alframe.selecting.stored_signals import StoredSignals
from alframe.selecting.vectors import StoredVectors, Vectors
from alframe.signals import AUGMENTED, BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING, SAMPLES
from alframe.words import named, plural

_COLUMNS = re.compile(r"\s*[,;\t]|(?<=\.\w{3})\s|(?<=\.\w{4})\s")
"""What is between the name of a picture and its class in a list of a classifier's data."""
_LISTS = ("", ".txt", ".lst", ".csv", ".tsv")
"""Suffixes of what is no annotation: a list of names, or a table, which is refused as none."""

Missing = Literal["skip", "empty"]


def read_material(
    *,
    predictions: Sequence[Path] = (),
    augmented: Sequence[Path] = (),
    vectors: Vectors | None = None,
    images: Path | None = None,
    labelled: Path | None = None,
    missing: Missing = "skip",
    skip_bad: bool = False,
    shown: bool = False,
) -> Material:
    """Read everything that a choice is made of.

    Args:
        predictions: of a model, in any format that is read; several are those of the members of an
            ensemble, the first of which says what is detected.
        augmented: of the model on changed images, each change a file, mapped back.
        vectors: embeddings.
        images: a folder or a list of them; by default those of the embeddings, or else of the
            predictions.
        labelled: images that are not to be chosen: a list, or annotations in any format.
        missing: whether an image without predictions was not predicted, or shows nothing.
        skip_bad: leave out images of which something is wrong.
        shown: people will look at what is chosen: pictures that cannot be opened are wrong, too.

    Raises:
        DataError: every problem.
        ConfigError: neither predictions, embeddings nor images are given.
    """
    if augmented and not predictions:
        raise ConfigError("--augmented is to be compared with --predictions: give them, too")
    if not (predictions or vectors or images):
        raise ConfigError("there is nothing to choose from: give --predictions or --embeddings")
    paths = (*predictions, *augmented)
    problems = Problems("skip" if skip_bad else "error", "--skip-bad")
    candidates, notes = _candidates(images, vectors.ids if vectors else None)
    found: list[Annotations] = []
    for path in paths:
        with problems.gathering():
            found.append(read_scored(path, candidates, problems))
            if candidates.ids is None:
                candidates = Candidates(found[0].images, [Path()])
    if problems.of_whole:
        with problems.gathering():
            _labelled(labelled, candidates, (), problems)
        problems.settle()
    ids = frozenset(candidates.ids or ())
    for each in found if missing == "empty" else ():
        each.images = sorted(ids)
    if vectors and images:
        vectors = called_by_id(vectors, candidates, problems)
    of_images = vectors.classes if vectors else 0
    classes = one_order(found, paths) or tuple(map(str, range(of_images)))
    own = [note for each in found for note in each.notes]
    targets, done, said = _labelled(labelled, candidates, classes, problems)
    if shown:
        problems.look(sorted(ids - done), candidates.size)
    if shown and any(each.numbered for each in found):
        own.append(
            "classes are called by their numbers: a data.yaml or classes.txt beside the labels "
            "would give their names"
        )
    settled = problems.settle()
    detections = [stored(each, str(path)) for each, path in zip(found, paths, strict=True)]
    empty = _nothing_found(detections[0]) if predictions else []
    signals = _signals(detections, len(predictions), vectors)
    told = (*notes, *own, *said, *candidates.notes(), *settled, *empty)
    return Material(ids - problems.items, classes, signals, candidates, done, targets, told)


def _signals(
    detections: list[StoredDetections], opinions: int, vectors: Vectors | None
) -> StoredSignals:
    """Of detections, the first ones those of several opinions, the others on changed images."""
    return StoredSignals(
        detections[0] if opinions else None,
        StoredVectors(vectors) if vectors else None,
        tuple(detections[:opinions]) if opinions > 1 else (),
        tuple(detections[opinions:]),
    )


def one_order(found: Sequence[Annotations], paths: Sequence[Path]) -> tuple[str, ...]:
    """Let all files count their classes alike; the classes of all of them.

    Raises:
        DataError: a file has probabilities of classes, and others, or another order; or some have
            names, and some numbers.
    """
    shown = [each for each in found if len(each.objects)]
    if len({each.numbered for each in shown}) > 1:
        bare = [str(p) for each, p in zip(found, paths, strict=True) if each.numbered]
        raise DataError(
            f"{named(bare)}: classes are called by their numbers, and by names in other files "
            "that this is compared with: put the names beside it (data.yaml or classes.txt beside "
            "labels, instances beside results)"
        )
    classes = tuple(dict.fromkeys(name for each in found for name in each.classes))
    for each, path in zip(found, paths, strict=True):
        if each.classes != classes and _packed(each).columns().scores.shape[1]:
            raise DataError(
                f"{path}: scores are of the classes {named(each.classes)}: expected those of all "
                f"the files, in one order: {named(classes)}"
            )
        each.classes = classes
    return classes


def read_scored(path: Path, images: Images, problems: Problems) -> Annotations:
    """Predictions of which every box has a score; one without is a problem of its image.

    Raises:
        DataError: see :func:`~alframe.annotations.formats.read_predictions`.
    """
    found = read_predictions(path, images, problems)
    remedy = f"write predictions with theirs (YOLO: save_txt=True save_conf=True){SKIP}"
    for item in (bare := without_scores(found.objects)):
        problems.add(item, Problem("boxes without a score", f"{path} ({item})", remedy))
    return of_images(found, set(found.images).difference(bare)) if bare else found


def stored(found: Annotations, where: str) -> StoredDetections:
    """What a model found, to be streamed.

    Raises:
        DataError: see :class:`~alframe.selecting.detections.StoredDetections`.
    """
    objects = _packed(found)
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


def called_by_id(vectors: Vectors, images: Images, problems: Problems) -> Vectors:
    """Vectors with the ids of their images in place of the names that their file has for them."""
    found: dict[str, str] = {}
    for name in vectors.ids:
        try:
            found[name] = images.find(name)
        except DataError as error:
            problems.take(name, error)
    problems.add_all(images.doubts(list(found.values())))
    return replace(vectors, ids=tuple(found.get(name, name) for name in vectors.ids))


def _packed(found: Annotations) -> Packed:
    return found.objects if isinstance(found.objects, Packed) else Packed(found.objects)


def _candidates(images: Path | None, ids: tuple[str, ...] | None) -> tuple[Candidates, list[str]]:
    if images:
        return candidates_in(images)
    return Candidates(ids, [Path()]), []


def _labelled(
    path: Path | None, candidates: Candidates, classes: tuple[str, ...], problems: Problems
) -> tuple[Mapping[str, Target], frozenset[str], list[str]]:
    """Annotations and ids of what is labelled, and notes."""
    if path is None:
        return {}, frozenset(), []
    if path.is_file() and path.suffix.lower() in _LISTS:
        own = Problems("error", "")
        names = listed(path, Candidates(None), own, "--labelled", empty=True)
        done, foreign = _found(names, candidates, problems)
        if more := [line for line in foreign if _has_more(line, candidates)]:
            raise DataError(
                f"{path}: {plural(len(more), 'line')} with more than the name of an image: "
                f"{named(more)}; leave the name alone"
            )
        if foreign and not done and foreign[0][0] in "[{\"'":
            raise DataError(
                f"{path}: no line is the name of an image, as {foreign[0][:40]!r}: expected a name "
                "in each line, without quotes and brackets"
            )
        notes = (
            [f"{plural(len(foreign), 'labelled image')} not among the images: {named(foreign)}"]
            if foreign
            else []
        )
        return {}, frozenset(done), notes
    said = read_annotated(path, candidates, problems)
    if classes and all(name.isdecimal() for name in classes) and not said.numbered:
        which = f"{path}: classes of the model are called by their numbers, so nothing but what"
        return {}, frozenset(said.images), [*said.notes, f"{which} is labelled is taken of it"]
    said = named_by(said, classes, path) if classes else said
    dataset = Dataset("labelled", classes or said.classes, candidates, {}, (), ())
    bad = CheckedAnswers(said, dataset, path).tell(problems) if classes else set[str]()
    good = CheckedAnswers(of_images(said, {*said.images} - bad), dataset, path)
    return good.answers().targets, frozenset(said.images), said.notes


def _found(
    names: list[str], candidates: Candidates, problems: Problems
) -> tuple[list[str], list[str]]:
    done, foreign = [], []
    for name in names:
        try:
            done.append(candidates.find(name))
        except SeveralError as error:
            problems.take(name, error)
        except DataError:
            foreign.append(name)
    problems.add_all(candidates.doubts(done))
    return done, foreign


def _has_more(line: str, candidates: Candidates) -> bool:
    """Whether a line begins with the name of an image, and is not itself that of another."""
    name = _COLUMNS.split(line)[0]
    if name == line or (has_picture_suffix(line) and not has_picture_suffix(name)):
        return False
    try:
        candidates.find(name)
    except SeveralError:
        return True
    except DataError:
        return False
    return True


def _nothing_found(detections: StoredDetections) -> list[str]:
    empty = [item for item, row in detections.rows.items() if not detections.in_file[row]]
    if not empty:
        return []
    return [f"nothing was found on {plural(len(empty), 'image')}: {named(empty)}"]


def check_there(*paths: Path) -> None:
    """Refuse files that are not there.

    Raises:
        DataError: names them.
    """
    if gone := [str(path) for path in paths if not exists(path)]:
        raise DataError(f"{path}: nothing lies there: give its path" for path in gone)


def promised(predictions: int, vectors: Vectors | None, *, augmented: bool) -> frozenset[str]:
    """The signals that so many predictions will give, before they are read, and embeddings."""
    names = {DETECTIONS} if predictions else set[str]()
    names |= {SAMPLES} if predictions > 1 else set()
    names |= {AUGMENTED} if augmented else set()
    if vectors and vectors.image is not None:
        names.add(EMBEDDING)
    if vectors and vectors.probs is not None:
        names |= {CLASS_PROBS, SAMPLES} if vectors.has_opinions else {CLASS_PROBS}
    if vectors and vectors.objects is not None and predictions:
        names.add(BOX_FEATURES)
    return frozenset(names)

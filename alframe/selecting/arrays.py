"""Material of a selection from arrays and objects of a notebook."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Target, are_rows_of_four
from alframe.errors import ConfigError, DataError, together
from alframe.selecting.candidates import Candidates
from alframe.selecting.choosing import Material
from alframe.selecting.detections import StoredDetections, columns_of
from alframe.selecting.stored_signals import StoredSignals
from alframe.selecting.vectors import StoredVectors, Vectors
from alframe.words import named

MOST_CLASSES = 1 << 20
KINDS = (
    ("xyxy", "confidence", "class_id"),  # supervision, and what RF-DETR's predict gives
    ("boxes", "scores", "labels"),  # torchvision
)
"""What detections call boxes, scores and classes: keys, or attributes."""


def material_of(
    ids: Iterable[str],
    *,
    embedding: Any = None,
    class_probs: Any = None,
    detections: Sequence[Any] | None = None,
    samples: Sequence[Sequence[Any]] = (),
    augmented: Sequence[Sequence[Any]] = (),
    object_features: Sequence[Any] | None = None,
    labelled: Iterable[str] = (),
    targets: Mapping[str, Any] | None = None,
    classes: Sequence[str] | None = None,
) -> Material:
    """What :func:`alframe.select` is given, checked.

    Raises:
        ConfigError: lengths differ, or ids are doubled or no texts.
        DataError: detections are none that are known, or targets wrong.
    """
    items: list[str]
    names: Sequence[str]
    items, done, names, known, given, features, embedding, class_probs = together(
        partial(_in_order, ids, "ids"),
        lambda: frozenset(_texts(labelled, "labelled")),
        partial(_in_order, () if classes is None else classes, "classes"),
        partial(_targets, targets),
        partial(_lists, detections, samples, augmented),
        lambda: None if object_features is None else _list(object_features, "object_features"),
        partial(_table, "embedding", embedding),
        partial(_table, "class_probs", class_probs),
    )
    if classes is not None and not names:
        raise ConfigError("classes: expected names, got none; leave them out to have numbers")
    together(
        partial(_check, items, embedding=embedding, object_features=features, **given),
        partial(_check_labelled, done, items),
    )
    vectors, *found_rows = together(
        partial(_vectors, items, embedding, class_probs, features),
        *(partial(_rows, name, each, items) for name, each in given.items()),
    )
    tables = dict(zip(given, found_rows, strict=True))
    if classes is None:
        width = vectors.classes if vectors else 0
        names = _numbers([row for rows in tables.values() for row in rows], known, width)
    labels = {
        "targets": {item: target.labels for item, target in known.items()},
        **{
            name: {item: row["labels"] for item, row in zip(items, rows, strict=True)}
            for name, rows in tables.items()
        },
    }
    together(*(partial(_check_classes, name, each, len(names)) for name, each in labels.items()))
    found = {
        name: StoredDetections(items, names, columns_of(rows), name)
        for name, rows in tables.items()
    }
    signals = StoredSignals(
        found.get("detections"),
        StoredVectors(vectors) if vectors else None,
        tuple(each for name, each in found.items() if name.startswith("samples")),
        tuple(each for name, each in found.items() if name.startswith("augmented")),
    )
    return Material(frozenset(items), tuple(names), signals, Candidates(items), done, known)


def _lists(detections: Any, samples: Any, augmented: Any) -> dict[str, list[Any]]:
    """Lists of what was found, by a name for messages: ``samples[1]`` is the second opinion."""
    given = {} if detections is None else {"detections": _list(detections, "detections")}
    for name, lists in {"samples": samples, "augmented": augmented}.items():
        for number, each in enumerate(_list(lists, name)):
            given[f"{name}[{number}]"] = _list(each, f"{name}[{number}]")
    if "samples[0]" in given and "samples[1]" not in given:
        raise ConfigError("samples: expected two opinions at least, got 1")
    return given


def _list(value: Any, name: str) -> list[Any]:
    """The items of a list, an array or an iterator."""
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigError(f"{name}: expected a list, got {value!r:.60}")
    return list(value)


def _table(name: str, value: Any) -> NDArray[Any] | None:
    """Rows of numbers, one for each image, of an array, a tensor, lists or an iterator of them."""
    value = list(value) if isinstance(value, Iterator) else value
    if value is None:
        return None
    if not hasattr(value, "__len__") or getattr(value, "ndim", None) == 0:
        raise ConfigError(f"{name}: expected an array, a row for each id, got {value!r:.60}")
    return _array(value, name)


def _texts(value: Any, name: str) -> list[str]:
    items = _list(value, name)
    if others := [item for item in items if not isinstance(item, str)]:
        raise ConfigError(f"{name}: expected a list of texts, got {others[0]!r:.60}")
    return items


def _in_order(value: Any, name: str) -> list[str]:
    """Texts, each once, whose order says what is whose."""
    if isinstance(value, set | frozenset):
        raise ConfigError(f"{name}: expected a list, whose order says what is whose, got a set")
    items = _texts(value, name)
    if twice := [item for item, times in Counter(items).items() if times > 1]:
        raise ConfigError(f"{name}: expected each once, {twice[0]!r:.60} is there twice")
    return items


def _targets(value: Any) -> Mapping[str, Target]:
    known = {} if value is None else value
    if not (isinstance(known, Mapping) and all(isinstance(t, Target) for t in known.values())):
        raise ConfigError("targets: expected a mapping of ids to alframe.datasets.base.Target")
    return known


def _check(ids: Sequence[str], **given: Any) -> None:
    if not ids:
        raise ConfigError("ids: expected one or more, got none")
    problems = [
        f"{name}: expected {len(ids):,} of them, one for each id, got {len(value):,}"
        for name, value in given.items()
        if value is not None and len(value) != len(ids)
    ]
    if problems:
        raise ConfigError(problems)


def _check_labelled(done: frozenset[str], ids: Sequence[str]) -> None:
    if foreign := sorted(done - set(ids)):
        raise ConfigError(
            f"labelled: {len(foreign):,} are not among ids, such as {foreign[0]!r:.60}: expected "
            "ids of images that were given, so that what is like them is known"
        )


def _vectors(
    ids: Sequence[str],
    embedding: NDArray[Any] | None,
    class_probs: NDArray[Any] | None,
    object_features: Sequence[Any] | None,
) -> Vectors | None:
    if embedding is None and class_probs is None and object_features is None:
        return None
    objects = index = None
    if object_features is not None:
        rows = [
            _array(each, f"object_features of {item}", rows=True)
            for item, each in zip(ids, object_features, strict=True)
        ]
        counts = [len(row) for row in rows]
        parts = [row for row in rows if len(row)]
        if len({part.shape[1] for part in parts}) > 1:
            raise DataError("object_features: expected vectors of one length")
        objects = np.concatenate(parts) if parts else np.zeros((0, 1))
        index = np.repeat(np.arange(len(ids)), counts)
    return Vectors(tuple(ids), embedding, objects, index, None, class_probs)


class _WrongError(Exception):
    """What is wrong with what was found on an image, in words."""


def _rows(name: str, found: Sequence[Any], ids: Sequence[str]) -> list[dict[str, NDArray[Any]]]:
    """What was found on each image: boxes, scores, labels and probabilities.

    Raises:
        DataError: of each cause the images.
    """
    rows: list[dict[str, NDArray[Any]]] = []
    causes: dict[str, list[str]] = {}
    for item, one in zip(ids, found, strict=True):
        try:
            rows.append(_parts(one))
        except _WrongError as error:
            causes.setdefault(str(error), []).append(item)
    if causes:
        raise DataError(f"{name} of {named(items)}: {cause}" for cause, items in causes.items())
    return rows


def _parts(found: Any) -> dict[str, NDArray[Any]]:
    """Boxes, scores, labels and maybe probabilities of one image."""
    kind = next((kind for kind in KINDS if _of(found, kind[0]) is not None), None)
    if kind is None:
        known = "; ".join(", ".join(kind) for kind in KINDS)
        raise _WrongError(f"expected one of {known}; got {type(found).__name__}")
    values = {name: _of(found, name) for name in kind}
    if lacking := " and ".join(name for name, value in values.items() if value is None):
        raise _WrongError(f"no {lacking}: expected {', '.join(kind)}")
    given = _of(found, "probs")
    try:
        boxes, scores, labels = (_array(value, name) for name, value in values.items())
        probs = None if given is None else _array(given, "probs", rows=True)
    except DataError as error:
        raise _WrongError(str(error)) from error
    labels, scores = labels.reshape(-1), scores.reshape(-1)
    probs = np.zeros((len(scores), 0)) if probs is None else probs
    wrong: list[str] = []
    numbers = labels.astype(np.float64)
    if not ((numbers == numbers.round()) & (np.abs(numbers) < MOST_CLASSES)).all():
        wrong.append(f"{kind[2]}: expected whole numbers, got {labels.tolist()!r:.60}")
    if not are_rows_of_four(boxes):
        wrong.append(f"{kind[0]}: expected rows of four numbers, got shape {list(boxes.shape)}")
    elif not np.isfinite(boxes).all():
        wrong.append(f"{kind[0]}: expected finite numbers")
    for name, shares in ((kind[1], scores), ("probs", probs)):
        if not ((shares >= 0) & (shares <= 1)).all():
            wrong.append(f"{name}: expected numbers of 0..1")
    if wrong:
        raise _WrongError("; ".join(wrong))
    rows = {"boxes": boxes.reshape(-1, 4), "scores": scores, "labels": labels, "probs": probs}
    if len({len(each) for each in rows.values()}) > 1:
        counts = ", ".join(f"{len(each)} {name}" for name, each in rows.items())
        raise _WrongError(f"expected as many of each, got {counts}")
    return rows


def _of(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)


def _array(value: Any, what: str, *, rows: bool = False) -> NDArray[Any]:
    """An array of an array, a tensor on any device, or lists; [n, m] where it has to be of rows.

    Raises:
        DataError: it is none of numbers, or not of rows.
    """
    try:
        parts = [_numpy(each) for each in value] if isinstance(value, list | tuple) else None
        value = _numpy(value) if parts is None else parts
    except (TypeError, RuntimeError) as error:  # sparse, quantised, of no device
        raise DataError(f"{what}: expected numbers that can be read ({error!s:.80})") from error
    if any(map(np.ma.is_masked, [value] if parts is None else parts)):
        raise DataError(f"{what}: values are masked: expected a number in each place")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{what}: expected rows of one length") from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what}: expected numbers, got {array.dtype}")
    if rows and not array.size:
        return array.reshape(len(array) if array.ndim else 0, 0)
    if rows and array.ndim != 2:
        raise DataError(f"{what}: expected rows of numbers, got shape {list(array.shape)}")
    return array


def _numpy(value: Any) -> Any:
    """A tensor, on any device and of any graph, as an array; all else as it is."""
    if not hasattr(value, "detach"):
        return value
    value = value.detach().cpu()
    if value.is_floating_point() and value.element_size() < 4:  # bfloat16 is none of numpy's
        value = value.float()
    return value.numpy()


def _numbers(
    rows: Sequence[Mapping[str, NDArray[Any]]], targets: Mapping[str, Target], width: int
) -> tuple[str, ...]:
    """Names of classes that have none: their numbers, as many as ``width`` or more."""
    width = max((row["probs"].shape[1] for row in rows), default=width)
    labels = [*(row["labels"] for row in rows), *(target.labels for target in targets.values())]
    most = max((int(each.max()) for each in labels if len(each)), default=-1)
    if most >= MOST_CLASSES:
        raise DataError(f"targets: labels: expected numbers of classes, got {most}")
    return tuple(map(str, range(max(most + 1, width))))


def _check_classes(name: str, labels: Mapping[str, NDArray[Any]], classes: int) -> None:
    """Refuse labels that number no class."""
    known = f"from 0 to {classes - 1}" if classes else "from 0 on"
    wrong = [
        item
        for item, each in labels.items()
        if len(each) and not 0 <= each.min() <= each.max() < classes
    ]
    if wrong:
        least, most = labels[wrong[0]].min(), labels[wrong[0]].max()
        raise DataError(
            f"{name} of {named(wrong)}: classes: expected numbers {known}, got {least} to {most}"
        )

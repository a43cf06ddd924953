"""Streams of signals: what a strategy is shown, and what each has to be, whoever gives it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alframe.datasets.base import ImageSet, ImageSource
from alframe.errors import SelectionError, TrainingError
from alframe.profiling import Tick, unwatched
from alframe.progress import over
from alframe.signals import (
    ANCHOR_WEIGHT,
    ANCHORS,
    AUGMENTED,
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    DISAGREEMENT,
    EMBEDDING,
    PREDICTED_LOSS,
    SAMPLES,
    ClassProbs,
    Detections,
    SignalBatch,
    SignalSource,
)
from alframe.words import named, plural

if TYPE_CHECKING:
    from torch import Tensor

CLOSE = 5e-3
"""By so much probabilities may miss 0 and 1, and 1 when they are added, as in half precision."""
FAR = 0.05
"""By so much at most they may miss it however many they are, each rounded to two decimals."""
OF_CLASSES = frozenset({AUGMENTED, CLASS_PROBS, DETECTIONS, SAMPLES})
"""Signals whose probabilities are of the dataset's classes."""
KINDS = {CLASS_PROBS: ClassProbs, DETECTIONS: Detections, AUGMENTED: tuple, SAMPLES: tuple}
"""Of signals that are no tensors."""
AXES = {
    EMBEDDING: 2,
    BOX_FEATURES: 3,
    DISAGREEMENT: 2,
    ANCHORS: 3,
    ANCHOR_WEIGHT: 2,
    PREDICTED_LOSS: 1,
}
"""Of signals that are."""
AXES_IN_WORDS = {1: "one axis", 2: "two axes", 3: "three axes"}


@dataclass(frozen=True)
class DeclaredSignals:
    """What a strategy sees of a learner: the signals it declared, over the images of the pool."""

    learner: SignalSource
    images: ImageSource
    declared: frozenset[str]
    tick: Tick = unwatched
    title: str = "score"
    classes: int | None = None

    def signals(self, ids: Sequence[str], names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream the named signals of ``ids``.

        Raises:
            SelectionError: a signal that the strategy did not declare in ``requires``.
            TrainingError: see :func:`as_asked`.
        """
        if undeclared := sorted(names - self.declared):
            raise SelectionError(f"the strategy asks for {undeclared} but does not require it")
        stream = self.learner.signals(ImageSet(self.images, tuple(ids)), names)
        counted = over(stream, len(ids), self.title, "images", lambda b: len(b.ids))
        return self._ticking(as_asked(counted, ids, names, self.classes))

    def _ticking(self, stream: Iterator[SignalBatch]) -> Iterator[SignalBatch]:
        for batch in stream:
            yield batch
            self.tick()


def as_asked(
    stream: Iterable[SignalBatch],
    ids: Sequence[str],
    names: frozenset[str],
    classes: int | None = None,
) -> Iterator[SignalBatch]:
    """A stream, held to having what was asked for.

    Args:
        stream: of signals.
        ids: of the images that were asked for.
        names: of the signals.
        classes: how many the dataset has; see :func:`check_signal`.

    Raises:
        TrainingError: an image is left out, or there twice; a signal is left out, or has not a row
            for each image; or one of the first batch is not what its name says.
    """
    for number, batch in enumerate(each_once(stream, ids)):
        if missing := names - batch.values.keys():
            raise TrainingError(
                f"the signal {named(sorted(missing))} is missing, of {named(batch.ids)}: expected "
                "every signal that provides names"
            )
        for name, values in batch.values.items():
            if number == 0:
                check_signal(name, values, classes)
            _check_rows(name, values, len(batch.ids))
        yield batch


def each_once(stream: Iterable[SignalBatch], ids: Sequence[str]) -> Iterator[SignalBatch]:
    """A stream, held to having every id once.

    Raises:
        TrainingError: when it has ended without one of ``ids``, or with one twice.
    """
    seen = Counter[str]()
    for batch in stream:
        seen.update(batch.ids)
        yield batch
    if seen != (wanted := Counter(ids)):
        odd = sorted((wanted - seen) | (seen - wanted))
        raise TrainingError(
            f"the learner streams signals of {plural(seen.total(), 'image')}, asked for those of "
            f"{len(ids):,}: expected each once; see {named(odd)}"
        )


def _check_rows(name: str, values: Any, images: int) -> None:
    for each in values if isinstance(values, tuple) else (values,):
        first = getattr(each, "values" if isinstance(each, ClassProbs) else "scores", each)
        shape = getattr(first, "shape", (images,))
        _expect(
            tuple(shape[:1]) == (images,),
            f"{name} has the shape {tuple(shape)}: expected {images} rows, as many as images",
        )


def check_signal(name: str, values: Any, classes: int | None = None) -> None:
    """Hold signals to what :mod:`alframe.signals` says of them.

    What is not finite passes: whoever reads it has words for that.

    Args:
        name: of the signal; of one that a plugin has named, what it is of is not known.
        values: of a batch.
        classes: how many the dataset has, which signals that alframe names are of; None checks
            none.

    Raises:
        TrainingError: says what was expected.
    """
    if (kind := KINDS.get(name)) is not None:
        _expect(_is(values, kind), f"{name} is {_a(values)}: expected a {kind.__name__}")
    if (axes := AXES.get(name)) is not None:
        _check_tensor(name, values, axes)
    _check(name, values, classes if name in OF_CLASSES else None)


def _is(value: object, kind: type) -> bool:
    """Whether it is of a kind; detections may be some whose ``probs`` are yet to be made."""
    parts = ("boxes", "scores", "labels", "valid")
    alike = kind is Detections and all(hasattr(value, part) for part in parts)
    return isinstance(value, kind) or alike


def _a(value: object) -> str:
    return f"of type {type(value).__name__}"


def _check_tensor(name: str, value: Any, axes: int | None = None) -> None:
    _expect(hasattr(value, "dim"), f"{name} is {_a(value)}: expected a tensor")
    if axes is not None and value.dim() != axes:
        got = tuple(value.shape)
        raise TrainingError(f"{name} has the shape {got}: expected {AXES_IN_WORDS[axes]}")


def _check(name: str, values: Any, classes: int | None) -> None:
    if isinstance(values, tuple):
        for number, each in enumerate(values):
            known = name not in KINDS or _is(each, Detections)
            _expect(known, f"{name}[{number}] is {_a(each)}: expected a Detections")
            _check(f"{name}[{number}]", each, classes)
    elif isinstance(values, ClassProbs):
        _check_probs(f"{name}.values", values.values, values.exclusive, classes)
    elif isinstance(values, Detections):
        _check_detections(name, values, classes)


def _expect(condition: object, message: str) -> None:
    if not condition:
        raise TrainingError(message)


def _leaves(values: "Tensor") -> "Tensor":
    """Which of them, as far as they are finite, are not within 0..1."""
    return ((values < -CLOSE) | (values > 1 + CLOSE)) & values.isfinite()


def _check_probs(name: str, probs: "Tensor", exclusive: bool, classes: int | None) -> None:
    _check_tensor(name, probs, 3)
    _expect(not _leaves(probs).any(), f"{name} leaves 0..1: expected probabilities")
    if exclusive:
        off = (probs.float().sum(dim=2) - 1).abs()
        parts = (off > min(CLOSE * max(1, probs.shape[2]), FAR)) & off.isfinite()
        _expect(
            not parts.any(),
            f"{name} are exclusive and do not sum to 1: expected one distribution each",
        )
    if classes is not None and probs.numel():
        own, background = probs.shape[2], ", or one more for background" if exclusive else ""
        _expect(
            own == classes or (exclusive and own == classes + 1),
            f"{name} are of {own}: expected the {plural(classes, 'class')} of the dataset"
            f"{background}",
        )


def _check_detections(name: str, found: Detections, classes: int | None) -> None:
    _check_tensor(f"{name}.scores", found.scores, 2)
    size = tuple(found.scores.shape)
    shapes = {
        "boxes": (found.boxes, (*size, 4)),
        "labels": (found.labels, size),
        "valid": (found.valid, size),
    }
    for part, (tensor, shape) in shapes.items():
        _check_tensor(f"{name}.{part}", tensor)
        got = tuple(tensor.shape)
        _expect(got == shape, f"{name}.{part} has the shape {got}: expected {shape}, as of scores")
    _check_tensor(f"{name}.probs", found.probs, 3)
    got = tuple(found.probs.shape)
    _expect(
        got[:2] == size,
        f"{name}.probs has the shape {got}: expected {size} and classes, as of scores",
    )
    whole = not (found.labels.is_floating_point() or found.labels.is_complex())
    _expect(whole, f"{name}.labels are {found.labels.dtype}: expected whole numbers")
    said = str(found.valid.dtype).endswith("bool")
    _expect(said, f"{name}.valid is {found.valid.dtype}: expected booleans")
    last = (found.valid.int().diff(dim=1) <= 0).all()
    _expect(last, f"{name}.valid: valid detections come after padding: expected padding last")
    kept = found.valid
    scores = found.scores.float().where(kept, -1.0)
    rises = scores.diff(dim=1)
    _expect(
        not ((rises > 0) & rises.isfinite()).any(),
        f"{name}.scores are not descending: expected the best first",
    )
    scores = scores[kept]
    _expect(not _leaves(scores).any(), f"{name}.scores leave 0..1")
    sides = (found.boxes[..., 2:] - found.boxes[..., :2])[kept]
    turned = (sides < 0) & sides.isfinite()
    _expect(not turned.any(), f"{name}.boxes: expected x1 y1 x2 y2, x1 <= x2 and y1 <= y2")
    labels = found.labels[kept]
    count = found.probs.shape[-1] if classes is None else classes
    known = ((labels >= 0) & (labels < count)).all()
    _expect(known, f"{name}.labels leave 0..{count - 1}, the {plural(count, 'class')}")
    _check_probs(f"{name}.probs", found.probs[kept][None], found.exclusive, classes)

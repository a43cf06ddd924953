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
    AUGMENTED,
    CLASS_PROBS,
    DETECTIONS,
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
OF_CLASSES = frozenset({AUGMENTED, CLASS_PROBS, DETECTIONS, SAMPLES})
"""Signals whose probabilities are of the dataset's classes."""


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
            TrainingError: the learner leaves an image out, or has one twice; or a signal of the
                first batch is not what its name says.
        """
        if undeclared := sorted(names - self.declared):
            raise SelectionError(f"the strategy asks for {undeclared} but does not require it")
        stream = self.learner.signals(ImageSet(self.images, tuple(ids)), names)
        counted = over(stream, len(ids), self.title, "images", lambda b: len(b.ids))
        return self._ticking(each_once(counted, ids))

    def _ticking(self, stream: Iterator[SignalBatch]) -> Iterator[SignalBatch]:
        for number, batch in enumerate(stream):
            for name, values in batch.values.items() if number == 0 else ():
                check_signal(name, values, self.classes)
            yield batch
            self.tick()


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


def check_signal(name: str, values: Any, classes: int | None = None) -> None:
    """Hold class probabilities and detections to what :mod:`alframe.signals` says of them.

    What is not finite passes: whoever reads it has words for that.

    Args:
        name: of the signal, for messages.
        values: of a batch; others than these pass.
        classes: how many the dataset has, which signals that alframe names are of; None checks
            none.

    Raises:
        TrainingError: says what was expected.
    """
    _check(name, values, classes if name in OF_CLASSES else None)


def _check(name: str, values: Any, classes: int | None) -> None:
    if isinstance(values, tuple):
        for number, each in enumerate(values):
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
    _expect(probs.dim() == 3, f"{name} has the shape {tuple(probs.shape)}: expected three axes")
    _expect(not _leaves(probs).any(), f"{name} leaves 0..1: expected probabilities")
    if exclusive:
        off = (probs.float().sum(dim=2) - 1).abs()
        parts = (off > CLOSE * max(1, probs.shape[2])) & off.isfinite()
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
    size = tuple(found.scores.shape)
    shapes = {
        "boxes": (found.boxes, (*size, 4)),
        "labels": (found.labels, size),
        "valid": (found.valid, size),
        "probs": (found.probs, (*size, found.probs.shape[-1])),
    }
    for part, (tensor, shape) in shapes.items():
        got = tuple(tensor.shape)
        _expect(got == shape, f"{name}.{part} has the shape {got}: expected {shape}, as of scores")
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
    most = found.probs.shape[-1] - 1
    known = ((labels >= 0) & (labels <= most)).all()
    _expect(known, f"{name}.labels: expected classes, of which probs has {most + 1}")
    _check_probs(f"{name}.probs", found.probs[kept][None], found.exclusive, classes)

"""Streams of signals: what a strategy is shown, and that it is what was asked for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from alframe.datasets.base import ImageSet, ImageSource
from alframe.errors import SelectionError, TrainingError
from alframe.profiling import Tick, unwatched
from alframe.progress import over
from alframe.signal_checks import VECTORS, check_signal
from alframe.signals import (
    ANCHOR_WEIGHT,
    ANCHORS,
    BOX_FEATURES,
    DETECTIONS,
    DISAGREEMENT,
    SignalBatch,
    SignalSource,
)
from alframe.words import named, plural

ALIKE = (frozenset({DETECTIONS, BOX_FEATURES}), frozenset({ANCHORS, ANCHOR_WEIGHT, DISAGREEMENT}))
"""Signals that have an entry each of the same boxes."""
BOXES = 10
"""Of fewer, that all lie in the first pixel is no sign of shares."""
BESIDE = 0.5
"""So far shares of boxes that are not clipped may reach over the edge."""


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
            SelectionError: a signal that the strategy did not declare in ``requires``, or no set.
            TrainingError: see :func:`as_asked`.
        """
        if not isinstance(names, Set):
            raise SelectionError(f"the strategy asks for {names!r:.60}: expected a set of signals")
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
        classes: how many the dataset has; see :func:`~alframe.signal_checks.check_signal`.

    Raises:
        TrainingError: an image is left out, or there twice; a signal is left out, has not a row
            for each image, or is not what its name says; or two do not fit each other.
    """
    widths: dict[str, int] = {}
    units = _Units()
    for batch in each_once(stream, ids):
        if missing := names - batch.values.keys():
            raise TrainingError(
                f"the signal {named(sorted(missing))} is missing, of {named(batch.ids)}: expected "
                "every signal that provides names"
            )
        try:
            for name, values in batch.values.items():
                check_signal(name, values, classes, len(batch.ids))
            check_alike(batch.values)
            _check_widths(batch.values, widths)
        except TrainingError as error:
            raise TrainingError(f"{error}; see {named(batch.ids)}") from None
        units.add(batch.values.get(DETECTIONS))
        yield batch
    units.check()


def check_alike(values: Mapping[str, Any]) -> None:
    """Hold signals of the same boxes, or anchors, to being of as many.

    Raises:
        TrainingError: they are not.
    """
    for group in ALIKE:
        shapes = {n: getattr(values[n], "scores", values[n]).shape for n in group & values.keys()}
        counts = {name: shape[1] for name, shape in sorted(shapes.items())}
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
            raise TrainingError(f"expected as many of each, got {said}")


def _check_widths(values: Mapping[str, Any], widths: dict[str, int]) -> None:
    """Vectors have the length that those of earlier batches had."""
    for name in sorted(VECTORS & values.keys()):
        width = values[name].shape[-1]
        if width != widths.setdefault(name, width):
            raise TrainingError(
                f"{name} has vectors of {plural(width, 'number')}, and had those of "
                f"{widths[name]:,}: expected one length"
            )


class _Units:
    """Whether boxes are in shares of the image; what is counted stays on the device."""

    def __init__(self) -> None:
        self._counted: Any = None

    def add(self, found: Any) -> None:
        if found is None:
            return
        boxes, kept = found.boxes, found.valid.unsqueeze(2)
        odd = ~((boxes >= -BESIDE) & (boxes <= 1 + BESIDE)) & kept
        counts = (found.valid, odd, (boxes % 1 != 0) & kept)
        numbers = [each.sum().double() for each in counts]
        before = self._counted or (0, 0, 0)
        self._counted = [old + new for old, new in zip(before, numbers, strict=True)]

    def check(self) -> None:
        boxes, outside, fractions = map(float, self._counted or (0, 0, 0))
        if boxes >= BOXES and fractions and not outside:
            raise TrainingError(
                "detections.boxes all reach from 0 to about 1: expected pixels of the original "
                "image, not shares of it"
            )


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

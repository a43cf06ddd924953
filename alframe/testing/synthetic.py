"""A learner without a model: it streams every signal that alframe names, made up from the ids."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import ImageSet, LabelledSet, batched
from alframe.learner import FitContext
from alframe.seeds import Seeds
from alframe.shaped import Tensor
from alframe.signal_checks import AXES, KINDS, check_signal
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
)
from alframe.streams import check_alike
from alframe.testing.expect import as_assertion, expect

Ids = tuple[str, ...]
Synthesis = Callable[[Ids], Any]
"""Makes the values of a signal for the items of one batch."""

SIDE = 64
"""Height and width of the images in pixels."""
ANCHOR_COUNT, LEVELS, WIDTH, MOST_DETECTIONS = 12, 2, 8, 4


class SyntheticImages:
    """Noise that follows from the id; an :class:`~alframe.datasets.base.ImageSource`."""

    def read(self, item: str) -> NDArray[np.uint8]:
        """Draw one image, uint8 [64, 64, 3]."""
        return _rng(item, "pixels").integers(0, 256, (SIDE, SIDE, 3), np.uint8)

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) in pixels."""
        del item
        return SIDE, SIDE

    def stamp(self, item: str) -> str:
        """All that the image depends on besides its id."""
        del item
        return "synthetic"


class SyntheticLearner:
    """Signals of a made-up model, the same for an id whatever batch it is in.

    Some images have no detection. The learner cannot be fitted or evaluated.

    Args:
        classes: C.
        exclusive: see :class:`~alframe.signals.ClassProbs`.
        signals: values of further names, or others for the known ones.
        batch_size: items of a batch.
        shuffle: another number streams in another order.
        diverged: the item of which every signal is NaN.

    Attributes:
        asked: names of the signals that were streamed.
    """

    provides: ClassVar[frozenset[str]] = frozenset({*AXES, *KINDS})

    def __init__(
        self,
        classes: int = 3,
        *,
        exclusive: bool = False,
        signals: Mapping[str, Synthesis] | None = None,
        batch_size: int = 5,
        shuffle: int = 0,
        diverged: str | None = None,
    ) -> None:
        self.weights = np.arange(3.0)
        self.asked: set[str] = set()
        self._classes, self._exclusive = classes, exclusive
        self._batch_size, self._shuffle, self._diverged = batch_size, shuffle, diverged
        self._makers: dict[str, Synthesis] = {
            ANCHOR_WEIGHT: _each(ANCHOR_WEIGHT, _weights),
            ANCHORS: _each(ANCHORS, lambda rng: _boxes(rng, ANCHOR_COUNT)),
            AUGMENTED: lambda ids: tuple(self._detections(ids, use) for use in ("flip", "dark")),
            BOX_FEATURES: self._box_features,
            CLASS_PROBS: self._class_probs,
            DETECTIONS: self._detections,
            DISAGREEMENT: _each(DISAGREEMENT, lambda rng: rng.random(ANCHOR_COUNT) ** 2),
            EMBEDDING: _each(EMBEDDING, lambda rng: rng.normal(size=WIDTH)),
            PREDICTED_LOSS: _each(PREDICTED_LOSS, lambda rng: rng.normal(size=())),
            SAMPLES: lambda ids: tuple(self._detections(ids, f"sample {n}") for n in range(3)),
        } | dict(signals or {})

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream the named signals.

        Raises:
            AssertionError: there is no such signal.
        """
        unknown = sorted(names - self._makers.keys())
        expect(
            not unknown,
            f"the strategy requires {unknown}, which alframe does not name: expected makers of "
            "their values, signals={name: maker}, where maker(ids) gives a tensor with a row an id",
        )
        self.asked |= names
        order = Seeds(self._shuffle).rng("stream").permutation(len(images))
        for part in batched([images.ids[i] for i in order], self._batch_size):
            ids = tuple(part)
            yield SignalBatch(ids, {name: self._values(name, ids) for name in names})

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> NoReturn:
        """Refuse: whoever is given this learner only looks at it."""
        del labelled, unlabelled, context
        raise AssertionError("the learner was fitted: expected only signals to be asked for")

    def evaluate(self, test: LabelledSet) -> NoReturn:
        """Refuse, as :meth:`fit`."""
        del test
        raise AssertionError("the learner was evaluated: expected only signals to be asked for")

    def state_dict(self) -> dict[str, Any]:
        """Some numbers that stand for a model."""
        return {"weights": self.weights.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        self.weights = state["weights"].copy()

    def _values(self, name: str, ids: Ids) -> Any:
        values = self._makers[name](ids)
        if self._diverged in ids:
            for tensor in tensors_of(values):
                if tensor.is_floating_point():
                    tensor[ids.index(self._diverged)] = float("nan")
        return values

    def _class_probs(self, ids: Ids) -> ClassProbs:
        make = _each(CLASS_PROBS, lambda rng: self._probs(rng, ANCHOR_COUNT))
        return ClassProbs(make(ids), self._exclusive)

    def _box_features(self, ids: Ids) -> Any:
        longest = max(len(self._found(item)) for item in ids)
        make = _each(BOX_FEATURES, lambda rng: rng.normal(size=(MOST_DETECTIONS, WIDTH))[:longest])
        return make(ids)

    def _detections(self, ids: Ids, use: str = DETECTIONS) -> Detections:
        import torch

        probs = [self._found(item, use) for item in ids]
        longest = max(map(len, probs))
        padded = np.stack([np.pad(p, ((0, longest - len(p)), (0, 0))) for p in probs])
        counts = np.array([[len(p)] for p in probs])
        foreground = padded[..., : self._classes]
        boxes = [_boxes(_rng(item, "boxes"), longest) for item in ids]
        return Detections(
            boxes=torch.from_numpy(np.stack(boxes).astype(np.float32)),
            scores=torch.from_numpy(foreground.max(axis=2).astype(np.float32)),
            labels=torch.from_numpy(foreground.argmax(axis=2)),
            valid=torch.from_numpy(np.arange(longest) < counts),
            probs=torch.from_numpy(padded.astype(np.float32)),
            exclusive=self._exclusive,
        )

    def _found(self, item: str, use: str = DETECTIONS) -> NDArray[np.float64]:
        """Class probabilities of the detections of one image, [N, K], best first."""
        rng = _rng(item, use)
        count = MOST_DETECTIONS if item == self._diverged else rng.integers(MOST_DETECTIONS + 1)
        probs = self._probs(rng, int(count))
        return probs[np.argsort(-probs[:, : self._classes].max(axis=1, initial=0))]

    def _probs(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        if self._exclusive:
            return rng.dirichlet(np.ones(self._classes + 1), count)
        return rng.random((count, self._classes))


def tensors_of(values: Any) -> "list[Tensor]":
    """The tensors of a signal: itself, or those of a dataclass, or of each in a tuple."""
    import torch

    if isinstance(values, tuple):
        return [tensor for each in values for tensor in tensors_of(each)]
    found = [values, *getattr(values, "__dict__", {}).values()]
    return [value for value in found if isinstance(value, torch.Tensor)]


def rows_of(name: str, batch: SignalBatch) -> "dict[str, list[Tensor]]":
    """What a batch says of each of its items: the rows of a signal's tensors, without padding.

    Raises:
        AssertionError: a tensor has not one row an item, is not finite, or is not what its name
            says.
    """
    values = batch[name]
    tensors = tensors_of(values)
    if not tensors:
        raise AssertionError(
            f"{name} is {values!r:.60}: expected a tensor, or a dataclass of tensors"
        )
    for tensor in tensors:
        expect(
            tensor.shape[:1] == (len(batch.ids),),
            f"{name} has the shape {tuple(tensor.shape)}: expected {len(batch.ids)} rows, as many "
            "as ids",
        )
        expect(not tensor.requires_grad, f"{name} requires a gradient: expected none")
    found = batch.values.get(DETECTIONS) if name == BOX_FEATURES else values
    valid: Any = getattr(found, "valid", None)
    if name == BOX_FEATURES and valid is not None:
        with as_assertion():
            check_alike(batch.values)
    rows = {item: _row(values, row, valid) for row, item in enumerate(batch.ids)}
    wrong = sorted(i for i, ts in rows.items() if not all(t.isfinite().all() for t in ts))
    expect(not wrong, f"{name} of {wrong} is not finite: expected finite numbers")
    with as_assertion():
        check_signal(name, values)
    return rows


def _row(values: Any, row: int, valid: "Tensor | None") -> "list[Tensor]":
    """What a signal says of one item, without padding."""
    if isinstance(values, tuple):
        parts = ((each, getattr(each, "valid", None)) for each in values)
        return [tensor for each, own in parts for tensor in _row(each, row, own)]
    return [t[row] if valid is None else t[row][valid[row]] for t in tensors_of(values)]


def _each(name: str, make: Callable[[np.random.Generator], Any]) -> Synthesis:
    """A maker of float tensors from one of numpy arrays for one item."""

    def maker(ids: Ids) -> Any:
        import torch

        rows = [make(_rng(item, name)) for item in ids]
        return torch.from_numpy(np.stack(rows).astype(np.float32))

    return maker


def _weights(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.dirichlet(np.ones(ANCHOR_COUNT // LEVELS), LEVELS).reshape(-1)


def _boxes(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    corners = np.sort(rng.random((count, 2, 2)), axis=1)  # (x, y) of two corners
    return SIDE * corners.reshape(count, 4)


def _rng(item: str, use: str) -> np.random.Generator:
    return Seeds(0).rng("synthetic", item, use)

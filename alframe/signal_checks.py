"""Values of signals, held to what :mod:`alframe.signals` says of each name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.errors import TrainingError
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
)
from alframe.words import plural

if TYPE_CHECKING:
    from torch import Tensor

    Violation = tuple[Tensor, str]
    """Whether something is wrong, a boolean on the device of the values, and what to say of it."""

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
VECTORS = frozenset({EMBEDDING, BOX_FEATURES})
"""Of these, those that hold vectors, of one length in all batches."""
AXES_IN_WORDS = {1: "one axis", 2: "two axes", 3: "three axes"}


def check_signal(
    name: str, values: Any, classes: int | None = None, images: int | None = None
) -> None:
    """Hold signals to what :mod:`alframe.signals` says of them.

    What is not finite passes: whoever reads it has words for that. The device is waited for once.

    Args:
        name: of the signal; of one that a plugin has named, what it is of is not known.
        values: of a batch.
        classes: how many the dataset has, which signals that alframe names are of; None checks
            none.
        images: how many the batch has; None where that is not known.

    Raises:
        TrainingError: says what was expected.
    """
    import torch

    if (kind := KINDS.get(name)) is not None:
        _expect(_is(values, kind), f"{name} is {_a(values)}: expected a {kind.__name__}")
    if (axes := AXES.get(name)) is not None:
        _check_tensor(name, values, images, axes)
        _expect(not _is_boolean(values), f"{name} is {values.dtype}: expected numbers")
    if name in VECTORS:
        _expect(values.shape[-1], f"{name} has vectors of no numbers")
    found = list(_violations(name, values, classes if name in OF_CLASSES else None, images))
    if found:
        wrong: list[bool] = torch.stack([each for each, _ in found]).tolist()
        for violated, (_, message) in zip(wrong, found, strict=True):
            _expect(not violated, message)


def _is(value: object, kind: type) -> bool:
    """Whether it is of a kind; detections may be some whose ``probs`` are yet to be made."""
    parts = ("boxes", "scores", "labels", "valid")
    alike = kind is Detections and all(hasattr(value, part) for part in parts)
    return isinstance(value, kind) or alike


def _is_boolean(tensor: "Tensor") -> bool:
    return str(tensor.dtype).endswith("bool")


def _a(value: object) -> str:
    return f"of type {type(value).__name__}"


def _expect(condition: object, message: str) -> None:
    if not condition:
        raise TrainingError(message)


def _check_tensor(name: str, value: Any, images: int | None, axes: int | None = None) -> None:
    _expect(hasattr(value, "dim"), f"{name} is {_a(value)}: expected a tensor")
    got = tuple(value.shape)
    if axes is not None and len(got) != axes:
        raise TrainingError(f"{name} has the shape {got}: expected {AXES_IN_WORDS[axes]}")
    _check_rows(name, value, images)
    _expect(not value.is_complex(), f"{name} is {value.dtype}: expected real numbers")
    _expect(not value.requires_grad, f"{name} requires a gradient: expected none, as of detach()")


def _check_rows(name: str, value: Any, images: int | None) -> None:
    got = tuple(getattr(value, "shape", (images,)))
    _expect(
        images is None or got[:1] == (images,),
        f"{name} has the shape {got}: expected {images} rows, as many as images",
    )


def _violations(
    name: str, values: Any, classes: int | None, images: int | None
) -> "Iterator[Violation]":
    """What may be wrong with numbers; types and shapes that are wrong are errors at once."""
    if isinstance(values, tuple):
        _expect(values or name not in KINDS, f"{name} is empty: expected a Detections or more")
        for number, each in enumerate(values):
            of_images = name == SAMPLES and isinstance(each, ClassProbs)
            known = name not in KINDS or of_images or _is(each, Detections)
            _expect(known, f"{name}[{number}] is {_a(each)}: expected a Detections")
            yield from _violations(f"{name}[{number}]", each, classes, images)
    elif isinstance(values, ClassProbs):
        some = getattr(values.values, "shape", (1, 1))[1:2] != (0,)
        _expect(some, f"{name}.values are of no prediction: expected one an image, or more")
        yield from _of_probs(f"{name}.values", values.values, values.exclusive, classes, images)
    elif isinstance(values, Detections):
        yield from _of_detections(name, values, classes, images)
    else:
        _check_rows(name, values, images)


def _of_probs(
    name: str, probs: "Tensor", exclusive: bool, classes: int | None, images: int | None
) -> "Iterator[Violation]":
    _check_tensor(name, probs, images, 3)
    said = isinstance(exclusive, bool | np.bool_)
    _expect(said, f"{name}: exclusive is {exclusive!r:.40}: expected True or False")
    own, background = probs.shape[2], ", or one more for background" if exclusive else ""
    _expect(own, f"{name} are of no class")
    if not probs.numel():
        return
    if classes is not None:
        _expect(
            own == classes or (exclusive and own == classes + 1),
            f"{name} are of {own}: expected the {plural(classes, 'class')} of the dataset"
            f"{background}",
        )
    least, most = probs.aminmax()  # in one pass: of a dense detector, these are many millions
    low, high = (least < -CLOSE) & least.isfinite(), (most > 1 + CLOSE) & most.isfinite()
    yield low | high, f"{name} leaves 0..1: expected probabilities"
    if exclusive:
        off = (probs.float().sum(dim=2) - 1).abs()
        yield (
            ((off > min(CLOSE * own, FAR)) & off.isfinite()).any(),
            f"{name} are exclusive and do not sum to 1: expected one distribution each",
        )


def _check_form(name: str, found: Detections, images: int | None) -> None:
    """The tensors of detections have shapes that fit, on one device, and are of their kinds."""
    _check_tensor(f"{name}.scores", found.scores, images, 2)
    size = tuple(found.scores.shape)
    shapes = {
        "boxes": (found.boxes, (*size, 4)),
        "labels": (found.labels, size),
        "valid": (found.valid, size),
    }
    for part, (tensor, shape) in shapes.items():
        _check_tensor(f"{name}.{part}", tensor, None)
        got = tuple(tensor.shape)
        _expect(got == shape, f"{name}.{part} has the shape {got}: expected {shape}, as of scores")
    _check_tensor(f"{name}.probs", found.probs, None, 3)
    for part in (*shapes, "probs"):
        there, here = getattr(found, part).device, found.scores.device
        _expect(
            there == here, f"{name}.{part} are on {there}, scores on {here}: expected one device"
        )
    got = tuple(found.probs.shape)
    _expect(
        got[:2] == size,
        f"{name}.probs has the shape {got}: expected {size} and classes, as of scores",
    )
    whole = not found.labels.is_floating_point()
    _expect(whole, f"{name}.labels are {found.labels.dtype}: expected whole numbers")
    said = _is_boolean(found.valid)
    _expect(said, f"{name}.valid is {found.valid.dtype}: expected booleans")


def _of_detections(
    name: str, found: Detections, classes: int | None, images: int | None
) -> "Iterator[Violation]":
    _check_form(name, found, images)
    kept = found.valid
    yield (
        (kept.int().diff(dim=1) > 0).any(),
        f"{name}.valid: valid detections come after padding: expected padding last",
    )
    scores = found.scores.float().where(kept, -1.0)
    rises = scores.diff(dim=1)
    yield (
        ((rises > 0) & rises.isfinite()).any(),
        f"{name}.scores are not descending: expected the best first",
    )
    outside = ((scores < -CLOSE) | (scores > 1 + CLOSE)) & scores.isfinite() & kept
    yield outside.any(), f"{name}.scores leave 0..1"
    sides = found.boxes[..., 2:] - found.boxes[..., :2]
    turned = (sides < 0) & sides.isfinite() & kept.unsqueeze(2)
    yield turned.any(), f"{name}.boxes: expected x1 y1 x2 y2, x1 <= x2 and y1 <= y2"
    own = found.probs.shape[2]
    count = own if classes is None else classes
    yield (
        (((found.labels < 0) | (found.labels >= count)) & kept).any(),
        f"{name}.labels leave 0..{count - 1}, the {plural(count, 'class')}",
    )
    _expect(own, f"{name}.probs are of no class")
    probs = found.probs.where(kept.unsqueeze(2), 1 / own)  # padding is as likely this as that
    yield from _of_probs(f"{name}.probs", probs, found.exclusive, classes, images)

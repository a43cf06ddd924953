"""What the signals that alframe names have to be, whoever streams them."""

from typing import TYPE_CHECKING, Any

from alframe.learner import ClassProbs, Detections
from alframe.testing.expect import expect

if TYPE_CHECKING:
    from torch import Tensor

CLOSE = 1e-3
"""By so much probabilities may miss 1 when they are added, as in half precision."""


def check_signal(name: str, values: Any) -> None:
    """Hold class probabilities and detections to what :mod:`alframe.learner` says of them.

    Args:
        name: of the signal, for messages.
        values: of a batch; others than these pass.

    Raises:
        AssertionError: says what was expected.
    """
    if isinstance(values, tuple):
        for number, each in enumerate(values):
            check_signal(f"{name}[{number}]", each)
    elif isinstance(values, ClassProbs):
        _check_probs(f"{name}.values", values.values, values.exclusive)
    elif isinstance(values, Detections):
        _check_detections(name, values)


def _check_probs(name: str, probs: "Tensor", exclusive: bool) -> None:
    expect(probs.dim() == 3, f"{name} has the shape {tuple(probs.shape)}: expected three axes")
    inside = ((probs >= -CLOSE) & (probs <= 1 + CLOSE)).all()
    expect(inside, f"{name} leaves 0..1: expected probabilities")
    if exclusive:
        whole = ((probs.float().sum(dim=2) - 1).abs() <= CLOSE * max(1, probs.shape[2])).all()
        expect(whole, f"{name} are exclusive and do not sum to 1: expected one distribution each")


def _check_detections(name: str, found: Detections) -> None:
    size = tuple(found.scores.shape)
    shapes = {
        "boxes": (found.boxes, (*size, 4)),
        "labels": (found.labels, size),
        "valid": (found.valid, size),
        "probs": (found.probs, (*size, found.probs.shape[-1])),
    }
    for part, (tensor, shape) in shapes.items():
        got = tuple(tensor.shape)
        expect(got == shape, f"{name}.{part} has the shape {got}: expected {shape}, as of scores")
    last = (found.valid.int().diff(dim=1) <= 0).all()
    expect(last, f"{name}.valid: valid detections come after padding: expected padding last")
    kept = found.valid
    scores = found.scores.float().where(kept, -1.0)
    expect(
        (scores.diff(dim=1) <= 0).all(),
        f"{name}.scores are not descending: expected the best first",
    )
    scores = scores[kept]
    expect(((scores >= 0) & (scores <= 1)).all(), f"{name}.scores leave 0..1")
    sides = (found.boxes[..., 2:] - found.boxes[..., :2])[kept]
    expect((sides >= 0).all(), f"{name}.boxes: expected x1 y1 x2 y2, x1 <= x2 and y1 <= y2")
    labels = found.labels[kept]
    most = found.probs.shape[-1] - 1
    known = ((labels >= 0) & (labels <= most)).all()
    expect(known, f"{name}.labels: expected classes, of which probs has {most + 1}")
    _check_probs(f"{name}.probs", found.probs[kept][None], found.exclusive)

"""The conformance check of a detector."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.seeds import Seeds
from alframe.testing.expect import expect, generators_left_alone

if TYPE_CHECKING:
    from torch import Tensor, nn

    from alframe.training.batch import Batch

CLASSES = 3
TOLERANCE = 1e-4
"""By how much predictions may differ that were computed in other batches."""


def check_detector(factory: "Callable[[int], nn.Module]", *, side: int = 64) -> None:
    """Hold a dense detector to its contract (:class:`alframe.detectors.dense.DenseDetector`).

    - Its first weights follow from torch's global generator, and from no other.
    - Towers and losses have the shapes that they promise, with one class as well.
    - Losses and all gradients are finite, with objects and without.
    - Unlabelled images have no loss, an error that names them, and detections.
    - Detections lie in their image, best first, padding last, each with the probability that is
      its score.
    - Predictions do not depend on the others in the batch, and move no global generator.
    - A new class tower has the shapes of its own and other weights.

    Args:
        factory: ``factory(num_classes)`` makes the detector.
        side: height and width of the images that it is given, in pixels.

    Raises:
        AssertionError: says what was expected.
    """
    import torch

    batch = drawn_batch(side)
    with torch.random.fork_rng():
        detector = draws_from_torch(factory)
        for rule in (has_shapes, trains, trains_without_objects, knows_unlabelled):
            rule(detector, batch)
        detector.eval()
        with torch.no_grad(), generators_left_alone("the detector, predicting,"):
            detects(detector, batch)
            looks_at_each_image_alone(detector, batch)
        makes_towers(detector, batch)
        one = factory(1)
        trains(one, replace(batch, labels=batch.labels.clamp(max=0)))  # type: ignore[union-attr]


def drawn_batch(side: int) -> "Batch":
    """Three noisy images: with two objects, with one and with none."""
    import torch

    from alframe.training.batch import Batch

    noise = Seeds(0).rng("noise").integers(0, 256, (3, 3, side, side), np.uint8)
    share = side / 8
    boxes = torch.zeros(3, 2, 4)
    boxes[0] = torch.tensor([[1, 1, 5, 4], [3, 2, 7.5, 7]]) * share
    boxes[1, 0] = torch.tensor([2, 2, 6, 6]) * share
    sizes = torch.tensor([[side, side]] * 3)
    labels = torch.tensor([[0, CLASSES - 1], [1, -1], [-1, -1]])
    return Batch(("two", "one", "none"), torch.from_numpy(noise), sizes, sizes, boxes, labels)


def draws_from_torch(factory: "Callable[[int], nn.Module]") -> Any:
    """The same weights from the same seed; returns a detector."""
    import torch

    made = []
    for _ in range(2):
        torch.manual_seed(0)
        with generators_left_alone("the detector, being made,", torch_too=False):
            made.append(factory(CLASSES))
    one, other = (model.state_dict() for model in made)
    expect(
        all(torch.equal(one[name], other[name]) for name in one),
        "made twice under one torch.manual_seed, the detector has other weights: expected the same",
    )
    return made[0]


def has_shapes(detector: Any, batch: "Batch") -> None:
    """Anchors, towers and losses, [B, A, ...]."""
    features = detector.features(batch)
    anchors = detector.anchors(features)
    logits = detector.class_tower(features.levels)
    assignment = detector.assign(anchors, batch)
    deltas = detector.box_tower(features.levels)
    size, count, channels = len(batch), len(anchors.boxes), detector.score_channels
    shapes = {
        "anchors.per_level": ((sum(anchors.per_level),), (count,)),
        "class_tower": (logits.shape, (size, count, channels)),
        "box_tower": (deltas.shape, (size, count, 4)),
        "class_loss": (detector.class_loss(logits, assignment).shape, (size,)),
        "box_loss": (detector.box_loss(deltas, anchors, assignment).shape, (size,)),
        "deepest": (features.deepest.shape[:1], (size,)),
        "levels": ((len(features.levels),), (len(anchors.per_level),)),
        "foreground": (
            detector.foreground(detector.probabilities(logits)).shape,
            (size, count, CLASSES),
        ),
    }
    for name, (found, expected) in shapes.items():
        expect(tuple(found) == expected, f"{name}: {tuple(found)}, expected {expected}")


def trains(detector: Any, batch: "Batch") -> None:
    """A finite loss, and a finite gradient for every parameter that is trained."""
    detector.train()
    detector.zero_grad()
    losses = detector.loss(batch)
    for name, value in losses.items():
        expect(value.shape == (), f"loss {name!r} has the shape {tuple(value.shape)}: expected ()")
        expect(value.isfinite(), f"loss {name!r} is {value.item()}: expected a finite number")
    total: Any = sum(losses.values())
    total.backward()
    trained = [(name, p.grad) for name, p in detector.named_parameters() if p.requires_grad]
    without = [name for name, grad in trained if grad is None]
    expect(not without, f"{without[:3]} got no gradient: expected one, or requires_grad=False")
    wrong = [name for name, grad in trained if not grad.isfinite().all()]
    expect(not wrong, f"the gradient of {wrong[:3]} is not finite: expected finite numbers")
    learns = any(grad.any() for _, grad in trained)
    expect(learns or (batch.labels == -1).all(), "all gradients are 0: expected it to learn")  # type: ignore[union-attr]


def trains_without_objects(detector: Any, batch: "Batch") -> None:
    """Images without an object are background, if they are used at all."""
    import torch

    labels = torch.full((len(batch), 2), -1)
    trains(detector, replace(batch, boxes=torch.zeros(len(batch), 2, 4), labels=labels))


def knows_unlabelled(detector: Any, batch: "Batch") -> None:
    """No loss without targets."""
    unlabelled = replace(batch, boxes=None, labels=None)
    try:
        detector.loss(unlabelled)
    except ValueError as error:
        expect(
            "two" in str(error),
            f"the loss of unlabelled images is refused with {str(error)!r}: expected their ids",
        )
        return
    raise AssertionError("unlabelled images have a loss: expected a ValueError that names them")


def detects(detector: Any, batch: "Batch") -> None:
    """Boxes, scores and labels in order, in images that were resized."""
    originals = batch.sizes * 2 + batch.sizes.new_tensor([0, 6])
    looked_at = replace(batch, boxes=None, labels=None, originals=originals)
    found = _found(detector, looked_at)
    padding = found.valid.int().diff(dim=1)
    expect((padding <= 0).all(), "valid detections come after padding: expected padding last")
    for row, (height, width) in enumerate(originals.tolist()):
        kept = found.valid[row]
        boxes, scores, labels = (v[row][kept] for v in (found.boxes, found.scores, found.labels))
        corners, far = boxes.reshape(-1, 2, 2), boxes.new_tensor([width, height])
        expect(
            ((corners >= 0) & (corners <= far + 1e-3)).all(),
            f"boxes lie outside of their {width} x {height} image: expected pixels of the original",
        )
        expect((scores.diff() <= 0).all(), "scores are not descending: expected the best first")
        expect(
            ((labels >= 0) & (labels < CLASSES)).all(),
            f"labels are {labels.unique().tolist()}: expected 0 to {CLASSES - 1}",
        )
        own = found.probs[row][kept].gather(1, labels[:, None])[:, 0]
        expect(
            _close(own, scores), "a score is not the probability of its label: expected it to be"
        )


def looks_at_each_image_alone(detector: Any, batch: "Batch") -> None:
    """The same predictions for an image whatever it is batched with."""
    whole = detector(batch)
    for row, part in enumerate(batch.split(len(batch))):
        for name, many, one in zip(
            ("class logits", "box deltas"), whole, detector(part), strict=False
        ):
            expect(
                _close(many[row], one[0]),
                f"{name} depend on the other images of a batch: expected them not to",
            )


def makes_towers(detector: Any, batch: "Batch") -> None:
    """Another class tower: the same shapes, other weights."""
    own, new = detector.class_tower.state_dict(), detector.new_class_tower().state_dict()
    expect(
        {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in new.items()},
        "new_class_tower has other parameters than class_tower: expected the same names and shapes",
    )
    expect(
        any(not value.equal(new[name]) for name, value in own.items()),
        "new_class_tower has the weights of class_tower: expected freshly drawn ones",
    )
    levels = detector.features(batch).levels
    wide = detector.new_class_tower(channels=7)(levels).shape
    expect(wide[2:] == (7,), f"new_class_tower(channels=7) gives {tuple(wide)}: expected [B, A, 7]")


def _found(detector: Any, batch: "Batch") -> Any:
    """Detections, with the threshold lowered so that there are some."""
    usual = detector.postprocess
    detector.postprocess = replace(usual, score_threshold=0.0)
    try:
        return detector.detect(*detector(batch), batch)
    finally:
        detector.postprocess = usual


def _close(one: "Tensor", other: "Tensor") -> bool:
    import torch

    return torch.allclose(one, other, TOLERANCE, TOLERANCE)

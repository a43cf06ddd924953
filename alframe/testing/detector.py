"""The conformance check of a detector."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.seeds import Seeds
from alframe.testing.expect import expect, generators_left_alone
from alframe.testing.rules import Rule, held

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
    - Features depend on the image, the loss on labels and boxes.
    - Unlabelled images have no loss, an error that names them, and detections.
    - Detections lie in their image, best first, padding last, each with the probability that is
      its score.
    - Predictions do not depend on the others in the batch, and move no global generator.
    - A new class tower has the shapes of its own and other weights.

    Args:
        factory: ``factory(num_classes)`` makes the detector.
        side: height and width of the images that it is given, in pixels.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    import torch

    rules = (
        Rule(draws_from_torch),
        Rule(has_shapes, after=(draws_from_torch,)),
        Rule(looks_at_images, after=(has_shapes,)),
        Rule(trains, after=(has_shapes,)),
        Rule(trains_without_objects, after=(trains,)),
        Rule(learns_from_boxes_and_labels, after=(trains,)),
        Rule(knows_unlabelled, after=(has_shapes,)),
        Rule(detects, after=(has_shapes,)),
        Rule(looks_at_each_image_alone, after=(has_shapes,)),
        Rule(makes_towers, after=(has_shapes,)),
        Rule(trains_with_one_class, after=(trains,)),
    )
    with torch.random.fork_rng():
        held(rules, Bench(factory, drawn_batch(side)))


@dataclass(frozen=True)
class Bench:
    """A detector, and the images that it is given.

    Attributes:
        factory: makes the detector.
        batch: labelled images.
    """

    factory: "Callable[[int], nn.Module]"
    batch: "Batch"

    @functools.cached_property
    def detector(self) -> Any:
        """The one that all rules look at."""
        import torch

        torch.manual_seed(0)
        with generators_left_alone("the detector, being made,", torch_too=False):
            return self.factory(CLASSES)

    @contextlib.contextmanager
    def predicting(self) -> Iterator[Any]:
        """The detector as it is used for predictions."""
        import torch

        detector = self.detector.eval()
        with torch.no_grad(), generators_left_alone("the detector, predicting,"):
            yield detector


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


def draws_from_torch(bench: Bench) -> None:
    """The same weights from the same seed."""
    import torch

    one = bench.detector.state_dict()
    torch.manual_seed(0)
    other = bench.factory(CLASSES).state_dict()
    expect(
        all(torch.equal(one[name], other[name]) for name in one),
        "made twice under one torch.manual_seed, the detector has other weights: expected the same",
    )


def has_shapes(bench: Bench) -> None:
    """Anchors, towers and losses, [B, A, ...]."""
    detector, batch = bench.detector, bench.batch
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


def looks_at_images(bench: Bench) -> None:
    """Other features of other images."""
    with bench.predicting() as detector:
        first, *others = detector.features(bench.batch).deepest
    expect(
        any(not first.equal(other) for other in others),
        f"the features of {len(bench.batch)} different images are the same: expected them to "
        "depend on the image",
    )


def trains(bench: Bench) -> None:
    """A finite loss, and a finite gradient for every parameter that is trained."""
    _train(bench.detector, bench.batch)


def _train(detector: Any, batch: "Batch") -> None:
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


def trains_without_objects(bench: Bench) -> None:
    """Images without an object are background, if they are used at all."""
    import torch

    count = len(bench.batch)
    labels = torch.full((count, 2), -1)
    _train(bench.detector, replace(bench.batch, boxes=torch.zeros(count, 2, 4), labels=labels))


def trains_with_one_class(bench: Bench) -> None:
    """A dataset may have no more."""
    labels: Any = bench.batch.labels
    _train(bench.factory(1), replace(bench.batch, labels=labels.clamp(max=0)))


def learns_from_boxes_and_labels(bench: Bench) -> None:
    """Another loss with other classes, and with objects elsewhere."""
    boxes, labels = bench.batch.boxes, bench.batch.labels
    assert boxes is not None
    assert labels is not None
    turned = ((labels + 1) % CLASSES).where(labels >= 0, labels)
    moved = boxes / 2
    own = _loss(bench, bench.batch)
    for what, other in (
        ("labels are", replace(bench.batch, labels=turned)),
        ("boxes are", replace(bench.batch, boxes=moved)),
    ):
        expect(
            _loss(bench, other) != own,
            f"the loss is {own} whatever the {what}: expected it to depend on them",
        )


def _loss(bench: Bench, batch: "Batch") -> float:
    """All losses together, with the same random numbers each time."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        return float(sum(bench.detector.train().loss(batch).values()))


def knows_unlabelled(bench: Bench) -> None:
    """No loss without targets."""
    unlabelled = replace(bench.batch, boxes=None, labels=None)
    try:
        bench.detector.loss(unlabelled)
    except ValueError as error:
        expect(
            "two" in str(error),
            f"the loss of unlabelled images is refused with {str(error)!r}: expected their ids",
        )
        return
    raise AssertionError("unlabelled images have a loss: expected a ValueError that names them")


def detects(bench: Bench) -> None:
    """Boxes, scores and labels in order, in images that were resized."""
    originals = bench.batch.sizes * 2 + bench.batch.sizes.new_tensor([0, 6])
    looked_at = replace(bench.batch, boxes=None, labels=None, originals=originals)
    with bench.predicting() as detector:
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


def looks_at_each_image_alone(bench: Bench) -> None:
    """The same predictions for an image whatever it is batched with."""
    with bench.predicting() as detector:
        whole = detector(bench.batch)
        parts = [detector(part) for part in bench.batch.split(len(bench.batch))]
    for row, part in enumerate(parts):
        for name, many, one in zip(("class logits", "box deltas"), whole, part, strict=False):
            expect(
                _close(many[row], one[0]),
                f"{name} depend on the other images of a batch: expected them not to",
            )


def makes_towers(bench: Bench) -> None:
    """Another class tower: the same shapes, other weights."""
    detector, batch = bench.detector, bench.batch
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

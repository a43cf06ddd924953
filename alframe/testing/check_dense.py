"""The conformance check of a dense detector: what every model is held to, and its towers."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alframe.signal_checks import check_signal
from alframe.testing.check_model import (
    CLASSES,
    RULES,
    ModelUnderTest,
    boxes_are_of_the_original,
    draws_from_torch,
    dummy_batch,
    train,
    trains,
)
from alframe.testing.expect import as_assertion, expect, hold
from alframe.testing.states import close

if TYPE_CHECKING:
    from torch import nn

    from alframe.training.batch import Batch


def check_dense(factory: "Callable[[int], nn.Module]", *, side: int = 64) -> None:
    """Hold a dense detector to its contract (:class:`alframe.detectors.dense.DenseDetector`).

    - All that :func:`~alframe.testing.check_model.check_model` holds a model to.
    - Towers and losses have the shapes that they promise, with one class as well.
    - Losses and all gradients are finite without objects, too.
    - Features depend on the image, the loss on labels and boxes.
    - Detections lie in their image, best first, padding last, each with the probability that is
      its score.
    - A new class tower has the shapes of its own and other weights.

    Args:
        factory: ``factory(num_classes)`` makes the detector.
        side: height and width of the images that it is given, in pixels.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    import torch

    rules = {
        **{rule: after for rule, after in RULES.items() if rule is not boxes_are_of_the_original},
        _has_shapes: (draws_from_torch,),
        _looks_at_images: (_has_shapes,),
        _trains_without_objects: (trains, _has_shapes),
        _learns_from_boxes_and_labels: (trains, _has_shapes),
        _detects: (_has_shapes,),
        _makes_towers: (_has_shapes,),
        _trains_with_one_class: (trains, _has_shapes),
    }
    with torch.random.fork_rng():
        hold(rules, ModelUnderTest(factory, dummy_batch(side)))


def _has_shapes(bench: ModelUnderTest) -> None:
    detector, batch = bench.model, bench.batch
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


def _looks_at_images(bench: ModelUnderTest) -> None:
    with bench.predicting() as detector:
        first, *others = detector.features(bench.batch).deepest
    expect(
        any(not first.equal(other) for other in others),
        f"the features of {len(bench.batch)} different images are the same: expected them to "
        "depend on the image",
    )


def _trains_without_objects(bench: ModelUnderTest) -> None:
    import torch

    count = len(bench.batch)
    labels = torch.full((count, 2), -1)
    train(bench.model, replace(bench.batch, boxes=torch.zeros(count, 2, 4), labels=labels))


def _trains_with_one_class(bench: ModelUnderTest) -> None:
    labels: Any = bench.batch.labels
    train(bench.factory(1), replace(bench.batch, labels=labels.clamp(max=0)))


def _learns_from_boxes_and_labels(bench: ModelUnderTest) -> None:
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


def _loss(bench: ModelUnderTest, batch: "Batch") -> float:
    """All losses together, with the same random numbers each time."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        return float(sum(bench.model.train().loss(batch).values()))


def _detects(bench: ModelUnderTest) -> None:
    originals = bench.batch.sizes * 2 + bench.batch.sizes.new_tensor([0, 6])
    looked_at = replace(bench.batch, boxes=None, labels=None, originals=originals)
    with bench.predicting() as detector:
        found = _found(detector, looked_at)
    with as_assertion():
        check_signal("detections", found)
    for row, (height, width) in enumerate(originals.tolist()):
        kept = found.valid[row]
        boxes, scores, labels = (v[row][kept] for v in (found.boxes, found.scores, found.labels))
        corners, far = boxes.reshape(-1, 2, 2), boxes.new_tensor([width, height])
        expect(
            ((corners >= 0) & (corners <= far + 1e-3)).all(),
            f"boxes lie outside of their {width} x {height} image: expected pixels of the original",
        )
        expect(
            ((labels >= 0) & (labels < CLASSES)).all(),
            f"labels are {labels.unique().tolist()}: expected 0 to {CLASSES - 1}",
        )
        own = found.probs[row][kept].gather(1, labels[:, None])[:, 0]
        expect(close(own, scores), "a score is not the probability of its label: expected it to be")


def _makes_towers(bench: ModelUnderTest) -> None:
    detector, batch = bench.model, bench.batch
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

"""Detections: worked by hand, and against a loop over images, levels and classes."""

import pytest
import torch
from torchvision.ops import nms

from alframe.detectors.anchors import Anchors
from alframe.detectors.box_ops import decode
from alframe.detectors.postprocess import Pairs, PostProcess, detect, strongest
from alframe.errors import ConfigError
from alframe.training.batch import Batch


def batch_of(sizes, originals=None):
    sizes = torch.tensor(sizes)
    originals = sizes if originals is None else torch.tensor(originals)
    height, width = sizes.amax(dim=0).tolist()
    images = torch.zeros(len(sizes), 3, height, width, dtype=torch.uint8)
    return Batch(tuple(str(i) for i in range(len(sizes))), images, sizes, originals)


def crowd(seed=0, images=3, per_level=(120, 40), classes=4):
    """Probabilities and deltas of overlapping boxes; the last image is nearly empty."""
    generator = torch.Generator().manual_seed(seed)
    count = sum(per_level)
    centre = torch.randint(0, 6, (count, 2), generator=generator) * 30.0
    side = 20 + 20 * torch.rand(count, 2, generator=generator)
    anchors = Anchors(torch.cat([centre - side / 2, centre + side / 2], dim=1), per_level)
    probs = torch.rand(images, count, classes, generator=generator) ** 3
    probs[-1] *= 0.06
    deltas = 0.2 * torch.randn(images, count, 4, generator=generator)
    return probs, deltas, anchors


def slow_detect(probs, deltas, anchors, size, options):
    """One image by loops: rows of (box, score, label, probabilities), best first."""
    candidates, first = [], 0
    for count in anchors.per_level:
        rows = torch.arange(first, first + count)
        first += count
        if options.candidates == "anchors":
            best = probs[rows].amax(dim=1).argsort(descending=True)[: options.per_level]
            pairs = [(a, c) for a in rows[best].tolist() for c in range(probs.shape[1])]
        else:
            pairs = [(a, c) for a in rows.tolist() for c in range(probs.shape[1])]
            pairs = sorted(pairs, key=lambda pair: -probs[pair])[: options.per_level]
        candidates += [pair for pair in pairs if probs[pair] > options.score_threshold]
    found = []
    for label in range(probs.shape[1]):
        rows = [a for a, c in candidates if c == label]
        if not rows:
            continue
        boxes = decode(deltas[rows], anchors.boxes[rows]).clamp(min=0)
        boxes = torch.minimum(boxes, torch.tensor([size[1], size[0]] * 2))
        kept = nms(boxes, probs[rows, label], options.nms_iou).tolist()
        found += [(boxes[i], probs[rows[i], label].item(), label, probs[rows[i]]) for i in kept]
    return sorted(found, key=lambda each: -each[1])[: options.max_detections]


OPTIONS = [
    PostProcess(),
    PostProcess(per_level=15, max_detections=20),
    PostProcess(candidates="pairs"),
    PostProcess(candidates="pairs", per_level=30, nms_iou=0.3),
    PostProcess(per_level=None, score_threshold=0.3),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_equals_a_loop_over_images_levels_and_classes(options):
    probs, deltas, anchors = crowd()
    sizes = [(150, 160), (100, 90), (150, 160)]
    found = detect(probs, deltas, anchors, batch_of(sizes), exclusive=False, options=options)
    for i, size in enumerate(sizes):
        expected = slow_detect(probs[i], deltas[i], anchors, size, options)
        valid = found.valid[i]
        assert valid.sum() == len(expected)
        assert (valid.int().diff() <= 0).all()  # padding comes last
        if expected:
            boxes, scores, labels, rows = zip(*expected, strict=True)
            torch.testing.assert_close(found.boxes[i][valid], torch.stack(boxes))
            assert found.scores[i][valid].tolist() == pytest.approx(scores)
            assert found.labels[i][valid].tolist() == list(labels)
            assert torch.equal(found.probs[i][valid], torch.stack(rows))


def one_image(boxes, probs, exclusive=False, size=(100, 100), original=None, **options):
    """Detections of one image whose anchors are the boxes."""
    anchors = Anchors(torch.tensor(boxes, dtype=torch.float32), (len(boxes),))
    batch = batch_of([size], [original or size])
    found = detect(
        torch.tensor([probs]),
        torch.zeros(1, len(boxes), 4),
        anchors,
        batch,
        exclusive=exclusive,
        options=PostProcess(**options),
    )
    kept = found.valid[0]
    return found.boxes[0][kept].tolist(), found.labels[0][kept].tolist(), found


SAME = [[0, 0, 10, 10], [0, 0, 10, 9]]


def test_suppression_is_within_a_class():
    boxes, labels, _ = one_image(SAME, [[0.9, 0.1], [0.8, 0.7]])
    assert boxes == [[0, 0, 10, 10], [0, 0, 10, 9]]
    assert labels == [0, 1]


def test_one_anchor_may_be_several_detections_and_keeps_all_its_probabilities():
    boxes, labels, found = one_image(SAME[:1], [[0.6, 0.7, 0.01]])
    assert boxes == SAME[:1] * 2
    assert labels == [1, 0]
    torch.testing.assert_close(found.probs[0, :2], torch.tensor([[0.6, 0.7, 0.01]] * 2))


def test_background_is_no_detection_but_among_the_probabilities():
    _, labels, found = one_image(SAME[:1], [[0.2, 0.1, 0.7]], exclusive=True)
    assert labels == [0, 1]
    assert found.exclusive
    assert found.probs.shape[-1] == 3


def test_boxes_are_clipped_then_scaled_to_the_original_by_axis():
    boxes, _, _ = one_image([[-5, 10, 60, 90]], [[0.9]], size=(80, 50), original=(160, 500))
    assert boxes == [[0, 20, 500, 160]]


def test_nothing_found():
    boxes, labels, found = one_image(SAME, [[0.05, 0.01], [0.0, 0.02]])
    assert boxes == labels == []
    assert found.boxes.shape == (1, 4, 4)
    assert torch.isfinite(found.boxes).all()


def test_what_is_not_a_number_is_not_taken_for_nothing():
    apart = [[0, 0, 10, 10], [20, 0, 30, 10]]
    boxes, _, found = one_image(apart, [[float("nan")], [0.9]])
    assert boxes == apart
    assert found.scores[0, :2].isnan().tolist() == [True, False]


def test_no_more_of_an_image_than_the_best_pairs_are_looked_at():
    apart = [[0, 0, 10, 10], [20, 0, 30, 10]]
    assert one_image(apart, [[0.8], [0.9]])[0] == apart[::-1]
    assert one_image(apart, [[0.8], [0.9]], per_image=1)[0] == apart[1:]


def test_a_box_with_a_side_that_is_too_short_is_none():
    boxes = torch.tensor([[[0, 0, 100, 0.001], [0, 50, 100, 51]]])
    rows, probs = torch.tensor([[0, 1]]), torch.tensor([[[0.9], [0.8]]])
    pairs = Pairs(probs[..., 0], rows, torch.zeros_like(rows))
    batch, options = batch_of([(100, 100)]), PostProcess()
    for least, valid in ((0.0, [True, True]), (0.01, [True, False])):
        found, _ = strongest(
            boxes, pairs, probs, batch, exclusive=False, options=options, least_side=least
        )
        assert found.valid[0].tolist() == valid
    assert found.boxes[0, 0].tolist() == [0, 50, 100, 51]


def test_shapes_do_not_depend_on_what_is_found():
    shapes = {one_image(SAME, [[p] * 2] * 2, max_detections=3)[2].boxes.shape for p in (0.0, 0.9)}
    assert shapes == {(1, 3, 4)}


def test_images_do_not_influence_each_other():
    probs, deltas, anchors = crowd()
    whole = detect(probs, deltas, anchors, batch_of([(150, 160)] * 3), exclusive=False)
    for i in range(3):
        part = slice(i, i + 1)
        alone = detect(probs[part], deltas[part], anchors, batch_of([(150, 160)]), exclusive=False)
        for name in ("boxes", "scores", "labels", "valid", "probs"):
            assert torch.equal(getattr(whole, name)[part], getattr(alone, name))


def test_unknown_rule():
    with pytest.raises(ConfigError, match=r"candidates: expected one of .*'pairs'.* got 'boxes'"):
        PostProcess(candidates="boxes")

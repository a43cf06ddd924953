"""Matching: worked by hand, and against loops over images and objects."""

import pytest
import torch
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou as stock_iou

from alframe.detectors.box_ops import box_iou, clip_boxes, decode, encode, rescale_boxes
from alframe.detectors.matching import BACKGROUND, LEFT_OUT, Matching, match
from alframe.errors import ConfigError


def random_boxes(generator, *shape, extent=100):
    """Boxes with corners on a coarse lattice, so that ties of IoU are common."""
    corner = torch.randint(0, extent // 4, (*shape, 2), generator=generator) * 4.0
    side = torch.randint(1, extent // 8, (*shape, 2), generator=generator) * 4.0
    return torch.cat([corner, corner + side], dim=-1)


def scene(seed, images=3, objects=6, anchors=400):
    """Padded objects and anchors; the first image has none, the last has all rows."""
    generator = torch.Generator().manual_seed(seed)
    boxes = random_boxes(generator, images, objects)
    labels = torch.randint(0, 4, (images, objects), generator=generator)
    for row in range(images):
        labels[row, row * objects // max(images - 1, 1) :] = -1
    boxes[labels < 0] = 0
    return random_boxes(generator, anchors), boxes, labels


def slow_match(anchors, boxes, rule):
    """mmdet's MaxIoUAssigner on one image without padding: a loop over its objects."""
    index = torch.full((len(anchors),), LEFT_OUT)
    if not len(boxes):
        return index.fill_(BACKGROUND)
    overlaps = stock_iou(boxes, anchors)
    best, own = overlaps.max(dim=0)
    index[best < rule.negative] = BACKGROUND
    index[best >= rule.positive] = own[best >= rule.positive]
    for row, overlap in enumerate(overlaps):
        if overlap.max() > 0 and rule.claim == "ties":
            index[overlap == overlap.max()] = row
        if overlap.max() > 0 and rule.claim == "one":
            index[overlap.argmax()] = row
    return index


@pytest.mark.parametrize("claim", ["ties", "one", "none"])
@pytest.mark.parametrize("seed", range(5))
def test_equals_a_loop_over_images_and_objects(seed, claim):
    anchors, boxes, labels = scene(seed)
    rule = Matching(claim=claim)
    found = match(anchors, boxes, labels, rule)
    for i in range(len(boxes)):
        real = labels[i] >= 0
        expected = slow_match(anchors, boxes[i][real], rule)
        assert torch.equal(found.index[i], expected)
        positive = expected >= 0
        assert torch.equal(found.labels[i][positive], labels[i][expected[positive]])
        assert torch.equal(found.labels[i][~positive], expected[~positive])
        assert torch.equal(found.boxes[i][positive], boxes[i][expected[positive]])
        assert torch.equal(found.boxes[i][~positive], anchors[~positive])
        assert found.positives[i] == positive.sum()


@pytest.mark.parametrize("seed", range(5))
def test_own_equals_torchvision(seed):
    anchors, boxes, labels = scene(seed, images=2)
    stock = Matcher(0.5, 0.4, allow_low_quality_matches=True)
    expected = stock(stock_iou(boxes[1], anchors))
    assert torch.equal(match(anchors, boxes, labels, Matching(claim="own")).index[1], expected)


ANCHORS = torch.tensor(
    [[0.0, 0, 10, 10], [0, 0, 10, 5], [20, 0, 30, 10], [50, 50, 60, 60], [0, 0, 10, 4.5]]
)
RULE = Matching()


def index_of(boxes, rule=RULE, anchors=ANCHORS):
    boxes = torch.tensor(boxes, dtype=torch.float32).view(1, -1, 4)
    labels = torch.zeros(boxes.shape[:2], dtype=torch.int64)
    return match(anchors, boxes, labels, rule).index[0].tolist()


def test_thresholds_are_inclusive_for_positives_and_exclusive_for_background():
    # IoU 1, 0.5, 0, 0, 0.45
    assert index_of([0, 0, 10, 10]) == [0, 0, BACKGROUND, BACKGROUND, LEFT_OUT]
    at_negative = Matching(positive=0.6, negative=0.5)
    assert index_of([0, 0, 10, 10], at_negative)[1] == LEFT_OUT


def test_every_tie_is_claimed_and_the_later_object_wins():
    anchors = torch.tensor([[0.0, 0, 10, 10], [10, 0, 20, 10]])
    across = [5, 0, 15, 10]  # IoU 1/3 with both
    assert index_of(across, anchors=anchors) == [0, 0]
    assert index_of([across, across], anchors=anchors) == [1, 1]
    assert index_of([across, across], Matching(claim="own"), anchors) == [0, 0]
    assert index_of([across, across], Matching(claim="one"), anchors) == [1, BACKGROUND]
    assert index_of(across, Matching(claim="none"), anchors) == [BACKGROUND, BACKGROUND]


def test_a_later_claim_beats_a_better_overlap():
    # Object 1 has no better anchor than the one that object 0 fits exactly.
    boxes = [[0, 0, 10, 10], [0, 0, 100, 100]]
    assert index_of(boxes, anchors=ANCHORS[:1]) == [1]
    assert index_of(boxes, Matching(claim="own"), ANCHORS[:1]) == [0]


@pytest.mark.parametrize("claim", ["ties", "own", "one"])
@pytest.mark.parametrize("box", [[200, 200, 220, 220], [5, 5, 5, 5], [0, 0, 0, 0]])
def test_what_no_anchor_overlaps_claims_nothing(box, claim):
    assert index_of(box, Matching(claim=claim)) == [BACKGROUND] * len(ANCHORS)


def test_padding_claims_nothing_wherever_it_lies():
    boxes = torch.tensor([[[20.0, 0, 30, 10], [0, 0, 10, 10]]])
    found = match(ANCHORS, boxes, torch.tensor([[2, -1]]))
    assert found.labels[0].tolist() == [BACKGROUND, BACKGROUND, 2, BACKGROUND, BACKGROUND]


def test_no_objects_at_all():
    found = match(ANCHORS, torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64))
    assert found.labels.dtype == torch.int64
    assert (found.labels == BACKGROUND).all()
    assert torch.equal(found.boxes[1], ANCHORS)
    assert found.positives.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"claim": "all"}, "claim: expected one of .*'ties'.*, got 'all'"),
        ({"positive": 0.3}, "0 < negative <= positive <= 1, got 0.3 and 0.4"),
    ],
)
def test_senseless_rules(rule, message):
    with pytest.raises(ConfigError, match=message):
        Matching(**rule)


def test_iou_equals_torchvision_exactly():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 5, 4, generator=generator), torch.rand(7, 4, generator=generator)
    first[..., 2:] += first[..., :2]
    second[..., 2:] += second[..., :2]
    found = box_iou(first, second)
    for i in range(2):
        assert torch.equal(found[i], stock_iou(first[i], second))
    assert box_iou(torch.zeros(1, 4), torch.zeros(1, 4)).tolist() == [[0.0]]


def test_coding_worked_by_hand():
    anchor, box = torch.tensor([[0.0, 0, 10, 20]]), torch.tensor([[5.0, 0, 25, 10]])
    expected = torch.tensor([[1.0, -0.25, 0.6931472, -0.6931472]])
    torch.testing.assert_close(encode(box, anchor), expected)
    stds = (0.1, 0.1, 0.2, 0.2)
    torch.testing.assert_close(encode(box, anchor, stds), expected / torch.tensor(stds))
    torch.testing.assert_close(decode(encode(box, anchor, stds), anchor, stds), box)


def test_decoding_bounds_the_sides():
    found = decode(torch.tensor([[0.0, 0, 99, -99]]), torch.tensor([[0.0, 0, 16, 1000]]))
    torch.testing.assert_close(found, torch.tensor([[8 - 500.0, 492, 8 + 500, 508]]))


def test_clipping_and_scaling_are_per_image_and_axis():
    boxes = torch.tensor([[[-5.0, 2, 30, 40]], [[-5.0, 2, 30, 40]]])
    sizes, originals = torch.tensor([[20, 10], [50, 50]]), torch.tensor([[40, 10], [25, 100]])
    clipped = clip_boxes(boxes, sizes)
    assert clipped.tolist() == [[[0, 2, 10, 20]], [[0, 2, 30, 40]]]
    assert rescale_boxes(clipped, sizes, originals).tolist() == [[[0, 4, 10, 40]], [[0, 1, 60, 20]]]

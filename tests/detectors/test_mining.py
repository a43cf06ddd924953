"""Hard-negative mining: worked by hand, and against a loop over images."""

import math

import pytest
import torch
import torch.nn.functional as F

from alframe.detectors.losses import mined_cross_entropy
from alframe.detectors.matching import BACKGROUND, LEFT_OUT


def random_case(seed, images=4, anchors=60, classes=5):
    """Image 0 has no positives, image 1 more than a quarter of them, image 2 nothing else."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, anchors, classes, generator=generator)
    labels = torch.randint(LEFT_OUT, 1, (images, anchors), generator=generator)
    labels[labels == 0] = torch.randint(0, classes - 1, labels.shape, generator=generator)[
        labels == 0
    ]
    labels[0, labels[0] >= 0] = BACKGROUND
    labels[2] = 1
    labels[3, 5:] = BACKGROUND
    return logits, labels


def slow(logits, labels, negatives):
    """mmdet's SSDHead on one image after the other."""
    background, sums = logits.shape[-1] - 1, []
    for scores, label in zip(logits, labels, strict=True):
        positive, negative = label >= 0, label == BACKGROUND
        easy = F.cross_entropy(scores[negative], label[negative] * 0 + background, reduction="none")
        count = min(int(negatives * positive.sum()), len(easy))
        hard = easy.topk(count).values.sum()
        sums.append(F.cross_entropy(scores[positive], label[positive], reduction="sum") + hard)
    return torch.stack(sums)


@pytest.mark.parametrize("negatives", [0.0, 1.0, 3.0, 100.0])
@pytest.mark.parametrize("seed", range(3))
def test_equals_a_loop_over_images(seed, negatives):
    logits, labels = random_case(seed)
    mine, theirs = (logits.clone().requires_grad_(True) for _ in range(2))
    found, expected = mined_cross_entropy(mine, labels, negatives), slow(theirs, labels, negatives)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    found.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


def test_worked_by_hand():
    # Probabilities of background: 1/2, 1/4, 3/4; the positive anchor has 1/4 for its class.
    logits = torch.tensor(
        [[[0.0, 0.0], [math.log(3), 0.0], [0.0, math.log(3)], [0.0, math.log(3)]]]
    )
    labels = torch.tensor([[BACKGROUND, BACKGROUND, BACKGROUND, 0]])
    one = mined_cross_entropy(logits, labels, negatives=1)
    assert one.item() == pytest.approx(math.log(4) + math.log(4), rel=1e-6)
    two = mined_cross_entropy(logits, labels, negatives=2)
    assert two.item() == pytest.approx(2 * math.log(4) + math.log(2), rel=1e-6)


def test_only_what_was_mined_has_a_gradient():
    logits, labels = random_case(0)
    logits.requires_grad_(True)
    mined_cross_entropy(logits, labels, 3).sum().backward()
    moved = (logits.grad != 0).any(dim=-1)
    assert not moved[0].any(), "no positives, no negatives"
    assert not moved[labels == LEFT_OUT].any()
    assert moved[labels >= 0].all()
    assert moved[3].sum() == 4 * (labels[3] >= 0).sum()


def test_extreme_logits_are_finite():
    logits = torch.tensor([[[90.0, -90.0], [-90.0, 90.0]]], requires_grad=True)
    loss = mined_cross_entropy(logits, torch.tensor([[BACKGROUND, 0]]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(360)
    assert torch.isfinite(logits.grad).all()


def test_half_precision_is_summed_in_single():
    logits, labels = random_case(0, anchors=2000)
    half = logits.bfloat16()
    assert torch.equal(mined_cross_entropy(half, labels), mined_cross_entropy(half.float(), labels))

"""Losses: worked by hand, against loops, and against the reference's losses and gradients."""

import math

import numpy as np
import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from alframe.detectors.anchors import AnchorGrid, octave_scales, retina_cell
from alframe.detectors.box_ops import encode
from alframe.detectors.losses import box_loss, focal_loss, normalise
from alframe.detectors.matching import BACKGROUND, LEFT_OUT, match
from alframe.detectors.towers import Tower


def random_case(seed=0, images=3, anchors=50, classes=4):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, anchors, classes, generator=generator)
    labels = torch.randint(LEFT_OUT, classes, (images, anchors), generator=generator)
    labels[0] = BACKGROUND
    return logits, labels


def test_focal_loss_worked_by_hand():
    logits = torch.tensor([[[math.log(3), 0.0]]])  # probabilities 3/4 and 1/2
    label = torch.tensor([[0]])
    expected = 0.25 * (1 / 4) ** 2 * math.log(4 / 3) + 0.75 * (1 / 2) ** 2 * math.log(2)
    assert focal_loss(logits, label).item() == pytest.approx(expected, rel=1e-6)
    cross_entropy = 0.5 * (math.log(4 / 3) + math.log(2))
    found = focal_loss(logits, label, alpha=0.5, gamma=0)
    assert found.item() == pytest.approx(cross_entropy, rel=1e-6)


def test_focal_loss_equals_torchvision_image_by_image():
    logits, labels = random_case()
    found = focal_loss(logits, labels)
    for i in range(len(logits)):
        counts = labels[i] != LEFT_OUT
        target = torch.zeros_like(logits[i])
        positive = labels[i] >= 0
        target[positive, labels[i][positive]] = 1
        expected = sigmoid_focal_loss(logits[i][counts], target[counts], reduction="sum")
        torch.testing.assert_close(found[i], expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("gamma", [0, 0.25, 0.5, 1, 1.5, 2])
def test_focal_loss_of_sure_anchors_has_a_gradient_of_nothing(gamma):
    logits = torch.tensor([[[-120.0], [-95.0], [120.0]]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([[BACKGROUND, BACKGROUND, 0]]), gamma=gamma)
    loss.sum().backward()
    assert loss.item() < 1e-40
    assert logits.grad.abs().max() < 1e-30


def test_focal_loss_of_extreme_logits_is_finite():
    logits = torch.tensor([[[80.0], [-80.0], [80.0], [-80.0]]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([[0, 0, BACKGROUND, BACKGROUND]]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(0.25 * 80 + 0.75 * 80, rel=1e-6)
    assert torch.isfinite(logits.grad).all()


def test_ignored_anchors_have_no_gradient():
    logits, labels = random_case()
    logits.requires_grad_(True)
    focal_loss(logits, labels).sum().backward()
    assert (logits.grad[labels == LEFT_OUT] == 0).all()
    assert (logits.grad[labels != LEFT_OUT] != 0).all()


def test_half_precision_is_summed_in_single():
    logits, labels = random_case(anchors=2000)
    half = logits.bfloat16()
    assert torch.equal(focal_loss(half, labels), focal_loss(half.float(), labels))


@pytest.mark.parametrize(
    ("beta", "expected"), [(0.0, 0.5 + 2.0), (1.0, 0.5 * 0.5**2 + 2 - 0.5), (4.0, 0.25 / 8 + 4 / 8)]
)
def test_box_loss_worked_by_hand(beta, expected):
    deltas = torch.tensor([[[0.5, -2.0, 0, 0], [9.0, 9, 9, 9]]])
    found = box_loss(deltas, torch.zeros(1, 2, 4), torch.tensor([[True, False]]), beta)
    assert found.tolist() == pytest.approx([expected])


def test_normalisers():
    sums, positives = torch.tensor([6.0, 1.0]), torch.tensor([3, 0])
    assert normalise(sums, positives, "batch").item() == 7 / 4
    assert normalise(sums, positives, "image").item() == (6 / 3 + 1 / 1) / 2


class Reference:
    """The head of MI-AOD's code, its inputs and what it made of them."""

    def __init__(self, path):
        self.values = np.load(path)
        self.levels = [self["feat/" + str(i)].requires_grad_(True) for i in range(5)]
        self.towers = {
            name: self.tower(name, channels) for name, channels in (("1", 5), ("2", 5), ("r", 4))
        }

    def __getitem__(self, key):
        return torch.from_numpy(self.values[key])

    def tower(self, name, channels):
        tower = Tower(8, 2, 9, channels)
        places = {"convs.0.0": f"f_{name}_convs.0.conv", "convs.1.0": f"f_{name}_convs.1.conv"}
        places["output"] = f"f_{name}_retina"
        self.names = {**getattr(self, "names", {}), name: places}
        state = {
            f"{ours}.{kind}": self[f"param/{theirs}.{kind}"]
            for ours, theirs in places.items()
            for kind in ("weight", "bias")
        }
        tower.load_state_dict(state)
        return tower

    def model_losses(self):
        strides = (8, 16, 32, 64, 128)
        cells = tuple(retina_cell(4 * s, octave_scales(3), (0.5, 1.0, 2.0)) for s in strides)
        shapes = [level.shape[2:] for level in self.levels]
        anchors = AnchorGrid(cells, strides).at(shapes, torch.device("cpu")).boxes
        assigned = match(anchors, *self.objects())
        targets = encode(assigned.boxes, anchors)
        classes = [focal_loss(self.towers[k](self.levels), assigned.labels) for k in "12"]
        boxes = box_loss(self.towers["r"](self.levels), targets, assigned.positive)
        means = [normalise(sums, assigned.positives) for sums in (*classes, boxes)]
        return (means[0] + means[1]) / 2, means[2]

    def objects(self):
        boxes, labels = torch.zeros(2, 3, 4), torch.full((2, 3), -1)
        for b in range(2):
            found = self[f"gt_boxes/{b}"]
            boxes[b, : len(found)] = found
            labels[b, : len(found)] = self[f"gt_labels/{b}"]
        return boxes, labels


@pytest.fixture(params=["dev_retina", "dev_retina_confident"])
def reference(request, shared_golden):
    return Reference(shared_golden / f"{request.param}.npz")


@pytest.mark.parametrize("phase", ["label", "min", "max"])
def test_reference_losses(reference, phase):
    found = reference.model_losses()
    for name, value in zip(("l_det_cls", "l_det_loc"), found, strict=True):
        expected = reference.values[f"loss/{phase}/labelled/{name}"]
        assert value.item() == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("phase", ["label", "max"])
def test_reference_gradients(reference, phase):
    """Detection alone reaches f1, f2 and fr; in the max phase it alone reaches the features."""
    sum(reference.model_losses()).backward()
    for name, tower in reference.towers.items():
        for key, parameter in tower.named_parameters():
            place, _, kind = key.rpartition(".")
            theirs = f"grad/{phase}/labelled/{reference.names[name][place]}.{kind}"
            close(parameter.grad, reference[theirs])
    for i, level in enumerate(reference.levels if phase == "max" else []):
        close(level.grad, reference[f"grad/max/labelled/feat/{i}"])


def close(found, expected):
    """To 1e-4 of the largest entry: single entries may be sums that nearly cancel."""
    atol = 1e-4 * expected.abs().max().item()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=atol)

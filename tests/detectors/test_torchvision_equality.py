"""Configured as torchvision's RetinaNet or SSD and given its weights, ours does what it does."""

from copy import deepcopy
from typing import Any, NamedTuple

import pytest
import torch
from torchvision.models.detection import retinanet_resnet50_fpn, ssd300_vgg16

from alframe.benchmarks.speed.torchvision_weights import (
    RETINANET_OPTIONS,
    SSD_OPTIONS,
    from_torchvision_retinanet,
    from_torchvision_ssd,
)
from alframe.detectors.retinanet import RetinaNet
from alframe.detectors.ssd import SSD
from alframe.training.batch import Batch

CLASSES = 5
SIDES = (256, 384)  # multiples of 128: torchvision's anchors are then spaced by the strides
LIKE_RETINANET = {
    **RETINANET_OPTIONS,
    "backbone": "resnet50.tv_in1k",
    "weights": "none",
    "frozen_stages": -1,
    "norm_eval": False,
    "candidates_per_image": 5000,
}
LIKE_SSD = {
    **SSD_OPTIONS,
    "weights": "none",
    "score_threshold": 0.2,  # in place of 400 candidates a class: so few are above it
    "candidates_per_image": 5000,
}


class Pair(NamedTuple):
    """Torchvision's detector and ours, what they are shown, and how many detections there are."""

    stock: Any
    ours: Any
    batch: Batch
    first_label: int
    detections: tuple[int, int]


def retinanets() -> Pair:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stock = retinanet_resnet50_fpn(
            weights=None,
            weights_backbone=None,
            num_classes=CLASSES,
            min_size=SIDES[0],
            max_size=SIDES[1],
        )
    with torch.no_grad():  # confident enough for some detections, varied enough to rank them
        stock.head.classification_head.cls_logits.bias.fill_(-3)
        stock.head.classification_head.cls_logits.weight.mul_(60)
        stock.head.regression_head.bbox_reg.weight.mul_(4)
    batch = noise(SIDES, [200.0, 30.0, 380.0, 250.0])
    with torch.no_grad():  # statistics of BatchNorm, without which maps grow from layer to layer
        stock.train()([image / 255 for image in batch.images], targets_of(batch, 0))
    ours = RetinaNet(CLASSES, **LIKE_RETINANET)
    ours.load_state_dict(from_torchvision_retinanet(stock.state_dict()))
    return Pair(stock, ours, batch, 0, (51, 300))


def ssds() -> Pair:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stock = ssd300_vgg16(
            weights=None,
            weights_backbone=None,
            num_classes=CLASSES + 1,
            score_thresh=LIKE_SSD["score_threshold"],
        )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # every class somewhere, and most anchors background
        for conv in stock.head.classification_head.module_list:
            conv.weight.mul_(0.4)
            conv.bias.copy_(0.3 * torch.randn(conv.bias.shape, generator=generator))
            conv.bias.view(-1, CLASSES + 1)[:, 0] += 6
    ours = SSD(CLASSES, **LIKE_SSD)
    ours.load_state_dict(from_torchvision_ssd(stock.state_dict()))
    return Pair(stock, ours, noise((300, 300), [100.0, 30.0, 290.0, 250.0]), 1, (21, 200))


def noise(sides: tuple[int, int], large: list[float]) -> Batch:
    generator = torch.Generator().manual_seed(1)
    sizes = torch.tensor([sides, sides])
    none = [0.0, 0.0, 0.0, 0.0]
    return Batch(
        ids=("a", "b"),
        images=torch.randint(0, 256, (2, 3, *sides), generator=generator, dtype=torch.uint8),
        sizes=sizes,
        originals=sizes,
        boxes=torch.tensor(
            [
                [[10.0, 20.0, 90.0, 120.0], large, [40.0, 60.0, 75.0, 90.0]],
                [[100.0, 100.0, 140.0, 130.0], none, none],
            ]
        ),
        labels=torch.tensor([[0, 3, 1], [4, -1, -1]]),
    )


def targets_of(batch, first_label):
    """Annotations as torchvision takes them."""
    return [
        {"boxes": boxes[labels >= 0], "labels": labels[labels >= 0] + first_label}
        for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
    ]


@pytest.fixture(params=[retinanets, ssds], scope="module")
def untouched(request):
    return request.param()


@pytest.fixture
def pair(untouched):
    return deepcopy(untouched)


def test_losses_are_equal(pair):
    batch = pair.batch
    images = [image / 255 for image in batch.images]
    with torch.no_grad():
        expected = pair.stock.eval().train()(images, targets_of(batch, pair.first_label))
        found = pair.ours.train().loss(batch)
    torch.testing.assert_close(found["cls"], expected["classification"], rtol=1e-5, atol=0)
    torch.testing.assert_close(found["box"], expected["bbox_regression"], rtol=1e-5, atol=0)


def test_detections_are_equal(pair):
    stock, ours, batch = pair.stock.eval(), pair.ours.eval(), pair.batch
    least, most = pair.detections
    with torch.no_grad():
        expected = stock([image / 255 for image in batch.images])
        found = ours.detect(*ours(batch), batch)
    for i, image in enumerate(expected):
        valid = found.valid[i]
        assert most >= valid.sum() == len(image["boxes"]) >= least
        # In pixels of 300: processors sum in other orders.
        torch.testing.assert_close(found.boxes[i][valid], image["boxes"], rtol=0, atol=5e-3)
        torch.testing.assert_close(found.scores[i][valid], image["scores"], rtol=0, atol=1e-5)
        assert torch.equal(found.labels[i][valid] + pair.first_label, image["labels"])


def test_every_tensor_has_its_place(pair):
    stock, ours, *_ = pair
    assert sum(p.numel() for p in stock.parameters()) == sum(p.numel() for p in ours.parameters())


@pytest.mark.parametrize(
    ("convert", "model"),
    [
        (from_torchvision_retinanet, "retinanet_resnet50_fpn"),
        (from_torchvision_ssd, "ssd300_vgg16"),
    ],
)
def test_unknown_names_are_refused(convert, model):
    with pytest.raises(KeyError, match=rf"'head.mask.weight' is no weight of .*{model}"):
        convert({"head.mask.weight": torch.zeros(1)})

"""Configured as torchvision's RetinaNet and given its weights, ours does what it does."""

import pytest
import torch
from torchvision.models.detection import retinanet_resnet50_fpn

from alframe.benchmarks.speed.torchvision_weights import (
    RETINANET_OPTIONS,
    from_torchvision_retinanet,
)
from alframe.detectors.retinanet import RetinaNet
from alframe.training.batch import Batch

CLASSES = 5
SIDES = (256, 384)  # multiples of 128: torchvision's anchors are then spaced by the strides
AS_TORCHVISION = {
    **RETINANET_OPTIONS,
    "backbone": "resnet50.tv_in1k",
    "weights": "none",
    "frozen_stages": -1,
    "norm_eval": False,
    "candidates_per_image": 5000,
}


@pytest.fixture(scope="module")
def stock():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = retinanet_resnet50_fpn(
            weights=None,
            weights_backbone=None,
            num_classes=CLASSES,
            min_size=SIDES[0],
            max_size=SIDES[1],
        )
    with torch.no_grad():  # confident enough for some detections, varied enough to rank them
        model.head.classification_head.cls_logits.bias.fill_(-3)
        model.head.classification_head.cls_logits.weight.mul_(60)
        model.head.regression_head.bbox_reg.weight.mul_(4)
    return model


@pytest.fixture(scope="module")
def ours(stock):
    model = RetinaNet(CLASSES, **AS_TORCHVISION)
    model.load_state_dict(from_torchvision_retinanet(stock.state_dict()))
    return model


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(1)
    sizes = torch.tensor([SIDES, SIDES])
    return Batch(
        ids=("a", "b"),
        images=torch.randint(0, 256, (2, 3, *SIDES), generator=generator, dtype=torch.uint8),
        sizes=sizes,
        originals=sizes,
        boxes=torch.tensor(
            [
                [[10.0, 20.0, 90.0, 120.0], [200.0, 30.0, 380.0, 250.0], [40.0, 60.0, 75.0, 90.0]],
                [[100.0, 100.0, 140.0, 130.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]],
            ]
        ),
        labels=torch.tensor([[0, 3, 1], [4, -1, -1]]),
    )


def test_losses_are_equal(stock, ours, batch):
    images = [image / 255 for image in batch.images]
    targets = [
        {"boxes": boxes[labels >= 0], "labels": labels[labels >= 0]}
        for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
    ]
    with torch.no_grad():
        expected = stock.eval().train()(images, targets)
        found = ours.train().loss(batch)
    torch.testing.assert_close(found["cls"], expected["classification"], rtol=1e-5, atol=0)
    torch.testing.assert_close(found["box"], expected["bbox_regression"], rtol=1e-5, atol=0)


def test_detections_are_equal(stock, ours, batch):
    stock.eval()
    ours.eval()
    with torch.no_grad():
        expected = stock([image / 255 for image in batch.images])
        found = ours.detect(*ours(batch), batch)
    for i, image in enumerate(expected):
        valid = found.valid[i]
        assert valid.sum() == len(image["boxes"]) > 50
        torch.testing.assert_close(found.boxes[i][valid], image["boxes"], rtol=0, atol=1e-3)
        torch.testing.assert_close(found.scores[i][valid], image["scores"], rtol=0, atol=1e-5)
        assert torch.equal(found.labels[i][valid], image["labels"])


def test_unknown_names_are_refused():
    with pytest.raises(KeyError, match=r"'head.mask.weight' is no weight of"):
        from_torchvision_retinanet({"head.mask.weight": torch.zeros(1)})

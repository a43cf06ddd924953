"""Configured as torchvision's SSD and given its weights, ours does what it does."""

import pytest
import torch
from torchvision.models.detection import ssd300_vgg16

from alframe.benchmarks.speed.torchvision_weights import SSD_OPTIONS, from_torchvision_ssd
from alframe.detectors.ssd import SSD
from alframe.training.batch import Batch

CLASSES = 5
AS_TORCHVISION = {
    **SSD_OPTIONS,
    "weights": "none",
    "score_threshold": 0.2,  # in place of 400 candidates a class: so few are above it
    "candidates_per_image": 5000,
}


@pytest.fixture(scope="module")
def stock():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ssd300_vgg16(
            weights=None,
            weights_backbone=None,
            num_classes=CLASSES + 1,
            score_thresh=AS_TORCHVISION["score_threshold"],
        )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # every class somewhere, and most anchors background
        for conv in model.head.classification_head.module_list:
            conv.weight.mul_(0.4)
            conv.bias.copy_(0.3 * torch.randn(conv.bias.shape, generator=generator))
            conv.bias.view(-1, CLASSES + 1)[:, 0] += 6
    return model


@pytest.fixture(scope="module")
def ours(stock):
    model = SSD(CLASSES, **AS_TORCHVISION)
    model.load_state_dict(from_torchvision_ssd(stock.state_dict()))
    return model


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(1)
    sizes = torch.tensor([[300, 300]] * 2)
    return Batch(
        ids=("a", "b"),
        images=torch.randint(0, 256, (2, 3, 300, 300), generator=generator, dtype=torch.uint8),
        sizes=sizes,
        originals=sizes,
        boxes=torch.tensor(
            [
                [[10.0, 20.0, 90.0, 120.0], [100.0, 30.0, 290.0, 250.0], [40.0, 60.0, 75.0, 90.0]],
                [[100.0, 100.0, 140.0, 130.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]],
            ]
        ),
        labels=torch.tensor([[0, 3, 1], [4, -1, -1]]),
    )


def test_losses_are_equal(stock, ours, batch):
    images = [image / 255 for image in batch.images]
    targets = [
        {"boxes": boxes[labels >= 0], "labels": labels[labels >= 0] + 1}
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
        assert 200 >= valid.sum() == len(image["boxes"]) > 20
        torch.testing.assert_close(found.boxes[i][valid], image["boxes"], rtol=0, atol=1e-3)
        torch.testing.assert_close(found.scores[i][valid], image["scores"], rtol=0, atol=1e-5)
        assert torch.equal(found.labels[i][valid] + 1, image["labels"])


def test_every_tensor_has_its_place(stock, ours):
    assert sum(p.numel() for p in stock.parameters()) == sum(p.numel() for p in ours.parameters())
    with pytest.raises(KeyError, match=r"'head.mask.weight' is no weight of .*ssd300_vgg16"):
        from_torchvision_ssd({"head.mask.weight": torch.zeros(1)})

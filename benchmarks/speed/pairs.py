"""Our detectors and torchvision's stock ones, alike in configuration and weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import retinanet_resnet50_fpn, ssd300_vgg16

from alframe.benchmarks.speed.torchvision_weights import (
    RETINANET_OPTIONS,
    SSD_OPTIONS,
    from_torchvision_retinanet,
    from_torchvision_ssd,
)
from alframe.detectors.dense import DenseDetector
from alframe.detectors.retinanet import RetinaNet
from alframe.detectors.ssd import SSD
from alframe.training.batch import Batch
from alframe.training.device import seeded
from alframe.training.placement import placed

CLASSES = 20
UNTRAINED: dict[str, Any] = {"weights": "none", "frozen_stages": -1, "norm_eval": False}
"""Of the backbone, all of which is trained."""


@dataclass(frozen=True)
class Pair:
    """Two detectors that compute the same.

    Attributes:
        ours: in channels-last memory.
        stock: torchvision's, as it is made.
        first_label: of the first class in torchvision's count.
    """

    ours: DenseDetector
    stock: Any
    first_label: int

    def stock_inputs(self, batch: Batch) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
        """Images as floats and targets, as torchvision wants them."""
        assert batch.boxes is not None
        assert batch.labels is not None
        sizes = batch.sizes.tolist()
        images = [
            image[:, :height, :width].float().contiguous() / 255
            for image, (height, width) in zip(batch.images, sizes, strict=True)
        ]
        targets = [
            {"boxes": boxes[labels >= 0], "labels": labels[labels >= 0] + self.first_label}
            for boxes, labels in zip(batch.boxes, batch.labels, strict=True)
        ]
        return images, targets


def retinanets(height: int, width: int, device: torch.device) -> Pair:
    """RetinaNet-R50 for images of one size, all of it trained, its weights random.

    The classifier finds a few hundred to a few thousand candidates an image, as a trained one does.
    """
    with seeded(0, device):
        stock: Any = retinanet_resnet50_fpn(
            weights=None,
            weights_backbone=None,
            num_classes=CLASSES,
            min_size=min(height, width),
            max_size=max(height, width),
        )
    classifier = stock.head.classification_head.cls_logits
    with torch.no_grad():
        classifier.bias.fill_(-6.2)
        classifier.weight.mul_(2.5)
    ours = RetinaNet(CLASSES, **RETINANET_OPTIONS, **UNTRAINED)
    return _pair(ours, stock, from_torchvision_retinanet, 0, device)


def ssds(device: torch.device) -> Pair:
    """SSD300-VGG16, likewise."""
    with seeded(0, device):
        stock: Any = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=CLASSES + 1)
    with torch.no_grad():
        for layer in stock.head.classification_head.module_list:
            layer.weight.mul_(0.23)
            layer.bias.view(-1, CLASSES + 1)[:, 0] += 7  # most anchors are background
    ours = SSD(CLASSES, **SSD_OPTIONS, **UNTRAINED)
    return _pair(ours, stock, from_torchvision_ssd, 1, device)


def _pair(
    ours: DenseDetector,
    stock: nn.Module,
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    first_label: int,
    device: torch.device,
) -> Pair:
    ours.load_state_dict(convert(stock.state_dict()))
    return Pair(placed(ours, device), stock.to(device), first_label)

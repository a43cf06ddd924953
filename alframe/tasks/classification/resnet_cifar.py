"""ResNet-18 for images of 32 pixels."""

from typing import Any

from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from alframe.config.checks import Checks
from alframe.detectors.backbone_weights import load_weights
from alframe.detectors.pixels import PixelRange
from alframe.shaped import Float
from alframe.tasks.classification.classifier import Classifier, ClassifierFeatures
from alframe.tasks.classification.timm_classifier import embedded

CIFAR_PIXELS = PixelRange(mean=(125.3, 123.0, 113.9), std=(63.0, 62.1, 66.7))
"""Mean and deviation of CIFAR-10's pixels."""
STAGES = (1, 2, 4, 8)
"""Widths of the four stages, in those of the first."""


class ResNetCifar(Classifier):
    """ResNet-18 with a stem of one 3x3 convolution of stride 1, and without max pooling.

    He et al. (CVPR 2016), in the form that papers on CIFAR take: maps of 32, 16, 8 and 4 cells.
    Weights are drawn as timm does (Kaiming normal, fan-out).

    Args:
        num_classes: number of classes.
        width: channels of the first stage, 64 in the papers; a quarter of it takes about a
            sixteenth of the time.
        weights: ``"none"`` or the path of a state dict.

    Raises:
        ConfigError: ``width`` is below 1, or weights are unusable.
    """

    def __init__(self, num_classes: int, *, width: int = 64, weights: str = "none") -> None:
        with Checks() as check:
            check.at_least("width", width, 1)
            if weights == "pretrained":
                check.problems.append(
                    "weights: 'resnet18-cifar' has none that are pretrained; say none"
                )
        super().__init__(num_classes, STAGES[-1] * width, CIFAR_PIXELS)
        self.body: Any = _body(width)
        if weights != "none":
            load_weights(self.body, weights)

    def embed(self, images: "Float[Tensor, 'B 3 H W']") -> ClassifierFeatures:
        """The maps of the four stages, and the average of the last."""
        return embedded(self.body, images)


def _body(width: int) -> Any:
    channels = tuple(width * stage for stage in STAGES)
    block: Any = BasicBlock
    body: Any = ResNet(block, (2, 2, 2, 2), num_classes=0, channels=channels, zero_init_last=False)
    # timm's stem has 64 channels, whatever the widths of the stages.
    body.conv1, body.bn1 = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
    body.layer1[0], body.maxpool = BasicBlock(width, width), nn.Identity()
    for conv in (body.conv1, body.layer1[0].conv1, body.layer1[0].conv2):
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return body

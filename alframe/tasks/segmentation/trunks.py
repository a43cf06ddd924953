"""Backbones whose last stages are dilated in place of strided, as torchvision's segmenters have."""

from torch import Tensor, nn
from torchvision.models import MobileNet_V3_Large_Weights, ResNet50_Weights, WeightsEnum, resnet50

from alframe.detectors.backbone_weights import stock_weights, use_weights
from alframe.detectors.backbones import Backbone, build_backbone
from alframe.detectors.mobilenet import MOBILENET, MobileNetBody
from alframe.detectors.pixels import IMAGENET
from alframe.shaped import Float

RESNET = "resnet50"
FINE = 4
"""The first block of MobileNetV3-Large of stride 8; a dilated one's last is of stride 16."""


class DilatedResNet(nn.Module):
    """ResNet-50 whose last two stages are dilated: maps of strides 4, 8, 8 and 8."""

    def __init__(self) -> None:
        super().__init__()
        stock = resnet50(weights=None, replace_stride_with_dilation=[False, True, True])
        for name, module in stock.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, module)

    def forward(self, images: "Float[Tensor, 'B 3 H W']") -> list[Tensor]:
        """The maps of the four stages."""
        maps: list[Tensor] = []
        for name, module in self.named_children():
            images = module(images)
            maps += [images] if name.startswith("layer") else []
        return maps


def segmentation_backbone(name: str, weights: str) -> Backbone:
    """A backbone by name.

    Args:
        name: ``resnet50`` or ``mobilenet_v3_large``, which are torchvision's and dilated; or
            ``tiny`` or a model of timm, which are not.
        weights: ``"none"``, ``"pretrained"`` or the path of a state dict of the classifier.

    Raises:
        ConfigError: an unknown name, or unusable weights.
    """
    if name == RESNET:
        channels: tuple[int, ...] = (256, 512, 1024, 2048)
        strides: tuple[int, ...] = (4, 8, 8, 8)
        body: nn.Module = DilatedResNet()
        published: WeightsEnum = ResNet50_Weights.IMAGENET1K_V1
    elif name == MOBILENET:
        channels, strides = (40, 960), (8, 16)
        body = MobileNetBody(FINE, dilated=True)
        published = MobileNet_V3_Large_Weights.IMAGENET1K_V1
    else:
        return build_backbone(name, weights=weights)
    if given := stock_weights(weights, published, name):
        use_weights(body, *given)
    return Backbone(body, channels, strides, IMAGENET)

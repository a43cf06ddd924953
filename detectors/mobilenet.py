"""MobileNetV3-Large (Howard et al., 2019) as torchvision's Faster R-CNN reads it."""

from typing import Any

from torch import Tensor, nn
from torchvision.models import MobileNet_V3_Large_Weights, mobilenet_v3_large

from alframe.detectors.backbone_weights import stock_weights, use_weights
from alframe.detectors.backbones import Backbone, kept_random
from alframe.detectors.pixels import IMAGENET
from alframe.errors import ConfigError
from alframe.shaped import Float

MOBILENET = "mobilenet_v3_large"
STAGES = (0, 2, 4, 7, 13, 16)
"""The blocks that halve the maps, and the last one."""
CHANNELS, STRIDES = (160, 960), (32, 32)
"""Of the two maps."""


class MobileNetBody(nn.Module):
    """The convolutions; two maps: that of a block, and the last one.

    Args:
        block: its number.
        settings: of torchvision's ``mobilenet_v3_large``.
    """

    def __init__(self, block: int, **settings: Any) -> None:
        super().__init__()
        self.features = mobilenet_v3_large(weights=None, **settings).features
        self._block = block

    def forward(self, images: "Float[Tensor, 'B 3 H W']") -> list[Tensor]:
        """The two maps."""
        first = self.features[: self._block + 1](images)
        return [first, self.features[self._block + 1 :](first)]


def mobilenet_backbone(weights: str, frozen_stages: int, norm_eval: bool) -> Backbone:
    """MobileNetV3-Large with torchvision's weights.

    Args:
        weights: ``"none"``, ``"pretrained"`` (torchvision downloads them) or the path of a state
            dict of torchvision's classifier.
        frozen_stages: freeze the blocks before stage k + 1; -1 freezes nothing.
        norm_eval: keep the statistics of BatchNorm.

    Raises:
        ConfigError: unusable weights, no such stage.
    """
    last = len(STAGES) - 2
    if not -1 <= frozen_stages <= last:
        raise ConfigError(f"frozen_stages: expected -1 to {last}, got {frozen_stages}")
    # BatchNorm's epsilon is that of torchvision's detector, 1e-5; its classifier has 1e-3.
    body = MobileNetBody(STAGES[-2], norm_layer=nn.BatchNorm2d)
    published = MobileNet_V3_Large_Weights.IMAGENET1K_V1
    if given := stock_weights(weights, published, MOBILENET):
        use_weights(body, *given)
    frozen = body.features[: STAGES[frozen_stages + 1]].modules()
    warning = kept_random(MOBILENET, weights, frozen_stages, norm_eval)
    return Backbone(body, CHANNELS, STRIDES, IMAGENET, tuple(frozen), norm_eval, warning)

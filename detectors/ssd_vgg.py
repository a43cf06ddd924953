"""VGG-16 as SSD reads it, with weights of the classifier that it once was."""

import logging
from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn
from torchvision.models.vgg import VGG16_Weights, cfgs, make_layers

from alframe.detectors.backbone_weights import stock_weights, use_weights
from alframe.detectors.backbones import Backbone
from alframe.detectors.pixels import IMAGENET, PixelRange
from alframe.detectors.timm_body import Style
from alframe.detectors.towers import xavier
from alframe.shaped import Float

logger = logging.getLogger(__name__)

VGG = "vgg16"
CONV4_3 = 23
"""Layers up to the ReLU of conv4_3."""
LINEAR = {
    "classifier.0.weight": (4096, 512 * 7 * 7),
    "classifier.0.bias": (4096,),
    "classifier.3.weight": (4096, 4096),
    "classifier.3.bias": (4096,),
}
"""The linear layers that fc6 and fc7 are cut out of, and their shapes."""
PRETRAINED = {
    "pytorch": VGG16_Weights.IMAGENET1K_V1,
    "caffe": VGG16_Weights.IMAGENET1K_FEATURES,
}
PIXELS = {
    "pytorch": IMAGENET,
    "caffe": PixelRange(mean=(255 * 0.48235, 255 * 0.45882, 255 * 0.40784)),
}
"""Both red first: torchvision's file of the original weights is turned round already.

# Deviation: MI-AOD subtracts ImageNet's newer mean, that of ``"pytorch"``, from the original
weights' images too; it differs by less than one level.
"""


class VGGBody(nn.Module):
    """The convolutions of VGG-16; its first two linear layers as convolutions (SSD, section 3).

    Its maps are conv4_3 at stride 8 and fc7 at stride 16. Pools round up; pool5 has stride 1, and
    fc6 is dilated to see as much as before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = make_layers(cfgs["D"], batch_norm=False)[:-1]  # pool5 is another
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                layer.ceil_mode = True
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        self.pool5 = nn.MaxPool2d(3, stride=1, padding=1)
        self.fc6 = nn.Conv2d(512, 1024, 3, padding=6, dilation=6)
        self.fc7 = nn.Conv2d(1024, 1024, 1)
        xavier(self.fc6)
        xavier(self.fc7)

    def forward(self, images: "Float[Tensor, 'B 3 H W']") -> list[Tensor]:
        """The two maps, fine to coarse."""
        conv4_3 = self.features[:CONV4_3](images)
        conv5_3 = self.features[CONV4_3:](conv4_3)
        fc6 = F.relu(self.fc6(self.pool5(conv5_3)))
        return [conv4_3, F.relu(self.fc7(fc6))]


def vgg_backbone(weights: str, style: Style) -> Backbone:
    """VGG-16 with the pixels that its weights expect.

    Args:
        weights: ``"none"``, ``"pretrained"`` (torchvision downloads them) or the path of a state
            dict of torchvision's VGG-16, with its classifier or without.
        style: ``"caffe"`` for the original weights, from which only a mean is subtracted;
            ``"pytorch"`` for those that torchvision trained.

    Raises:
        ConfigError: unusable weights.
    """
    body = VGGBody()
    if given := stock_weights(weights, PRETRAINED[style], VGG):
        load_vgg(body, *given)
    return Backbone(body, (512, 1024), (8, 16), PIXELS[style])


def load_vgg(body: VGGBody, state: Mapping[str, Tensor], source: str) -> None:
    """Give the body the weights of a classifier; what is left of fc6 and fc7 if they are there.

    Raises:
        ConfigError: it does not fit.
    """
    use_weights(nn.ModuleDict({"features": body.features}), state, source)
    linear = [state[key] for key, shape in LINEAR.items() if _usable(state.get(key), shape)]
    if len(linear) < len(LINEAR):
        logger.info("%s has no fc6 and fc7: they start from random values", source)
        return
    fc6, bias6, fc7, bias7 = linear
    kernels = fc6.view(4096, 512, 7, 7)[::4, :, ::3, ::3]  # every 4th output, 3 x 3 of 7 x 7
    body.fc6.load_state_dict({"weight": kernels, "bias": bias6[::4]})
    body.fc7.load_state_dict({"weight": fc7[::4, ::4, None, None], "bias": bias7[::4]})


def _usable(values: Tensor | None, shape: tuple[int, ...]) -> bool:
    """Whether it is there, and not the NaN of IMAGENET1K_FEATURES."""
    if values is None or values.shape != shape:
        return False
    return bool(values.sum(dtype=torch.float32).isfinite())  # without a copy of 400 MB

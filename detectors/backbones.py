"""Backbones: feature maps at several strides, from bytes; partly frozen if asked."""

import logging
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from alframe.config.checks import Checks
from alframe.detectors.backbone_weights import load_weights
from alframe.detectors.pixels import PixelRange, PixelScaling
from alframe.detectors.timm_body import Style, sizes_told, timm_body
from alframe.detectors.towers import group_norm
from alframe.errors import ConfigError
from alframe.shaped import Float, Int, UInt8

logger = logging.getLogger(__name__)

TINY = "tiny"
TINY_PIXELS = PixelRange(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))


class Backbone(nn.Module):
    """A feature extractor together with the pixels it expects and what of it may be trained.

    Args:
        body: images -> maps, fine to coarse.
        channels: of each map.
        strides: of each map, in pixels.
        pixels: the scale of the images.
        frozen: modules that are never trained; their statistics do not change either.
        norm_eval: no BatchNorm changes its statistics; scale and shift are trained.
        warning: what is wrong with training it, said when that begins.
    """

    def __init__(
        self,
        body: nn.Module,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        pixels: PixelRange,
        frozen: tuple[nn.Module, ...] = (),
        norm_eval: bool = False,
        warning: str = "",
    ) -> None:
        super().__init__()
        self.body = body
        self.scaling = PixelScaling(pixels)
        self.channels, self.strides = channels, strides
        self.norm_eval = norm_eval
        self._warning = warning
        self._frozen = frozen  # a tuple: they are registered under body already
        for module in frozen:
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)

    def forward(
        self, images: "UInt8[Tensor, 'B 3 H W']", sizes: "Int[Tensor, 'B 2']"
    ) -> "list[Float[Tensor, 'B F h w']]":
        """Maps of every stride, fine to coarse.

        Args:
            images: RGB, padded at the right and the bottom.
            sizes: height and width of each image without its padding.
        """
        maps: list[Tensor] = sizes_told(self.body, self.body, self.scaling(images, sizes))
        return maps

    def train(self, mode: bool = True) -> "Backbone":
        """As ever, but frozen modules, and BatchNorm under ``norm_eval``, stay in eval mode."""
        super().train(mode)
        if mode and self._warning:
            logger.warning(self._warning)
            self._warning = ""
        for module in self._frozen:
            module.training = False
        if self.norm_eval:
            keep_statistics(self)
        return self


def keep_statistics(network: nn.Module) -> None:
    """Put every BatchNorm in eval mode: its scale and shift are still trained."""
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.training = False


def build_backbone(
    name: str,
    *,
    weights: str = "pretrained",
    style: Style = "pytorch",
    frozen_stages: int = -1,
    norm_eval: bool = False,
) -> Backbone:
    """A backbone by name.

    Args:
        name: ``"tiny"`` or a model of timm.
        weights: ``"none"``, ``"pretrained"`` or the path of a state dict.
        style: see :func:`alframe.detectors.timm_body.timm_body`.
        frozen_stages: freeze everything up to the layer that yields map k of the backbone; -1
            freezes nothing. ResNet: 0 is the stem, 1 the stem and ``layer1``, ...
        norm_eval: keep the statistics of BatchNorm.

    Raises:
        ConfigError: an unknown name or style, unusable weights, no such stage.
    """
    with Checks() as check:
        check.one_of("style", style, ("pytorch", "caffe"))
    if name == TINY:
        return _tiny(weights, style, frozen_stages)
    body, pixels = timm_body(name, weights, style)
    if frozen_stages >= 0 and hasattr(body, "incre_modules"):  # HRNet, whose branches are mixed
        raise ConfigError(
            f"frozen_stages: every map of backbone {name!r} depends on its last layers, too; "
            "expected -1"
        )
    info: Any = body.feature_info
    return Backbone(
        body,
        tuple(info.channels()),
        tuple(info.reduction()),
        pixels,
        tuple(_up_to_stage(body, info.module_name(), frozen_stages)),
        norm_eval,
        kept_random(name, weights, frozen_stages, norm_eval),
    )


def kept_random(name: str, weights: str, frozen_stages: int, norm_eval: bool) -> str:
    """What to say of a backbone of random values, a part of which is not trained."""
    if weights != "none" or (frozen_stages < 0 and not norm_eval):
        return ""
    return (
        f"weights=none with frozen_stages={frozen_stages} and norm_eval={norm_eval} keeps random "
        f"values in backbone {name}; frozen_stages=-1 and norm_eval=false train all of it"
    )


def _tiny(weights: str, style: str, frozen_stages: int) -> Backbone:
    if weights == "pretrained":
        raise ConfigError("weights: backbone 'tiny' has no pretrained weights; say weights=none")
    if style != "pytorch":
        raise ConfigError("style: 'caffe' is for ResNets with bottlenecks, not for 'tiny'")
    body = TinyBody()
    if weights != "none":
        load_weights(body, weights)
    stages = [f"stages.{i}" for i in range(len(WIDTHS))]
    frozen = tuple(_up_to_stage(body, stages, frozen_stages))
    warning = kept_random(TINY, weights, frozen_stages, norm_eval=False)
    return Backbone(body, WIDTHS, (4, 8, 16, 32), TINY_PIXELS, frozen, warning=warning)


def _up_to_stage(body: nn.Module, stages: list[str], last: int) -> Iterator[nn.Module]:
    """Every module before, and in, the one that yields map ``last``."""
    if not -1 <= last < len(stages):
        raise ConfigError(f"frozen_stages: expected -1 to {len(stages) - 1}, got {last}")
    if last == -1:
        return
    flat = {path.replace(".", "_"): path for path, _ in body.named_modules()}
    target = flat.get(stages[last].replace(".", "_"))
    if target is None:
        raise ConfigError(f"frozen_stages: this backbone has no layer {stages[last]!r} of its own")
    reached = False
    for path, module in body.named_modules():
        inside = path == target or path.startswith(f"{target}.")
        if reached and not inside:
            return
        reached = reached or inside
        if path:  # not the body itself
            yield module


WIDTHS = (32, 64, 128, 160)
"""Channels of the four stages, at strides 4, 8, 16 and 32."""


class TinyBody(nn.Module):
    """A stem and four stages of two 3x3 convolutions with GroupNorm, the first of stride 2.

    GroupNorm, as batches are small and weights are learnt from nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, WIDTHS[0] // 2, stride=2)
        inputs = (WIDTHS[0] // 2, *WIDTHS)
        self.stages = nn.ModuleList(
            nn.Sequential(_conv(before, width, stride=2), _conv(width, width))
            for before, width in zip(inputs, WIDTHS, strict=False)
        )

    def forward(self, images: "Float[Tensor, 'B 3 H W']") -> list[Tensor]:
        """The maps of the four stages, fine to coarse."""
        maps = [self.stem(images)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]


def _conv(before: int, width: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(before, width, 3, stride, 1, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, group_norm(width), nn.ReLU(inplace=True))

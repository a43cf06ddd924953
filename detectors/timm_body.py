"""Feature extractors from timm: by name, with weights, in the style of those weights."""

import difflib
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from alframe.detectors.backbone_weights import load_weights
from alframe.detectors.internet import hub_if_reachable
from alframe.detectors.pixels import PixelRange
from alframe.errors import AlframeError, ConfigError
from alframe.shaped import Float
from alframe.training.layer_errors import has_one_value

Style = Literal["pytorch", "caffe"]

CAFFE_PIXELS = PixelRange(mean=(103.939, 116.779, 123.68), bgr=True)
CAFFE_BATCH_NORM_EPS = 1e-3
ANY_SIZE: tuple[dict[str, Any], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False})
"""How timm has a model take images of any size: one way or the other, or not at all."""


def timm_body(name: str, weights: str, style: Style) -> tuple[nn.Module, PixelRange]:
    """A timm model that returns its feature maps, and the pixels it expects.

    Args:
        name: of a model, with or without a tag: ``"resnet50"``, ``"resnet50.tv_in1k"``.
        weights: ``"none"``, ``"pretrained"`` (timm downloads them) or the path of a state dict.
        style: ``"caffe"`` for a ResNet whose weights came from Caffe (Detectron, mmdet): see
            :func:`to_caffe`.

    Raises:
        ConfigError: an unknown name, a model without feature maps, unusable weights.
    """
    check_name(name)
    if style == "caffe" and weights == "pretrained":
        raise ConfigError("style: timm has no weights in 'caffe' style; give weights=PATH")
    body = created(name, _features, pretrained=weights == "pretrained")
    if style == "caffe":
        to_caffe(body, name)
    if weights not in ("none", "pretrained"):
        load_weights(body, weights)
    return body, CAFFE_PIXELS if style == "caffe" else pixels_of(name)


def check_name(name: str) -> None:
    """Refuse a name that timm does not know.

    Raises:
        ConfigError: names what is closest.
    """
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        close = difflib.get_close_matches(architecture, [*timm.list_models(), "tiny"])
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise ConfigError(f"backbone: unknown name {name!r}{hint} (timm.list_models())")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise ConfigError(f"backbone: {architecture!r} has no tag {tag!r}; known: {tags}")


def created(name: str, make: Callable[[str, bool], nn.Module], *, pretrained: bool) -> nn.Module:
    """A model of timm, with its pretrained weights or without.

    Args:
        name: that timm knows.
        make: makes it, with these weights or without.
        pretrained: whether timm is to load them.

    Raises:
        ConfigError: they cannot be had, or the model cannot be made so.
    """
    with hub_if_reachable() if pretrained else nullcontext("") as unreachable:
        try:
            body = make(name, pretrained)
        except Exception as error:  # timm and the hub raise whatever their transport does
            of_hub = type(error).__module__.startswith("huggingface_hub")
            first = (of_hub and unreachable) or str(error).partition("\n")[0]
            if pretrained:
                raise ConfigError(
                    f"weights: 'pretrained' of {name!r} could not be loaded ({first}). Without a "
                    "network, give model.weights=PATH of a state dict, or model.weights=none"
                ) from error
            raise ConfigError(f"backbone: {name!r} gives no feature maps ({first})") from error
    return body


def _features(name: str, pretrained: bool) -> nn.Module:
    """The model as timm makes it, for images of any size, with maps of channels first."""
    body = of_any_size(name, features_only=True, pretrained=pretrained)
    if any(getattr(module, "strict_img_size", False) for module in body.modules()):
        size: tuple[int, int] = timm.get_pretrained_cfg(name).input_size[1:]  # type: ignore[union-attr]
        body.register_forward_pre_hook(partial(_check_size, size))
    if str(getattr(body, "output_fmt", "NCHW")).rpartition(".")[2] == "NHWC":
        body.register_forward_hook(_channels_first)
    return body


def of_any_size(name: str, **settings: Any) -> nn.Module:
    """A model of timm for images of any size, where timm has it; else for those of one."""
    body: nn.Module = timm.create_model(name, **settings)
    if any(getattr(module, "strict_img_size", False) for module in body.modules()):
        for setting in ANY_SIZE:
            with suppress(TypeError):  # the model has no such setting
                other: nn.Module = timm.create_model(name, **settings, **setting)
                return other
    return body


def sizes_told(
    body: nn.Module, call: Callable[[Tensor], Any], images: "Float[Tensor, 'B 3 H W']"
) -> Any:
    """What a model of timm makes of images; in words where it does not take their size.

    Args:
        body: the model.
        call: what is called of it; once it has failed, tried at the size that it was made for.
        images: whatever their values.

    Raises:
        ConfigError: it takes images of its own size, and not these; outside of a compiled graph.
    """
    if torch.compiler.is_compiling():  # a graph has no room for handlers
        return call(images)
    try:
        return call(images)
    except (torch.OutOfMemoryError, AlframeError):
        raise
    except Exception as error:
        height, width = images.shape[2:]
        _, *own = getattr(body, "pretrained_cfg", {}).get("input_size", (3, height, width))
        if own == [height, width] or has_one_value(error):  # of a larger batch it has more
            raise
        if not _takes(call, images.new_zeros(2, 3, *own)):
            raise
        why = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"the model does not take images of {width} x {height} pixels ({why}): set "
            f"data.resize=stretch data.long={max(own)} data.short={min(own)} data.pad=1, or "
            "another size that it takes"
        ) from error


def _takes(call: Callable[[Tensor], object], images: Tensor) -> bool:
    try:
        with torch.no_grad():
            call(images)
    except Exception:  # it fails for another reason, which is told
        return False
    return True


def _check_size(size: tuple[int, int], body: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Refuse images of another height and width than the one that a model takes.

    Raises:
        ConfigError: names it.
    """
    del body
    if (got := tuple(inputs[0].shape[2:])) != size:
        raise ConfigError(
            f"the backbone takes images of {size[1]} x {size[0]} pixels alone, got {got[1]} x "
            f"{got[0]}: set data.resize=stretch data.long={size[1]} data.short={size[0]}"
        )


def _channels_first(body: nn.Module, images: Any, maps: list[Tensor]) -> list[Tensor]:
    """[B, h, w, F] -> [B, F, h, w], a view; a hook leaves the names of weights as they are."""
    del body, images
    return [each.permute(0, 3, 1, 2) for each in maps]


def pixels_of(name: str) -> PixelRange:
    """The scale of the images that a model of timm expects."""
    config: Any = timm.get_pretrained_cfg(name)
    mean, std = (tuple(255 * x for x in values) for values in (config.mean, config.std))
    return PixelRange(mean, std)


def to_caffe(body: nn.Module, name: str) -> None:
    """Give a ResNet the form that Caffe's weights were trained in.

    The stride of a stage is in its first 1x1 convolution instead of the first 3x3 one, and
    BatchNorm has an epsilon of 1e-3.

    Raises:
        ConfigError: not a ResNet with bottlenecks.
    """
    for stage in ("layer2", "layer3", "layer4"):
        block = next(getattr(body, stage, nn.Module()).children(), None)
        if not hasattr(block, "conv3"):
            raise ConfigError(f"style: 'caffe' is for ResNets with bottlenecks, not for {name!r}")
        block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride  # type: ignore[union-attr]
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = CAFFE_BATCH_NORM_EPS

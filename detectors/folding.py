"""BatchNorm folded into the convolutions before it, for models that only infer."""

import copy
from itertools import pairwise
from typing import TypeGuard, TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from alframe.detectors.backbones import Backbone
from alframe.training.layer_errors import has_nothing_left

D = TypeVar("D", bound=nn.Module)
DUMMY_SIDE = 64
"""Pixels of the dummy batch that a folded backbone is tried on."""
ALIKE = 0.05
"""Largest difference over the largest value. TF32 is far below it, a wrong fold far above."""


def for_inference(detector: D) -> D:
    """The detector in eval mode, with a backbone that computes the same in fewer operations.

    With fixed statistics BatchNorm is a scale and a shift of each channel, so the convolution
    before it can do both: 53 layers of ResNet-50 go, and on a CPU some 5 to 9 % of its time. The
    model is left as it is; all but the backbone is shared with it. Fold anew when weights have
    changed.

    Args:
        detector: its ``backbone`` is folded if it is a :class:`.Backbone`, and if that changes
            nothing in what it computes.
    """
    backbone = getattr(detector.eval(), "backbone", None)
    if not isinstance(backbone, Backbone):
        return detector
    return with_backbone(detector, _folded(backbone))


def with_backbone(detector: D, backbone: nn.Module) -> D:
    """The detector with another backbone; it is left as it is, and all else is shared with it."""
    other = copy.copy(detector)
    other._modules = {**detector._modules, "backbone": backbone}
    return other


def _folded(backbone: Backbone) -> Backbone:
    """A folded copy, or the backbone itself."""
    lean = copy.deepcopy(backbone)
    with torch.no_grad():
        return lean if _fold(lean.body) and _alike(backbone.body, lean.body) else backbone


def _fold(body: nn.Module) -> int:
    """Fold each norm that is registered after a convolution; returns how many there were.

    In the networks of timm that is also the order of computing; :func:`_alike` makes sure.
    """
    parts = [(n, m) for n, m in body.named_modules() if _is_norm(m) or not list(m.children())]
    count = 0
    for (conv_name, conv), (norm_name, norm) in pairwise(parts):
        if (
            isinstance(conv, nn.Conv2d)
            and _is_norm(norm)
            and conv.out_channels == norm.num_features
        ):
            body.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
            body.set_submodule(norm_name, _without_norm(norm))
            count += 1
    return count


def _is_norm(module: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    return isinstance(module, nn.BatchNorm2d) and module.running_mean is not None


def _without_norm(norm: nn.BatchNorm2d) -> nn.Module:
    """What is left: timm's norms hold the activation that follows."""
    activation = getattr(norm, "act", None)
    return activation if isinstance(activation, nn.Module) else nn.Identity()


def _alike(body: nn.Module, lean: nn.Module) -> bool:
    """Whether both compute the same of a dummy batch."""
    device = next(body.parameters()).device
    dummy = torch.randn(
        1, 3, DUMMY_SIDE, DUMMY_SIDE, generator=torch.Generator().manual_seed(0)
    ).to(device)
    try:
        pairs = list(zip(body(dummy), lean(dummy), strict=True))
    except (RuntimeError, ValueError) as error:
        if has_nothing_left(error):  # of so small an image: it stays as it is
            return False
        raise
    return all(bool((a - b).abs().max() <= ALIKE * a.abs().max()) for a, b in pairs)

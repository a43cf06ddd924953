"""Towers: the small networks that read every level and speak for every anchor."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from alframe.shaped import Float
from alframe.training.warm_start import ClassRows, lay_out

TowerNorm = Literal["none", "group"]
PRIOR = 0.01
"""The probability that a fresh classifier gives to every class of every anchor."""
GROUP_WIDTH = 8
"""Channels of one group of GroupNorm; 32 groups for 256 channels, as in the GroupNorm paper."""


class Tower(nn.Module):
    """Convolutions shared by all levels, then one number per anchor and channel.

    RetinaNet, section 4 ("Classification Subnet", "Initialization"): 3x3 convolutions with ReLU;
    weights from a normal distribution of standard deviation 0.01; biases 0, that of the output
    such that each sigmoid gives ``prior``.

    Args:
        width: channels of every level and every hidden convolution.
        convs: number of hidden convolutions.
        anchors: anchors of one cell.
        channels: numbers for one anchor.
        norm: ``"group"`` puts GroupNorm between each hidden convolution and its ReLU.
        prior: first probability of the output; 0.5 means a bias of 0.
        classes: whether the numbers are of classes, from the first one on.
    """

    def __init__(
        self,
        width: int,
        convs: int,
        anchors: int,
        channels: int,
        *,
        norm: TowerNorm = "none",
        prior: float = PRIOR,
        classes: bool = False,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.convs = nn.Sequential(*(_block(width, norm) for _ in range(convs)))
        self.output = _normal(nn.Conv2d(width, anchors * channels, 3, padding=1))
        nn.init.constant_(_bias(self.output), -math.log((1 - prior) / prior))
        if classes:
            lay_out(self.output, ClassRows(groups=anchors))

    def forward(self, levels: "Sequence[Float[Tensor, 'B F H W']]") -> "Float[Tensor, 'B A K']":
        """The numbers of all anchors, level by level, row by row, cell by cell."""
        maps = [self.output(self.convs(level)) for level in levels]
        return torch.cat([flatten_anchors(each, self.channels) for each in maps], dim=1)


def flatten_anchors(maps: "Float[Tensor, 'B nK H W']", channels: int) -> "Float[Tensor, 'B A K']":
    """One row for each anchor, those of one cell together; a view of channels-last memory.

    Args:
        maps: K channels of the first of n anchors, K of the second, ...
        channels: K.
    """
    # [B, n * K, H, W] -> [B, H, W, n * K] -> [B, H * W * n, K]
    return maps.permute(0, 2, 3, 1).reshape(maps.shape[0], -1, channels)


def _block(width: int, norm: TowerNorm) -> nn.Sequential:
    conv = _normal(nn.Conv2d(width, width, 3, padding=1, bias=norm == "none"))
    if norm == "none":
        return nn.Sequential(conv, nn.ReLU(inplace=True))
    return nn.Sequential(conv, group_norm(width), nn.ReLU(inplace=True))


def group_norm(width: int) -> nn.GroupNorm:
    """GroupNorm with :data:`GROUP_WIDTH` channels a group; one group where that does not divide."""
    return nn.GroupNorm(width // GROUP_WIDTH if width % GROUP_WIDTH == 0 else 1, width)


def _normal(conv: nn.Conv2d) -> nn.Conv2d:
    nn.init.normal_(conv.weight, std=0.01)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


def xavier(module: nn.Module) -> None:
    """Xavier-uniform weights and zero biases for a convolution; for ``module.apply``."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)

"""What SSD puts on top of a backbone: norms, further levels, and towers that read each apart."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn

from alframe.detectors.towers import flatten_anchors, xavier
from alframe.errors import ConfigError
from alframe.shaped import Float
from alframe.training.warm_start import ClassRows, lay_out

FIRST_WIDTH, WIDTH = 512, 256
"""Channels of the first extra level, and of the others."""


class ChannelNorm(nn.Module):
    """Each cell's vector brought to length 1, then scaled channel by channel.

    Liu et al., ParseNet (2016), section 3.3; SSD, section 3.1. So that maps of any magnitude give
    towers and further levels, which have no norm of their own, numbers of one.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        scale = 20 * math.sqrt(channels / 512)  # SSD's 20 for its 512 channels
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: "Float[Tensor, 'B F H W']") -> "Float[Tensor, 'B F H W']":
        """The map in single precision; a cell of zeros stays zero, with a finite gradient."""
        unit = F.normalize(x.to(self.scale.dtype), dim=1, eps=1e-10)
        return unit * self.scale[:, None, None]


class ExtraLevels(nn.Module):
    """Ever coarser levels, each by a 1x1 and a 3x3 convolution with ReLU (SSD, figure 2).

    Args:
        channels: of the backbone's last map.
        cells: cells along a side of that map, then of each extra level: half as many as before,
            rounded up (stride 2), or two fewer (no padding).

    Raises:
        ConfigError: ``cells`` does not go on like that.
    """

    def __init__(self, channels: int, cells: Sequence[int]) -> None:
        super().__init__()
        self.widths = (FIRST_WIDTH, *[WIDTH] * len(cells))[: len(cells) - 1]
        inputs = (channels, *self.widths)[: len(cells) - 1]
        self.blocks = nn.ModuleList(
            _block(before, width, *_stride_and_padding(*step))
            for before, width, step in zip(inputs, self.widths, pairwise(cells), strict=True)
        )
        self.apply(xavier)

    def forward(self, level: "Float[Tensor, 'B F H W']") -> list[Tensor]:
        """The extra levels, fine to coarse."""
        levels = [level]
        for block in self.blocks:
            levels.append(block(levels[-1]))
        return levels[1:]


def _stride_and_padding(before: int, after: int) -> tuple[int, int]:
    if after == before - 2:
        return 1, 0
    if after == (before + 1) // 2:
        return 2, 1
    raise ConfigError(
        f"strides: a level of {before} x {before} cells is followed by one of "
        f"{(before + 1) // 2} or {before - 2}, not of {after}: choose strides near size / cells"
    )


def _block(before: int, width: int, stride: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width // 2, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(width // 2, width, 3, stride, padding),
        nn.ReLU(inplace=True),
    )


class LevelTower(nn.Module):
    """One 3x3 convolution for each level: a few numbers for every anchor.

    Args:
        widths: channels of each level.
        anchors: anchors of one cell, for each level.
        channels: numbers for one anchor.
        classes: whether the numbers are of classes, from the first one on.
    """

    def __init__(
        self, widths: Sequence[int], anchors: Sequence[int], channels: int, *, classes: bool = False
    ) -> None:
        super().__init__()
        self.channels = channels
        self.outputs = nn.ModuleList(
            nn.Conv2d(width, count * channels, 3, padding=1)
            for width, count in zip(widths, anchors, strict=True)
        )
        self.apply(xavier)
        if classes:
            for output, count in zip(self.outputs, anchors, strict=True):
                lay_out(output, ClassRows(groups=count))

    def forward(self, levels: "Sequence[Float[Tensor, 'B F H W']]") -> "Float[Tensor, 'B A K']":
        """The numbers of all anchors, level by level, row by row, cell by cell."""
        maps = [output(level) for output, level in zip(self.outputs, levels, strict=True)]
        return torch.cat([flatten_anchors(each, self.channels) for each in maps], dim=1)

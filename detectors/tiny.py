"""A backbone of 0.7 million parameters, for small images and quick runs on a CPU."""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from alframe.detectors.towers import group_norm

if TYPE_CHECKING:
    from jaxtyping import Float

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

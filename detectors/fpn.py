"""The feature pyramid (Lin et al., "Feature Pyramid Networks", 2017) and RetinaNet's P6, P7."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn

from alframe.detectors.towers import xavier
from alframe.shaped import Float

ExtraSource = Literal["c5", "p5"]


class FeaturePyramid(nn.Module):
    """Gives the fine maps of a backbone the meaning of its coarse ones.

    1x1 laterals, nearest-neighbour upsampling and addition, 3x3 outputs; coarser levels by 3x3
    convolutions of stride 2. Neither normalisation nor activation. Xavier-uniform weights and
    zero biases, as in mmdet.

    Args:
        in_channels: of the backbone's maps, fine to coarse.
        channels: of every level.
        extra_levels: coarser levels to add.
        extra_source: what the first of these reads: ``"c5"``, the backbone's coarsest map
            (RetinaNet, section 4), or ``"p5"``, the pyramid's (torchvision).
        relu_between_extras: ReLU before each further one (the paper and torchvision; not mmdet).
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        *,
        extra_levels: int = 0,
        extra_source: ExtraSource = "c5",
        relu_between_extras: bool = False,
    ) -> None:
        super().__init__()
        self.extra_source = extra_source
        self.relu_between_extras = relu_between_extras
        first = in_channels[-1] if extra_source == "c5" else channels
        widths = [first, *[channels] * extra_levels][:extra_levels]
        self.laterals = nn.ModuleList(nn.Conv2d(n, channels, 1) for n in in_channels)
        self.outputs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1) for _ in in_channels
        )
        self.extras = nn.ModuleList(nn.Conv2d(n, channels, 3, 2, 1) for n in widths)
        self.apply(xavier)

    def forward(self, maps: "Sequence[Float[Tensor, 'B F H W']]") -> tuple[Tensor, ...]:
        """The levels, fine to coarse, from the backbone's maps, fine to coarse."""
        merged = [lateral(each) for lateral, each in zip(self.laterals, maps, strict=True)]
        for i in reversed(range(len(merged) - 1)):
            coarse = F.interpolate(merged[i + 1], size=merged[i].shape[-2:], mode="nearest")
            merged[i] = merged[i] + coarse
        levels = [output(each) for output, each in zip(self.outputs, merged, strict=True)]
        source = maps[-1] if self.extra_source == "c5" else levels[-1]
        return (*levels, *self._extras(source))

    def _extras(self, source: Tensor) -> list[Tensor]:
        levels: list[Tensor] = []
        for conv in self.extras:
            if levels and self.relu_between_extras:
                source = F.relu(source)
            source = conv(source)
            levels.append(source)
        return levels

"""From bytes to what a backbone was trained on."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alframe.shaped import Float, Int, UInt8

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class PixelRange:
    """How pixels were scaled when a backbone was trained.

    Attributes:
        mean: subtracted, on the scale 0..255, in the backbone's order of channels.
        std: divided by, likewise.
        bgr: whether that order is blue, green, red.
    """

    mean: RGB
    std: RGB = (1.0, 1.0, 1.0)
    bgr: bool = False


IMAGENET = PixelRange(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
"""What torchvision's classifiers were trained on."""


class PixelScaling(nn.Module):
    """Scales uint8 RGB images on their device; the padding is 0 afterwards, as mmcv's is.

    Args:
        pixels: the scale. It is no part of the state: it belongs to the configuration.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, pixels: PixelRange) -> None:
        super().__init__()
        self.bgr = pixels.bgr
        for name, value in (("mean", pixels.mean), ("std", pixels.std)):
            channels = torch.tensor(value, dtype=torch.float32).view(3, 1, 1)
            self.register_buffer(name, channels, persistent=False)

    def forward(
        self, images: "UInt8[Tensor, 'B 3 H W']", sizes: "Int[Tensor, 'B 2']"
    ) -> "Float[Tensor, 'B 3 H W']":
        """Scaled images.

        Args:
            images: RGB.
            sizes: height and width of each image without its padding.
        """
        ordered = images.flip(1) if self.bgr else images
        scaled = ordered.to(self.mean.dtype).sub(self.mean).div_(self.std)
        return scaled.mul_(inside(sizes, *images.shape[2:]))


def inside(sizes: Tensor, height: int, width: int) -> Tensor:
    """Whether a pixel is of the image, not of its padding: [B, 2] -> [B, 1, H, W]."""
    rows = torch.arange(height, device=sizes.device) < sizes[:, :1]  # [B, H]
    columns = torch.arange(width, device=sizes.device) < sizes[:, 1:]  # [B, W]
    return (rows[:, :, None] & columns[:, None, :]).unsqueeze(1)

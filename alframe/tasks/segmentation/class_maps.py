"""Maps of classes: what a segmenter says of each pixel, and in which size."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt8

CLASS_MAPS = "class_maps"
"""The name of a signal: a :class:`ClassMaps`."""


@dataclass(frozen=True)
class ClassMaps:
    """Logits of a few images, in the size in which the network computes them.

    Attributes:
        logits: [B, C, h, w] of the padded images; one channel is the foreground's, by a sigmoid,
            several are of one softmax.
        sizes: int64 [B, 2], height and width of each image without its padding.
        originals: int64 [B, 2], height and width before resizing.
        frame: height and width of the padded images.
        threshold: of one channel: the foreground is where its probability is at least this.
    """

    logits: "Float[Tensor, 'B C h w']"
    sizes: "Int[Tensor, 'B 2']"
    originals: "Int[Tensor, 'B 2']"
    frame: tuple[int, int]
    threshold: float

    def at_original_size(self, row: int) -> "Float[Tensor, 'C H W']":
        """The logits of an image in the size that it had before resizing, bilinear."""
        height, width = self.sizes[row].tolist()
        full = upsampled(self.logits[row : row + 1], self.frame)[..., :height, :width]
        original: tuple[int, int] = tuple(self.originals[row].tolist())
        return upsampled(full, original)[0]


def upsampled(logits: "Float[Tensor, 'B C h w']", shape: tuple[int, int]) -> Tensor:
    """Logits in another size, bilinear; borders of pixels coincide, not their centres."""
    if tuple(logits.shape[-2:]) == shape:
        return logits
    return nn.functional.interpolate(logits, shape, mode="bilinear", align_corners=False)


def probabilities(logits: "Float[Tensor, '*B C h w']", dim: int = 1) -> "Float[Tensor, '*B K h w']":
    """Probabilities of the classes, which sum to 1; those of one channel are of two classes."""
    if logits.shape[dim] == 1:
        foreground = logits.sigmoid()
        return torch.cat([1 - foreground, foreground], dim)
    return logits.softmax(dim)


def decided_classes(logits: "Float[Tensor, 'C H W']", threshold: float) -> "UInt8[Tensor, 'H W']":
    """The class of each pixel: the likeliest; of one channel, 1 from the threshold on."""
    if len(logits) == 1:
        return (logits[0].sigmoid() >= threshold).to(torch.uint8)
    return logits.argmax(0).to(torch.uint8)


def on_grid(maps: ClassMaps, stride: int) -> "Float[Tensor, 'B K h w']":
    """Class probabilities on a grid that is laid over each image without its padding.

    The grid has as many points as the padded images have strides, so that a batch has one shape.

    Args:
        maps: of a batch.
        stride: pixels of the padded image between two points.
    """
    grid = tuple(-(-side // stride) for side in maps.frame)
    shape: tuple[int, int] = (grid[0], grid[1])
    if bool((maps.sizes == maps.sizes.new_tensor(maps.frame)).all()):
        return probabilities(upsampled(maps.logits, shape))
    rows = []
    scale = [have / side for have, side in zip(maps.logits.shape[-2:], maps.frame, strict=True)]
    for logits, (height, width) in zip(maps.logits, maps.sizes.tolist(), strict=True):
        own = max(1, round(height * scale[0])), max(1, round(width * scale[1]))
        rows.append(upsampled(logits[None, :, : own[0], : own[1]], shape))
    return probabilities(torch.cat(rows))

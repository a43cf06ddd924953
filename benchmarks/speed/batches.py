"""Batches of made-up images: pixels and boxes are random, shapes are what matters."""

import torch
from torch import Tensor

from alframe.training.batch import Batch

OBJECTS = 8
"""Most objects of an image; each has from one to so many."""


def made_up(count: int, height: int, width: int, *, pad: int = 32, classes: int = 20) -> Batch:
    """A labelled batch of images of one size, in the memory format of the loader.

    Args:
        count: B.
        height: of the images, in pixels.
        width: likewise.
        pad: height and width of the batch are multiples of this.
        classes: labels are below it.
    """
    generator = torch.Generator().manual_seed(0)
    padded = [-(-side // pad) * pad for side in (height, width)]
    images = torch.zeros(count, *padded, 3, dtype=torch.uint8)
    shape = (count, height, width, 3)
    images[:, :height, :width] = torch.randint(
        0, 256, shape, generator=generator, dtype=torch.uint8
    )
    sizes = torch.tensor([[height, width]] * count)
    return Batch(
        ids=tuple(f"image {n}" for n in range(count)),
        images=images.permute(0, 3, 1, 2),  # [B, H, W, 3] -> [B, 3, H, W]
        sizes=sizes,
        originals=sizes,
        boxes=_boxes(count, height, width, generator),
        labels=_labels(count, classes, generator),
    )


def _boxes(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """[B, M, 4]: sides from a tenth to a half of the image's."""
    frame = torch.tensor([width, height], dtype=torch.float32)
    side, place = torch.rand(2, count, OBJECTS, 2, generator=generator)
    side = 0.1 + 0.4 * side
    first = place * (1 - side)
    return torch.cat([first * frame, (first + side) * frame], dim=2)


def _labels(count: int, classes: int, generator: torch.Generator) -> Tensor:
    """[B, M]; the last rows of an image are padding."""
    labels = torch.randint(0, classes, (count, OBJECTS), generator=generator)
    objects = torch.arange(count) % OBJECTS + 1
    return labels.masked_fill(torch.arange(OBJECTS) >= objects[:, None], -1)

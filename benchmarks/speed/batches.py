"""Batches of made-up images: pixels and boxes are random, shapes are what matters."""

from dataclasses import replace

import torch
from torch import Tensor

from alframe.training.augment import Sample
from alframe.training.batch import Batch
from alframe.training.data import Collate

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
    shape = (count, height, width, 3)
    pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).numpy()
    samples = [Sample(f"image {n}", image, (height, width)) for n, image in enumerate(pixels)]
    boxes = _boxes(count, height, width, generator)
    labels = _labels(count, classes, generator)
    return replace(Collate(pad)(samples), boxes=boxes, labels=labels)


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

"""A training step, as :mod:`alframe.training.fit` makes it, a pass of inference, and batches."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from alframe.benchmarks.speed.clock import Work
from alframe.benchmarks.speed.roofline import Precision
from alframe.training.augment import Sample
from alframe.training.batch import Batch
from alframe.training.data import Collate
from alframe.training.device import autocast

SGD: dict[str, Any] = {"lr": 1e-6, "momentum": 0.9, "weight_decay": 5e-4}
"""So slow that nothing changes in the course of the measurement."""


def sgd(model: nn.Module, *, fused: bool) -> torch.optim.Optimizer:
    """The optimiser over what is trained.

    Args:
        model: as it will be trained.
        fused: as ours; else as torch makes it by default, which is torchvision's way.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.SGD(trained, fused=fused or None, **SGD)


def training(
    loss: Callable[[], Tensor],
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    precision: Precision,
) -> Work:
    """A function that makes one step."""

    def step() -> None:
        optimizer.zero_grad()
        with autocast(device, precision):
            total = loss()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def inference(found: Callable[[], object], device: torch.device, precision: Precision) -> Work:
    """A function that makes one pass without gradients."""

    def one_pass() -> object:
        with torch.inference_mode(), autocast(device, precision):
            return found()

    return one_pass


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

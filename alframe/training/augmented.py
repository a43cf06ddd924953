"""Images that are changed a little, and detections on them brought back: what is consistent."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from alframe.seeds import Seeds
from alframe.signals import Detections
from alframe.training.batch import Batch

SHRINK, DIM = 0.8, 0.6
"""Factors on sides and on brightness."""
CUTS, CUT = 2, (0.05, 0.2)
"""Rectangles that are cut out, and the least and largest share of a side."""


def augmented(batch: Batch) -> Iterator[tuple[Batch, Callable[[Detections], Detections]]]:
    """The batch flipped, shrunk, with holes, and dimmed; each with what brings detections back.

    Shapes stay, and nothing is drawn but the places of holes, which follow from the ids.

    # Deviation: CALD's code also turns images by 5 degrees, after which an upright box has none to
    be compared with; and it cuts holes where they hide a part of a box.
    """
    yield flipped(batch), lambda found: _turned(found, batch.originals[:, 1])
    yield shrunk(batch), _as_it_is
    yield with_holes(batch), _as_it_is
    yield replace(batch, images=(batch.images * DIM).to(torch.uint8)), _as_it_is


def flipped(batch: Batch) -> Batch:
    """Each image mirrored left to right, where it lies in its padding."""
    column = torch.arange(batch.images.shape[3], device=batch.images.device)
    turned = batch.sizes[:, 1:] - 1 - column  # [B, W]
    place = torch.where(turned >= 0, turned, column)[:, None, None].expand_as(batch.images)
    return replace(batch, images=batch.images.gather(3, place))


def shrunk(batch: Batch) -> Batch:
    """Each image made smaller, in a padding of the same shape."""
    images, sizes = torch.zeros_like(batch.images), (batch.sizes * SHRINK).round().clamp(min=1)
    for row, (before, after) in enumerate(
        zip(batch.sizes.tolist(), sizes.long().tolist(), strict=True)
    ):
        whole = batch.images[row : row + 1, :, : before[0], : before[1]].float()
        small = torch.nn.functional.interpolate(whole, after, mode="bilinear", antialias=True)
        images[row, :, : after[0], : after[1]] = small[0].round().clamp(0, 255).to(images.dtype)
    return replace(batch, images=images, sizes=sizes.long())


def with_holes(batch: Batch) -> Batch:
    """Black rectangles in each image, at places that follow from its id."""
    images = batch.images.clone()
    for row, (item, size) in enumerate(zip(batch.ids, batch.sizes.tolist(), strict=True)):
        rng = Seeds(0).rng("hole", item)
        for _ in range(CUTS):
            sides = [round(side * rng.uniform(*CUT)) for side in size]
            y, x = (
                int(rng.integers(side - cut + 1)) for side, cut in zip(size, sides, strict=True)
            )
            images[row, :, y : y + sides[0], x : x + sides[1]] = 0
    return replace(batch, images=images)


def _as_it_is(found: Detections) -> Detections:
    return found


def _turned(found: Detections, width: Tensor) -> Detections:
    """Boxes mirrored left to right in images of these widths."""
    x1, y1, x2, y2 = found.boxes.unbind(dim=2)
    whole = width.unsqueeze(1).to(x1.dtype)
    return replace(found, boxes=torch.stack([whole - x2, y1, whole - x1, y2], dim=2))

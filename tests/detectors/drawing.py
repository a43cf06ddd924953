"""Small detectors of every kind, and images that they learn in seconds."""

from dataclasses import replace

import torch

from alframe.detectors.retinanet import RetinaNet
from alframe.detectors.ssd import SSD
from alframe.training.batch import Batch

SMALL = {"backbone": "tiny", "weights": "none"}
TINY = {
    **SMALL,
    "frozen_stages": -1,
    "norm_eval": False,
    "strides": (8, 16, 32),
    "fpn_channels": 64,
    "tower_convs": 2,
    "tower_norm": "group",
    "anchor_size": 3.5,
    "scales_per_octave": 2,
    "anchor_ratios": (1.0,),
}
"""Settings of the small RetinaNet."""


def small_retinanet(num_classes=3, seed=0, **changes):
    """A RetinaNet of three levels for 64 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return RetinaNet(num_classes, **(TINY | changes))


def small_ssd(num_classes=3, seed=0, **changes):
    """An SSD of four levels for 64 pixels."""
    settings = {
        "size": 64,
        "strides": (8, 16, 32, 64),
        "first_anchor": 0.2,
        "anchor_range": (0.45, 0.9),
        "anchor_ratios": ((2,), (2, 3), (2,), (2,)),
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SSD(num_classes, **(SMALL | settings | changes))


def drawing(images=2, classes=3, side=64):
    """Bright squares on a dark ground; the class is the colour."""
    pixels = torch.zeros(images, 3, side, side, dtype=torch.uint8)
    boxes, labels = torch.zeros(images, 2, 4), torch.full((images, 2), -1)
    for i in range(images):
        x, colour = 6 + 10 * (i % 2), i % min(classes, 3)
        pixels[i, colour, 20:50, x : x + 30] = 255
        boxes[i, 0] = torch.tensor([x, 20, x + 30, 50])
        labels[i, 0] = colour
    sizes = torch.tensor([[side, side]] * images)
    return Batch(tuple(f"im{i}" for i in range(images)), pixels, sizes, sizes, boxes, labels)


def padded(batch, height, width):
    """The same images in a larger frame."""
    images = batch.images.new_zeros(len(batch), 3, height, width)
    images[:, :, : batch.images.shape[2], : batch.images.shape[3]] = batch.images
    return replace(batch, images=images)

"""Maps of classes: what a segmenter says of each pixel, and in which size."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alframe.errors import TrainingError
from alframe.shaped import Float, Int, UInt8
from alframe.signals import SignalBatch
from alframe.words import named

CLASS_MAPS = "class_maps"
"""The name of a signal: a :class:`ClassMaps`."""
BAND = 2**24
"""Logits that are brought to the original size at once; 64 MiB."""


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

    def at_original_size(self, row: int) -> "Iterator[Float[Tensor, 'C h W']]":
        """The logits of an image in the size that it had before resizing, bilinear.

        They come in bands of rows, the uppermost first: those of a whole photo, of all classes,
        are gigabytes.
        """
        (height, width), (rows, columns) = self.sizes[row].tolist(), self.originals[row].tolist()
        full = upsampled(self.logits[row : row + 1], self.frame)[..., :height, :width]
        step = max(1, BAND // (full.shape[1] * columns))
        for start in range(0, rows, step):
            below = torch.arange(start, min(start + step, rows), device=full.device) + 0.5
            where = (below * (height / rows) - 0.5).clamp(0, height - 1)
            first, second = where.floor().long(), where.ceil().long()
            share = (where - first).to(full.dtype).unsqueeze(1)
            between = torch.lerp(full[:, :, first], full[:, :, second], share)
            yield upsampled(between, (len(below), columns))[0]


def maps_of(batch: SignalBatch, classes: int) -> ClassMaps:
    """The class maps of a batch, held to what :class:`ClassMaps` says.

    Args:
        batch: has them.
        classes: how many the dataset has.

    Raises:
        TrainingError: says what was expected.
    """
    maps: ClassMaps = batch[CLASS_MAPS]
    if wrong := _wrong(maps, len(batch.ids), classes):
        raise TrainingError(f"{wrong}; see {named(batch.ids)}")
    return maps


def _wrong(maps: ClassMaps, images: int, classes: int) -> str | None:
    if not isinstance(maps, ClassMaps):
        return f"{CLASS_MAPS} is of type {type(maps).__name__}: expected a ClassMaps"
    logits = maps.logits
    if not (isinstance(logits, Tensor) and logits.is_floating_point()):
        got = getattr(logits, "dtype", type(logits).__name__)
        return f"{CLASS_MAPS}.logits is {got}: expected a tensor of floats"
    shape = tuple(logits.shape)
    if len(shape) != 4 or shape[0] != images:
        return f"{CLASS_MAPS}.logits has the shape {shape}: expected [{images}, C, h, w]"
    if shape[1] != classes and (shape[1], classes) != (1, 2):
        return (
            f"{CLASS_MAPS}.logits has the shape {shape}: expected {classes} channels, one for each "
            "class of the dataset (of two classes, one will do: the second's)"
        )
    for name, value in (("sizes", maps.sizes), ("originals", maps.originals)):
        if not _is_sizes(value, images):
            return f"{CLASS_MAPS}.{name}: expected whole numbers [{images}, 2], height and width"
    return None


def _is_sizes(value: object, images: int) -> bool:
    return (
        isinstance(value, Tensor)
        and value.shape == (images, 2)
        and not (value.is_floating_point() or value.is_complex())
    )


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
    logits = maps.logits
    for axis, (have, side) in enumerate(zip(logits.shape[2:], maps.frame, strict=True)):
        own = (maps.sizes[:, axis] * (have / side)).round().clamp(min=1)  # without its padding
        logits = _interpolated(logits, own, -(-side // stride), axis + 2)
    return probabilities(logits)


def _interpolated(
    values: "Float[Tensor, 'B C h w']", own: "Float[Tensor, ' B']", count: int, axis: int
) -> Tensor:
    """``count`` values along an axis, linear, of the first ``own`` of each image.

    Each image has its own number, so that :func:`upsampled` would take them one after the other.
    """
    places, last = torch.arange(count, device=own.device) + 0.5, (own - 1).unsqueeze(1)
    where = (places * (own / count).unsqueeze(1) - 0.5).clamp(min=0)  # [B, count]
    low = where.floor()
    shape = [len(own), 1, 1, 1]
    shape[axis] = count
    wide = list(values.shape)
    wide[axis] = count
    first, second = (
        values.gather(axis, place.long().view(shape).expand(wide))
        for place in (low, (low + 1).minimum(last))
    )
    return torch.lerp(first, second, (where - low).to(values.dtype).view(shape))

"""What a model is given: a few images of one shape, with targets or without."""

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import torch
from torch import Tensor

from alframe.shaped import Float, Int, UInt8


def chunks(length: int, count: int) -> list[slice]:
    """Consecutive chunks of a sequence that differ by one at most; fewer if they would be empty.

    Chunks of equal chunks are chunks of the whole: 2 processes that compute in 3 chunks each have
    the 6 chunks of one process, if the whole is even.
    """
    count = min(count, length)
    ends = [-(-length * number // count) for number in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


@dataclass(frozen=True)
class Batch:
    """Images padded at the right and the bottom to one shape.

    Attributes:
        ids: the items.
        images: uint8 [B, 3, H, W], RGB; zero in the padding.
        sizes: int64 [B, 2], height and width of each image without its padding.
        originals: int64 [B, 2], height and width before resizing.
        boxes: float32 [B, M, 4], x1 y1 x2 y2 in pixels of ``images``; zero in rows of padding.
            None for unlabelled images, and for tasks without boxes.
        labels: int64 [B, M], class indices; -1 marks rows of padding. None for unlabelled images.
        masks: uint8 [B, H, W], the class of each pixel of ``images``;
            :data:`~alframe.datasets.base.IGNORED` in the padding. None for unlabelled images, and
            for tasks without masks.
    """

    ids: tuple[str, ...]
    images: "UInt8[Tensor, 'B 3 H W']"
    sizes: "Int[Tensor, 'B 2']"
    originals: "Int[Tensor, 'B 2']"
    boxes: "Float[Tensor, 'B M 4'] | None" = None
    labels: "Int[Tensor, 'B M'] | None" = None
    masks: "UInt8[Tensor, 'B H W'] | None" = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Those that it has, by the names of the attributes."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "ids"}
        return {name: tensor for name, tensor in found.items() if tensor is not None}

    def to(self, device: torch.device) -> "Batch":
        """The batch on another device; copies overlap computation where memory is pinned."""
        return self._map(lambda t: t.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """The batch in page-locked memory."""
        return self._map(lambda t: t.pin_memory())

    def share_memory(self) -> "Batch":
        """The batch in memory that other processes can read.

        Raises:
            RuntimeError: there is too little of it, or too many files are open.
        """
        return self._map(lambda t: t.share_memory_())

    def chunk(self, count: int) -> list["Batch"]:
        """At most ``count`` batches of nearly equal length, in order."""
        return [self._slice(rows) for rows in chunks(len(self), count)]

    def _slice(self, rows: slice) -> "Batch":
        return replace(self._map(lambda t: t[rows]), ids=self.ids[rows])

    def _map(self, change) -> "Batch":  # type: ignore[no-untyped-def]
        return replace(self, **{name: change(t) for name, t in self.tensors.items()})

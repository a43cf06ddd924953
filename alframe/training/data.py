"""From items to batches: order, augmentation, padding.

Order and augmentation follow from the seeds, the pass and the item alone, so a stream can start
at any batch: that is what makes a resumed training equal to an uninterrupted one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from alframe.config.sections import DataConfig
from alframe.datasets.base import IGNORED, ImageSet, LabelledSet, batched
from alframe.datasets.masks import mask_of, resized
from alframe.datasets.resize import Resize
from alframe.grouping import by_key
from alframe.seeds import Seeds
from alframe.training.augment import AUGMENTATIONS, MIN_SIDE, Sample
from alframe.training.batch import Batch, chunks
from alframe.training.loading import loaded, loaded_by_threads

Place = tuple[str, int]
"""An item, and how often it has come before in its pass."""
Key = tuple[str, *tuple[int, ...]]
"""An item, and what its augmentation follows from; nothing where it is not augmented."""


def read_sample(images: ImageSet, item: str) -> Sample:
    """Read one image, and its trainable objects in the pixels of the resized image."""
    image, original = images.images.read(item), images.images.size(item)
    if not isinstance(images, LabelledSet):
        return Sample(item, image, original)
    target = images.targets[item]
    kept = target.trainable()
    if target.boxes is None:
        whole = None if target.mask is None else mask_of(target, item, original)
        mask = None if whole is None else resized(whole, image.shape[:2])
        return Sample(item, image, original, None, target.labels[kept], mask)
    height, width = image.shape[0] / original[0], image.shape[1] / original[1]
    boxes = target.boxes[kept] * np.array([width, height, width, height], np.float32)
    large = ((boxes[:, 2:] - boxes[:, :2]) >= MIN_SIDE).all(axis=1)
    return Sample(item, image, original, boxes[large], target.labels[kept][large])


class BatchMaker:
    """Makes a batch of the items in its keys."""

    def __init__(
        self, images: ImageSet, seeds: Seeds, augment: Sequence[str], collate: "Collate"
    ) -> None:
        self._images, self._seeds, self._collate = images, seeds, collate
        self._augment = [AUGMENTATIONS[name] for name in augment]

    def __call__(self, keys: Sequence[Key]) -> Batch:
        """Read, augment and put together."""
        return self._collate([self._sample(key) for key in keys])

    def _sample(self, key: Key) -> Sample:
        item, *origin = key
        sample = read_sample(self._images, item)
        if not origin or not self._augment:
            return sample
        passed, *again = origin
        rng = self._seeds.rng("augment", passed, item, *again)
        for augmentation in self._augment:
            sample = augmentation(sample, rng)
        return sample


@dataclass(frozen=True)
class Collate:
    """Puts samples into one batch, padded at the right and the bottom.

    Attributes:
        pad: height and width are made a multiple of this.
    """

    pad: int

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """Make a batch; labels are None if any sample is unlabelled, boxes if any has none."""
        sizes = np.array([s.image.shape[:2] for s in samples])
        height, width = _padded((sizes[:, 0].max(), sizes[:, 1].max()), self.pad)
        images = np.zeros((len(samples), height, width, 3), np.uint8)
        for canvas, sample in zip(images, samples, strict=True):
            canvas[: sample.image.shape[0], : sample.image.shape[1]] = sample.image
        boxes, labels = _padded_targets(samples)
        return Batch(
            ids=tuple(s.item for s in samples),
            images=torch.from_numpy(images).permute(0, 3, 1, 2),  # [B, H, W, 3] -> [B, 3, H, W]
            sizes=torch.from_numpy(sizes),
            originals=torch.tensor([s.original for s in samples]),
            boxes=boxes,
            labels=labels,
            masks=_padded_masks(samples, height, width),
        )


def _padded_targets(samples: Sequence[Sample]) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    if any(s.labels is None for s in samples):
        return None, None
    boxed = all(s.boxes is not None for s in samples)
    most = max([1, *(len(s.labels) for s in samples if s.labels is not None)])
    boxes = np.zeros((len(samples), most, 4), np.float32)
    labels = np.full((len(samples), most), -1, np.int64)
    for row, sample in enumerate(samples):
        if sample.labels is not None:
            labels[row, : len(sample.labels)] = sample.labels
        if sample.boxes is not None:
            boxes[row, : len(sample.boxes)] = sample.boxes
    return torch.from_numpy(boxes) if boxed else None, torch.from_numpy(labels)


def _padded_masks(samples: Sequence[Sample], height: int, width: int) -> torch.Tensor | None:
    masks = np.full((len(samples), height, width), IGNORED, np.uint8)
    for canvas, sample in zip(masks, samples, strict=True):
        if sample.mask is None:
            return None
        canvas[: sample.mask.shape[0], : sample.mask.shape[1]] = sample.mask
    return torch.from_numpy(masks)


class TrainingStream:
    """An endless sequence of training batches over a set of images.

    Each pass shuffles the images within their orientation (wide, or not), fills each group up
    to whole batches by repetition, and shuffles the batches, as mmdetection's ``GroupSampler``.
    An image that is repeated is augmented anew.

    # Deviation: a group of less than half a batch joins the other one, and costs padding: filled
    up, a single high image among 31 wide ones would be half of what a batch of 32 trains on.

    Args:
        images: labelled or unlabelled items.
        batch_size: images a batch, of all processes together.
        pad: see :class:`Collate`.
        augment: names of augmentations.
        seeds: of this stream.
        workers: processes that load images.
        pin: page-locked memory, for copies to a GPU.
    """

    def __init__(
        self,
        images: ImageSet,
        *,
        batch_size: int,
        pad: int,
        augment: Sequence[str],
        seeds: Seeds,
        workers: int = 0,
        pin: bool = False,
    ) -> None:
        self.batch_size = batch_size
        self._seeds = seeds
        self._groups = _by_orientation(images, least=batch_size / 2)
        self._maker = BatchMaker(images, seeds, augment, Collate(pad))
        self._workers, self._pin = workers, pin
        self._shuffled_for: int | None = None

    def batches_per_pass(self) -> int:
        """How many batches go once through the images."""
        return sum(-(-len(g) // self.batch_size) for g in self._groups)

    def batches(self, start: int, stop: int, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        """Batches number ``start`` to ``stop``, counted from the beginning of the stream.

        Args:
            start: the first one.
            stop: the one after the last.
            rank: read only this one of the :func:`~alframe.training.batch.chunks` of each batch.
                It is padded to the shape of its own images.
            world_size: how many chunks there are; at most ``batch_size``.
        """
        rows = chunks(self.batch_size, world_size)[rank]
        keys = (self._keys(i)[rows] for i in range(start, stop))
        return loaded(self._maker, keys, workers=self._workers, pin=self._pin)

    def _keys(self, number: int) -> list[Key]:
        passed, position = divmod(number, self.batches_per_pass())
        places = self._order(passed)[position]
        return [(item, passed, again) if again else (item, passed) for item, again in places]

    def _order(self, passed: int) -> list[list[Place]]:
        if self._shuffled_for != passed:
            self._shuffled_for, self._batches = (
                passed,
                self._shuffled(self._seeds.rng("order", passed)),
            )
        return self._batches

    def _shuffled(self, rng: np.random.Generator) -> list[list[Place]]:
        batches: list[list[Place]] = []
        for group in self._groups:
            order: list[str] = rng.permutation(group).tolist()
            starts = range(0, len(order), self.batch_size)
            places = [divmod(n, len(order)) for n in range(len(starts) * self.batch_size)]
            filled = [(order[position], again) for again, position in places]
            batches += [filled[start : start + self.batch_size] for start in starts]
        return [batches[i] for i in rng.permutation(len(batches))]


def inference_batches(
    images: ImageSet, data: DataConfig, batch_size: int, *, pin: bool = False
) -> Iterator[Batch]:
    """Every image once, without augmentation.

    Only images that are padded to one shape share a batch. So what a model computes of an image
    does not depend on the others, and a pool has few shapes. The largest shape comes first: it
    shows at once whether memory suffices.
    """
    batches = _in_batches(images, data, batch_size)
    keys: list[list[Key]] = [[(i,) for i in ids] for ids in batches]
    plain = ImageSet(images.images, images.ids)
    maker = BatchMaker(plain, Seeds(0), (), Collate(data.pad))
    return loaded_by_threads(maker, keys, threads=data.workers or 0, pin=pin)


def shard(
    images: ImageSet, data: DataConfig, batch_size: int, rank: int, world_size: int
) -> ImageSet:
    """Every ``world_size``-th batch of :func:`inference_batches`, from number ``rank`` on.

    One batch of each shard in turn, and again, gives the batches of the whole in their order.
    """
    batches = _in_batches(images, data, batch_size)[rank::world_size]
    return ImageSet(images.images, tuple(i for ids in batches for i in ids))


def _in_batches(images: ImageSet, data: DataConfig, batch_size: int) -> list[Sequence[str]]:
    size = images.images.size
    groups = by_key((input_shape(data, *size(item)), item) for item in sorted(images.ids))
    ordered = sorted(groups.items(), key=_largest_first)
    return [ids for _, group in ordered for ids in batched(group, batch_size)]


def input_shape(data: DataConfig, height: int, width: int) -> tuple[int, int]:
    """(height, width) of what a model is given of an image of this size: resized and padded."""
    return _padded(Resize.of(data).shape(height, width), data.pad)


def _largest_first(group: tuple[tuple[int, int], list[str]]) -> tuple[int, int]:
    (height, width), _ = group
    return -height * width, -height


def _padded(shape: tuple[int, int], pad: int) -> tuple[int, int]:
    height, width = shape
    return -(-height // pad) * pad, -(-width // pad) * pad


def _by_orientation(images: ImageSet, least: float) -> list[NDArray[np.str_]]:
    """Ids of wide images and of others; all in one group where one has fewer than ``least``."""
    wide = np.array([w > h for h, w in map(images.images.size, images.ids)], dtype=bool)
    ids = np.array(images.ids, dtype=np.str_)
    groups = [group for group in (ids[wide], ids[~wide]) if len(group)]
    return groups if all(len(group) >= least for group in groups) else [ids]

"""Decoded and resized images, kept in memory or on disk within a limit."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import Dataset, ImageSource
from alframe.datasets.cache_disk import FORMAT, DiskWriter, Slot, load
from alframe.datasets.problems import shortened, skipped
from alframe.datasets.resize import Resize
from alframe.datasets.splits import check_splits
from alframe.datasets.threads import over
from alframe.errors import DataError

__all__ = ["CacheMode", "CachedImages", "Resize", "prepared"]

CacheMode = Literal["ram", "disk", "none"]

log = logging.getLogger(__name__)


_Facts = tuple[tuple[int, int], str]  # size and stamp


class _Store(Protocol):
    def get(self, item: str) -> NDArray[np.uint8] | None: ...


class _Keeps(Protocol):
    def put(self, item: str, slot: Slot, image: NDArray[np.uint8]) -> None: ...


class _RamStore:
    def __init__(self) -> None:
        self._images: dict[str, NDArray[np.uint8]] = {}

    def get(self, item: str) -> NDArray[np.uint8] | None:
        return self._images.get(item)

    def put(self, item: str, slot: Slot, image: NDArray[np.uint8]) -> None:
        del slot
        self._images[item] = image

    def __getstate__(self) -> dict[str, Any]:
        return {"_images": {}}


class CachedImages:
    """An :class:`~alframe.datasets.base.ImageSource` of resized images on top of another source.

    Until :meth:`prepare` has run, and for images beyond the limit, every read decodes. A forked
    process shares the cache. Unpickled in a process started otherwise, a cache on disk is mapped
    again; one in memory is left behind (a copy in each worker could exceed the memory).

    Args:
        source: where the original images come from.
        resize: to which size they are brought.
        mode: where to keep them.
        limit_bytes: how much of memory or disk they may take.
        folder: of the caches of mode ``disk``; later runs reuse what is there.
    """

    def __init__(
        self,
        source: ImageSource,
        resize: Resize,
        mode: CacheMode = "ram",
        *,
        limit_bytes: int,
        folder: str | Path | None = None,
    ) -> None:
        if mode == "disk" and folder is None:
            raise ValueError("a cache on disk needs a folder")
        self._source = source
        self._resize = resize
        self._mode = mode
        self._limit = 0 if mode == "none" else limit_bytes
        self._folder = None if folder is None else Path(folder)
        self._store: _Store = _RamStore()

    def read(self, item: str) -> NDArray[np.uint8]:
        """The resized image, RGB, uint8 [H, W, 3], read-only.

        Raises:
            DataError: it was not cached and cannot be decoded.
        """
        kept = self._store.get(item)
        return kept if kept is not None else self._shrunk(self._source.read(item))

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) of the original image in pixels, the frame of its target's boxes."""
        return self._source.size(item)

    def stamp(self, item: str) -> str:
        """The stamp of the original image."""
        return self._source.stamp(item)

    def prepare(self, ids: Sequence[str], workers: int) -> dict[str, str]:
        """Decode every image once, check it, and fill the cache in the order of ``ids``.

        Args:
            ids: unique.
            workers: threads.

        Returns:
            What is wrong, by id, with each image that cannot be decoded or has another size than
            ``size`` says, so that its annotations would be misplaced.

        Raises:
            DataError: the cache on disk cannot be written.
        """
        facts = dict(over(ids, self._facts, workers, "looking up images"))
        problems = {item: fact for item, fact in facts.items() if isinstance(fact, str)}
        known = {item: fact for item, fact in facts.items() if not isinstance(fact, str)}
        slots = self._plan(known)
        if self._folder is not None and self._mode == "disk":
            problems |= self._prepare_disk(self._folder, known, slots, workers)
        else:
            ram = _RamStore()
            problems |= self._decode(tuple(known), slots, ram, workers)
            self._store = ram
        return {item: problems[item] for item in ids if item in problems}

    def _facts(self, item: str) -> _Facts | str:
        try:
            return self._source.size(item), self._source.stamp(item)
        except DataError as error:
            return str(error)

    def _plan(self, known: dict[str, _Facts]) -> dict[str, Slot]:
        slots: dict[str, Slot] = {}
        end = 0
        for item, (size, _) in known.items():
            slot = Slot(end, *self._resize.shape(*size))
            if end + slot.length > self._limit:
                break
            slots[item] = slot
            end += slot.length
        if self._mode != "none" and len(slots) < len(known):
            log.warning(
                "the image cache holds %d of %d images (limit %.2f GiB); the others are decoded "
                "at every use: raise data.cache_gb, or choose a smaller size",
                len(slots), len(known), self._limit / 2**30,
            )  # fmt: skip
        return slots

    def _prepare_disk(
        self, home: Path, known: dict[str, _Facts], slots: dict[str, Slot], workers: int
    ) -> dict[str, str]:
        key = _key(self._resize, self._limit, known)
        store = load(home, key, workers)
        if store is not None:
            self._store = store
            unchecked = [item for item in known if item not in store.checked]
            return self._decode(unchecked, {}, _RamStore(), workers)
        writer = DiskWriter(home, key)
        try:
            problems = self._decode(tuple(known), slots, writer, workers)
            self._store = writer.commit(known.keys() - problems.keys(), workers)
        finally:
            writer.close()
        return problems

    def _decode(
        self, ids: Sequence[str], slots: dict[str, Slot], keep: _Keeps, workers: int
    ) -> dict[str, str]:
        def decode(item: str) -> str | None:
            try:
                image = self._source.read(item)
            except DataError as error:
                return str(error)
            problem = _contradiction(item, image, self._source.size(item))
            if problem is None and item in slots:
                keep.put(item, slots[item], self._shrunk(image))
            return problem

        results = over(ids, decode, workers, "reading images")
        return {item: problem for item, problem in results if problem is not None}

    def _shrunk(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        resized = self._resize.apply(image)
        resized.flags.writeable = False  # as one that comes from the cache
        return resized.view()  # which cannot be made writable again


def prepared(dataset: Dataset, cached: CachedImages, workers: int) -> Dataset:
    """Decode, check and cache every image of a dataset.

    Args:
        dataset: whose images ``cached`` reads.
        cached: filled here.
        workers: threads.

    Returns:
        The dataset; where ``on_bad_item`` is ``skip``, without the items whose image cannot be
        used, and with a note that counts and names them.

    Raises:
        DataError: with every such item, where ``on_bad_item`` is ``error``.
    """
    problems = cached.prepare((*dataset.pool, *dataset.test), workers)
    if not problems:
        return dataset
    lines = shortened(list(problems.values()))
    if dataset.on_bad_item == "error":
        raise DataError(lines)
    for line in lines:
        log.warning("skipped: %s", line)
    pool, test = (
        tuple(item for item in ids if item not in problems) for ids in (dataset.pool, dataset.test)
    )
    check_splits(pool, test)
    targets = {item: dataset.targets[item] for item in (*pool, *test)}
    notes = (*dataset.notes, f"skipped {skipped(problems)}")
    return replace(dataset, pool=pool, test=test, targets=targets, notes=notes)


def _key(resize: Resize, limit: int, known: dict[str, _Facts]) -> str:
    content = json.dumps([FORMAT, astuple(resize), limit, list(known.items())])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _contradiction(item: str, image: NDArray[np.uint8], size: tuple[int, int]) -> str | None:
    height, width = image.shape[:2]
    if (height, width) == size:
        return None
    return (
        f"{item}: the image is {width} x {height} pixels, its annotation says {size[1]} x {size[0]}"
        ", so that its boxes would be misplaced: correct one of the two, or set "
        "dataset.on_bad_item=skip"
    )

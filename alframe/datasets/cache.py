"""Decoded and resized images, kept in memory or on disk within a limit."""

import hashlib
import json
import logging
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from alframe.datasets.base import Dataset, ImageSource, file_of, without
from alframe.datasets.bulk import in_threads
from alframe.datasets.cache_disk import FORMAT, DiskStore, DiskWriter, Slot, load
from alframe.datasets.files import ImageFiles
from alframe.datasets.looks import PLAIN, Look, look_at, notes_on, white_among
from alframe.datasets.pictures import DEFAULT, Reading
from alframe.datasets.problems import SKIP, SWAPPED, BadItemError, Problem, Problems
from alframe.datasets.resize import Resize
from alframe.datasets.splits import check_splits
from alframe.errors import AlframeError, DataError, PluginError

__all__ = ["CacheMode", "CachedImages", "Resize", "prepared"]

CacheMode = Literal["ram", "disk", "none"]

logger = logging.getLogger(__name__)

_Facts = tuple[tuple[int, int], str]  # size and stamp


class _RamStore(dict[str, NDArray[np.uint8]]):
    def put(self, item: str, slot: Slot, image: NDArray[np.uint8]) -> None:
        del slot
        self[item] = image

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class CachedImages:
    """An :class:`~alframe.datasets.base.ImageSource` of resized images on top of another source.

    Until :meth:`prepare` has run, and for images beyond the limit, every read decodes. A forked
    process shares the cache. Unpickled in a process started otherwise, a cache on disk is opened
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
        self._store: _RamStore | DiskStore = _RamStore()
        self._looks: dict[str, Look] = {}

    @property
    def _reading(self) -> Reading | None:
        return self._source.reading if isinstance(self._source, ImageFiles) else None

    @property
    def white(self) -> float | None:
        """What is white in images of more than 8 bits; None before there was one."""
        return self._reading.white if self._reading else None

    def notes(self, names: Mapping[str, str] | None = None) -> list[str]:
        """What is worth saying of the images that :meth:`prepare` has decoded.

        Args:
            names: what to call them, by id; their ids by default.
        """
        reading = self._reading or DEFAULT
        looks = {names[i] if names else i: look for i, look in sorted(self._looks.items())}
        return notes_on(looks, reading.white, reading.setting("white"))

    def read(self, item: str) -> NDArray[np.uint8]:
        """The resized image, RGB, uint8 [H, W, 3], read-only.

        Raises:
            DataError: it was not cached and cannot be decoded.
        """
        kept = self._store.get(item)
        return kept if kept is not None else self._shrunk(_pixels(self._source, item))

    def size(self, item: str) -> tuple[int, int]:
        """(height, width) of the original image in pixels, the frame of its target's boxes."""
        return _size(self._source, item)

    def stamp(self, item: str) -> str:
        """The stamp of the original image."""
        return self._source.stamp(item)

    def file(self, item: str) -> Path | None:
        """The file of the original image; None where it is none."""
        return file_of(self._source, item)

    def prepare(
        self, ids: Sequence[str], workers: int, first: Collection[str] = ()
    ) -> dict[str, DataError]:
        """Decode every image once, check it, and fill the cache in the order of ``ids``.

        Images of more than 8 bits are scaled alike, by what is white in the brightest of them,
        unless the source has been told.

        Args:
            ids: unique.
            workers: threads.
            first: of which there is room for before others; a file on disk that is there
                already keeps the images that it was written with.

        Returns:
            What is wrong, by id, with each image that cannot be decoded or has another size than
            ``size`` says, so that its annotations would be misplaced.

        Raises:
            DataError: the cache on disk cannot be written.
            PluginError: the source gives something else than images and their sizes.
        """
        facts = dict(in_threads(ids, self._facts, workers, "looking up images"))
        problems = {item: fact for item, fact in facts.items() if isinstance(fact, DataError)}
        known = {item: fact for item, fact in facts.items() if not isinstance(fact, DataError)}
        slots = self._plan({i: known[i] for i in sorted(known, key=lambda i: i not in first)})
        if self._folder is not None and self._mode == "disk":
            problems |= self._prepare_disk(self._folder, known, slots, workers)
        else:
            ram = _RamStore()
            problems |= self._decode_alike(tuple(known), slots, ram, workers)
            self._store = ram
        return {item: problems[item] for item in ids if item in problems}

    def _facts(self, item: str) -> _Facts | DataError:
        try:
            return _size(self._source, item), self._source.stamp(item)
        except DataError as error:
            return error

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
            logger.warning(
                "the image cache holds %d of %d images (limit %.2f GiB); the others are decoded "
                "at every use: raise data.cache_gb, or choose a smaller size",
                len(slots), len(known), self._limit / 2**30,
            )  # fmt: skip
        return slots

    def _prepare_disk(
        self, home: Path, known: dict[str, _Facts], slots: dict[str, Slot], workers: int
    ) -> dict[str, DataError]:
        key = _key(self._resize, self._limit, known, self._reading)
        store = load(home, key, workers)
        if store is not None:
            self._store, self._looks = store, dict(store.looks)
            self._settle_white()
            unchecked = [item for item in known if item not in store.checked]
            return self._decode(unchecked, {}, _RamStore(), workers)
        writer = DiskWriter(home, key)
        try:
            problems = self._decode_alike(tuple(known), slots, writer, workers)
            self._store = writer.commit(known.keys() - problems.keys(), self._looks, workers)
        finally:
            writer.close()
        return problems

    def _decode_alike(
        self, ids: Sequence[str], slots: dict[str, Slot], keep: _RamStore | DiskWriter, workers: int
    ) -> dict[str, DataError]:
        """Decode images; again those that have to be scaled by another one's white."""
        told = self.white
        problems = self._decode(ids, slots, keep, workers)
        self._settle_white()
        others = () if told else (None, self.white)
        again = [i for i, look in self._looks.items() if others and look.white not in others]
        return problems | self._decode(again, slots, keep, workers)

    def _settle_white(self) -> None:
        if isinstance(self._source, ImageFiles) and self.white is None:
            reading = replace(self._source.reading, white=white_among(self._looks))
            self._source = self._source.reading_as(reading)

    def _decode(
        self, ids: Sequence[str], slots: dict[str, Slot], keep: _RamStore | DiskWriter, workers: int
    ) -> dict[str, DataError]:
        def decode(item: str) -> Look | DataError:
            try:
                if isinstance(self._source, ImageFiles):
                    image, white = self._source.picture(item)
                else:
                    image, white = _pixels(self._source, item), None
                _check_size(item, image, _size(self._source, item))
            except DataError as error:
                return error
            shrunk = self._shrunk(image)
            if item in slots:
                keep.put(item, slots[item], shrunk)
            return look_at(shrunk, white)

        problems: dict[str, DataError] = {}
        for item, result in in_threads(ids, decode, workers, "reading images") if ids else ():
            if isinstance(result, DataError):
                problems[item] = result
            elif result != PLAIN:
                self._looks[item] = result
        return problems

    def _shrunk(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        resized = self._resize.apply(image)
        resized.flags.writeable = False  # as one that comes from the cache
        return resized.view()  # which cannot be made writable again


def prepared(
    dataset: Dataset, cached: CachedImages, workers: int, first: Collection[str] = ()
) -> Dataset:
    """Decode, check and cache every image of a dataset; see :meth:`CachedImages.prepare`.

    Returns:
        The dataset, with notes on black images and the like; where ``on_bad_item`` is ``skip``,
        without the items whose image cannot be used, which a note counts and names.

    Raises:
        DataError: with every such item, where ``on_bad_item`` is ``error``.
    """
    problems = Problems(dataset.on_bad_item)
    for item, error in cached.prepare((*dataset.pool, *dataset.test), workers, first).items():
        problems.take(item, error)
    notes = (*cached.notes(), *problems.settle())
    if not notes:
        return dataset
    rest = without(dataset, problems.items)
    check_splits(rest.pool, rest.test, tested=bool(dataset.test))
    return replace(rest, notes=(*dataset.notes, *notes))


def _key(resize: Resize, limit: int, known: dict[str, _Facts], reading: Reading | None) -> str:
    pixels = reading and (reading.max_megapixels, reading.white)
    content = json.dumps([FORMAT, astuple(resize), limit, pixels, list(known.items())])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _pixels(source: ImageSource, item: str) -> NDArray[np.uint8]:
    """What the images of a plugin give, if it is an image."""
    try:
        image: object = source.read(item)
    except Exception as error:
        own = type(error) is OSError and error.errno is None  # Pillow's, of a file that is cut off
        if own or isinstance(error, FileNotFoundError | PermissionError | UnidentifiedImageError):
            why = getattr(error, "strerror", None) or " ".join(str(error).split())
            cause, remedy = f"the image cannot be read ({why})", f"replace or remove it{SKIP}"
            raise BadItemError(Problem(cause, item, remedy)) from error
        if not isinstance(error, AlframeError):
            error.add_note(f"raised by {type(source).__name__}.read of {item!r}")
        raise
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
            return image
        got = f"{image.dtype} {list(image.shape)}"
    else:
        got = type(image).__name__
    raise PluginError(
        f"{type(source).__name__}.read gives {got} for {item}: expected RGB, uint8 [H, W, 3]"
    )


def _size(source: ImageSource, item: str) -> tuple[int, int]:
    """(height, width), as the images of a plugin may give them otherwise."""
    size: Any = source.size(item)
    try:
        height, width = map(operator.index, size)
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise PluginError(
            f"{type(source).__name__}.size gives {size!r:.40} for {item}: expected (height, width) "
            "in pixels"
        )
    return height, width


def _check_size(item: str, image: NDArray[np.uint8], size: tuple[int, int]) -> None:
    height, width = image.shape[:2]
    if (height, width) == size:
        return
    at = f"{item} ({width} x {height} pixels, annotated {size[1]} x {size[0]})"
    what, remedy = "another size than the image", "correct one of the two"
    if (width, height) == size:
        what = f"width and height of the image {SWAPPED}"
        remedy = "annotate it upright, or remove the orientation from the file"
    cause = f"the annotation has {what}, so that boxes would be misplaced"
    raise BadItemError(Problem(cause, at, f"{remedy}{SKIP}"))

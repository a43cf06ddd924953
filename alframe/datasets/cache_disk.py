"""Images in one file, written whole or not at all and never trusted unchecked."""

import contextlib
import json
import logging
import os
import secrets
import shutil
import threading
import time
import weakref
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.bulk import in_threads
from alframe.datasets.looks import Look
from alframe.errors import DataError
from alframe.files.reading import parsed_json

FORMAT = "alframe-images-2"
_IMAGES = "images.bin"
_INDEX = "index.json"
_PARTIAL = ".partial-"
_STALE_SECONDS = 24 * 3600

logger = logging.getLogger(__name__)


class Slot(NamedTuple):
    """Where an image lies in the file, in bytes, and its shape in pixels."""

    offset: int
    height: int
    width: int

    @property
    def length(self) -> int:
        """Bytes of the image."""
        return self.height * self.width * 3


class DiskStore:
    """A finished cache. Pickles as a path: every process opens the file itself.

    It is read and not mapped: a process that touches a part of a map that is no longer in the file
    dies without a word.

    Args:
        folder: with the images and their index.
        slots: where the images are.
        checked: ids of images that decoded without a problem, in the file or beyond its limit.
        looks: what is worth saying of images.
    """

    def __init__(
        self,
        folder: Path,
        slots: Mapping[str, Slot],
        checked: Iterable[str],
        looks: Mapping[str, Look],
    ) -> None:
        self._path = folder / _IMAGES
        self._slots = slots
        self._file: int | None = None
        self.checked = frozenset(checked)
        self.looks = looks

    def get(self, item: str) -> NDArray[np.uint8] | None:
        """The image, uint8 [H, W, 3] and read-only, or None where the file does not have it.

        Raises:
            DataError: the file is gone, or has been cut.
        """
        slot = self._slots.get(item)
        if slot is None:
            return None
        content, end = b"", slot.offset + slot.length
        try:
            if self._file is None:
                opened = os.open(self._path, os.O_RDONLY)  # by several threads, maybe
                weakref.finalize(self, os.close, opened)
                self._file = opened
            # At places of its own, since processes and threads share the file's position; again,
            # as the system reads at most 2 GiB at once.
            while rest := slot.length - len(content):
                more = os.pread(self._file, rest, end - rest)
                if not more:
                    raise _lost(self._path, "it was cut while in use")
                content = content + more if content else more
        except OSError as error:
            raise _lost(self._path, str(error.strerror)) from error
        return np.frombuffer(content, np.uint8).reshape(slot.height, slot.width, 3)

    def __len__(self) -> int:
        return len(self._slots)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


class DiskWriter:
    """Writes a cache beside its place and moves it there at the end.

    Raises:
        DataError: the folder cannot be written.
    """

    def __init__(self, home: Path, key: str) -> None:
        self._target = home / key
        self._lock = threading.Lock()
        self._slots: dict[str, tuple[Slot, int]] = {}
        try:
            home.mkdir(parents=True, exist_ok=True)
            _remove_stale(home)
            self._partial = home / f"{key}{_PARTIAL}{secrets.token_hex(4)}"
            self._partial.mkdir()  # not by tempfile, whose folders no other user can read
            self._file = (self._partial / _IMAGES).open("wb")
        except OSError as error:
            raise _unwritable(home, error) from error

    def put(self, item: str, slot: Slot, image: NDArray[np.uint8]) -> None:
        """Write one image into its slot; any thread may."""
        content = np.ascontiguousarray(image).data
        checksum = zlib.crc32(content)
        with self._lock:
            try:
                self._file.seek(slot.offset)
                self._file.write(content)
            except OSError as error:
                raise _unwritable(self._partial, error) from error
            self._slots[item] = (slot, checksum)

    def commit(self, checked: Iterable[str], looks: Mapping[str, Look], workers: int) -> DiskStore:
        """Put the finished cache in its place, unless another process was faster.

        Args:
            checked: ids of the images that decoded without a problem.
            looks: what is worth saying of images.
            workers: threads.

        Raises:
            DataError: the folder cannot be written.
        """
        ids = sorted(checked)
        try:
            self._finish(ids, looks)
            try:
                self._partial.rename(self._target)
            except OSError:
                if not self._target.exists():
                    raise
                other = load(self._target.parent, self._target.name, workers)
                if other is not None:  # and may be in use: replace only what is broken
                    return other
                shutil.rmtree(self._target)
                self._partial.rename(self._target)
        except OSError as error:
            raise _unwritable(self._target, error) from error
        slots = {item: slot for item, (slot, _) in self._slots.items()}
        return DiskStore(self._target, slots, ids, looks)

    def close(self) -> None:
        """Remove what was not committed."""
        with contextlib.suppress(OSError):  # on a full disk: what it holds is thrown away
            self._file.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _finish(self, checked: list[str], looks: Mapping[str, Look]) -> None:
        _sync(self._file)
        self._file.close()
        index = {
            "format": FORMAT,
            "key": self._target.name,
            "bytes": (self._partial / _IMAGES).stat().st_size,
            "slots": {item: [*slot, checksum] for item, (slot, checksum) in self._slots.items()},
            "checked": checked,
            "looks": {item: list(look) for item, look in looks.items()},
        }
        with (self._partial / _INDEX).open("w", encoding="utf-8") as stream:
            json.dump(index, stream)
            _sync(stream)


def load(home: Path, key: str, workers: int) -> DiskStore | None:
    """A cache of an earlier run, or None where there is none that can be trusted.

    Every image is compared with its checksum: a file that was cut or overwritten must not become
    training data.
    """
    folder = home / key
    if not folder.exists():
        return None
    try:
        store, checksums = _read_index(folder, key)
        _verify(store, checksums, workers)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        DataError,
    ) as error:
        logger.warning("%s is not a usable image cache (%s): building it anew", folder, error)
        return None
    logger.info("reusing the image cache %s: %d images", folder, len(store))
    return store


def _read_index(folder: Path, key: str) -> tuple[DiskStore, dict[str, int]]:
    index = parsed_json((folder / _INDEX).read_bytes())
    length = (folder / _IMAGES).stat().st_size
    if (index["format"], index["key"], index["bytes"]) != (FORMAT, key, length):
        raise ValueError("its index does not fit")
    slots = {item: Slot(*map(int, row[:3])) for item, row in index["slots"].items()}
    if any(min(s) < 0 or s.offset + s.length > length for s in slots.values()):
        raise ValueError("its index points outside of the file")
    looks = {item: Look(*row) for item, row in index["looks"].items()}
    checksums = {item: int(row[3]) for item, row in index["slots"].items()}
    return DiskStore(folder, slots, index["checked"], looks), checksums


def _verify(store: DiskStore, checksums: Mapping[str, int], workers: int) -> None:
    def is_whole(item: str) -> bool:
        image = store.get(item)
        return image is not None and zlib.crc32(image.data) == checksums[item]

    for item, whole in in_threads(tuple(checksums), is_whole, workers, "checking the cache"):
        if not whole:
            raise ValueError(f"image {item} was changed")


def _lost(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path} cannot be read any more ({reason}): start again, with --resume where a run was "
        "begun, to rebuild it"
    )


def _sync(stream: Any) -> None:
    stream.flush()
    os.fsync(stream.fileno())


def _remove_stale(home: Path) -> None:
    """Remove what killed processes left; nobody writes one cache for a day."""
    for partial in home.glob(f"*{_PARTIAL}*"):
        with contextlib.suppress(FileNotFoundError):  # another process has just finished it
            if time.time() - partial.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(partial, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path} cannot be written as an image cache ({error}): free space, name another folder "
        "(data.cache_dir), or keep images in memory or not at all (data.cache=ram|none)"
    )

"""Embeddings and probabilities of images in an npz, mapped into memory: none is held unused."""

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.errors import DataError
from alframe.files.npz import DAMAGED, read_header
from alframe.signals import BOX_FEATURES, CLASS_PROBS, EMBEDDING, LARGEST_FEATURE
from alframe.words import named, plural

ARRAYS = {
    EMBEDDING: "image [n, d]",
    CLASS_PROBS: "class_probs [n, k] or [s, n, k]",
    BOX_FEATURES: "object_features [m, f] with object_index [m]",
}
"""What holds a signal, beside ``ids``."""
SHAPES = f"ids [n] and one or more of {', '.join(ARRAYS.values())}"
NAMES = ("ids", "image", "class_probs", "object_features", "object_index")
"""Arrays that are looked for."""
ROUNDED, LEAST, MOST = 0.005, 0.01, 0.05
"""By so much a probability may have been rounded, and a sum of them differ from 1."""
_LARGE, _DENSE = 1 << 29, 500
"""Bytes that any array may expand to, and the times of its own that a larger one may."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """One vector an image, its class probabilities, and one vector a box.

    Attributes:
        ids: [n] of the images.
        image: [n, D], of any type of numbers; None where there are none.
        objects: [m, F], for each box of an image in the order of the predictions; None likewise.
        index: int64 [m], the row in ``ids`` of the image of each of ``objects``.
        where: the file that they are of, for messages; None of arguments in Python.
        probs: [n, K], of the classes of an image as a whole, which add up to 1; or of each of
            several opinions, [S, n, K]; None likewise.
    """

    ids: tuple[str, ...]
    image: NDArray[Any] | None
    objects: NDArray[Any] | None
    index: NDArray[np.int64] | None
    where: str | None
    probs: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise DataError(f"{self.prefix}{problem}" for problem in problems)

    @property
    def prefix(self) -> str:
        """What messages begin with."""
        return f"{self.where}: " if self.where else ""

    @property
    def called(self) -> str:
        """What messages call ``image``."""
        return "image" if self.where else "embedding"

    @property
    def classes(self) -> int:
        """Of how many classes the probabilities are; 0 where there are none."""
        return 0 if self.probs is None else self.probs.shape[-1]

    @property
    def has_opinions(self) -> bool:
        """Whether there are probabilities of several opinions."""
        return self.probs is not None and self.probs.ndim == 3

    def _problems(self) -> Any:
        count = len(self.ids)
        if len(set(self.ids)) < count:
            seen = set[str]()
            twice = [item for item in self.ids if item in seen or seen.add(item)]  # type: ignore[func-returns-value]
            yield f"ids: expected each once, twice are {named(twice)}"
        if "" in self.ids:
            yield f"ids: expected a name for each image, number {self.ids.index('')} has none"
        arrays = (
            (self.called, self.image),
            ("class_probs", self.probs),
            ("object_features", self.objects),
        )
        if all(array is None for _, array in arrays):
            yield f"expected {SHAPES}"
        if self.image is not None and (self.image.ndim != 2 or len(self.image) != count):
            got = list(self.image.shape)
            yield f"{self.called}: expected [{count}, d], a row for each id, got {got}"
        if self.probs is not None and not _are_of(self.probs, count):
            yield (
                f"class_probs: expected [{count}, k], a row for each id, or [s, {count}, k] of two "
                f"opinions or more, got {list(self.probs.shape)}"
            )
        for name, array in arrays:
            if array is not None and array.dtype.kind not in "fiub":
                yield f"{name}: expected numbers, got {array.dtype}"
            if array is not None and array.shape[-1:] == (0,):
                yield f"{name}: expected a number or more in each row, got none"
        if (self.objects is None) != (self.index is None):
            yield "object_features and object_index: expected both or none"
        elif self.objects is not None and self.index is not None:
            if self.objects.ndim != 2 or self.index.shape != (len(self.objects),):
                shapes = f"{list(self.objects.shape)} and {list(self.index.shape)}"
                yield f"object_features and object_index: expected [m, f] and [m], got {shapes}"
            elif len(self.index) and not 0 <= self.index.min() <= self.index.max() < count:
                yield f"object_index: expected places in ids, 0 to {count - 1}"


def _are_of(probs: NDArray[Any], images: int) -> bool:
    """Whether there is a row for each image, or from each of several opinions."""
    opinions = probs.shape[:-2]
    return probs.shape[-2:-1] == (images,) and (not opinions or (len(opinions) == 1 < opinions[0]))


def read_vectors(path: Path) -> Vectors:
    """Open an npz; arrays that are not compressed are mapped, others are read.

    Raises:
        DataError: it cannot be read, or lacks what is expected.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {member.filename.removesuffix(".npy") for member in archive.infolist()}
            arrays = {name: _array(path, archive, name) for name in NAMES if name in names}
    except (OSError, *DAMAGED) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as npz ({why}): expected {SHAPES}") from error
    if "ids" not in arrays:
        raise DataError(f"{path} has no ids: expected {SHAPES}")
    ids, index = arrays["ids"], arrays.get("object_index")
    if ids.ndim != 1 or ids.dtype.kind not in "US":
        raise DataError(
            f"{path}: ids: expected a list of texts, got {ids.dtype} {list(ids.shape)}: write "
            "np.array(ids, dtype=str)"
        )
    if index is not None and index.dtype.kind not in "iu":
        raise DataError(f"{path}: object_index: expected whole numbers, got {index.dtype}")
    return Vectors(
        _texts(ids, path),
        arrays.get("image"),
        arrays.get("object_features"),
        None if index is None else np.asarray(index, np.int64),
        str(path),
        arrays.get("class_probs"),
    )


def _texts(ids: NDArray[Any], path: Path) -> tuple[str, ...]:
    """Names of images, of texts or of bytes.

    Raises:
        DataError: a name is no UTF-8, or has letters that Unicode has not.
    """
    try:
        texts = np.char.decode(ids, "utf-8") if ids.dtype.kind == "S" else ids
        return tuple(map(str, texts.tolist()))
    except (ValueError, SystemError) as error:
        raise DataError(f"{path}: ids: expected texts in UTF-8: {error}") from error


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        shape, fortran, dtype = read_header(file)
        offset = file.tell()
        if dtype.hasobject:
            raise ValueError(f"{name} holds objects of Python: write it with a type of its own")
        if member.file_size > max(_LARGE, _DENSE * member.compress_size):
            raise ValueError(f"{name} expands to {member.file_size:,} bytes: a bomb")
        size = math.prod(shape) * dtype.itemsize
        if size + offset != member.file_size:
            raise ValueError(f"{name} is cut off or too long")
        order: Any = "F" if fortran else "C"
        if member.compress_type != zipfile.ZIP_STORED or not size or name == "ids":
            return np.frombuffer(file.read(size), dtype).reshape(shape, order=order)
        for _ in iter(partial(file.read, 1 << 20), b""):  # its checksum, which a map goes around
            pass
    return np.memmap(path, dtype, "r", _begin(path, member) + offset, shape, order)


def _begin(path: Path, member: zipfile.ZipInfo) -> int:
    """Where a member's data begin in its file: after a header with two parts of own lengths."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(30)
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return member.header_offset + 30 + lengths


class StoredVectors:
    """Vectors by the ids of their images.

    Args:
        vectors: of the images.
    """

    def __init__(self, vectors: Vectors) -> None:
        self.rows = {item: row for row, item in enumerate(vectors.ids)}
        self.image, self.probs = vectors.image, vectors.probs
        self._prefix, self._called = vectors.prefix, vectors.called
        self.classes, self.has_opinions = vectors.classes, vectors.has_opinions
        self._objects = vectors.objects
        if vectors.index is not None:
            self._order = np.argsort(vectors.index, kind="stable")
            self._count = np.bincount(vectors.index, minlength=len(vectors.ids))
            self._start = np.cumsum(self._count) - self._count

    def images(self, ids: Sequence[str]) -> NDArray[np.floating[Any]]:
        """[B, D], of which only these rows are read; float16 stays what it is.

        Raises:
            DataError: numbers are not finite, or too large.
        """
        assert self.image is not None
        rows = np.array([self.rows[item] for item in ids], np.int64)
        kept = self.image.dtype == np.float16
        found = self.image[rows]
        self._check_numbers(found, self._called, np.arange(len(ids)), ids)
        return np.asarray(found, np.float16 if kept else np.float32)

    def class_probs(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """[S, B, K], of which only these rows are read; S is 1 where there is one opinion.

        Raises:
            DataError: a row is not of numbers from 0 on that add up to 1.
        """
        assert self.probs is not None
        rows = [self.rows[item] for item in ids]
        found = np.asarray(self.probs[..., rows, :], np.float64)
        found = found.reshape(-1, *found.shape[-2:])
        most = min(MOST, max(LEAST, ROUNDED * found.shape[2])) + 1e-9
        good = (found >= 0).all(axis=2) & (np.abs(found.sum(axis=2) - 1) <= most)
        if not (good := good.all(axis=0)).all():
            at = named([ids[place] for place in np.flatnonzero(~good).tolist()])
            raise DataError(
                f"{self._prefix}class_probs: expected numbers from 0 on that add up to 1 for each "
                f"image (of logits, their softmax), not so of {at}"
            )
        return found.astype(np.float32)

    def _check_numbers(
        self, found: NDArray[Any], name: str, owner: NDArray[np.int64], ids: Sequence[str]
    ) -> None:
        """Refuse vectors, each of the image in the place ``owner`` of ``ids``."""
        odd = ~(np.abs(found) < np.float64(LARGEST_FEATURE)).all(axis=1)
        if odd.any():
            at = named([ids[int(place)] for place in np.unique(owner[odd])])
            raise DataError(
                f"{self._prefix}{name}: expected numbers that are finite and smaller than "
                f"{LARGEST_FEATURE:.0e}, not so of {at}"
            )

    @property
    def has_objects(self) -> bool:
        """Whether there are vectors of boxes."""
        return self._objects is not None

    def check_objects(self, ids: Sequence[str], counts: Sequence[int]) -> None:
        """Each image has as many vectors of boxes as boxes.

        Raises:
            DataError: names those that have not.
        """
        rows = np.array([self.rows.get(item, -1) for item in ids], np.int64)
        have = np.where(rows < 0, 0, self._count[rows]) if len(self._count) else rows * 0
        odd = np.flatnonzero(have != np.asarray(counts)).tolist()
        if odd:
            at = named([f"{ids[i]} ({int(have[i])} of {int(counts[i])})" for i in odd])
            raise DataError(
                f"{self._prefix}object_features: expected one for each predicted box, in the order "
                f"of the predictions; not so for {plural(len(odd), 'image')}: {at}"
            )

    def objects(
        self, ids: Sequence[str], places: NDArray[np.int32], valid: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """[B, N, F], of the boxes in these places of their images; 0 where they are padding.

        Raises:
            DataError: numbers are not finite, or too large.
        """
        assert self._objects is not None
        taken = np.zeros((*places.shape, self._objects.shape[1]), np.float32)
        start = np.array([self._start[self.rows[item]] if item in self.rows else 0 for item in ids])
        rows = (start[:, None] + places)[valid]
        found = self._objects[self._order[rows]]
        self._check_numbers(found, "object_features", np.nonzero(valid)[0], ids)
        taken[valid] = found
        return taken

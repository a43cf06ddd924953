"""Where somebody's own detector puts what it finds in a cycle, and whether that has changed."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from alframe.annotations.sources import files, read, sha256_of
from alframe.errors import DataError
from alframe.selecting.vectors import ARRAYS
from alframe.words import named

SUFFIXES = ("", ".json", ".jsonl", ".xml", ".zip")
"""Of what predictions may lie in, a folder without one."""
QUIET = 2.0
"""Seconds in which nothing is written once a detector has ended."""


class PredictionFiles:
    """The predictions of a cycle, and maybe vectors: ``cycle_NN``, of any suffix, and ``.npz``.

    Args:
        folder: in which they lie.
        cycle: 0, 1, ...
        of_vectors: signals for which vectors of images or boxes are wanted, too.

    Attributes:
        vectors: the path of these.
    """

    def __init__(self, folder: Path, cycle: int, *, of_vectors: frozenset[str]) -> None:
        self._start, self._of_vectors = folder / f"cycle_{cycle:02d}", of_vectors
        self.vectors = self._called(".npz")

    def predictions(self) -> Path | None:
        """The file or folder; None where there is none yet.

        Raises:
            DataError: there are several.
        """
        there = [path for path in map(self._called, SUFFIXES) if path.exists()]
        if len(there) > 1:
            raise DataError(f"{named(list(map(str, there)))} are of one cycle: keep the right one")
        return there[0] if there else None

    def missing(self) -> list[str]:
        """What is waited for, in words."""
        lacking = []
        if self.predictions() is None:
            lacking.append(f"{self._called('.json')} or the folder {self._start}")
        if self._of_vectors and not self.vectors.exists():
            arrays = ", ".join(ARRAYS[name] for name in sorted(self._of_vectors))
            lacking.append(f"{self.vectors} (ids [n], {arrays})")
        return lacking

    def unsettled(self) -> str | None:
        """What is being written at this moment; waits for a moment where it has just been."""
        for path in self._there():
            last = max((_changed(file) for _, file in _parts(path)), default=0.0)
            if abs(time.time() - last) < QUIET:
                before = _sha256(path)
                time.sleep(QUIET)
                if before != _sha256(path):
                    return str(path)
        return None

    def hashes(self) -> Mapping[str, str]:
        """SHA-256 by name; of a folder, of the names and bytes of all that is read in it."""
        return {path.name: _sha256(path) for path in self._there()}

    def _there(self) -> Iterator[Path]:
        for path in (self.predictions(), self.vectors if self._of_vectors else None):
            if path and path.exists():
                yield path

    def _called(self, suffix: str) -> Path:
        return self._start.with_name(self._start.name + suffix)


def _parts(path: Path) -> Iterator[tuple[str, Path]]:
    """A file, or those of a folder that readers of predictions look at, by their paths in it."""
    yield from ((name, path / name) for name in files(path)) if path.is_dir() else [("", path)]


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:  # a detector replaces what it wrote before
        return time.time()


def _sha256(path: Path) -> str:
    if path.is_dir():
        whole = hashlib.sha256()
        for name, file in _parts(path):
            whole.update(f"{name}\n{sha256_of(read(file))}\n".encode())
        return whole.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

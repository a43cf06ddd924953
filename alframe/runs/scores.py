"""``scores/cycle_NN.npz``: what a strategy gave each candidate."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.errors import RunError
from alframe.files.npz import DAMAGED, read_header
from alframe.files.reading import COMPRESSIONS
from alframe.files.sealed import sealed, unsealed

LIMIT = 1 << 29
"""Bytes that the arrays of a file may take in memory: a million ids of 100 letters take less."""


def write_scores(path: Path, scores: Mapping[str, float]) -> None:
    """Write ids and scores, sorted by id."""
    ids = sorted(scores)
    values = np.array([scores[i] for i in ids], dtype=np.float64)
    content = io.BytesIO()
    np.savez_compressed(content, ids=np.array(ids, dtype=np.str_), scores=values)
    with sealed(path) as file:
        file.write(content.getvalue())


def read_scores(path: Path) -> dict[str, float] | None:
    """What :func:`write_scores` wrote; None where there is no file.

    Raises:
        RunError: it cannot be read, or is damaged.
    """
    try:
        # A SystemError is numpy's: of letters that Unicode has not.
        with unsealed(path) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if not {m.compress_type for m in members} <= COMPRESSIONS:
                raise ValueError("it is compressed in a way that numpy does not write")
            if sum(member.file_size for member in members) > LIMIT:
                raise ValueError(f"it expands to more than {LIMIT >> 20} MiB")
            ids, scores = _array(archive, "ids.npy", "U"), _array(archive, "scores.npy", "f")
            return dict(zip(ids.tolist(), scores.tolist(), strict=True))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from error
    except DAMAGED as error:
        raise RunError(
            f"{path} is damaged ({error}): restore it, or delete it to have the selection checked "
            "by the model of its cycle"
        ) from error


def _array(archive: zipfile.ZipFile, name: str, kind: str) -> NDArray[Any]:
    """A list in an archive, as long as its header says: memory is taken for what is there."""
    with archive.open(name) as member:
        shape, _, dtype = read_header(member)
        size = archive.getinfo(name).file_size
        if dtype.kind != kind or len(shape) != 1 or not 0 <= shape[0] * dtype.itemsize <= size:
            raise ValueError(f"{name} is not a list of {'texts' if kind == 'U' else 'numbers'}")
        content = member.read(shape[0] * dtype.itemsize)
        return np.frombuffer(content, dtype, count=shape[0])

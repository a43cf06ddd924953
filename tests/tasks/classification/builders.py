"""Tiny datasets of classification, written for a test."""

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from alframe.tasks.classification.cifar10 import BINARY, PYTHON
from alframe.training.batch import Batch

COLOURS = {"cat": (200, 40, 40), "dog": (40, 40, 200), "emu": (40, 200, 40)}


def picture(path: Path, colour: tuple[int, int, int] = (9, 9, 9), side: int = 32) -> Path:
    """A noisy picture of one colour, that differs from every other."""
    seed = int(hashlib.sha256(str(path.name).encode()).hexdigest()[:8], 16)
    noise = np.random.default_rng(seed).integers(0, 40, (side, side, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((noise + np.array(colour)).astype(np.uint8)).save(path)
    return path


def class_folder(root: Path, pool: int = 3, test: int = 2, classes: int = 2) -> Path:
    """``pool`` and ``test`` pictures of each class; without a test split they lie in ``root``."""
    for name in list(COLOURS)[:classes]:
        for split, count in (("pool" if test else "", pool), ("test", test)):
            for n in range(count):
                picture(root / split / name / f"{split}{name}{n}.png", COLOURS[name])
    return root


def content(number: int, images: int = 4) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels [N] and pixels [N, 3072] of a file."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (images, 3072), np.uint8)
    return (np.arange(number, number + images) % 10).astype(np.uint8), pixels


def binary_cifar(root: Path) -> dict[str, str]:
    """Files of the binary version; returns their MD5 sums."""
    return {
        name: _written(root / name, np.column_stack(content(number)).tobytes())
        for number, name in enumerate(BINARY)
    }


def python_cifar(root: Path) -> dict[str, str]:
    """Files of the Python version."""
    sums = {}
    for number, name in enumerate(PYTHON):
        labels, pixels = content(number)
        table = {b"labels": labels.tolist(), b"data": pixels, b"batch_label": b"one"}
        sums[name] = _written(root / name, pickle.dumps(table, protocol=2))
    return sums


def _written(path: Path, written: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written)
    return hashlib.md5(written).hexdigest()


def labelled_batch(side: int = 32, labels: Mapping[str, int] | None = None) -> Batch:
    """Noisy images with one class each."""
    own = labels or {"a": 0, "b": 2, "c": 1}
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (len(own), 3, side, side), np.uint8))
    sizes = torch.tensor([[side, side]] * len(own))
    return Batch(tuple(own), images, sizes, sizes, None, torch.tensor([[n] for n in own.values()]))

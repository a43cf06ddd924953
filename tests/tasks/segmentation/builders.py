"""Small datasets with masks, written to a folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHAPE = (12, 16)


def write_pair(image: Path, mask: Path, values: NDArray[np.uint8]) -> None:
    """An image in the colours of its classes, and its mask."""
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.stack([values * 40, 255 - values, values * 10 + 50], axis=2).astype(np.uint8)
    Image.fromarray(colours).save(image)
    Image.fromarray(values).save(mask)


def two_parts(number: int, classes: Sequence[int] = (0, 1)) -> NDArray[np.uint8]:
    """The left part of one class, the right part of another."""
    values = np.full(SHAPE, classes[0], np.uint8)
    values[:, 4 + number % 8 :] = classes[1]
    return values


def mask_folder(root: Path, pool: int = 4, test: int = 2, classes: Sequence[int] = (0, 1)) -> Path:
    """``images/train``, ``masks/train`` and so on."""
    for split, count in (("train", pool), ("test", test)):
        for n in range(count):
            write_pair(
                root / f"images/{split}/{n}.png",
                root / f"masks/{split}/{n}.png",
                two_parts(n, classes),
            )
    return root


def voc_seg_folder(root: Path) -> Path:
    """A devkit of one year, masks with palettes and borders."""
    home = root / "VOC2012"
    for n in range(4):
        values = two_parts(n, (0, 15))
        values[:, 4 + n % 8] = 255
        write_pair(home / f"JPEGImages/{n}.jpg", home / f"SegmentationClass/{n}.png", values)
        palette = Image.fromarray(values)
        palette.putpalette([n for n in range(256) for _ in range(3)])
        palette.save(home / f"SegmentationClass/{n}.png")
    lists = home / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n1\n")
    (lists / "val.txt").write_text("2\n3\n")
    return root

"""Pictures that are drawn of predictions, and their files."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from PIL import Image

from alframe.datasets.folders import Given
from alframe.files.atomic import UNLOCKED_IDLE, atomic, remove_torn


def picture_files(images: Sequence[Given], folder: Path) -> list[Path]:
    """A file for each image's picture; numbered where it would be another's, or an image."""
    remove_torn(folder, idle=UNLOCKED_IDLE)
    taken = {image.path.resolve() for image in images}
    numbers: dict[Path, Iterator[int]] = {}
    pictures: list[Path] = []
    for image in images:
        plain = folder / image.name.with_name(f"{image.name.stem}.png")
        number = numbers.setdefault(plain, count(1))
        names = (_numbered(plain, n) for n in number)
        picture = next(p for p in names if p.resolve() not in taken)
        taken.add(picture.resolve())
        pictures.append(picture)
    return pictures


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as file:
        picture.save(file, "PNG")


def _numbered(path: Path, number: int) -> Path:
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")

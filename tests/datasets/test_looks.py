"""Black images, images of one colour, images of more than 8 bits: a note for each."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from alframe.datasets.base import Dataset, Target
from alframe.datasets.cache import CachedImages, prepared
from alframe.datasets.files import ImageFiles
from alframe.datasets.looks import PLAIN, Look, look_at
from alframe.datasets.pictures import DEFAULT, Reading
from alframe.datasets.resize import Resize

RAMP = np.tile(np.linspace(0, 255, 64, dtype=np.uint16), (48, 1))
NONE = Resize("none")


def coloured(*pixels: tuple[int, int, int]) -> np.ndarray:
    image = np.zeros((100, 200, 3), np.uint8)
    image[:] = pixels[0]
    for place, pixel in enumerate(pixels[1:]):
        image[7, 3 * place + 1] = pixel
    return image


@pytest.mark.parametrize(
    ("image", "look"),
    [
        (coloured((0, 0, 0)), Look(dark=True)),
        (coloured((15, 15, 15)), Look(dark=True)),
        (coloured((16, 15, 15)), Look(flat=True)),
        (coloured((0, 0, 0), *[(255, 255, 255)] * 20), Look(dark=True)),  # hot pixels, 0.1 %
        (coloured((0, 0, 0), *[(255, 255, 255)] * 21), PLAIN),
        (coloured((90, 80, 70)), Look(flat=True)),
        (coloured((90, 80, 70), (91, 80, 70)), PLAIN),  # not among the pixels looked at first
        (coloured((0, 0, 200)), Look(flat=True)),
        (np.repeat(RAMP[..., None], 3, axis=2).astype(np.uint8), PLAIN),
        (np.zeros((1, 1, 3), np.uint8), Look(dark=True)),
        (np.full((1, 1, 3), 77, np.uint8), Look(flat=True)),
    ],
)
def test_what_an_image_looks_like(image, look):
    assert look_at(image, None) == look


@pytest.fixture
def folder(tmp_path):
    """A dataset of files: ``make`` writes them and returns a dataset of them."""

    def make(reading=DEFAULT, **values: np.ndarray) -> Dataset:
        for name, array in values.items():
            suffix = "png" if array.dtype in (np.uint8, np.uint16) else "tif"
            Image.fromarray(array).save(tmp_path / f"{name}.{suffix}")
        paths = {path.stem: path for path in sorted(tmp_path.glob("*.[pt]*"))}
        images = ImageFiles(paths, [tmp_path], reading=reading)
        ids = tuple(paths)
        targets = {item: Target.of([[1, 1, 5, 5]], [0]) for item in ids}
        return Dataset("some", ("thing",), images, targets, ids[:-1], ids[-1:])

    return make


def read(dataset: Dataset, cached: CachedImages) -> dict[str, int]:
    return {item: int(cached.read(item).max()) for item in (*dataset.pool, *dataset.test)}


def filled(dataset: Dataset, mode="ram", folder=None) -> tuple[Dataset, CachedImages]:
    cached = CachedImages(dataset.images, NONE, mode, limit_bytes=2**20, folder=folder)
    return prepared(dataset, cached, workers=2), cached


TWELVE = "4,095 is taken as white (data.white sets it)"


@pytest.mark.parametrize("mode", ["ram", "disk", "none"])
def test_all_deep_images_are_scaled_by_the_brightest(folder, tmp_path, mode):
    """The dim one holds 8 bits by itself: among 12 bits its white is not white."""
    dataset = folder(a=RAMP * 16, b=RAMP, c=RAMP.astype(np.uint8), d=RAMP * 4)
    for _ in range(2):  # with a cache on disk, the second time from there
        noted, cached = filled(dataset, mode, tmp_path / "cache")
        assert read(dataset, cached) == {"a": 254, "b": 16, "c": 255, "d": 64}
        assert cached.white == 4095
        assert noted.notes == (f"3 images of more than 8 bits, in which {TWELVE}",)


def test_the_order_of_images_does_not_matter(folder):
    dataset = folder(a=RAMP, b=RAMP * 16, c=RAMP * 4)
    assert read(*[filled(dataset)[i] for i in (0, 1)]) == {"a": 16, "b": 254, "c": 64}


@pytest.mark.parametrize(
    ("factor", "dtype", "white"),
    [
        (1, np.uint16, 255), (4, np.uint16, 1023), (16, np.uint16, 4095), (64, np.uint16, 16383),
        (257, np.uint16, 65535), (1 / 255, np.float32, 1), (1.04 / 255, np.float32, 1),
        (1, np.float32, 255), (16, np.float32, 4095), (4000, np.int32, 2**20 - 1),
    ],
)  # fmt: skip
def test_the_smallest_usual_white_is_found(folder, factor, dtype, white):
    dataset = folder(a=(RAMP.astype(np.float64) * factor).astype(dtype), b=RAMP.astype(np.uint8))
    noted, cached = filled(dataset)
    assert cached.white == white
    assert cached.read("a").max() >= 242
    assert len(noted.notes) == 1


def test_what_is_told_is_white_and_what_is_brighter_is_said(folder):
    dataset = folder(Reading(white=1000), a=RAMP * 16, b=RAMP)
    noted, cached = filled(dataset)
    assert read(dataset, cached) == {"a": 255, "b": 65}
    assert noted.notes == (
        "2 images of more than 8 bits, in which 1,000 is taken as white (data.white sets it)",
        "1 image with values above data.white=1000, which are cut: a",
    )


def test_one_note_each_also_from_the_cache(folder, tmp_path):
    black, grey = np.zeros((48, 64), np.uint8), np.full((48, 64), 130, np.uint8)
    dataset = folder(a=black, b=black + 9, c=grey, d=RAMP.astype(np.uint8))
    for _ in range(2):
        noted, _ = filled(dataset, "disk", tmp_path / "cache")
        assert noted.notes == (
            "2 images nearly black: a, b; check these files, and how they were converted",
            "1 image of one colour only: c; check these files",
        )
    (index,) = tmp_path.glob("cache/*/index.json")
    assert json.loads(index.read_text())["looks"]["a"] == [None, True, False]


def test_black_by_one_hot_pixel_names_the_setting(folder):
    hot = RAMP.copy()
    hot[0, 0] = 65535
    noted, _ = filled(folder(a=hot, b=RAMP))
    assert "2 images nearly black: a, b; check them, and set data.white to" in noted.notes[1]


def test_another_white_or_limit_is_another_cache(folder, tmp_path):
    dataset = folder(a=RAMP, b=RAMP)
    for reading in (Reading(), Reading(white=300), Reading(max_megapixels=1)):
        again = replace(dataset, images=dataset.images.reading_as(reading))
        filled(again, "disk", tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 3

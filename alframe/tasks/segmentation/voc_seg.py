"""Pascal VOC's segmentations: palette pictures of 20 classes and background."""

from collections.abc import Sequence
from pathlib import Path

from alframe.datasets.base import Dataset, OnBadItem
from alframe.datasets.files import home_of, inside
from alframe.datasets.held_out import listed
from alframe.datasets.name_matching import PictureNames
from alframe.datasets.names import has_picture_suffix, stem
from alframe.datasets.problems import Problems, two_of_one_stem
from alframe.datasets.voc_layout import in_devkit
from alframe.errors import DataError
from alframe.grouping import by_key
from alframe.tasks.segmentation.mask_files import MaskCoding
from alframe.tasks.segmentation.mask_pairs import MaskedImages, assembled
from alframe.words import named

IMAGES, LISTS = "JPEGImages", "ImageSets/Segmentation"
CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip
"""By their numbers in the palette; 255 is the border around objects."""


def voc_seg(
    root: str,
    *,
    pool: str = "train",
    test: str = "val",
    masks: str = "SegmentationClass",
    classes: Sequence[str] = CLASSES,
    on_bad_item: OnBadItem = "error",
) -> Dataset:
    """Read ``JPEGImages`` and ``SegmentationClass`` of Pascal VOC; borders (255) are ignored.

    Args:
        root: a VOCdevkit with one ``VOC<year>`` folder that has segmentations, or that folder.
        pool: the list of the items that may be labelled, in ``ImageSets/Segmentation``.
        test: likewise of the evaluation split.
        masks: the folder of the masks; ``SegmentationClassAug`` of SBD, for one.
        classes: names, in the order of their numbers.
        on_bad_item: ``skip`` leaves out images with an unusable mask, and notes it.

    Raises:
        DataError: the layout is another; or with every problem found, as two images of one mask.
    """
    home = _year(home_of(root, f"{IMAGES}, {masks} and {LISTS} in it"), masks)
    pairs, problems = MaskedImages(home), Problems(on_bad_item)
    names = filter(has_picture_suffix, pairs.listing.below(str(home / IMAGES)))
    there = by_key((stem(name), name) for name in names)
    pictures = PictureNames(there)
    pairs.pool, pairs.test = (
        listed(_list(home, name), pictures, problems, f"dataset.{split}")
        for split, name in (("pool", pool), ("test", test))
    )
    for item in (*pairs.pool, *pairs.test):
        pairs.images[item] = home / IMAGES / there[item][0]
        pairs.masks[item] = home / masks / f"{item}.png"
        if len(there[item]) > 1:
            problems.add(item, two_of_one_stem(there[item], str(pairs.masks[item]), "mask"))
    return assembled("voc-seg", pairs, MaskCoding(), classes, problems)


def _year(root: Path, masks: str) -> Path:
    """The folder of a year.

    Raises:
        DataError: there is none, or there are several.
    """
    expected = f"{IMAGES}, {masks} and {LISTS}"
    years = in_devkit(root, lambda path: (path / masks).is_dir(), expected)
    if len(years) > 1:
        raise DataError(f"{root} holds {named(list(years))}: name one, dataset.root")
    (year,) = years.values()
    return year


def _list(home: Path, name: str) -> Path:
    path = inside(home / LISTS, f"{name}.txt")
    if not path.is_file():
        known = named(sorted(p.stem for p in (home / LISTS).glob("*.txt"))) or "none"
        raise DataError(f"{path} is missing: expected a list of images; there are {known}")
    return path

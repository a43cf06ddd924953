"""COCO: one JSON file of instances and one folder of images for each split."""

from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath

from alframe.config.path_options import Place
from alframe.datasets.assemble import Found, assemble
from alframe.datasets.base import Dataset, OnBadItem
from alframe.datasets.boxes import SIDES
from alframe.datasets.bulk import uncollected
from alframe.datasets.coco_json import read_annotations
from alframe.datasets.files import check_link, home_of, inside
from alframe.datasets.held_out import hold_out
from alframe.datasets.objects import Writing
from alframe.datasets.problems import Problems
from alframe.datasets.unannotated import UNLABELLED, Unannotated
from alframe.errors import ConfigError, DataError, together
from alframe.files.presence import is_folder

VAL2017, VAL_IMAGES = "annotations/instances_val2017.json", "val2017"
NO_TEST = "set dataset.test_images; dataset.test=20% draws a test split from the pool"


@uncollected()
def coco(
    root: str,
    *,
    pool_annotations: str = "annotations/instances_train2017.json",
    pool_images: str = "train2017",
    test_annotations: str | None = VAL2017,
    test_images: str = VAL_IMAGES,
    test: Place | int | float | None = None,
    test_seed: int = 0,
    classes: Sequence[str] | None = None,
    skip_empty: bool = False,
    unannotated: Unannotated | None = None,
    on_bad_item: OnBadItem = "error",
) -> Dataset:
    """Read a dataset in the format of COCO instances.

    Ids are the path of an image below ``root`` without suffix: ``train2017/000000000009``.

    Args:
        root: the folder of everything below.
        pool_annotations: JSON file of the items that may be labelled.
        pool_images: folder of their images.
        test_annotations: JSON file of the evaluation split; ``null`` where there is none, and
            ``budget.test=40`` draws images to test on, which people annotate.
        test_images: folder of its images.
        test: in place of these, a text file with images of the pool, an id in each line, or a
            share of the annotated ones such as ``20%``, which is drawn.
        test_seed: other seeds draw another share.
        classes: names to keep, in the order of their labels. By default those found in the pool,
            in the order of their category ids.
        skip_empty: leave images without any object out of the pool. By default they stay: a real
            pool has them too, and a strategy should learn to avoid them. MI-AOD left them out,
            so that its pool of train2017 has 117,266 images of 118,287.
        unannotated: what images without any annotation are where others of their split have some,
            which the format cannot say: ``empty``, looked at and without objects; or
            ``unlabelled``, which nobody has looked at: people may be asked for those of the pool;
            the others are left out. By default they are empty, and more than 5 % of a split are
            an error.
        on_bad_item: ``skip`` leaves out items with an unusable image or annotation, and notes it.

    Raises:
        DataError: with every problem found: a file, a field or an image.
    """
    home = home_of(root, f"one with {pool_annotations} and {pool_images}/")
    found = Found(home, Problems(on_bad_item), Writing(SIDES))
    own = {
        "dataset.test_annotations": test_annotations not in (None, VAL2017),
        "dataset.test_images": test_images != VAL_IMAGES,
    }
    if test is not None and any(own.values()):
        raise ConfigError(
            f"dataset.test and {name}: expected one of them alone" for name in own if own[name]
        )
    found.tested = test is not None or test_annotations is not None
    found.pool, found.test = together(
        partial(_read, found, pool_annotations, pool_images, "set dataset.pool_images"),
        partial(_read, found, test_annotations if test is None else None, test_images, NO_TEST),
    )
    if unannotated == "empty":
        found.bare.clear()
    if test is not None:
        hold_out(found, str(test), test_seed)
    return assemble(
        "coco",
        found,
        classes,
        skip_empty=skip_empty,
        unannotated=unannotated,
        leaves_out=UNLABELLED if unannotated == "unlabelled" else "",
    )


def _read(found: Found, annotations: str | None, images: str, remedy: str) -> list[str]:
    """Read one split, if there is a file of it; the ids of its images."""
    if annotations is None:
        return []
    folder = inside(found.home, images) if images not in (".", "") else found.home
    if not is_folder(folder):
        raise DataError(f"{folder} is not a folder: expected images there; {remedy}")
    prefix = PurePosixPath(images.replace("\\", "/")).as_posix()
    path = inside(found.home, annotations)
    check_link(path, [found.home, path.parent])
    find = partial(found.meant.find, folder)
    file = read_annotations(path, folder, "" if prefix == "." else prefix, find, found.problems)
    found.folders.append(folder)
    found.known += [c for c in file.categories if c not in found.known]
    found.objects += file.objects
    found.notes += file.notes
    for image in file.images:
        if image.item not in file.annotated:
            found.bare[image.item] = str(path)
        try:
            found.files[image.item] = image.path
            found.size(image.item, image.size)
        except DataError as error:
            found.problems.take(image.item, error)
    return [image.item for image in file.images]

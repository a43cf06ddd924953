"""CIFAR-10: 60,000 images of 32 pixels in ten classes (Krizhevsky, 2009)."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from alframe.datasets.base import Dataset, Target
from alframe.datasets.bulk import uncollected
from alframe.datasets.pictures import regular_file
from alframe.datasets.problems import BadItemError, Problem, sentences
from alframe.errors import DataError
from alframe.files.home import expanded
from alframe.tasks.classification import TASK
from alframe.tasks.classification.cifar_files import REMEDY, CifarImages, records

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
BINARY = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
PYTHON = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
"""MD5 of the files of each version."""
FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
"""Where they may lie below the root: as the archives are unpacked."""


@uncollected()
def cifar10(root: str) -> Dataset:
    """Read CIFAR-10 from files that are there already.

    Ids are ``train/00000`` to ``train/49999`` and ``test/00000`` to ``test/09999``, in the order of
    the files.

    Args:
        root: the unpacked archive of the binary or the Python version, or the folder above it.

    Raises:
        DataError: files are missing, or are not those that were published; all of them.
    """
    home = expanded(root)
    folder, sums = _found(home)
    places: dict[str, tuple[Path, int]] = {}
    targets: dict[str, Target] = {}
    problems: list[DataError] = []
    for name in sums:
        split = "test" if name.startswith("test") else "train"
        start = sum(item.startswith(split) for item in places)
        try:
            labels = _labels(folder / name, sums[name])
        except DataError as error:
            problems.append(error)
            continue
        for number, label in enumerate(labels):
            item = f"{split}/{start + number:05d}"
            places[item], targets[item] = (folder / name, number), Target.of(None, [label])
    if problems:
        raise DataError(sentences(problems))
    pool, test = (tuple(i for i in places if i.startswith(s)) for s in ("train", "test"))
    return Dataset("cifar10", CLASSES, CifarImages(places), targets, pool, test, task=TASK)


def _found(home: Path) -> tuple[Path, Mapping[str, str]]:
    """Where the files lie, and their sums."""
    for folder in (home / name for name in FOLDERS):
        for sums in (BINARY, PYTHON):
            if any((folder / name).is_file() for name in sums):
                return folder, sums
    raise DataError(
        f"{home} holds no file of CIFAR-10: expected {next(iter(BINARY))} (binary version) or "
        f"{next(iter(PYTHON))} (Python version), in it or in {' or '.join(FOLDERS[1:])}; set "
        "dataset.root"
    )


def _labels(path: Path, wanted: str) -> list[int]:
    """The labels in a file, which is checked before anything is made of its content."""
    if not path.exists():
        raise BadItemError(Problem("a file of CIFAR-10 is missing", str(path), REMEDY))
    with regular_file(path, REMEDY) as file:
        content = file.read()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != wanted:
        cause = "the file is not the one that was published (its MD5 differs)"
        raise BadItemError(Problem(cause, str(path), REMEDY))
    labels: list[int] = records(content, binary=path.suffix == ".bin").labels.tolist()
    return labels

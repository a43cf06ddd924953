"""Pascal VOC: XML annotations, a list of images for each split."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from alframe.datasets.assemble import Annotated, Found, assemble
from alframe.datasets.base import Dataset, OnBadItem
from alframe.datasets.files import ImageFiles, Listing
from alframe.datasets.pictures import header_size
from alframe.datasets.problems import Problems, plural, tallied
from alframe.datasets.voc_layout import VocFolder, default_splits, find_folders, parse_split
from alframe.datasets.voc_xml import VocObject, read_annotation
from alframe.errors import DataError


def voc(
    root: str,
    *,
    pool: Sequence[str] | None = None,
    test: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    one_based: bool = True,
    on_bad_item: OnBadItem = "error",
) -> Dataset:
    """Read a dataset in the layout of Pascal VOC.

    Args:
        root: a VOCdevkit with ``VOC<year>`` folders (or the folder that contains ``VOCdevkit``);
            or one folder with ``JPEGImages``, ``Annotations`` and ``ImageSets/Main``. Ids are
            ``VOC2007/000005`` in a devkit and ``000005`` in one folder.
        pool: lists of the items that may be labelled, ``VOC2007:trainval`` in a devkit and
            ``trainval`` in one folder. By default trainval of 2007 and 2012, those that are there.
        test: lists of the evaluation split. By default VOC2007:test; without any test list, a
            val list, and the pool then takes that folder's train list.
        classes: names to keep, in the order of their labels. By default those found in the pool,
            sorted.
        one_based: whether the first pixel is 1, as in Pascal VOC; 1 is then subtracted from all
            four coordinates (MI-AOD does the same: ``xml_style.py``).
        on_bad_item: ``skip`` leaves out items with an unusable image or annotation, and notes it.

    Raises:
        DataError: with every problem found: the layout, a list, an image or an annotation.
    """
    home = Path(root).expanduser()
    folders = find_folders(home)
    reader = _Reader(Problems(on_bad_item), one_based)
    pool_ids, test_ids = (
        [item for split in splits for item in reader.read(*parse_split(split, folders))]
        for splits in _splits(folders, pool, test)
    )
    homes = [home, *(folder.images for folder in folders.values())]
    found = Found(
        images=ImageFiles(reader.paths, homes, reader.sizes),
        sizes=reader.sizes,
        objects=reader.objects,
        pool=pool_ids,
        test=test_ids,
        problems=reader.problems,
        notes=reader.notes(),
    )
    return assemble("voc", found, classes)


def _splits(
    folders: dict[str, VocFolder], pool: Sequence[str] | None, test: Sequence[str] | None
) -> tuple[Sequence[str], Sequence[str]]:
    if pool is not None and test is not None:
        return pool, test
    default_pool, default_test = default_splits(folders)
    return (default_pool if pool is None else pool), (default_test if test is None else test)


class _Reader:
    """Reads lists of images, each image once even where lists overlap."""

    def __init__(self, problems: Problems, one_based: bool) -> None:
        self.problems = problems
        self.paths: dict[str, Path] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.objects: list[Annotated] = []
        self._shift = 1.0 if one_based else 0.0
        self._zero_based = Counter[str]()
        self._listing = Listing()

    def read(self, folder: VocFolder, name: str) -> list[str]:
        """Read the items of one list; their ids."""
        stems = folder.stems(name)
        for stem in stems:
            item = folder.item(stem)
            if item in self.paths or item in self.problems.items:
                continue
            try:
                self._read_item(item, folder, stem)
            except DataError as error:
                self.problems.add(item, *error.problems)
        return [folder.item(stem) for stem in stems]

    def notes(self) -> list[str]:
        """A hint where coordinates cannot be 1-based."""
        if not self._zero_based:
            return []
        count = plural(self._zero_based.total(), "box")
        return [
            f"{count} with a coordinate below 1 in a 1-based dataset: if it is 0-based, set "
            f"dataset.one_based=false: {tallied(self._zero_based)}"
        ]

    def _read_item(self, item: str, folder: VocFolder, stem: str) -> None:
        annotation = read_annotation(folder.annotation(stem))
        path = folder.image(stem, self._listing)
        self.sizes[item] = annotation.size or header_size(path)
        self.paths[item] = path
        self.objects += [self._row(item, thing) for thing in annotation.objects]

    def _row(self, item: str, thing: VocObject) -> Annotated:
        x1, y1, x2, y2 = (corner - self._shift for corner in thing.box)
        if self._shift and min(x1, y1) < 0:
            self._zero_based[item] += 1
        return Annotated(item, thing.name, (x1, y1, x2, y2), difficult=thing.difficult)

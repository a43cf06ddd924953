"""Pascal VOC: XML annotations, a list of images for each split."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from alframe.datasets.assemble import Found, assemble
from alframe.datasets.base import Dataset, OnBadItem
from alframe.datasets.bulk import uncollected
from alframe.datasets.files import ImageFiles
from alframe.datasets.links import check_link
from alframe.datasets.listing import Listing
from alframe.datasets.meant import Meant
from alframe.datasets.names import stem
from alframe.datasets.objects import Annotated, Writing
from alframe.datasets.pictures import header_size
from alframe.datasets.problems import BadItemError, Problem, Problems, named, plural, tallied
from alframe.datasets.voc_layout import VocFolder, default_splits, find_folders, parse_split
from alframe.datasets.voc_list import VocList, bare, is_annotation, is_below, plain, read_list
from alframe.datasets.voc_xml import VocAnnotation, VocObject, read_annotation
from alframe.errors import DataError


@uncollected()
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
    reader = _Reader(home, Problems(on_bad_item), one_based)
    pool_ids, test_ids = (
        [item for split in splits for item in reader.read(split, *parse_split(split, folders))]
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
        files=reader.paths,
        listing=reader.listing,
        writing=Writing(shift=reader.shift),
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

    def __init__(self, home: Path, problems: Problems, one_based: bool) -> None:
        self.problems = problems
        self.paths: dict[str, Path] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.objects: list[Annotated] = []
        self.shift = 1.0 if one_based else 0.0
        self.listing = Listing()
        self._home = home
        self._meant = Meant(home, self.listing)
        self._items: dict[tuple[str, str], str] = {}
        self._annotations: dict[str, str] = {}
        self._checked: set[str] = set()
        self._zero_based = Counter[str]()
        self._notes: list[str] = []

    def read(self, split: str, folder: VocFolder, name: str) -> list[str]:
        """Read the items of one list; their ids."""
        found = read_list(folder.text(name), lambda line: self._known(folder, line))
        self._notes += _oddities(split, found)
        return [self._item(folder, listed) for listed in found.names]

    def notes(self) -> list[str]:
        """What was seen through, and a hint where coordinates cannot be 1-based."""
        notes = [*self._notes, *self._meant.notes()]
        if not self._zero_based:
            return notes
        count = plural(self._zero_based.total(), "box")
        return [
            *notes,
            f"{count} with a coordinate below 1 in a 1-based dataset: if it is 0-based, set "
            f"dataset.one_based=false: {tallied(self._zero_based)}",
        ]

    def _item(self, folder: VocFolder, listed: str) -> str:
        """The id of a listed image, which is read unless it has been."""
        key = folder.name, listed
        if key not in self._items:
            self._items[key] = folder.item(listed)
            try:
                self._items[key] = self._read_item(folder, listed)
            except DataError as error:
                self.problems.take(self._items[key], error)
        return self._items[key]

    def _read_item(self, folder: VocFolder, listed: str) -> str:
        """Read an image that a list names; its id, which is the path of the picture."""
        file, annotation = self._annotation(folder, listed)
        picture = self._picture(folder, listed, annotation)
        item = folder.item(stem(picture))
        if item in self.paths or item in self.problems.items:
            self._check_same(folder, item, file, picture)
            return item
        path = folder.images / picture
        self.sizes[item] = annotation.size or header_size(path)
        self.paths[item] = path
        self._annotations[item] = file
        self.objects += [self._row(item, thing) for thing in annotation.objects]
        return item

    def _known(self, folder: VocFolder, name: str) -> bool:
        """Whether an image has exactly this name."""
        annotation = f"{folder.annotations}/{name}.xml"
        return (is_below(name) and annotation in self.listing) or bool(self._pictures(folder, name))

    def _pictures(self, folder: VocFolder, name: str) -> list[str]:
        """Pictures of exactly this name, with any suffix, as paths below the folder of images."""
        if not is_below(name):
            return []
        inner, slash, last = name.rpartition("/")
        here = f"{folder.images}/{inner}" if slash else folder.images
        return [inner + slash + p for p in self.listing.folder(here).pictures.get(last, [])]

    def _annotation(self, folder: VocFolder, listed: str) -> tuple[str, VocAnnotation]:
        """The annotation of a listed image, and its file."""
        path = f"{folder.annotations}/{listed}.xml"
        entry = self.listing.entry(path) if is_below(listed) else None
        if entry is None:
            file = self._meant.find(folder.annotations, f"{bare(listed)}.xml", "annotation")
            path = f"{folder.annotations}/{file}"
            entry = self.listing.entry(path)
        linked = path if entry is not None and entry.is_symlink() else path.rpartition("/")[0]
        if linked not in self._checked:
            check_link(linked, [self._home, folder.annotations])
            self._checked.add(linked)
        return path, read_annotation(path)

    def _picture(self, folder: VocFolder, listed: str, annotation: VocAnnotation) -> str:
        """The picture of a listed image; of several with one stem, the one that is named."""
        found, name = self._pictures(folder, listed), listed
        if not found:
            name = plain(listed)
            name = stem(name) if is_annotation(name) else name
            found = self._pictures(folder, name)
        if len(found) > 1:
            found = [name for name in found if name.rpartition("/")[2] == annotation.filename]
        return found[0] if len(found) == 1 else self._meant.find(folder.images, name)

    def _check_same(self, folder: VocFolder, item: str, file: str, picture: str) -> None:
        """That what is listed under two names is one image with one annotation."""
        before = self._annotations.get(item, file), self.paths.get(item, folder.images / picture)
        if before != (file, folder.images / picture):
            self.problems.add(item)
            raise BadItemError(
                Problem(
                    "two files are one image: names that differ in their suffix alone, or two "
                    "annotations of a picture",
                    f"{folder.images / picture} and {file}, {before[1]} and {before[0]}",
                    "rename one, or take it out of the list",
                )
            )

    def _row(self, item: str, thing: VocObject) -> Annotated:
        x1, y1, x2, y2 = (corner - self.shift for corner in thing.box)
        if self.shift and min(x1, y1) < 0:
            self._zero_based[item] += 1
        return Annotated(item, thing.name, (x1, y1, x2, y2), difficult=thing.difficult)


def _oddities(split: str, found: VocList) -> list[str]:
    """Notes on what was seen through in a list."""
    notes = []
    if found.labelled:
        notes.append(
            f"list {split} has the label of a class beside {plural(found.labelled, 'name')}, which "
            "is not used: images without the class are taken as well"
        )
    if found.again:
        notes.append(
            f"list {split} has {plural(found.again.total(), 'name')} again, each taken once: "
            f"{tallied(found.again)}"
        )
    if found.paths:
        notes.append(
            f"list {split} has {plural(len(found.paths), 'name')} with a folder or suffix, which "
            f"is no part of an image's id: {named(found.paths)}"
        )
    return notes

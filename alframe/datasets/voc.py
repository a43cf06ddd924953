"""Pascal VOC: XML annotations, a list of images for each split."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from alframe.datasets.assemble import Found, assemble
from alframe.datasets.base import Dataset, OnBadItem
from alframe.datasets.bulk import uncollected
from alframe.datasets.files import check_link
from alframe.datasets.held_out import hold_out, share_of
from alframe.datasets.names import stem
from alframe.datasets.objects import Annotated, Writing
from alframe.datasets.problems import BadItemError, Problem, Problems
from alframe.datasets.voc_layout import VocFolder, default_splits, find_folders, parse_split
from alframe.datasets.voc_list import bare, is_annotation, is_below, plain, read_list
from alframe.datasets.voc_xml import VocAnnotation, VocObject, read_annotation
from alframe.errors import DataError
from alframe.files.home import expanded
from alframe.words import named, plural, tallied


@uncollected()
def voc(
    root: str,
    *,
    pool: Sequence[str] | None = None,
    test: Sequence[str] | str | int | float | None = None,
    test_seed: int = 0,
    classes: Sequence[str] | None = None,
    one_based: bool = True,
    on_bad_item: OnBadItem = "error",
) -> Dataset:
    """Read a dataset in the layout of Pascal VOC.

    # Deviation: corners are taken for points, not for the pixels within (the development kit adds 1
    to each side). So an object with ``xmin = xmax``, there one pixel wide, has no area: like any
    that is shorter than a pixel it is dropped, in training and test, and a note counts it.

    Args:
        root: a VOCdevkit with ``VOC<year>`` folders (or the folder that contains ``VOCdevkit``);
            or one folder with ``JPEGImages``, ``Annotations`` and ``ImageSets/Main``. Ids are
            ``VOC2007/000005`` in a devkit and ``000005`` in one folder.
        pool: lists of the items that may be labelled, ``VOC2007:trainval`` in a devkit and
            ``trainval`` in one folder. By default trainval of 2007 and 2012, those that are there.
        test: lists of the evaluation split. By default VOC2007:test; without any test list, a
            val list, and the pool then takes that folder's train list. Or a share of the annotated
            images of the pool such as ``20%``, which is drawn. Without any (``[]``),
            ``budget.test=40`` draws images to test on, which people annotate.
        test_seed: other seeds draw another share.
        classes: names to keep, in the order of their labels. By default those found in the pool,
            sorted.
        one_based: whether the first pixel is 1, as in Pascal VOC; 1 is then subtracted from all
            four coordinates (MI-AOD does the same: ``xml_style.py``).
        on_bad_item: ``skip`` leaves out items with an unusable image or annotation, and notes it.
            An image of the pool that has no annotation may be asked for; where nobody is asked,
            it is left out by this too.

    Raises:
        DataError: with every problem found: the layout, a list, an image or an annotation.
    """
    home = expanded(root)
    folders = find_folders(home)
    lists, share = _lists_and_share(test)
    if lists is None or pool is None:
        default_pool, default_test = default_splits(folders, tested=lists is None)
        pool = default_pool if pool is None else pool
        lists = default_test if lists is None else lists
    found = Found(home, Problems(on_bad_item), Writing(shift=1.0 if one_based else 0.0))
    found.folders += [folder.images for folder in folders.values()]
    reader = _Reader(found, one_based=one_based)
    found.pool, found.test = (
        [item for split in splits for item in reader.read(split, *parse_split(split, folders))]
        for splits in (pool, lists)
    )
    found.tested = bool(lists or share)
    if share:
        hold_out(found, share, test_seed)
    found.notes += reader.notes()
    found.check_tested("add the file, take the image out of the list")
    return assemble("voc", found, classes)


def _lists_and_share(
    test: Sequence[str] | str | int | float | None,
) -> tuple[Sequence[str] | None, str]:
    """Names of lists, None where the usual ones are wanted, and a share of the pool."""
    if test is None or not isinstance(test, str | int | float):
        return test, ""
    said = str(test)
    return ([said], "") if share_of(said) is None else ([], said)


class _Reader:
    """Reads lists of images, each image once even where lists overlap."""

    def __init__(self, found: Found, *, one_based: bool) -> None:
        self._found, self._shift = found, 1.0 if one_based else 0.0
        self._items: dict[tuple[str, str], str] = {}
        self._annotations: dict[str, str] = {}
        self._checked: set[str] = set()
        self._zero_based = Counter[str]()
        self._others: list[str] = []

    def read(self, split: str, folder: VocFolder, name: str) -> list[str]:
        """Read the items of one list; their ids, none of a list that is noted as wrong."""
        names: Sequence[str] = ()
        with self._found.problems.gathering():
            listed = read_list(folder.text(name), lambda line: self._known(folder, line))
            self._found.notes += listed.notes(split)
            names = listed.names
        return [self._item(folder, name) for name in names]

    def notes(self) -> list[str]:
        """Hints at annotations of other images, and at coordinates that cannot be 1-based."""
        notes = []
        if self._others:
            count = plural(len(self._others), "annotation")
            notes.append(
                f"{count} named for one image with the <filename> of another, taken for the "
                f"former: {named(self._others)}"
            )
        if self._zero_based:
            notes.append(
                f"{plural(self._zero_based.total(), 'box')} with a coordinate below 1 in a 1-based "
                "dataset: if it is 0-based, set dataset.one_based=false: "
                f"{tallied(self._zero_based)}"
            )
        return notes

    def _item(self, folder: VocFolder, listed: str) -> str:
        """The id of a listed image, which is read unless it has been."""
        key = folder.name, listed
        if key not in self._items:
            item = self._items[key] = folder.item(listed)
            try:
                self._items[key] = self._read_item(folder, listed)
            except DataError as error:
                self._found.problems.take(item, error)
                found = self._pictures(folder, listed) or self._pictures(folder, bare(listed))
                for picture in found:
                    self._found.files.setdefault(item, folder.images / picture)
        return self._items[key]

    def _read_item(self, folder: VocFolder, listed: str) -> str:
        """Read an image that a list names; its id, which is the path of the picture."""
        file, annotation = self._annotation(folder, listed)
        picture = self._picture(folder, listed, annotation)
        item = folder.item(stem(picture))
        found, path = self._found, folder.images / picture
        if item in found.files or item in found.problems.items:
            self._check_same(item, file, path)
            return item
        found.files[item] = path
        self._annotations[item] = file
        if annotation is None:
            found.bare[item] = file
            return item
        said = annotation.filename
        own = picture, picture.rpartition("/")[2]
        if stem(said) not in map(stem, own) and self._pictures(folder, stem(said)):
            self._others.append(f"{file} ({said})")
        found.size(item, annotation.size)
        found.objects += [self._row(item, thing) for thing in annotation.objects]
        return item

    def _known(self, folder: VocFolder, name: str) -> bool:
        """Whether an image has exactly this name."""
        annotation = f"{folder.annotations}/{name}.xml"
        listed = is_below(name) and annotation in self._found.listing
        return listed or bool(self._pictures(folder, name))

    def _pictures(self, folder: VocFolder, name: str) -> list[str]:
        """Pictures of exactly this name, with any suffix, as paths below the folder of images."""
        if not is_below(name):
            return []
        inner, slash, last = name.rpartition("/")
        here = f"{folder.images}/{inner}" if slash else folder.images
        return [inner + slash + p for p in self._found.listing.folder(here).pictures.get(last, [])]

    def _annotation(self, folder: VocFolder, listed: str) -> tuple[str, VocAnnotation | None]:
        """The file of the annotation of a listed image, and what is in it, if it is there."""
        path = f"{folder.annotations}/{listed}.xml"
        found = self._found
        entry = found.listing.entry(path) if is_below(listed) else None
        if entry is None:
            file = found.meant.search(folder.annotations, f"{bare(listed)}.xml", "annotation")
            if file is None:
                return f"{folder.annotations}/{bare(listed)}.xml", None
            path = f"{folder.annotations}/{file}"
            entry = found.listing.entry(path)
        linked = path if entry is not None and entry.is_symlink() else path.rpartition("/")[0]
        if linked not in self._checked:
            check_link(linked, [found.home, folder.annotations])
            self._checked.add(linked)
        return path, read_annotation(path)

    def _picture(self, folder: VocFolder, listed: str, annotation: VocAnnotation | None) -> str:
        """The picture of a listed image; of several with one stem, the one that is named."""
        found, name = self._pictures(folder, listed), listed
        if not found:
            name = plain(listed)
            name = stem(name) if is_annotation(name) else name
            found = self._pictures(folder, name)
        if len(found) > 1 and annotation is not None:
            found = [name for name in found if name.rpartition("/")[2] == annotation.filename]
        return found[0] if len(found) == 1 else self._found.meant.find(folder.images, name)

    def _check_same(self, item: str, file: str, picture: Path) -> None:
        """That what is listed under two names is one image with one annotation."""
        before = self._annotations.get(item, file), self._found.files.get(item, picture)
        if before != (file, picture):
            self._found.problems.add(item)
            raise BadItemError(
                Problem(
                    "two files are one image: names that differ in their suffix alone, or two "
                    "annotations of a picture",
                    f"{picture} and {file}, {before[1]} and {before[0]}",
                    "rename one, or take it out of the list",
                )
            )

    def _row(self, item: str, thing: VocObject) -> Annotated:
        shift = self._shift
        x1, y1, x2, y2 = (corner - shift for corner in thing.box)
        if shift and min(x1, y1) < 0:
            self._zero_based[item] += 1
        return Annotated(item, thing.name, (x1, y1, x2, y2), difficult=thing.difficult)

"""Folders of images and of masks: those of CamVid, and those that people make."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from alframe.config.path_options import Place
from alframe.datasets.base import Dataset, OnBadItem
from alframe.datasets.files import home_of
from alframe.datasets.folders import below, beside_splits
from alframe.datasets.held_out import POOLS, TESTS, called, listed, share_of
from alframe.datasets.name_matching import PictureNames
from alframe.datasets.names import stem
from alframe.datasets.problems import Problems
from alframe.errors import ConfigError, DataError
from alframe.files.home import expanded
from alframe.files.reading import read_text
from alframe.tasks.segmentation.mask_files import MaskCoding
from alframe.tasks.segmentation.mask_pairs import MaskedImages, assembled
from alframe.words import named, plural

_SPLITS = {"pool": POOLS, "test": TESTS}
IMAGES, MASKS = "images", "masks"
NAMES = "classes.txt"
BINARY = ("background", "foreground")


def masks(
    root: str,
    *,
    classes: Sequence[str] | None = None,
    ignore_index: int | None = 255,
    reduce_zero_label: bool = False,
    binary: bool = False,
    test: Place | int | float | None = None,
    test_seed: int = 0,
    mask_suffix: str = "",
    on_bad_item: OnBadItem = "error",
) -> Dataset:
    """Read images, and masks of one channel in which each value is the number of a class.

    They lie in ``images/`` and ``masks/``, a mask under the name of its image, as PNG. Splits are
    folders in both (``images/train``, ``masks/train``; ``pool``, ``train`` or ``training``, and
    ``test``, ``testing``, ``val``, ``valid`` or ``validation``, in any case), or lists of names
    beside them (``train.txt``), or the test split is drawn. The CamVid of SegNet, with ``train``
    and ``trainannot``, is read as well. Ids are paths of images.

    A mask is read when it is needed; each is looked at once before.

    Args:
        root: a folder.
        classes: names of the classes, in the order of their numbers. By default the lines of
            ``classes.txt``; without it the numbers that occur, or background and foreground.
        ignore_index: the value of pixels of no class, which are neither trained on nor evaluated.
        reduce_zero_label: value 0 is ignored as well, and 1 is the first class.
        binary: masks hold 0, the background, and 255, the foreground.
        test: where there is neither a folder nor a list for it: a share such as ``20%``, which is
            drawn; or the path of a list. By default nothing: ``budget.test=40`` draws 40 images.
        test_seed: other seeds draw another share.
        mask_suffix: what the name of a mask has beside that of its image: ``_mask``.
        on_bad_item: ``skip`` leaves out images with an unusable mask, and notes it.

    Raises:
        DataError: the layout is another; or with every problem found: masks that are missing, of
            two images, of another size, with other values or several channels.
    """
    home = home_of(root, f"one with {IMAGES}")
    coding = MaskCoding(ignore_index, reduce_zero_label, binary)
    pairs, problems = MaskedImages(home), Problems(on_bad_item)
    wanted = None if test is None else str(test)
    share = None if wanted is None or share_of(wanted) is None else wanted
    layout = _Layout(pairs, mask_suffix)
    layout.read(None if share else wanted, problems)
    layout.note_others()
    if share and pairs.test:
        raise DataError(f"dataset.test={test} makes a test split, and {home} has one: leave it out")
    if classes is None:
        classes = _names(home / NAMES) or (BINARY if binary else None)
    return assembled("masks", pairs, coding, classes, problems, (share, test_seed))


class _Layout:
    """Finds images, masks and splits below the home of some pairs."""

    def __init__(self, pairs: MaskedImages, suffix: str) -> None:
        self._pairs, self._suffix = pairs, suffix
        self._home = pairs.home

    def read(self, test: str | None, problems: Problems) -> None:
        """Fill in the pairs.

        Args:
            test: the path of a list that a user names.
            problems: takes names in lists that are no image.
        """
        pairs, home = self._pairs, self._home
        folders = {split: self._folders(names) for split, names in _SPLITS.items()}
        if not folders["pool"]:
            self._take(self._whole())
            self._listed(test, problems)
            if folders["test"] and not pairs.test:
                raise DataError(
                    f"{folders['test'][0]} is a folder to test on, and there is none called "
                    f"{' or '.join(POOLS)} beside it: expected the images to choose from in one"
                )
            return
        pairs.pool = self._take(folders["pool"])
        if folders["test"] and test:
            raise DataError(f"dataset.test={test} is a list, and {home} has a test folder")
        if folders["test"]:
            pairs.test = self._take(folders["test"])
        elif test:
            self._listed(test, problems)

    def _folders(self, names: Sequence[str]) -> tuple[Path, Path] | None:
        """Images and masks of the first of some splits that is there."""
        home = self._home
        for name in names:
            inner = self._folder(home / IMAGES, name), self._folder(home / MASKS, name)
            camvid = self._folder(home, name), self._folder(home, f"{name}annot")
            for images, targets in (inner, camvid):
                if images and targets:
                    return images, targets
        return None

    def _folder(self, place: Path, name: str) -> Path | None:
        """The folder of this name, in any case."""
        found = called(name, self._pairs.listing.folder(place).folders)
        return place / found if found else None

    def note_others(self) -> None:
        """Say which images are in neither split."""
        pairs, home = self._pairs, self._home
        folders = pairs.listing.folder(home).folders
        places = [n for n in folders if n == IMAGES or called(f"{n}annot".lower(), folders)]
        taken = [pairs.images[item] for item in (*pairs.pool, *pairs.test)]
        pairs.notes += beside_splits(home, [home / name for name in places], taken, pairs.listing)

    def _whole(self) -> tuple[Path, Path]:
        images, targets = self._home / IMAGES, self._home / MASKS
        if images.is_dir() and targets.is_dir():
            return images, targets
        found = sorted(path.name for path in self._home.iterdir())
        raise DataError(
            f"{self._home} holds {named(found) or 'nothing'}: expected {IMAGES} and {MASKS}, with "
            f"{POOLS[1]} and {TESTS[0]} in both or lists {POOLS[1]}.txt and {TESTS[0]}.txt; or "
            "train and trainannot, as CamVid has them"
        )

    def _take(self, folders: tuple[Path, Path]) -> list[str]:
        """Take the images of a folder, with the masks of another; returns their ids."""
        pairs, (images, targets) = self._pairs, folders
        names, notes = below(images, pairs.listing)
        there, more = below(targets, pairs.listing)
        pairs.notes += [*notes, *more]
        if not names:
            raise DataError(f"{images} holds no picture")
        by_stem = {stem(name): targets / name for name in there}
        if len(by_stem) < len(there):
            twice = [name for name in there if by_stem[stem(name)] != targets / name]
            raise DataError(
                f"{targets} has two masks of one name but for the suffix, as of {named(twice)}: "
                "take one of them out"
            )
        ids, lacking, spare = [], [], dict(by_stem)
        for name in names:
            item = (images / name).relative_to(self._home).as_posix()
            wanted = f"{stem(name)}{self._suffix}"
            pairs.images[item] = images / name
            if wanted not in by_stem:
                lacking.append(stem(name))
            pairs.masks[item] = by_stem.get(wanted, targets / f"{wanted}.png")
            spare.pop(wanted, None)
            ids.append(item)
        if spare:
            without = [path.relative_to(self._home).as_posix() for path in spare.values()]
            ending = _ending(lacking, spare)
            theirs = f"; if they are theirs, set dataset.mask_suffix={ending}" if ending else ""
            pairs.spare.append(
                f"{plural(len(without), 'mask')} without an image: {named(sorted(without))}{theirs}"
            )
        return ids

    def _listed(self, test: str | None, problems: Problems) -> None:
        """Splits by lists; all that is not to be tested on is the pool, where nothing says so."""
        pairs = self._pairs
        paths = {name: self._list(names) for name, names in _SPLITS.items()}
        pictures, told = PictureNames(pairs.images), {name: f"list {name}" for name in paths}
        if test is not None:
            paths["test"], told["test"] = expanded(test), "dataset.test"
        splits = {
            name: listed(path, pictures, problems, told[name]) if path else []
            for name, path in paths.items()
        }
        apart = frozenset(splits["test"])
        pairs.test = splits["test"]
        pairs.pool = splits["pool"] or [item for item in pairs.images if item not in apart]

    def _list(self, names: Sequence[str]) -> Path | None:
        files = self._pairs.listing.folder(self._home).files
        found = next(filter(None, (called(f"{name}.txt", files) for name in names)), None)
        return self._home / found if found else None


def _ending(images: Sequence[str], masks: Collection[str]) -> str:
    """What the names of masks have beside those of images that lack one; empty if none fits all."""
    first = images[0] if images else ""
    endings = sorted(name.removeprefix(first) for name in masks if first and name.startswith(first))
    return next((e for e in endings if all(f"{name}{e}" in masks for name in images)), "")


def _names(path: Path) -> list[str] | None:
    """The lines of a file, whose places are numbers of classes; None where there is none.

    Raises:
        ConfigError: it cannot be read, or has an empty line among others.
    """
    if not path.is_file():
        return None
    names = [line.strip() for line in read_text(path, str(path)).rstrip().splitlines()]
    if "" in names:
        raise ConfigError(
            f"{path}: line {names.index('') + 1} is empty, and a line is the number of a class: "
            "name it, or take it out"
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ConfigError(f"{path}: expected different names, {twice[0]!r} is there twice")
    return names

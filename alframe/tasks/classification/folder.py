"""Folders of pictures, one for each class."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alframe.config.path_options import Place
from alframe.datasets.base import Dataset, OnBadItem, Target
from alframe.datasets.bulk import uncollected
from alframe.datasets.files import ImageFiles, home_of
from alframe.datasets.folders import below, beside_splits
from alframe.datasets.held_out import POOLS, TESTS, called, drawn_test, listed, share_of
from alframe.datasets.listing import Listing
from alframe.datasets.name_matching import PictureNames
from alframe.datasets.names import SUFFIXES, composed
from alframe.datasets.problems import Problems
from alframe.datasets.splits import (
    alike,
    check_files,
    check_splits,
    choose_classes,
    not_names,
    unmeasured,
)
from alframe.errors import DataError
from alframe.files.home import expanded
from alframe.files.walking import OF_SYSTEMS
from alframe.tasks.classification import TASK
from alframe.words import named, plural, tallied

UNLABELLED = frozenset({"_unlabeled", "no_label", "unlabeled", "unlabelled"})
"""Folders in which FiftyOne, Datumaro and people keep pictures that have no class."""


@dataclass(eq=False)
class ClassFolders:
    """Pictures in folders of classes, as far as they have been looked through.

    Attributes:
        home: the folder of the dataset.
        listing: what lies in folders.
        class_of: the class of each picture, by its path below ``home``.
        notes: what was left out.
    """

    home: Path
    listing: Listing = field(default_factory=Listing)
    class_of: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def split(self, names: Sequence[str]) -> str | None:
        """The folder of a split: it has folders in it, without which it is that of a class."""
        there = self._parents()
        return next(filter(None, (called(name, there) for name in names)), None)

    def like(self, names: Collection[str]) -> list[str]:
        """Folders with folders in them that have a name such as ``training_set`` or ``val2017``."""
        words = {f"{name}{end}" for name in names for end in ("", "set")}
        return [name for name in self._parents() if words & {*re.findall("[a-z]+", name.lower())}]

    def _parents(self) -> list[str]:
        """Names of the folders that have folders in them."""
        return [name for name in self._folders("") if self._folders(name)]

    def _folders(self, part: str) -> list[str]:
        """Names of the folders in a part of ``home``, but for hidden ones."""
        folders = self.listing.folder(self.home / part).folders
        return sorted(n for n in folders if not n.startswith(".") and n not in OF_SYSTEMS)

    def note_others(self, splits: Collection[str]) -> None:
        """Say which pictures beside the folders of the splits are left out."""
        self._note_loose(self.home)
        others = [self.home / name for name in self._folders("") if name not in splits]
        taken = [self.home / item for item in self.class_of]
        self.notes += beside_splits(self.home, others, taken, self.listing)

    def _note_loose(self, folder: Path) -> None:
        found = self.listing.folder(folder).pictures.values()
        if loose := [name for names in found for name in names]:
            self.notes.append(
                f"left out of {folder}: {plural(len(loose), 'picture')} in no folder of a class: "
                f"{named(sorted(loose))}"
            )

    def look_through(self, part: str = "") -> list[str]:
        """Take the pictures of the classes in a part of ``home``; returns their ids."""
        folder, taken = self.home / part, []
        self._note_loose(folder)
        for name in self._folders(part):
            pictures, notes = below(folder / name, self.listing)
            self.notes += notes
            if not pictures:
                self.notes.append(f"the folder {folder / name} holds no picture")
            ids = [f"{part}/{name}/{each}".lstrip("/") for each in pictures]
            self.class_of.update(dict.fromkeys(ids, composed(name)))
            taken += ids
        return taken


@uncollected()
def folder(
    root: str,
    *,
    classes: Sequence[str] | None = None,
    test: Place | int | float | None = None,
    test_seed: int = 0,
    on_bad_item: OnBadItem = "error",
) -> Dataset:
    """Read a folder of pictures for each class: its name is that of the class.

    They lie in ``pool/`` (or ``train/``, ``training/``) and ``test/`` (or ``testing/``, ``val/``,
    ``valid/``, ``validation/``), in any case; or all in ``root``, and the test split is drawn. A
    folder so called without folders in it is that of a class, where there are others. Folders
    within that of a class belong to it. Ids are the paths of pictures below ``root``, with their
    suffix: ``pool/cat/0001.jpg``.

    Args:
        root: a folder.
        classes: names of the classes, in the order of their labels; pictures of others are left
            out. By default those in the pool, by name.
        test: where there is no folder for it: a text file with an id in each line, or a share such
            as ``20%``, which is drawn of each class. By default nothing: ``budget.test=40`` draws
            40 images of the pool.
        test_seed: other seeds draw another share.
        on_bad_item: ``skip`` leaves out pictures that cannot be read, and notes it.

    Raises:
        DataError: there are no pictures, or less than two classes; or with every problem found.
    """
    found, problems = ClassFolders(home_of(root, "one with pictures")), Problems(on_bad_item)
    if classes is None:
        _check_names(found)
    pool, held = _splits(found, None if test is None else str(test), test_seed, problems)
    notes = [*found.notes, *problems.settle(not_names(classes))]
    return _assembled(found, pool, held, notes, classes, on_bad_item)


def _splits(
    found: ClassFolders, test: str | None, seed: int, problems: Problems
) -> tuple[list[str], list[str]]:
    """Ids of the pool and of the test split."""
    home, pool, held = found.home, found.split(POOLS), found.split(TESTS)
    if held and not pool:
        raise DataError(
            f"{home} has a folder {held} and none called {' or '.join(POOLS)} with folders in it: "
            f"expected the folders of the classes to choose from in {home / POOLS[0]} (to evaluate "
            f"on {held} alone: --data-root {home / held})"
        )
    if held and test is not None:
        problems.refuse(
            f"dataset.test={test} makes a test split, and {home / held} is one: leave out one of "
            "the two"
        )
    ids = found.look_through(pool or "")
    _check_classes(found, pool)
    tested = found.look_through(held) if held else []
    if pool:
        found.note_others(set(filter(None, (pool, held))))
    if held:
        return ids, tested
    drawn: list[str] = []
    with problems.gathering():
        drawn = [] if test is None else _drawn(found, test, seed, problems)
    apart = frozenset(drawn)
    return [item for item in ids if item not in apart], drawn


def _check_classes(found: ClassFolders, pool: str | None) -> None:
    """There are classes, and they are more than splits whose pictures lie in no folder of one."""
    home, classes = found.home, sorted(set(found.class_of.values()))
    if not classes:
        said = "".join(f"; {note}" for note in found.notes)
        raise DataError(
            f"{home} holds no picture ({', '.join(sorted(SUFFIXES))}) in a folder of a class: "
            f"expected {home / POOLS[0]}/CLASS/NAME.jpg and {home / TESTS[0]}/CLASS/NAME.jpg, or "
            f"{home}/CLASS/NAME.jpg{said}"
        )
    if not pool and all(name.lower() in {*POOLS, *TESTS} for name in classes):
        raise DataError(
            f"the pictures of {home} lie in {' and '.join(classes)}, which are names of splits, "
            f"and in no folder of a class: expected {home / classes[-1]}/CLASS/NAME.jpg"
        )


def _check_names(found: ClassFolders) -> None:
    """Where no folder is called as a split is, none sounds like it."""
    if found.split(POOLS) or found.split(TESTS):
        return
    splits = [found.like(names) for names in (POOLS, TESTS)]
    if all(splits):
        raise DataError(
            f"{found.home} has {' and '.join(map(named, splits))} with folders in them, which "
            f"sound like splits: rename them {POOLS[1]} and {TESTS[0]}; or, if they are classes, "
            "name them (dataset.classes)"
        )


def _drawn(found: ClassFolders, test: str, seed: int, problems: Problems) -> list[str]:
    """Ids of a test split that has no folder: those in a file, or a share."""
    if share_of(test) is None:
        return listed(expanded(test), PictureNames(found.class_of), problems)
    drawn, note = drawn_test({i: [name] for i, name in found.class_of.items()}, test, seed)
    found.notes.append(note)
    return drawn


def _assembled(
    found: ClassFolders,
    pool: list[str],
    test: list[str],
    notes: list[str],
    classes: Sequence[str] | None,
    on_bad_item: OnBadItem,
) -> Dataset:
    learnt, asked = (Counter(found.class_of[item] for item in ids) for ids in (pool, test))
    chosen = choose_classes(learnt, asked, classes and [*map(composed, classes)])
    if len(chosen) == 1:
        raise DataError(
            f"{found.home} has the class {chosen[0]!r} alone: expected two or more to tell apart"
        )
    label_of = {name: label for label, name in enumerate(chosen)}
    splits = [
        tuple(sorted(item for item in ids if found.class_of[item] in label_of))
        for ids in (pool, test)
    ]
    check_splits(*splits, tested=bool(test))
    files = {item: found.home / item for ids in splits for item in ids}
    notes += check_files(files, frozenset(splits[1]), found.listing)
    notes += [*unmeasured(chosen, learnt, asked), *alike(chosen)]
    notes += _left_out(learnt + asked, label_of)
    if none := [name for name in chosen if name.casefold() in UNLABELLED]:
        notes.append(
            f"pictures in {named(none)} count as of one more class: dataset.classes with the "
            "others alone leaves them out"
        )
    return Dataset(
        name="folder",
        classes=chosen,
        images=ImageFiles(files, [found.home]),
        targets={item: Target.of(None, [label_of[found.class_of[item]]]) for item in files},
        pool=splits[0],
        test=splits[1],
        notes=tuple(notes),
        on_bad_item=on_bad_item,
        task=TASK,
    )


def _left_out(counts: Mapping[str, int], chosen: Collection[str]) -> Iterator[str]:
    others = {name: count for name, count in sorted(counts.items()) if name not in chosen}
    if others:
        count = plural(sum(others.values()), "image")
        yield f"left out {count} of other classes: {tallied(others)}"

"""Which classes a dataset has, and which items its two splits."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from alframe.datasets.listing import Listing, same_files
from alframe.datasets.problems import MOST_NAMES, named, plural
from alframe.errors import DataError
from alframe.text import setting

Counts = Mapping[str, int]
Unannotated = Literal["empty", "unlabelled"]

MOST = 0.05
"""Share of a split that may lack annotations and count as empty: COCO's own train2017 has 0.9 %."""


def choose_classes(
    pool: Counts,
    test: Counts,
    wanted: Sequence[str] | None,
    known: Sequence[str] = (),
    why: str = "",
) -> tuple[str, ...]:
    """The classes of a dataset.

    Args:
        pool: how many objects of each class the pool has.
        test: likewise the test split.
        wanted: the classes asked for, in their order; None takes those found in the pool.
        known: names that the annotations declare, in their order. Without them found classes
            are sorted by name.
        why: the end of a sentence, why the pool has no object where it has none.

    Raises:
        DataError: a wanted class is unknown everywhere or given twice; or none is wanted and a
            class appears only in the test split, so that it could never be learnt.
    """
    if wanted is not None:
        return _wanted(wanted, {*pool, *test, *known})
    order = {name: rank for rank, name in enumerate(known)}
    found = tuple(sorted(pool, key=lambda name: (order.get(name, len(order)), name)))
    if not found:
        raise DataError(f"no usable object in the pool{why}")
    unlearnable = [
        f"class {name!r} has {plural(count, 'object')} in the test split and none in the pool: add "
        f"some to the pool, or leave it out with {setting('dataset.classes', found)}"
        for name, count in sorted(test.items())
        if name not in pool
    ]
    if unlearnable:
        raise DataError(unlearnable)
    return found


def alike(classes: Sequence[str]) -> list[str]:
    """A note on classes whose names differ only in case, spaces, hyphens or underscores."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        plain = name.casefold().replace(" ", "").replace("-", "").replace("_", "")
        groups.setdefault(plain, []).append(name)
    return [
        f"the classes {', '.join(map(repr, names))} have nearly one name: if they are one class, "
        "correct the annotations"
        for names in groups.values()
        if len(names) > 1
    ]


def check_splits(pool: Sequence[str], test: Sequence[str]) -> None:
    """Both splits have items, and none is in both.

    Raises:
        DataError: otherwise.
    """
    for split, ids in (("pool", pool), ("test split", test)):
        if not ids:
            raise DataError(f"the {split} is empty: expected at least one usable item")
    common = sorted(set(pool) & set(test))
    if common:
        raise DataError(
            f"{plural(len(common), 'item')} in the pool and in the test split, which must not "
            f"overlap: {named(common)}; take them out of one of the two"
        )


def check_files(files: Mapping[str, Path], test: Collection[str], listing: Listing) -> list[str]:
    """No picture of the pool is the file of a test picture, by a link or a linked folder.

    Args:
        files: the picture of each id of both splits.
        test: ids of the evaluation split.
        listing: in which the files were found.

    Returns:
        A note on ids of one split that share a file.

    Raises:
        DataError: the splits share a file.
    """
    groups = same_files(files, listing)
    common = [ids for ids in groups if len({item in test for item in ids}) > 1]
    if common:
        raise DataError(
            f"{plural(len(common), 'file')} in the pool and, by a link, in the test split, which "
            f"must not overlap: {_groups(common)}; take them out of one of the two"
        )
    if not groups:
        return []
    return [
        f"{plural(len(groups), 'file')} under more than one id, by links: {_groups(groups)}; take "
        "all but one out of the list"
    ]


def _groups(groups: Sequence[Sequence[str]]) -> str:
    return named([" = ".join(ids[:MOST_NAMES]) for ids in groups])


def _wanted(wanted: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    problems = [
        f"dataset.classes names {name!r}, which no annotation has{_closest(name, known)}; "
        f"known: {', '.join(sorted(known)) or 'none'}"
        for name in wanted
        if name not in known
    ]
    if len(set(wanted)) != len(wanted):
        problems.append(f"dataset.classes names a class twice: {list(wanted)}")
    if not wanted:
        problems.append("dataset.classes is empty: name at least one class, or leave it out")
    if problems:
        raise DataError(problems)
    return tuple(wanted)


def _closest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (closest: {close[0]!r})" if close else ""


def settled(
    splits: dict[str, list[str]],
    annotated: Collection[str],
    choice: Unannotated | None,
    *,
    needless: Collection[str] = (),
) -> tuple[list[list[str]], list[str]]:
    """The splits without the images that nobody looked at, and notes.

    A split in which no image at all is annotated stays as it is; that it has no objects is another
    error.

    Args:
        splits: ids by the name of the split.
        annotated: ids of images that have an annotation, usable or not.
        choice: what the others are; None takes few of them for empty.
        needless: splits of which empty images are left out anyhow.

    Raises:
        DataError: nothing is chosen and there are more than a few in a split: names both choices.
    """
    kept: list[list[str]] = []
    notes: list[str] = []
    problems: list[str] = []
    for name, ids in splits.items():
        bare = [item for item in ids if item not in annotated]
        mixed = 0 < len(bare) < len(ids) and choice != "empty"
        kept.append([item for item in ids if item in annotated] if mixed and choice else ids)
        if not mixed or (choice is None and name in needless):
            continue
        if choice is None and len(bare) > MOST * len(ids):
            problems.append(_refusal(name, bare, len(ids)))
        else:
            notes.append(_note(name, bare, len(ids), choice))
    if problems:
        raise DataError(problems)
    return kept, notes


def _refusal(split: str, bare: Sequence[str], count: int) -> str:
    return (
        f"{plural(len(bare), 'image')} of {count:,} in the {split} ({len(bare) / count:.0%}) have "
        f"no annotation: {named(bare)}; set dataset.unannotated=empty if they were looked at and "
        "show no object, or dataset.unannotated=unlabelled to leave them out"
    )


def _note(split: str, bare: Sequence[str], count: int, choice: Unannotated | None) -> str:
    what = f"{plural(len(bare), 'image')} of {count:,} in the {split} without annotation"
    if choice is None:
        return (
            f"took {what} for empty: {named(bare)}; if nobody looked at them, set "
            "dataset.unannotated=unlabelled"
        )
    return f"left out {what} (dataset.unannotated=unlabelled): {named(bare)}"

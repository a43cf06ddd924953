"""Which classes a dataset has, and which items its two splits."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from unicodedata import normalize

from alframe.datasets.listing import Listing, same_files
from alframe.errors import DataError
from alframe.grouping import by_key
from alframe.text import setting
from alframe.words import MOST_NAMES, named, plural, tallied

Counts = Mapping[str, int]
_APART = str.maketrans("", "", " -_")


def choose_classes(
    pool: Counts,
    test: Counts,
    wanted: Sequence[str] | None,
    known: Sequence[str] = (),
    why: str = "",
    *,
    growing: bool = False,
) -> tuple[str, ...]:
    """The classes of a dataset.

    Args:
        pool: how many objects of each class the pool has.
        test: likewise the test split.
        wanted: the classes asked for, in their order; None takes those found in the pool.
        known: names that the annotations declare, in their order. Without them found classes
            are sorted by name.
        why: the end of a sentence, why the pool has no object where it has none.
        growing: whether more may be annotated, of other classes too: then those that are declared
            or wanted are taken.

    Raises:
        DataError: a wanted class is unknown everywhere or given twice; or none is wanted and a
            class appears only in the test split, so that it could never be learnt.
    """
    if wanted is not None:
        return _wanted(wanted, None if growing else {*pool, *test, *known})
    if growing and known:
        return tuple(dict.fromkeys(known))
    order = {name: rank for rank, name in enumerate(known)}
    found = tuple(sorted(pool, key=lambda name: (order.get(name, len(order)), name)))
    if not found:
        remedy = "; name the classes that people may annotate: dataset.classes=[NAME, ...]"
        raise DataError(f"no usable object in the pool{why}{remedy if growing else ''}")
    unlearnable = [
        f"class {name!r} has {plural(count, 'object')} in the test split and none in the "
        f"pool{closest(name, pool)}: add some to the pool, or leave it out with "
        f"{setting('dataset.classes', found)}"
        for name, count in sorted(test.items())
        if name not in pool and not growing
    ]
    if unlearnable:
        raise DataError(unlearnable)
    return found


def unmeasured(classes: Sequence[str], pool: Counts, test: Collection[str]) -> list[str]:
    """A note on classes that are learnt and not measured, such as misspelt ones."""
    missing = {name: pool[name] for name in classes if pool.get(name) and name not in test}
    if not (missing and test):
        return []
    return [f"classes that the test split does not show are not measured: {tallied(missing)}"]


def alike(classes: Sequence[str]) -> list[str]:
    """A note on classes whose names differ only in case, spaces, hyphens, underscores or form."""
    groups = by_key(
        (normalize("NFKC", name).casefold().translate(_APART), name) for name in classes
    )
    return [
        f"the classes {', '.join(map(repr, names))} have nearly one name: if they are one class, "
        "correct the annotations"
        for names in groups.values()
        if len(names) > 1
    ]


def check_splits(pool: Sequence[str], test: Sequence[str], *, tested: bool = True) -> None:
    """Both splits have items, and none is in both.

    Args:
        pool: ids of the items that may be labelled.
        test: ids of the evaluation split.
        tested: whether there is one; else images to test on are still to be annotated.

    Raises:
        DataError: otherwise.
    """
    for split, ids in (("pool", pool), ("test split", test)):
        if not ids and (tested or split == "pool"):
            raise DataError(f"the {split} is empty: expected at least one usable item")
    if common := overlap(pool, test):
        raise DataError(common)


def overlap(pool: Collection[str], test: Collection[str]) -> list[str]:
    """What is wrong where items are in both splits; empty where none is."""
    common = sorted(set(pool) & set(test))
    return [
        f"{plural(len(common), 'item')} in the pool and in the test split, which must not overlap: "
        f"{named(common)}; take them out of one of the two"
    ] * bool(common)


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


def _wanted(wanted: Sequence[str], known: Collection[str] | None) -> tuple[str, ...]:
    problems = [
        f"dataset.classes names {name!r}, which no annotation has{closest(name, known)}; "
        f"known: {', '.join(sorted(known)) or 'none'}"
        for name in wanted
        if known is not None and name not in known
    ]
    if problems := [*problems, *not_names(wanted)]:
        raise DataError(problems)
    return tuple(wanted)


def not_names(wanted: Sequence[str] | None) -> Iterator[str]:
    """What is wrong with the classes that are asked for, whatever the annotations are."""
    if wanted is None:
        return
    if not all(wanted):
        yield f"dataset.classes names a class without a name: {list(wanted)}"
    if len(set(wanted)) != len(wanted):
        yield f"dataset.classes names a class twice: {list(wanted)}"
    if not wanted:
        yield "dataset.classes is empty: name at least one class, or leave it out"


def closest(name: str, known: Collection[str]) -> str:
    """A hint at the class that a name is most like, whatever its case; empty where none is."""
    folded = {each.casefold(): each for each in known}
    close = get_close_matches(name.casefold(), folded, n=1)
    return f" (closest: {folded[close[0]]!r})" if close else ""

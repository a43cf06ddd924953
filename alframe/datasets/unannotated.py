"""Unannotated images: whether they are empty or unlabelled, and that a benchmark has none."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

from alframe.datasets.base import Dataset, without
from alframe.datasets.splits import check_splits
from alframe.datasets.suspicions import check_objects
from alframe.errors import DataError
from alframe.words import named, plural

Unannotated = Literal["empty", "unlabelled"]
UNLABELLED = "dataset.unannotated=unlabelled"

MOST = 0.05
"""Share of a split that may lack annotations and count as empty: COCO's own train2017 has 0.9 %."""


def check_annotated(dataset: Dataset, settings: Collection[str] = ("on_bad_item",)) -> Dataset:
    """The dataset for an oracle that asks nobody: each image of the pool is annotated.

    Args:
        dataset: as its reader made it.
        settings: names of those that the reader has, for the ways out.

    Returns:
        The dataset without the other images, where a setting says to leave them out; a note
        counts and names them.

    Raises:
        DataError: there are some; counts and names them and the ways out.
    """
    ids = dataset.unannotated
    if not ids:
        return dataset
    setting = dataset.leaves_out
    if not setting and dataset.on_bad_item == "skip":
        setting = "dataset.on_bad_item=skip"
    if not setting:
        ways = ["have people annotate them (--oracle files)", "add the annotations"]
        if "unannotated" in settings:
            ways.append("set dataset.unannotated=empty if they show no object")
        skip = " (dataset.on_bad_item=skip)" if "on_bad_item" in settings else " of the pool"
        raise DataError(
            f"{_counted('pool', ids, len(dataset.pool))} no annotation, which a benchmark needs: "
            f"{named(ids)}; {', '.join(ways)}, or leave them out{skip}"
        )
    rest = without(dataset, frozenset(ids))
    check_splits(rest.pool, rest.test, tested=bool(rest.test))
    check_objects(rest, test=False)
    return replace(rest, notes=(*rest.notes, _left_out("pool", ids, len(dataset.pool), setting)))


def _counted(split: str, ids: Collection[str], count: int) -> str:
    what = f"{plural(len(ids), 'image')} of {count:,} in the {split} ({len(ids) / count:.0%})"
    return f"{what} {'has' if len(ids) == 1 else 'have'}"


def _left_out(split: str, ids: Sequence[str], count: int, setting: str) -> str:
    what = f"{plural(len(ids), 'image')} of {count:,} in the {split} without annotation"
    return f"left out {what} ({setting}): {named(ids)}"


def settled(
    splits: dict[str, list[str]],
    bare: Collection[str],
    choice: Unannotated | None,
    *,
    needless: Collection[str] = (),
) -> tuple[frozenset[str], frozenset[str], list[str]]:
    """What images without annotation are in a format that cannot tell.

    A split in which no image at all is annotated stays as it is, unless they are unlabelled; that
    it has no objects is another error.

    Args:
        splits: ids of the ``pool`` and the ``test split``.
        bare: ids of images that have no annotation.
        choice: what they are; None takes few of them for empty.
        needless: splits of which empty images are left out anyhow.

    Returns:
        Ids of the pool that are unannotated, those of the test split to be left out, and notes.

    Raises:
        DataError: nothing is chosen and there are more than a few in a split: names both choices.
    """
    found = {name: [item for item in ids if item in bare] for name, ids in splits.items()}
    if choice == "unlabelled":
        pool, test = found.values()
        mixed = 0 < len(test) < len(splits["test split"])
        note = _left_out("test split", test, len(splits["test split"]), UNLABELLED)
        return frozenset(pool), frozenset(test if mixed else ()), [note] if mixed else []
    notes: list[str] = []
    problems: list[str] = []
    for name, ids in splits.items():
        if choice == "empty" or name in needless or not 0 < len(found[name]) < len(ids):
            continue
        if len(found[name]) > MOST * len(ids):
            problems.append(_refusal(name, found[name], len(ids)))
        else:
            notes.append(_note(name, found[name], len(ids)))
    if problems:
        raise DataError(problems)
    return frozenset(), frozenset(), notes


def _refusal(split: str, bare: Sequence[str], count: int) -> str:
    return (
        f"{_counted(split, bare, count)} "
        f"no annotation: {named(bare)}; set dataset.unannotated=empty if they were looked at and "
        f"show no object, or {UNLABELLED} if nobody has annotated them yet"
    )


def _note(split: str, bare: Sequence[str], count: int) -> str:
    return (
        f"took {plural(len(bare), 'image')} of {count:,} in the {split} without annotation for "
        f"empty: {named(bare)}; if nobody looked at them, set {UNLABELLED}"
    )

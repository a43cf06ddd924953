"""Images without annotation in a format that cannot say whether they are empty or unlabelled."""

from collections.abc import Collection, Sequence
from typing import Literal

from alframe.datasets.problems import named, plural
from alframe.errors import DataError

Unannotated = Literal["empty", "unlabelled"]

MOST = 0.05
"""Share of a split that may lack annotations and count as empty: COCO's own train2017 has 0.9 %."""


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

"""From pairs of an image and a mask to a dataset, each mask looked at once."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alframe.datasets.base import IGNORED, Dataset, Target
from alframe.datasets.bulk import in_threads
from alframe.datasets.files import ImageFiles, check_link
from alframe.datasets.held_out import drawn_test
from alframe.datasets.listing import Listing
from alframe.datasets.masks import masked
from alframe.datasets.pictures import READING, header_size
from alframe.datasets.problems import SKIP, BadItemError, Problem, Problems, two_of_one_stem
from alframe.datasets.splits import check_files, check_splits, overlap
from alframe.errors import ConfigError, DataError
from alframe.grouping import by_key
from alframe.tasks.segmentation import TASK
from alframe.tasks.segmentation.mask_files import (
    MOST_CLASSES,
    MaskCoding,
    MaskFile,
    Palettes,
    check_mask,
)
from alframe.words import named, plural

READERS = 4
"""Threads that look at masks."""


@dataclass(eq=False)
class MaskedImages:
    """Images and their masks, as a layout has them.

    Attributes:
        home: the folder of the dataset; no file lies outside of it.
        images: the picture of each id.
        masks: where its mask is, or should be.
        pool: ids of the items that may be labelled.
        test: ids of the evaluation split.
        notes: what was left out.
        spare: masks that are no image's, a note for each folder.
        listing: what lies in folders.
    """

    home: Path
    images: dict[str, Path] = field(default_factory=dict)
    masks: dict[str, Path] = field(default_factory=dict)
    pool: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    spare: list[str] = field(default_factory=list)
    listing: Listing = field(default_factory=Listing)


def assembled(
    name: str,
    pairs: MaskedImages,
    coding: MaskCoding,
    classes: Sequence[str] | None,
    problems: Problems,
    drawn: tuple[str | None, int] = (None, 0),
) -> Dataset:
    """Look at every mask, and build the dataset.

    Args:
        name: of the dataset.
        pairs: what is there.
        coding: what the values of masks mean.
        classes: names; None where they are numbers that are to be counted.
        problems: what has gone wrong so far.
        drawn: the share of the pool that becomes the test split, and a seed.

    Raises:
        DataError: with every problem found.
    """
    if classes is not None:
        check_names(classes)
    ids = [i for i in dict.fromkeys((*pairs.pool, *pairs.test)) if i not in problems.items]
    targets = dict(_targets(ids, pairs, coding, classes, problems))
    skipped = problems.settle(overlap(pairs.pool, pairs.test))
    if ids and not targets:
        raise DataError(
            f"no image of {pairs.home} is left: {', '.join(skipped)}; leave out "
            "dataset.on_bad_item to see why"
        )
    notes = [*pairs.notes, *pairs.spare, *skipped]
    names = _classes(pairs.home, targets, coding, classes)
    pool = sorted(item for item in pairs.pool if item in targets)
    test = sorted(item for item in pairs.test if item in targets)
    share, seed = drawn
    if share is not None:
        shown = {item: {names[n] for n in targets[item].labels.tolist()} for item in pool}
        test, note = drawn_test(shown, share, seed)
        apart = frozenset(test)
        pool, notes = [item for item in pool if item not in apart], [*notes, note]
    check_splits(pool, test, tested=bool(test))
    files = {item: pairs.images[item] for item in (*pool, *test)}
    notes += check_files(files, frozenset(test), pairs.listing)
    return Dataset(
        name=name,
        classes=names,
        images=ImageFiles(files, [pairs.home]),
        targets={item: targets[item] for item in files},
        pool=tuple(pool),
        test=tuple(test),
        notes=(*notes, *_never(names, targets, pool, test)),
        on_bad_item=problems.on_bad_item,
        task=TASK,
    )


def _classes(
    home: Path,
    targets: Mapping[str, Target],
    coding: MaskCoding,
    classes: Sequence[str] | None,
) -> tuple[str, ...]:
    """The classes; without names, the numbers of those that occur, and of those below them.

    Raises:
        DataError: there is one alone; or names are given for more, and what may be another of them
            is ignored.
    """
    shown = sorted({number for target in targets.values() for number in target.labels.tolist()})
    last = shown[-1] if shown else 0
    if (len(shown) < 2 and _hides(coding, targets)) if classes else not last:
        remedy = "if 255 is one, set dataset.binary=true"
        if coding.reduce_zero_label:
            remedy = "if 0 is one, leave out dataset.reduce_zero_label"
        only = shown[0] if shown else 0
        name = classes[only] if classes else only + int(coding.reduce_zero_label)
        raise DataError(
            f"the masks of {home} show no class but {name}, and pixels that are ignored: "
            f"expected two classes to tell apart; {remedy}"
        )
    return tuple(classes or map(str, range(last + 1)))


def _hides(coding: MaskCoding, targets: Mapping[str, Target]) -> bool:
    """Whether pixels are ignored, in masks that nobody has said to be binary."""
    masks = (target.mask() for target in targets.values() if target.mask)
    return not coding.binary and any((mask == IGNORED).any() for mask in masks)


def check_names(classes: Sequence[str]) -> None:
    """Names of classes, two or more, each once.

    Raises:
        ConfigError: otherwise.
    """
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise ConfigError(
            f"dataset.classes: expected the names of 2 to {MOST_CLASSES} classes, got "
            f"{len(classes)}"
        )
    if len(set(classes)) != len(classes) or not all(classes):
        raise ConfigError(f"dataset.classes: expected different names, got {list(classes)}")


def _targets(
    ids: Sequence[str],
    pairs: MaskedImages,
    coding: MaskCoding,
    classes: Sequence[str] | None,
    problems: Problems,
) -> Iterable[tuple[str, Target]]:
    """The annotation of each item whose image and mask are as they should be."""
    count = None if classes is None else len(classes)
    images_of = by_key((pairs.masks[item], item) for item in ids)
    palettes, reading = Palettes(), READING.get()
    add = f"add the file{''.join(f' ({spare})' for spare in pairs.spare)}{SKIP}"

    def look(item: str) -> Target | DataError:
        path, images = str(pairs.masks[item]), images_of[pairs.masks[item]]
        if len(images) > 1:
            return BadItemError(two_of_one_stem(images, path, "mask"))
        try:
            size = header_size(pairs.images[item], reading)  # masks of larger ones stay closed
            if not os.path.exists(path):  # noqa: PTH110 - also in a closed folder
                return BadItemError(Problem("the mask is missing", path, add))
            check_link(path, [pairs.home])
            seen = check_mask(MaskFile(path, coding, palettes), size, count)
            return masked(seen, MaskFile(path, coding))
        except DataError as error:
            return error

    for item, found in in_threads(ids, look, READERS, "reading masks"):
        if isinstance(found, DataError):
            problems.take(item, found)
        else:
            yield item, found
    if wrong := palettes.problem():
        raise DataError(wrong)


def _never(
    classes: Sequence[str],
    targets: Mapping[str, Target],
    pool: Collection[str],
    test: Collection[str],
) -> list[str]:
    """Notes on classes that no mask of a split shows: they cannot be learnt, or not measured."""
    notes = []
    for split, ids in (("pool", pool), ("test split", test)):
        shown = np.unique(np.concatenate([targets[i].labels for i in ids])) if ids else ()
        missing = [name for number, name in enumerate(classes) if number not in shown]
        if missing and ids:
            what = plural(len(missing), "class")
            notes.append(f"no mask of the {split} shows {what}: {named(missing)}")
    return notes

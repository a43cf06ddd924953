"""Test split of a dataset that has none: ids in a file, or a stratified share of what is known."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from alframe.datasets.assemble import Found
from alframe.datasets.name_matching import PictureNames
from alframe.datasets.problems import BadItemError, Problem, Problems
from alframe.datasets.voc_list import decoded
from alframe.errors import ConfigError, DataError
from alframe.files.home import expanded
from alframe.files.reading import LIST_BYTES, read_bytes
from alframe.grouping import by_key
from alframe.words import named, plural

POOLS = ("pool", "train", "training")
TESTS = ("test", "testing", "val", "valid", "validation")
"""What the two splits are called, as folders or lists, in any case; the first there is taken."""
_NO_LISTS = frozenset({".json", ".jsonl", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".npz"})
"""Suffixes of what has names in another way, and would be taken for names itself."""
_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf|nan)\s*%?\s*", re.IGNORECASE)


def called(name: str, there: Iterable[str]) -> str | None:
    """The name that is ``name`` but for its case, that in small letters first; None without any."""
    return max((each for each in there if each.lower() == name), default=None)


def share_of(test: str) -> float | None:
    """The share that ``20%`` is, 0.2; None of what may be the path of a file.

    Raises:
        ConfigError: it is a number without percent, or not between 0 and 100 %.
    """
    match = _SHARE.fullmatch(test)
    if match and 0 < float(match[1]) < 100:
        return float(match[1]) / 100
    if match or _NUMBER.fullmatch(test):
        raise ConfigError(
            f"dataset.test={test}: expected a share of the annotated images between 0% and 100%, "
            "as 20%, or a text file of ids; a number of images to be annotated is budget.test=N"
        )
    return None


class Finder(Protocol):
    """What knows pictures by name (:class:`~alframe.datasets.name_matching.PictureNames`)."""

    def find(self, name: str) -> str:
        """The id of the picture that a file calls ``name``.

        Raises:
            BadItemError: there is none, or there are several.
        """
        ...

    def doubts(self, items: Collection[str]) -> Iterable[tuple[str, Problem]]:
        """Those of the pictures found that may not be meant, once all names have been."""
        ...


def listed(
    path: Path,
    pictures: Finder,
    problems: Problems,
    setting: str = "dataset.test",
    *,
    empty: bool = False,
) -> list[str]:
    """The ids of the pictures that a file names, one in each line.

    Raises:
        DataError: the file cannot be read, is something else than a list, or is empty where it may
            not be.
    """
    if path.suffix.lower() in _NO_LISTS:
        raise DataError(
            f"{setting}={path}: expected a text file with the id of an image in each line (.txt), "
            f"not {path.suffix}"
        )
    try:
        text = decoded(read_bytes(path, LIST_BYTES))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(
            f"{setting}={path} cannot be read ({why}): expected a text file in UTF-8 with the "
            f"id of an image in each line{', or a share as 20%' if '.' in setting else ''}"
        ) from error
    found: dict[str, None] = {}
    lines = list(filter(None, map(str.strip, text.splitlines())))
    if not (lines or empty):
        raise DataError(f"{setting}={path} is empty: expected the id of an image in each line")
    for line in lines:
        try:
            found[pictures.find(line)] = None
        except BadItemError as error:
            problems.take(f"{path}: {line}", error)
    for item, problem in pictures.doubts(found):
        problems.add(f"{path}: {item}", problem)
        del found[item]
    return list(found)


def hold_out(found: Found, test: str, seed: int) -> None:
    """Test on images of the pool: on those in a file, or on a share of the annotated ones.

    Args:
        found: whose annotations are read; its pool is split.
        test: the path of a file, or a share.
        seed: other seeds draw other images.

    What is wrong with them (see :func:`listed` and :func:`drawn_test`) is noted, to be told with
    what else is.
    """
    with found.problems.gathering():
        share = share_of(test)
        if found.problems.of_whole:  # what was read is less than there is
            return
        if share is None:
            own = {item: found.files[item] for item in found.pool if item in found.files}
            names = PictureNames(own)
            found.test = listed(expanded(test), names, found.problems)
            found.notes += names.notes()
        else:
            apart = found.problems.items.union(found.bare)
            shown: dict[str, set[str]] = {item: set() for item in found.pool if item not in apart}
            for thing in found.objects:
                if thing.owner in shown:
                    shown[thing.owner].add(thing.name)
            found.test, note = drawn_test(shown, test, seed, "annotated")
            found.notes.append(note)
    chosen = frozenset(found.test)
    found.pool = [item for item in found.pool if item not in chosen]


def drawn_test(
    classes: Mapping[str, Collection[str]], test: str, seed: int, what: str = ""
) -> tuple[list[str], str]:
    """A share of images as the test split, and a note that says so.

    Args:
        classes: what each image shows, by id.
        test: the share, ``20%``.
        seed: other seeds draw other images.
        what: kind of images that are drawn from, for the note.

    Raises:
        DataError: there are too few to draw from.
    """
    share = share_of(test)
    assert share is not None
    drawn = stratified(classes, share, seed)
    among = f"{len(classes):,} {what}".rstrip()
    if not drawn:
        images = plural(len(classes), f"{what} image".strip())
        raise DataError(
            f"dataset.test={test} draws nothing from {images}, as one of each class stays in the "
            "pool; budget.test=N has N images annotated to test on"
        )
    return drawn, (
        f"the test split is drawn: {plural(len(drawn), 'image')} of {among}, by class "
        f"(dataset.test={test}, dataset.test_seed={seed}): {named(drawn)}"
    )


def stratified(classes: Mapping[str, Collection[str]], share: float, seed: int) -> list[str]:
    """A share of images in which each class has its share as well as can be.

    Images are grouped by their rarest class, those without objects apart; each group gives its
    share, and the largest remainders the rest. Each group of two or more keeps one. Which images
    are taken is told by a hash of seed and id, so that few change when others come.

    Args:
        classes: what each image shows, by id.
        share: between 0 and 1.
        seed: other seeds draw other images.

    Returns:
        Ids, sorted.
    """
    images_of = Counter(name for names in classes.values() for name in set(names))
    groups = by_key(
        (min(names, key=lambda name: (images_of[name], name), default=None), item)
        for item, names in classes.items()
    )
    wanted = {name: share * len(items) for name, items in groups.items()}
    counts = {name: int(amount) for name, amount in wanted.items()}
    rest = max(1, round(share * len(classes))) - sum(counts.values())
    order = sorted(groups, key=lambda name: (counts[name] - wanted[name], str(name)))
    for name in [name for name in order if counts[name] + 1 < len(groups[name])][:rest]:
        counts[name] += 1

    def rank(item: str) -> bytes:
        return hashlib.sha256(f"{seed}\n{item}".encode(errors="surrogatepass")).digest()

    return sorted(i for n, items in groups.items() for i in sorted(items, key=rank)[: counts[n]])

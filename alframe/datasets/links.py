"""Files that are links: out of the dataset, or to a file that is there under another id."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from alframe.datasets.listing import Listing
from alframe.datasets.problems import BadItemError, Problem


def check_link(path: str | Path, folders: Iterable[Path]) -> None:
    """A file of annotations lies in one of the folders, as pictures have to.

    Raises:
        BadItemError: it is a link to somewhere else.
    """
    real = os.path.realpath(path)
    if not real.startswith(tuple(f"{os.path.realpath(f).rstrip(os.sep)}{os.sep}" for f in folders)):
        raise BadItemError(
            Problem(
                "a file of annotations is a link out of the dataset",
                f"{path} (to {real})",
                "put the file itself there",
            )
        )


def same_files(files: Mapping[str, Path], listing: Listing) -> list[list[str]]:
    """Ids whose pictures are one file: by links of either kind, or through linked folders.

    The disk is asked only about links and about files that share the number of an inode.

    Args:
        files: the picture of each id.
        listing: in which they were found.

    Returns:
        Groups of at least two ids, in the order of ``files``.
    """
    places: dict[tuple[str, int], list[str]] = {}  # one file, as far as a folder tells
    linked: dict[int, list[str]] = {}
    for item, path in files.items():
        entry = listing.entry(path)
        if entry is None or entry.is_symlink():
            linked.setdefault(_identity(path)[1], []).append(item)
        else:
            places.setdefault((str(path.parent), entry.inode()), []).append(item)
    numbers: dict[int, list[list[str]]] = {}
    for (_, inode), items in places.items():
        numbers.setdefault(inode, []).append(items)
    for inode, items in linked.items():
        numbers.setdefault(inode, []).extend([item] for item in items)
    rank = {item: n for n, item in enumerate(files)}
    groups = [
        sorted(group, key=rank.__getitem__)
        for alike in numbers.values()
        if len(alike) > 1 or len(alike[0]) > 1
        for group in _confirmed(alike, files)
    ]
    return sorted(groups, key=lambda group: rank[group[0]])


def _confirmed(alike: list[list[str]], files: Mapping[str, Path]) -> list[list[str]]:
    """Of files with one number of inode, those that are one file; one of each list is asked."""
    identities: dict[tuple[int, int], list[str]] = {}
    for items in alike:
        identities.setdefault(_identity(files[items[0]]), []).extend(items)
    return [group for group in identities.values() if len(group) > 1]


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode; a number that no file has where there is none, which its reader reports."""
    try:
        status = path.stat()
    except OSError:
        return (-1, id(path))
    return status.st_dev, status.st_ino

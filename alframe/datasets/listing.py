"""What lies in folders. Whole ones are asked: a question per file is slow on network disks."""

import os
from collections.abc import Iterator, Mapping
from errno import ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from functools import cached_property
from pathlib import Path

from alframe.datasets.names import SUFFIXES
from alframe.errors import DataError
from alframe.grouping import by_key

_NOTHING = frozenset({None, ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP})
"""Errors of paths at which nothing lies."""


class Folder:
    """What lies in one folder; nothing, where there is none.

    Attributes:
        files: those that are no folders, by name. An entry knows its inode and whether it is a
            link without asking the disk.
        folders: names of folders and of links to them.
        error: why it cannot be opened; None where it can.
        closed: whether it is there, and cannot be opened.
    """

    def __init__(self, path: str) -> None:
        try:
            with os.scandir(path) as entries:
                listed = list(entries)
            self.error, self.closed = None, False
        except (OSError, ValueError) as error:  # ValueError: a name that no disk has
            listed, self.error = [], getattr(error, "strerror", None) or str(error)
            self.closed = getattr(error, "errno", None) not in _NOTHING
        self.folders = [entry.name for entry in listed if _is_folder(entry)]
        apart = set(self.folders)
        self.files = {entry.name: entry for entry in listed if entry.name not in apart}

    @cached_property
    def pictures(self) -> dict[str, list[str]]:
        """Names of pictures by their stem."""
        found: dict[str, list[str]] = {}
        for name in self.files:  # of every dataset: it pays to split each name once
            before, _, suffix = name.rpartition(".")
            if f".{suffix.lower()}" in SUFFIXES:
                found.setdefault(before, []).append(name)
        return found


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a folder or a link to one; a link in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


class Listing:
    """Which files exist."""

    def __init__(self) -> None:
        self._folders: dict[str, Folder] = {}

    def folder(self, path: str | Path) -> Folder:
        """What lies in a folder."""
        key = str(path)
        if key not in self._folders:
            self._folders[key] = Folder(key)
        return self._folders[key]

    def entry(self, path: str | Path) -> "os.DirEntry[str] | None":
        """A file, if it exists.

        Raises:
            DataError: its folder cannot be opened.
        """
        parent, _, name = str(path).rpartition(os.sep)
        known = self._folders.get(parent) or self.folder(parent or os.curdir)
        if known.closed:
            raise DataError(
                f"{parent or os.curdir} cannot be opened ({known.error}): allow reading it"
            )
        return known.files.get(name)

    def below(self, path: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """Files in a folder and below, relative to it; links in a circle are not followed."""
        real, here = os.path.realpath(path), self.folder(path)
        if real in seen:
            return
        yield from here.files
        for folder in here.folders:
            for name in self.below(f"{path}/{folder}", seen | {real}):
                yield f"{folder}/{name}"

    def __contains__(self, path: str | Path) -> bool:
        return self.entry(path) is not None


def same_files(files: Mapping[str, Path], listing: Listing) -> list[list[str]]:
    """Ids whose pictures are one file: by links of either kind, or through linked folders.

    The disk is asked only about links and about files that share the number of an inode.

    Returns:
        Groups of at least two ids, in the order of ``files``.
    """
    numbers: dict[int, list[str]] = {}
    for item, path in files.items():
        entry = listing.entry(path)
        inode = _identity(path)[1] if entry is None or entry.is_symlink() else entry.inode()
        numbers.setdefault(inode, []).append(item)
    groups: list[list[str]] = []
    for alike in numbers.values():
        several = alike if len(alike) > 1 else ()
        confirmed = by_key((_identity(files[item]), item) for item in several)
        groups += [group for group in confirmed.values() if len(group) > 1]
    return groups


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode; a number that no file has where there is none, which its reader reports."""
    try:
        status = path.stat()
    except OSError:
        return (-1, id(path))
    return status.st_dev, status.st_ino

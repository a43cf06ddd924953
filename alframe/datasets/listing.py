"""What lies in folders. Whole ones are asked: a question per file is slow on network disks."""

import os
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from alframe.datasets.names import SUFFIXES, is_picture, likeness, stem


class Folder:
    """What lies in one folder; nothing, where there is none.

    Args:
        path: of the folder.

    Attributes:
        files: those that are no folders, by name. An entry knows its inode and whether it is a
            link without asking the disk.
        folders: names of folders and of links to them.
    """

    def __init__(self, path: str) -> None:
        try:
            with os.scandir(path) as entries:
                listed = list(entries)
        except (OSError, ValueError):  # ValueError: a name that no disk has
            listed = []
        self.folders = [entry.name for entry in listed if entry.is_dir()]
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

    @cached_property
    def alike(self) -> dict[str, list[str]]:
        """Names of files by their likeness."""
        return _by(likeness, self.files)

    @cached_property
    def pictures_alike(self) -> dict[str, list[str]]:
        """Names of pictures by the likeness of their stem."""
        return _by(lambda name: likeness(stem(name)), filter(is_picture, self.files))

    @cached_property
    def folders_alike(self) -> dict[str, list[str]]:
        """Names of folders by their likeness."""
        return _by(likeness, self.folders)


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
        """A file, if it exists."""
        parent, _, name = str(path).rpartition(os.sep)
        known = self._folders.get(parent) or self.folder(parent or os.curdir)
        return known.files.get(name)

    def __contains__(self, path: str | Path) -> bool:
        return self.entry(path) is not None


def _by(key: Callable[[str], str], names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key(name), []).append(name)
    return found

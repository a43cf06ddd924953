"""Folders below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from alframe.errors import DataError

OF_SYSTEMS = frozenset({"@eaDir", "__MACOSX", "lost+found"})
"""Folders of nobody's: thumbnails of a Synology, what a Mac adds to zips, repaired files."""


def walked(top: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder at and below one, and its files' names; not hidden ones and those of systems.

    Links to folders are followed, and each folder is walked once, under a path without links where
    it has one.

    Raises:
        DataError: one cannot be opened, whose files would be missing without a word.
    """

    def closed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            why = f"{error.filename} cannot be opened ({error.strerror})"
            raise DataError(f"{why}: allow reading it")

    seen, starts = set[str](), [top]
    for start in starts:  # grows by the links that are found, which come last
        for inner, folders, names in os.walk(start, onerror=closed):
            real = os.path.realpath(inner)
            shown = sorted(n for n in folders if n[0] != "." and n not in OF_SYSTEMS)
            folders[:] = [] if real in seen else shown
            if real not in seen:
                seen.add(real)
                starts += [path for name in shown if (path := Path(inner, name)).is_symlink()]
                yield inner, names

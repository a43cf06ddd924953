"""Folders below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from alframe.errors import DataError


def walked(top: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder at and below one, and the names of its files; not those that are hidden.

    Raises:
        DataError: one cannot be opened, whose files would be missing without a word.
    """

    def closed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise DataError(f"{error.filename} cannot be opened ({error.strerror}): let it be read")

    for inner, folders, names in os.walk(top, onerror=closed):
        folders[:] = [name for name in folders if name[0] != "." and name != "lost+found"]
        yield inner, names

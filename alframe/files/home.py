"""Paths as people write them: ``~`` at the beginning, and links."""

import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with the user's folder in the place of ``~``.

    A name that begins so and is that of no user, such as ``~draft.json``, stays what it is.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own fails where there is no user


def real(path: str | os.PathLike[str]) -> Path:
    """A path without links, as far as they lead somewhere; using it tells of those in circles."""
    return Path(os.path.realpath(path))  # Path.resolve() fails where links go in circles

"""``~`` at the beginning of a path."""

import os
from pathlib import Path


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with the user's folder in the place of ``~``.

    A name that begins so and is that of no user, such as ``~draft.json``, stays what it is.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own fails where there is no user

"""Whether something is there, where a folder that may not be entered is an error.

``Path.exists`` and its kin say "no" there since Python 3.14: a run or a dataset that cannot be
looked at would be told as missing.
"""

import errno
import os
import stat
from pathlib import Path

_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP)


def exists(path: Path) -> bool:
    """Whether there is a file, a folder or the like, and no link to nothing.

    Raises:
        OSError: it cannot be told, because of permissions or a name that is too long.
    """
    return _mode(path) != 0


def is_folder(path: Path) -> bool:
    """Whether there is a folder, or a link to one; raises as :func:`exists`."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: Path) -> bool:
    """Whether there is a regular file, or a link to one; raises as :func:`exists`."""
    return stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - as short, and named in errors as given
    except OSError as error:
        if error.errno not in _MISSING:
            raise
    except ValueError:  # a null within
        pass
    return 0

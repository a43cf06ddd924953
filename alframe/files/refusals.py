"""What the system refuses, in words: a user can mend it."""

import errno
import os
from pathlib import Path

MENDABLE = frozenset(
    getattr(errno, name)
    for name in (
        # Disks that are full, and limits.
        "ENOSPC", "EDQUOT", "EFBIG", "EMLINK", "EMFILE", "ENFILE", "ENOMEM", "EAGAIN",
        # Places where one may not write, or that are something else.
        "EACCES", "EPERM", "EROFS", "EEXIST", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP",
        "ENXIO", "ENODEV", "EBUSY", "ETXTBSY", "EXDEV",
        # Disks that are broken, or far away.
        "EIO", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "EREMOTEIO",
        "ENETUNREACH", "ENETDOWN", "ENOLCK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS",
    )
    if hasattr(errno, name)  # macOS lacks some
)  # fmt: skip
"""Not among them: a file that is missing (ENOENT). One of ours that we forgot to make is a bug."""


FULL = (errno.ENOSPC, errno.EDQUOT)
REMEDIES: dict[int | None, str] = {
    **dict.fromkeys(FULL, "make room there"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "change its permissions"),
    errno.ENOTDIR: "remove the file that stands for a folder",
    errno.ELOOP: "remove links that go in circles",
}
"""What to do where the place has to stay."""


def refusal(error: OSError) -> str | None:
    """The file, what the system says of it, and what to do; None where the error may be a bug."""
    if error.errno not in MENDABLE:
        return None
    name = name_in(error)
    if error.errno == errno.EEXIST and name and not Path(name).is_dir():
        return f"{name}: expected a folder, but something else is there; choose another"
    said = f"{name or 'standard output, or a file'}: {error.strerror}"
    mend = REMEDIES.get(error.errno)
    return f"{said}; {mend}, or choose another place" if mend else said


def name_in(error: OSError) -> str:
    """The file, which some libraries give as bytes; empty where it is not known.

    Of two that a file was copied between, the second where that is full.
    """
    name = error.filename
    if error.errno in FULL and error.filename2 is not None:
        name = error.filename2
    return os.fsdecode(name) if isinstance(name, bytes) else str(name or "")

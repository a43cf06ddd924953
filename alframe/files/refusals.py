"""What the system refuses, in words: a user can mend it, and nothing that was finished is lost."""

import errno
import os
from pathlib import Path

from alframe.text import command

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
        "ENETUNREACH", "ENETDOWN", "ENOLCK", "EOPNOTSUPP", "ENOSYS",
    )
)  # fmt: skip
"""Not among them: a file that is missing (ENOENT). One of ours that we forgot to make is a bug."""

FOLDERS = ("checkpoints", "scores", "tensorboard")
"""What a run directory has from its beginning, beside its configuration."""


def refusal(error: OSError) -> str | None:
    """The file and what the system says of it; None where the error may be a bug."""
    if error.errno not in MENDABLE:
        return None
    name = _name(error)
    if error.errno == errno.EEXIST and name and not Path(name).is_dir():
        return f"{name}: expected a folder, but something else is there; choose another"
    return f"{name or 'a file'}: {error.strerror}"


def stopped(error: OSError, path: Path) -> str | None:
    """Why a run had to stop and how to go on; None where the error may be a bug."""
    go_on = f"go on with: {command('run', '--output', path, '--resume')}"
    if _is_gone(error, path):
        return f"{path} was moved or deleted while the run was going on: put it back, and {go_on}"
    text = refusal(error)
    if text is None or not (path / "config.yaml").exists():
        return text
    return f"{text}; what is finished is kept: {go_on}"


def _is_gone(error: OSError, path: Path) -> bool:
    """A file could not be had because of the run directory, which is not what it was."""
    name = _name(error)
    if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ESTALE} or not name:
        return False
    inside = Path(name).absolute().is_relative_to(path.absolute())
    return inside and not all((path / name).exists() for name in ("config.yaml", *FOLDERS))


def _name(error: OSError) -> str:
    """The file, which some libraries give as bytes; empty where it is not known."""
    name = error.filename
    return os.fsdecode(name) if isinstance(name, bytes) else str(name or "")

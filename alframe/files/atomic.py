"""Files that appear whole or not at all."""

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

TORN = f".*.{'[0-9a-f]' * 8}.tmp"
LONGEST = 200
"""Bytes of a file's name that its temporary one has, too: file systems take 255."""
UNLOCKED_IDLE = 60.0
"""Seconds after which nobody goes on with a file that was written half."""


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path``; once written, sync it and rename it to ``path``.

    A process killed at any moment leaves the old file or the new one. A writer that raises
    leaves the old file and no temporary one.
    """
    beginning = os.fsencode(path.name)[:LONGEST].decode(errors="ignore")
    temporary = path.with_name(f".{beginning}.{secrets.token_hex(4)}.tmp")
    try:
        with naming(path):
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        if error.filename == str(temporary):
            error.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):  # the folder may have gone, or be read-only by now
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError the file's name: a write that fails does not know it."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def remove_torn(folder: Path, *, deep: bool = False, idle: float = 0.0) -> None:
    """Remove what killed processes were writing into ``folder``.

    Args:
        folder: into which nobody may be writing now, unless ``idle`` is given.
        deep: in every folder below it, too.
        idle: seconds for which nobody has written to a file; for folders without a lock.
    """
    for torn in (folder.rglob if deep else folder.glob)(TORN):
        with contextlib.suppress(FileNotFoundError):  # another process has removed it
            if time.time() - torn.stat().st_mtime >= idle:
                torn.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file atomically; names of files keep the bytes that are no UTF-8."""
    with atomic(path) as file:
        file.write(text.encode(errors="surrogateescape"))


def sync_folder(folder: Path) -> None:
    """Make a rename or a new file in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # some shared folders do not know it of folders
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)

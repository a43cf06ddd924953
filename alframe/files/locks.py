"""A lock on a folder, held by a process for as long as it lives."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from alframe.errors import RunError
from alframe.files.atomic import naming, remove_torn

PATIENCE = 1.0
"""Seconds to wait for a lock: who looks whether a run is going on holds it for a moment."""

_held: set[IO[str]] = set()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock ``path``, which is in the folder that it protects.

    Raises:
        RunError: another process holds it, for longer than a look at it takes.
    """
    if path.is_symlink():  # maybe to a file of others
        raise RunError(f"{path} is a link: remove it")
    with open(path, "a", opener=_no_link) as file:
        refused_after = time.monotonic() + PATIENCE
        while not _taken(file, path):
            if time.monotonic() > refused_after:
                own = any(held.name == str(path) for held in _held)
                who = "this process: end what uses it" if own else "another process: wait for it"
                raise RunError(f"{path.parent} is in use by {who}, or choose another folder")
            time.sleep(0.02)
        _held.add(file)
        try:
            yield
        finally:
            _held.discard(file)


def _no_link(path: str, flags: int) -> int:
    """Open a file that has not become a link since, nor a pipe that somebody has to read."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


@contextlib.contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Write files into a folder that has no lock: any number of processes may at a time.

    One that is alone there removes what killed ones left.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # others write, or the file system has no such locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_torn(folder)
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock ``path``."""
    if not path.exists():
        return False
    with path.open("r") as file:
        try:
            with naming(path):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _taken(file: IO[str], path: Path) -> bool:
    try:
        with naming(path):  # where the file system has no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _let_go() -> None:
    """A lock belongs to all processes that have the file open: forked ones, which may outlive us.

    A worker that loads images sees only after seconds that its parent has been killed.
    """
    while _held:
        _held.pop().close()


os.register_at_fork(after_in_child=_let_go)

"""Running strangers' code: what it prints, what it changes for everyone, and how it ends."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def guest() -> Iterator[None]:
    """Run code that is loaded on behalf of a plugin.

    What it prints goes to standard error, as the output of a command may be read by a program;
    the working directory, the filters of warnings, and the root logger's handlers and level are
    put back.
    """
    root, folder = logging.getLogger(), _folder()
    handlers, level = list(root.handlers), root.level
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        if folder is not None and folder != _folder():
            os.chdir(folder)


def described(error: BaseException) -> str:
    """An exception on one line: its class, what it says, and the line of code that raised it."""
    name = type(error).__name__
    if isinstance(error, SystemExit):
        name, said = "SystemExit", f"it calls sys.exit({error.code!r})"
    else:
        try:
            said = " ".join(str(error).split())
        except BaseException:  # not even that works
            said = "(no text can be had of it)"
    return f"{name}: {said}{_place(error)}"


def _place(error: BaseException) -> str:
    """Where it was raised; a syntax error says so itself, and lies where nothing ran."""
    last = error.__traceback__
    if last is None or isinstance(error, SyntaxError | ImportError):
        return ""
    while last.tb_next is not None:
        last = last.tb_next
    return f" ({Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno})"


def _folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return None

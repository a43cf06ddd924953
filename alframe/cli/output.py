"""What the command line says: each thing is one line, whatever names are in it."""

import contextlib
import errno
import io
import os
import stat
import sys

import click

from alframe.text import printable


def say(*lines: str, err: bool = False) -> None:
    """Print lines, to standard output or error, with what acts on a terminal escaped.

    Where standard error is lost, a full disk for example, or the terminal has gone, nobody reads
    them: a run goes on without.
    """
    with contextlib.suppress(OSError) if err else contextlib.nullcontext():
        for line in lines:
            try:
                click.echo(printable(line), err=err)
            except OSError as error:
                if error.errno != errno.EIO or err or not _is_terminal():
                    raise
                write_nowhere()


def escape_unknown() -> None:
    """Letters that the encoding of standard output lacks are escaped, as on standard error.

    Where Python lets undecoded bytes of names through (the C locale), they stay as they are.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def write_nowhere() -> None:
    """Throw away what is written to standard output from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_terminal() -> bool:
    """Whether standard output is a terminal, or was: one that has gone says that it is none."""
    return stat.S_ISCHR(os.fstat(sys.stdout.fileno()).st_mode)


def say_note(*notes: str) -> None:
    """Tell what was tolerated, on standard error."""
    say(*(f"note: {note}" for note in notes), err=True)

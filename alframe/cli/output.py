"""What the command line says: each thing is one line, whatever names are in it."""

import contextlib

import click

from alframe.text import printable


def say(*lines: str, err: bool = False) -> None:
    """Print lines, to standard output or error, with what acts on a terminal escaped.

    Where standard error is lost, a full disk or a terminal that has gone, nobody reads it.
    """
    with contextlib.suppress(OSError) if err else contextlib.nullcontext():
        for line in lines:
            click.echo(printable(line), err=err)


def say_note(*notes: str) -> None:
    """Tell what was tolerated, on standard error."""
    say(*(f"note: {note}" for note in notes), err=True)

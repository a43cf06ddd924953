"""What the command line says: each thing is one line, whatever names are in it."""

import click

from alframe.text import printable


def say(*lines: str, err: bool = False) -> None:
    """Print lines, to standard output or error, with what acts on a terminal escaped."""
    for line in lines:
        click.echo(printable(line), err=err)

"""``alframe ls``."""

import click

from alframe.cli.output import say
from alframe.plugins import KINDS, registry
from alframe.text import printable

COLUMNS = ("name", "kind", "package", "version", "")


@click.command()
@click.argument("kind", required=False, type=click.Choice([*KINDS, "plugins"]))
def ls(kind: str | None) -> None:
    """List what is registered: name, kind, package it comes from, its version.

    "alframe ls plugins" lists the plugins themselves, with the reason where one was left out.
    """
    if kind == "plugins":
        rows = [
            (p.name, "plugin", p.package, p.version, f"left out: {p.problem}" if p.problem else "")
            for p in registry().plugins
        ]
    else:
        entries = [e for k in KINDS if kind in (None, k) for e in registry().all(k)]
        rows = [(e.name, e.kind, e.package, e.version, e.summary) for e in entries]
    say(*_aligned([COLUMNS, *(tuple(map(printable, row)) for row in rows)]))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]

"""``alframe ls``."""

import click

from alframe.cli.output import say
from alframe.errors import AlframeError
from alframe.plugins import KINDS, registry
from alframe.text import printable

COLUMNS = ("name", "kind", "package", "version", "")
MODEL_COLUMNS = ("name", "task", "signals", "learners", "strategies")


@click.command()
@click.argument("kind", required=False, type=click.Choice([*KINDS, "plugins"]))
@click.option("--verbose", is_flag=True, help="With models: what goes with each of them.")
def ls(kind: str | None, verbose: bool) -> None:
    """List what is registered: name, kind, package it comes from, its version.

    "alframe ls plugins" lists the plugins themselves, with the reason where one was left out.
    "alframe ls models --verbose" lists the signals that each model gives, the learners that train
    it, and the strategies that go with it, each with the learner that it wants.
    """
    columns = COLUMNS
    if verbose:
        if kind != "models":
            got = f"'alframe ls {kind}'" if kind else "no kind"
            raise AlframeError(f"--verbose: expected 'alframe ls models --verbose', got {got}")
        from alframe.runs.compatibility import table  # loads every model, and so torch

        columns, rows = MODEL_COLUMNS, table()
    elif kind == "plugins":
        rows = [
            (p.name, "plugin", p.package, p.version, f"left out: {p.problem}" if p.problem else "")
            for p in registry().plugins
        ]
    else:
        entries = [e for k in KINDS if kind in (None, k) for e in registry().all(k)]
        rows = [(e.name, e.kind, e.package, e.version, e.summary) for e in entries]
    say(*_aligned([columns, *(tuple(map(printable, row)) for row in rows)]))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]

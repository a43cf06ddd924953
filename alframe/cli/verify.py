"""``alframe verify``."""

from pathlib import Path

import click

from alframe.cli.output import say
from alframe.cli.paths import FilePath


@click.command()
@click.argument("run", metavar="RUN", type=FilePath())
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:i]")
@click.option(
    "--data-root",
    type=FilePath(str),
    metavar="DIR",
    help="Where the dataset lies, if it was moved.",
)
@click.option("--strict", is_flag=True, help="What cannot be made again is a failure, too.")
def verify(run: Path, device: str, data_root: str | None, strict: bool) -> None:
    """Make every selection of a run again, and compare: from stored scores, models and the seed.

    Also reads every model that was kept, and compares cycles.jsonl, which reports read, with the
    journal, and results.csv with cycles.jsonl. Exit code 1 if something differs, 2 if a file is
    damaged. A selection that needs a model which was not kept is listed, and so is a model that
    is gone.

    \b
    alframe verify runs/shapes-retina-tiny-entropy-seed0
    """  # noqa: D301
    from alframe.runs.verifier import Verifier

    verdicts = []
    for verdict in Verifier(run, device, data_root)():
        verdicts.append(verdict)
        say(str(verdict))
    looked_at = [v for v in verdicts if v.problem or not v.gone]
    same = sum(v.state == "the same" for v in verdicts)
    say(f"{same} of {len(looked_at)} verified")
    states = {v.state for v in looked_at}
    if "damaged" in states:
        raise click.exceptions.Exit(2)
    if "differs" in states or (strict and states != {"the same"}):
        raise click.exceptions.Exit(1)

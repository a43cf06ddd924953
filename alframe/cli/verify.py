"""``alframe verify``."""

from pathlib import Path

import click


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:i]")
def verify(run: Path, device: str) -> None:
    """Make every selection of a run again, and compare: from stored scores, models and the seed.

    Exit code 1 if one differs. A selection that needs a model which was not kept is listed.

    \b
    alframe verify runs/shapes-retina-tiny-miaod-seed0
    """  # noqa: D301
    from alframe.verify import Verdict, Verifier

    def line(verdict: Verdict) -> str:
        what = "initial set" if verdict.cycle is None else f"selection of cycle {verdict.cycle}"
        if verdict.source is None:
            return f"{what}: cannot be recomputed, {verdict.problem}"
        result = f"DIFFERS, {verdict.problem}" if verdict.problem else "the same"
        return f"{what}: {result} (from {verdict.source})"

    verdicts = []
    for verdict in Verifier(run, device)():
        verdicts.append(verdict)
        click.echo(line(verdict))
    same = sum(not v.problem for v in verdicts)
    click.echo(f"{same} of {len(verdicts)} verified")
    if any(v.source and v.problem for v in verdicts):
        raise click.exceptions.Exit(1)

"""``alframe verify``."""

from pathlib import Path

import click


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:i]")
@click.option("--data-root", metavar="DIR", help="Where the dataset lies, if it was moved.")
@click.option("--strict", is_flag=True, help="What cannot be made again is a failure, too.")
def verify(run: Path, device: str, data_root: str | None, strict: bool) -> None:
    """Make every selection of a run again, and compare: from stored scores, models and the seed.

    Also holds cycles.jsonl, which reports read, against the journal. Exit code 1 if something
    differs. A selection that needs a model which was not kept is listed.

    \b
    alframe verify runs/shapes-retina-tiny-miaod-seed0
    """  # noqa: D301
    from alframe.verdict import Verdict
    from alframe.verify import Verifier

    def line(verdict: Verdict) -> str:
        if verdict.source is None:
            return f"{verdict.about}: cannot be recomputed, {verdict.problem}"
        result = f"DIFFERS, {verdict.problem}" if verdict.problem else "the same"
        return f"{verdict.about}: {result} (from {verdict.source})"

    verdicts = []
    for verdict in Verifier(run, device, data_root)():
        verdicts.append(verdict)
        click.echo(line(verdict))
    same = sum(not v.problem for v in verdicts)
    click.echo(f"{same} of {len(verdicts)} verified")
    if any(v.problem and (v.source or strict) for v in verdicts):
        raise click.exceptions.Exit(1)

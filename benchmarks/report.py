"""``alframe report``: tables and curves of one or several runs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from alframe.benchmarks.runs import Run
    from alframe.benchmarks.tables import Table

FORMATS = ("md", "csv", "json")


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--metric", default="mAP50", show_default=True, help="What to tabulate and draw.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the files.  [default: RUN/report for one run, else ./report]",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    default=FORMATS,
    help="Table to write; may be given several times.  [default: all]",
)
def report(runs: Sequence[Path], metric: str, output: Path | None, formats: Sequence[str]) -> None:
    """Tabulate and draw runs: mean and standard deviation over the seeds of each method.

    RUN is a run directory or a folder that holds some. Prints the table and writes report.md,
    report.csv, report.json, curves.png and curves.svg.

    \b
    alframe report runs/shapes-retina-miaod-seed0
    alframe report runs --metric mAP --output tables --format md
    alframe report runs --metric AP50.dog
    """  # noqa: D301 - the backspace is click's mark of lines to leave as they are
    from alframe.benchmarks.runs import read_runs
    from alframe.benchmarks.tables import tabulate

    found = read_runs(runs)
    tables = tabulate(found, metric)
    text = compose(tables)
    click.echo(text, nl=False)
    alone = found[0].path / "report" if len(found) == 1 else Path("report")
    for path in _write(output or alone, _files(text, tables, formats)):
        click.echo(f"wrote {path}", err=True)


def compose(tables: "Sequence[Table]") -> str:
    """The report in markdown: a section per dataset, and the cycles of a run that is alone."""
    runs = [run for table in tables for row in table.rows for run in row.runs]
    sections = [_section(table) for table in tables]
    if len(runs) == 1:
        sections.append(_cycles(runs[0]))
    return "# Report\n\n" + "\n".join(sections)


def _section(table: "Table") -> str:
    from alframe.benchmarks.tables import markdown

    pool = f" (share of the pool of {table.pool:,})" if table.pool else ""
    several = any(len(row.runs) > 1 for row in table.rows)
    spread = " ± is the standard deviation over n runs." if several else ""
    legend = f"{table.metric} in %, by number of labelled images{pool}.{spread}\n"
    notes = "".join(f"- {note}\n" for note in _notes(table))
    parts = [f"## {table.dataset}\n", markdown(table), legend, *([notes] if notes else [])]
    return "\n".join(parts)


def _notes(table: "Table") -> Iterator[str]:
    """What a reader has to know before comparing the rows."""
    for row in table.rows:
        for run in row.runs:
            if not run.finished:
                yield f"{row.method}, seed {run.seed} (unfinished): {_so_far(run)}, {run.path}"
        for seed, times in Counter(run.seed for run in row.runs).items():
            if times > 1:
                yield f"{row.method}: seed {seed} was run {times} times; ± is not over seeds alone"


def _so_far(run: "Run") -> str:
    count = len(run.cycles)
    return f"{count} cycle{'' if count == 1 else 's'} so far" if count else "no finished cycle yet"


def _cycles(run: "Run") -> str:
    from alframe.benchmarks.tables import cycle_markdown

    method = f"{run.name('strategy')} on {run.name('learner')}/{run.name('detector')}"
    return (
        f"### Cycles of {run.path}\n\n{method}, seed {run.seed}.\n\n{cycle_markdown(run)}\n"
        "Metrics in %. Boxes per selected image are of the images that joined for the cycle: "
        "the initial set, then each selection.\n"
    )


def _files(text: str, tables: "Sequence[Table]", formats: Sequence[str]) -> Mapping[str, bytes]:
    import json

    from alframe.benchmarks.curves import draw, to_bytes
    from alframe.benchmarks.tables import to_csv, to_json

    texts = {
        "md": lambda: text,
        "csv": lambda: to_csv(tables),
        "json": lambda: json.dumps(to_json(tables), indent=2, ensure_ascii=False) + "\n",
    }
    figure = draw(tables)
    written = {f"report.{kind}": texts[kind]().encode() for kind in FORMATS if kind in formats}
    return written | {f"curves.{kind}": to_bytes(figure, kind) for kind in ("png", "svg")}


def _write(folder: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    from alframe.atomic import atomic
    from alframe.errors import RunError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with atomic(folder / name) as file:
                file.write(content)
            yield folder / name
    except OSError as error:
        raise RunError(
            f"cannot write to {folder}: {error.strerror}; choose another --output"
        ) from error

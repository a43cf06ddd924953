"""``alframe report``: tables, curves and a page of runs or of a suite."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe.cli.output import say

if TYPE_CHECKING:
    from alframe.benchmarks.reporting.findings import Findings

FORMATS = ("md", "csv", "json", "html", "tex")


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--metric",
    help="What to tabulate and draw.  [default: the first that the model measures, or the suite's]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the files.  [default: RUN/report for one run or suite, else ./report]",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    default=FORMATS,
    help="What to write besides curves.png and curves.svg; may be repeated.  [default: all]",
)
@click.option("--pictures/--no-pictures", default=True, help="Show selected images on the page.")
def report(
    runs: Sequence[Path],
    metric: str | None,
    output: Path | None,
    formats: Sequence[str],
    pictures: bool,
) -> None:
    """Tabulate, draw and compare runs: the seeds of each method are averaged.

    RUN is a run directory, a folder that holds some, or the folder of a suite (alframe bench).
    Prints the cycle tables and writes report.md, .csv, .json, .html and .tex, and the curves.

    \b
    alframe report runs/shapes-retina-tiny-miaod-seed0
    alframe report runs --metric mAP --output tables --format md
    alframe report bench/smoke --metric AP50.disc,ring
    """  # noqa: D301 - the backspace is click's mark of lines to leave as they are
    findings = findings_of(runs, metric)
    findings = findings if pictures else findings.without_pictures()
    say(*_summary(findings).splitlines())
    for path in write(findings, output or _folder(runs), formats):
        say(f"wrote {path}", err=True)


def _summary(findings: "Findings") -> str:
    """The cycle tables alone, for a terminal."""
    from alframe.benchmarks.reporting.method_tables import cycles
    from alframe.benchmarks.reporting.tables import table_text
    from alframe.text import markdown

    tables = ((p.name, cycles(p, findings.metric)) for p in findings.problems)
    return "\n".join(f"## {markdown(name)}\n\n{table_text(t)}" for name, t in tables if t)


def findings_of(paths: Sequence[Path], metric: str | None = None) -> "Findings":
    """What run directories, or the folder of a suite, have to say.

    Raises:
        RunError: a path holds neither, or no run has the metric.
    """
    from alframe.benchmarks.reading.rundirs import SUITE_FILE, read_runs
    from alframe.errors import RunError

    suites = [path for path in paths if (path / SUITE_FILE).is_file()]
    if suites and len(paths) > 1:
        raise RunError(f"{suites[0]} is a suite: report it alone, or name runs in it")
    runs = [] if suites else read_runs(paths)  # a wrong path is named before scipy is imported
    from alframe.benchmarks.reporting.collect import of_runs, of_suite

    return of_suite(suites[0], metric) if suites else of_runs(runs, metric)


def write(findings: "Findings", folder: Path, formats: Sequence[str] = FORMATS) -> Iterator[Path]:
    """Write the files of a report, yielding each.

    Raises:
        RunError: the folder cannot be written.
    """
    from alframe.errors import RunError
    from alframe.files.atomic import atomic
    from alframe.files.locks import writing_into

    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = _files(findings, formats)
        with writing_into(folder):
            for name, content in files.items():
                with atomic(folder / name) as file:
                    file.write(content)
                yield folder / name
    except OSError as error:
        raise RunError(
            f"cannot write to {folder}: {error.strerror}; choose another --output"
        ) from error


def _folder(runs: Sequence[Path]) -> Path:
    """Beside what is alone, else here."""
    alone = len(runs) == 1 and ((runs[0] / "suite.yaml").exists() or _is_run(runs[0]))
    return runs[0] / "report" if alone else Path("report")


def _is_run(path: Path) -> bool:
    return (path / "manifest.json").exists()


def _files(findings: "Findings", formats: Sequence[str]) -> Mapping[str, bytes]:
    from alframe.benchmarks.reporting import plots

    figure = plots.draw_curves(findings.problems, findings.metric)
    written = {
        f"report.{kind}": _text(findings, kind).encode(errors="backslashreplace")  # half a pair
        for kind in FORMATS
        if kind in formats
    }
    return written | {f"curves.{kind}": plots.to_bytes(figure, kind) for kind in ("png", "svg")}


def _text(findings: "Findings", kind: str) -> str:
    """The report in one format."""
    if kind == "html":
        return _page(findings)
    if kind == "md":
        from alframe.benchmarks.reporting.markdown import markdown

        return markdown(findings)
    if kind == "tex":
        from alframe.benchmarks.reporting.latex import tables

        return tables(findings.problems, findings.metric)
    from alframe.benchmarks.reporting.export import to_csv, to_json

    return to_csv(findings) if kind == "csv" else to_json(findings)


def _page(findings: "Findings") -> str:
    from alframe.benchmarks.reporting import page, plots

    figures = {p.name: plots.draw_curves([p], findings.metric) for p in findings.problems}
    if findings.profile:
        figures[page.PROFILE] = plots.draw_profile(findings.profile)
    svg = {name: plots.to_bytes(figure, "svg").decode() for name, figure in figures.items()}
    return page.render(findings, svg)

"""``alframe report``: tables, curves and a page of runs or of a suite."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import click

from alframe.cli.output import say
from alframe.cli.paths import FilePath
from alframe.files.presence import is_file

if TYPE_CHECKING:
    from alframe.benchmarks.reporting.findings import Findings

FORMATS = {
    "md": "page:markdown",
    "csv": "export:to_csv",
    "json": "export:to_json",
    "html": "report:page_of",
    "tex": "latex:tables",
}
"""Format -> the module and function here that makes its text of findings, imported if wanted."""


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=FilePath())
@click.option(
    "--metric",
    help="What to tabulate and draw.  [default: the first that the model measures, or the suite's]",
)
@click.option(
    "--output",
    type=FilePath(),
    help="Folder for the files.  [default: RUN/report for one run or suite, else ./report]",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice([*FORMATS]),
    default=[*FORMATS],
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
    alframe report runs/shapes-retina-tiny-entropy-seed0
    alframe report runs --metric mAP --output tables --format md
    alframe report bench/smoke --metric AP50.circle,star
    """  # noqa: D301 - the backspace is click's mark of lines to leave as they are
    findings = findings_of(runs, metric)
    findings = findings if pictures else findings.without_pictures()
    say(*_summary(findings).splitlines())
    for path in write(findings, output or _folder(runs), formats):
        say(f"wrote {path}", err=True)


def _summary(findings: "Findings") -> str:
    """The cycle tables alone, for a terminal."""
    from alframe.benchmarks.reporting.method_tables import cycles, why_no_cycles
    from alframe.benchmarks.reporting.tables import Table, table_text
    from alframe.text import markdown

    metric, parts = findings.metric, list[str]()
    for problem in findings.problems:
        if block := cycles(problem, metric) or why_no_cycles(problem, metric):
            text = table_text(block) if isinstance(block, Table) else f"{markdown(block.text)}\n"
            parts.append(f"## {markdown(problem.name)}\n\n{text}")
    return "\n".join(parts)


def findings_of(paths: Sequence[Path], metric: str | None = None) -> "Findings":
    """What run directories, or the folder of a suite, have to say.

    Raises:
        RunError: a path holds neither, or no run has the metric.
    """
    from alframe.benchmarks.reading.rundirs import SUITE_FILE, read_runs
    from alframe.errors import RunError

    suites = [path for path in paths if is_file(path / SUITE_FILE)]
    if suites and len(paths) > 1:
        raise RunError(f"{suites[0]} is a suite: report it alone, or name runs in it")
    runs = [] if suites else read_runs(paths)  # a wrong path is named before scipy is imported
    from alframe.benchmarks.reporting.collect import of_runs, of_suite

    return of_suite(suites[0], metric) if suites else of_runs(runs, metric)


def write(findings: "Findings", folder: Path, formats: Collection[str] = FORMATS) -> Iterator[Path]:
    """Write the files of a report, yielding each.

    Raises:
        RunError: the folder cannot be written.
    """
    from alframe.errors import RunError
    from alframe.files.atomic import atomic
    from alframe.files.locks import writing_into

    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = _files(findings.seen_from(folder), formats)
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
    from alframe.benchmarks.reading.rundirs import SUITE_FILE

    alone = len(runs) == 1 and any((runs[0] / n).exists() for n in (SUITE_FILE, "manifest.json"))
    return runs[0] / "report" if alone else Path("report")


def _files(findings: "Findings", formats: Collection[str]) -> Mapping[str, bytes]:
    from alframe.benchmarks.reporting import plots
    from alframe.fonts import to_bytes

    written = {}
    for kind, writer in FORMATS.items():
        if kind in formats:
            text: str = resolve_name(f"{__package__}.{writer}")(findings)
            written[f"report.{kind}"] = text.encode(errors="backslashreplace")  # half a surrogate
    looks = plots.looks_of(findings.problems)
    figure = plots.draw_curves(findings.problems, findings.metric, looks)
    return written | {f"curves.{kind}": to_bytes(figure, kind) for kind in ("png", "svg")}


def page_of(findings: "Findings") -> str:
    """The page with its curves drawn."""
    from alframe.benchmarks.reporting import page, plots
    from alframe.fonts import to_bytes

    problems = findings.problems
    looks = plots.looks_of(problems, findings.profile)
    figures = {p.name: plots.draw_curves([p], findings.metric, looks) for p in problems}
    if findings.profile:
        figures[page.PROFILE] = plots.draw_profile(findings.profile, looks)
    svg = {name: to_bytes(figure, "svg").decode() for name, figure in figures.items()}
    return page.render(findings, svg)

"""``alframe bench``: run a suite and report it."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe.cli.output import say
from alframe.cli.paths import FilePath
from alframe.cli.stopping import exit_code
from alframe.errors import ConfigError, Waiting
from alframe.text import command

if TYPE_CHECKING:
    from alframe.benchmarks.running.engines import Engine
    from alframe.benchmarks.running.grid import Grid
    from alframe.benchmarks.running.jobs import Job, JobList
    from alframe.benchmarks.running.suite import Suite
    from alframe.benchmarks.running.work import WorkList


MOST_SEEDS = 1000


def _seeds(context: click.Context, parameter: click.Parameter, text: str | None) -> list[int]:
    """``0,1,2`` or ``0-5`` or both."""
    seeds: set[int] = set()
    for part in () if text is None else text.split(","):
        first, dash, last = part.partition("-")
        try:
            found = range(int(first), int(last if dash else first) + 1)
        except ValueError:
            found = range(0)
        if not found:
            raise click.BadParameter(f"expected 0,1,2 or 0-5, got {text!r}")
        seeds.update(found[: MOST_SEEDS + 1])
        if len(seeds) > MOST_SEEDS:
            raise click.BadParameter(f"expected at most {MOST_SEEDS:,} of them, got {text!r}")
    return sorted(seeds)


@click.command()
@click.argument("suite", metavar="SUITE")
@click.option("--output", type=FilePath(), help="Folder.  [default: bench/SUITE]")
@click.option(
    "--seeds",
    callback=_seeds,
    metavar="0,1,2|0-5",
    help="In place of the suite's; added to those that the folder has.",
)
@click.option("--strategy", "strategies", multiple=True, metavar="S", help="One more row.")
@click.option("--data-root", type=FilePath(str), metavar="DIR", help="Where the dataset lies.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--address", help="Of the Ray cluster.  [default: one on this machine]")
@click.option(
    "--jobs", type=click.IntRange(1), help="Runs at a time.  [default: one a GPU or core]"
)
@click.option("--threads", type=click.IntRange(1), help="Of each run.  [default: 1 on the CPU]")
@click.option("--status", is_flag=True, help="Show where the suite stands, and run nothing.")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def bench(
    suite: str,
    output: Path | None,
    seeds: list[int],
    strategies: Sequence[str],
    data_root: str | None,
    engine: str,
    address: str | None,
    jobs: int | None,
    threads: int | None,
    status: bool,
    overrides: Sequence[str],
) -> None:
    """Run every job of a suite, methods x problems x seeds, and write its report.

    SUITE is a name (alframe ls suites) or a YAML file. Killed or stopped, the same command goes
    on: finished jobs are not repeated. One that fails is tried once more, then listed.

    \b
    alframe bench smoke
    alframe bench voc-retina --data-root VOCdevkit --strategy my_strategy:Mine --seeds 0-5
    alframe bench smoke --status
    """  # noqa: D301
    from alframe.benchmarks.reading.rundirs import SUITE_FILE
    from alframe.benchmarks.running.grid import grid_of
    from alframe.benchmarks.running.jobs import FILE, status_lines
    from alframe.benchmarks.running.prepare import check_places
    from alframe.benchmarks.running.suite import check_overwritten, load, stored
    from alframe.files.presence import exists
    from alframe.runs.opening import check_place

    wanted = _changed(load(suite), seeds, strategies, data_root, overrides)
    folder = output or Path("bench") / Path(suite).stem
    started = stored(folder) if exists(folder / SUITE_FILE) else None
    check_overwritten(wanted)
    if started:
        if others := started.methods.keys() - wanted.methods.keys():
            say(f"{folder} has more methods, which go on, too: {', '.join(sorted(others))}")
        wanted = wanted.joined(started)
    check_place(folder, "suite", own=(SUITE_FILE, FILE, "initial"))
    if status:
        say(*status_lines(_jobs(folder, wanted, started)))
        return
    check_places(wanted)
    with _opened(folder, wanted, grid_of(wanted)) as work:
        _run(work, _engine(engine, address, jobs, threads), wanted.metric)
    _finish(work)


def _jobs(folder: Path, wanted: "Suite", started: "Suite | None") -> "JobList":
    """Those that the folder has; resolved anew only where none are, or more are wanted."""
    from alframe.benchmarks.running.grid import grid_of
    from alframe.benchmarks.running.jobs import FILE, JobList, stored_jobs

    if started and (folder / FILE).exists() and started.axes == wanted.axes:
        return stored_jobs(folder)
    return JobList(folder, grid_of(wanted))


def _changed(
    suite: "Suite",
    seeds: Sequence[int],
    strategies: Sequence[str],
    data_root: str | None,
    overrides: Sequence[str],
) -> "Suite":
    """The suite as the command line wants it."""
    from alframe.config.layers import at_root
    from alframe.config.resolve import from_overrides

    own = [at_root(data_root), from_overrides(overrides)]
    changed = suite.overridden(own).with_strategies(strategies)
    updates = {"commands": (command(*sys.argv[1:]),)} | ({"seeds": tuple(seeds)} if seeds else {})
    return changed.model_copy(update=updates)


@contextlib.contextmanager
def _opened(folder: Path, suite: "Suite", grid: "Grid") -> "Iterator[WorkList]":
    """The suite's folder, locked, with everything in it that jobs and reports need."""
    from alframe.benchmarks.running.prepare import initial_sets, write_initial_sets
    from alframe.benchmarks.running.suite import write
    from alframe.benchmarks.running.work import WorkList
    from alframe.files.atomic import remove_torn
    from alframe.files.locks import locked

    sets = initial_sets(grid, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"):
        remove_torn(folder)
        for name in ("jobs", "initial", "report"):
            remove_torn(folder / name, deep=True)
        write_initial_sets(folder, grid, sets)
        work = WorkList(folder, grid)
        work.write()
        write(suite, folder)
        yield work


def _engine(name: str, address: str | None, jobs: int | None, threads: int | None) -> "Engine":
    from alframe.benchmarks.running.engines import LocalEngine, RayEngine

    if name == "ray":
        return RayEngine(address, jobs, threads)
    if address:
        raise ConfigError("--address is of a Ray cluster: add --engine ray")
    return LocalEngine(jobs, threads)


def _run(work: "WorkList", engine: "Engine", metric: str | None) -> None:
    finished = [job for job in work if work.state(job) == "finished"]
    total, done = len(work.jobs), len(finished)
    say(f"{total} runs, {done} of them finished, {engine.slots} at a time, {work.folder}")
    unmeasured = {job.problem for job in work}
    for job in finished:
        _check_metric(metric, work, job, unmeasured)
    try:
        with contextlib.closing(work.run(engine)) as outcomes:
            for number, outcome in enumerate(outcomes, done + 1):
                job, ended = outcome.job, outcome.ended
                say(f"[{number}/{total}] {job.name}  {outcome.seconds:.0f} s  {ended}")
                if ended.state == "finished":
                    _check_metric(metric, work, job, unmeasured)
    except KeyboardInterrupt as error:
        say("", "stopped; the same command goes on from here", err=True)
        raise click.exceptions.Exit(exit_code(error)) from error


def _check_metric(metric: str | None, work: "WorkList", job: "Job", unmeasured: set[str]) -> None:
    """End a suite whose metric no problem has, which the report would say at the end alone.

    Args:
        metric: its name; None where the suite leaves it to the model.
        work: the suite's jobs.
        job: that has finished.
        unmeasured: problems of which no run was looked at; the job's is taken out, or all are, as
            its run has the metric.

    Raises:
        ConfigError: it was the last one.
    """
    if metric is None or not unmeasured:
        return
    from alframe.benchmarks.reading.rundirs import read_run
    from alframe.benchmarks.reporting.collect import named_metric
    from alframe.errors import RunError

    try:
        cycles = read_run(work.path(job)).cycles
    except RunError:  # damaged: the report says so
        return
    try:
        named_metric(cycles, metric)
    except RunError as error:
        unmeasured.discard(job.problem)
        if not unmeasured:
            remedy = "correct it in the suite, and the same command goes on from here"
            raise ConfigError(f"metric: {error}; {remedy}") from error
    else:
        unmeasured.clear()


def _finish(work: "WorkList") -> None:
    """List what failed or waits and write the report; then exit with 1, or 3 if nothing failed."""
    from alframe.benchmarks.reporting.report import findings_of, write
    from alframe.benchmarks.running.jobs import failures

    states = work.states()
    failed, found = list(failures(work, states)), states.values()
    say(*failed, err=True)
    code = 1 if "failed" in found else Waiting.exit_code if "waiting" in found else 0
    runs = [work.path(job) for job in work if job.kind == "run"]
    if code == Waiting.exit_code and not any((path / "cycles.jsonl").exists() for path in runs):
        raise click.exceptions.Exit(code)  # nothing to report yet
    for path in write(findings_of([work.folder]), work.folder / "report"):
        say(f"wrote {path}", err=True)
    if code:
        raise click.exceptions.Exit(code)

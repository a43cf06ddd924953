"""``alframe bench``: run a suite and report it."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe.cli.output import say
from alframe.cli.stopping import exit_code
from alframe.text import command

if TYPE_CHECKING:
    from alframe.benchmarks.cells import Cell
    from alframe.benchmarks.engines import Engine
    from alframe.benchmarks.suite import Suite
    from alframe.benchmarks.work import Work


def _seeds(context: click.Context, parameter: click.Parameter, text: str | None) -> list[int]:
    """``0,1,2`` or ``0-5`` or both."""
    seeds: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        try:
            found = range(int(first), int(last if dash else first) + 1)
        except ValueError:
            found = range(0)
        if not found:
            raise click.BadParameter(f"expected 0,1,2 or 0-5, got {text!r}")
        seeds.update(found)
    return sorted(seeds)


@click.command()
@click.argument("suite", metavar="SUITE")
@click.option("--output", type=click.Path(path_type=Path), help="Folder.  [default: bench/SUITE]")
@click.option(
    "--seeds",
    callback=_seeds,
    metavar="0,1,2|0-5",
    help="In place of the suite's; added to those that the folder has.",
)
@click.option("--strategy", "strategies", multiple=True, metavar="S", help="One more row.")
@click.option("--data-root", metavar="DIR", help="Where the dataset lies.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--address", help="Of the Ray cluster.  [default: one on this machine]")
@click.option("--jobs", type=click.IntRange(1), help="Runs at a time.  [default: one per device]")
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
    """Run every cell of a suite, methods x problems x seeds, and write its report.

    SUITE is a name (alframe ls suites) or a YAML file. Killed or stopped, the same command goes
    on: finished cells are not repeated. One that fails is tried once more, then listed.

    \b
    alframe bench smoke
    alframe bench voc-retina --data-root VOCdevkit --strategy my-strategy --seeds 0-5
    alframe bench smoke --status
    """  # noqa: D301
    from alframe.benchmarks.cells import cells
    from alframe.benchmarks.prepare import check_places
    from alframe.benchmarks.suite import FILE, load, stored

    wanted = _changed(load(suite), seeds, strategies, data_root, overrides)
    folder = output or Path("bench") / Path(suite).stem
    if (folder / FILE).exists():
        wanted = wanted.joined(stored(folder / FILE))
    if not status:
        check_places(wanted)
    every = cells(wanted)
    if status:
        _show_status(folder, every)
        return
    with _opened(folder, wanted, every) as work:
        _run(work, _engine(engine, address, jobs, threads))
    _finish(work)


def _changed(
    suite: "Suite",
    seeds: Sequence[int],
    strategies: Sequence[str],
    data_root: str | None,
    overrides: Sequence[str],
) -> "Suite":
    """The suite as the command line wants it."""
    from alframe.resolve import from_overrides

    root = {"dataset": {"root": data_root}} if data_root else {}
    changed = suite.overridden([root, from_overrides(overrides)]).with_strategies(strategies)
    updates = {"commands": (command(*sys.argv[1:]),)} | ({"seeds": tuple(seeds)} if seeds else {})
    return changed.model_copy(update=updates)


@contextlib.contextmanager
def _opened(folder: Path, suite: "Suite", every: "Sequence[Cell]") -> "Iterator[Work]":
    """The suite's folder, locked, with everything in it that the cells need."""
    from alframe.atomic import remove_torn
    from alframe.benchmarks.prepare import initial_sets, write_initial_sets
    from alframe.benchmarks.suite import FILE, write
    from alframe.benchmarks.work import Work
    from alframe.locks import locked

    sets = initial_sets(every)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock"):
        remove_torn(folder)
        for name in ("cells", "initial", "report"):
            remove_torn(folder / name, deep=True)
        write_initial_sets(folder, sets)
        write(suite, folder / FILE)
        yield Work(folder, every)


def _engine(name: str, address: str | None, jobs: int | None, threads: int | None) -> "Engine":
    from alframe.benchmarks.engines import LocalEngine, RayEngine
    from alframe.errors import ConfigError

    if name == "ray":
        return RayEngine(address, jobs, threads)
    if address:
        raise ConfigError("--address is of a Ray cluster: add --engine ray")
    return LocalEngine(jobs, threads)


def _run(work: "Work", engine: "Engine") -> None:
    total = len(work.cells)
    done = sum(work.state(c) == "finished" for c in work.cells)
    say(f"{total} runs, {done} of them finished, {engine.slots} at a time, {work.folder}")
    try:
        for number, outcome in enumerate(work.run(engine), done + 1):
            result = f"FAILED: {outcome.failed}" if outcome.failed else "finished"
            say(f"[{number}/{total}] {outcome.cell.name}  {outcome.seconds:.0f} s  {result}")
    except KeyboardInterrupt as error:
        say("", "stopped; the same command goes on from here", err=True)
        raise click.exceptions.Exit(exit_code(error)) from error


def _finish(work: "Work") -> None:
    """List the cells that failed and write the report; exit code 1 if any failed."""
    from alframe.benchmarks.report import findings_of, write

    failed = [c for c in work.cells if work.state(c) == "failed"]
    for cell in failed:
        say(f"failed: {cell.name}: {work.failure(cell)} ({work.log(cell)})", err=True)
    for path in write(findings_of([work.folder]), work.folder / "report"):
        say(f"wrote {path}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def _show_status(folder: Path, every: "Sequence[Cell]") -> None:
    from alframe.benchmarks.status import status_lines
    from alframe.benchmarks.work import Work

    say(*status_lines(Work(folder, every)))

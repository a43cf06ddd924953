"""``python -m alframe.benchmarks.speed``: measure ours against the peers'."""

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from alframe.cli.output import say
from alframe.cli.paths import FilePath

if TYPE_CHECKING:
    from alframe.benchmarks.speed.cases import Case, Setting
    from alframe.benchmarks.speed.row import Timing

OnCpu = Literal["wall", "processor"]
COMMAND = "python -m alframe.benchmarks.speed"


@click.command(COMMAND)
@click.argument("names", nargs=-1, metavar="[CASE]...")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:i]")
@click.option("--quick", is_flag=True, help="Small shapes, two turns: shows that the cases run.")
@click.option("--repeats", type=click.IntRange(1), default=7, show_default=True, help="Turns.")
@click.option("--threads", type=click.IntRange(1), help="Of torch.  [default: all cores]")
@click.option(
    "--clock",
    type=click.Choice(["wall", "processor"]),
    default="wall",
    show_default=True,
    help="On a CPU: time that passes, or that this process computes, for a machine others use.",
)
@click.option("--output", type=FilePath(), help="Folder for speed.json and speed.md.")
def speed(
    names: Sequence[str],
    device: str,
    quick: bool,
    repeats: int,
    threads: int | None,
    clock: OnCpu,
    output: Path | None,
) -> None:
    """Measure training, inference, loading, evaluation and selection, side by side with peers.

    CASE is a case or a family of them: train, infer, miaod, launches, precision, data, evaluation,
    k-center, growth; all where none is named. Sides are measured in turns; what counts is the ratio
    of their times. Random weights and drawn images: nothing is downloaded. On a GPU, what is
    compiled takes minutes before it is measured: most of them in train.

    \b
    python -m alframe.benchmarks.speed
    python -m alframe.benchmarks.speed train infer/ssd-300 --repeats 11 --output speed
    python -m alframe.benchmarks.speed --device cuda train --output speed-gpu/train
    python -m alframe.benchmarks.speed --device cuda infer miaod launches precision data k-center
    """  # noqa: D301
    from alframe.benchmarks.speed.cases import all_cases, chosen
    from alframe.benchmarks.speed.results_file import text, write
    from alframe.benchmarks.speed.targets import TARGETS

    setting = _setting(device, quick, repeats, threads, clock)
    cases = chosen(all_cases(setting), names)
    rows: list[Timing] = []
    facts, targets = _facts(setting), () if quick else TARGETS
    for more in _measured(cases, setting):
        rows += more
        if output:
            write(output, rows, targets, facts)
    say(*text(rows, targets, facts).splitlines())
    if any(row.failed for row in rows):
        raise click.exceptions.Exit(1)


def _setting(
    device: str, quick: bool, repeats: int, threads: int | None, clock: OnCpu
) -> "Setting":
    import torch

    from alframe.benchmarks.speed.cases import Setting
    from alframe.benchmarks.speed.clock import clock_for
    from alframe.training.device import pick_device

    if threads:
        torch.set_num_threads(threads)
    picked = pick_device(device)
    return Setting(picked, clock_for(picked, clock), quick, 2 if quick else repeats)


def _facts(setting: "Setting") -> dict[str, Any]:
    """Where and how it is measured."""
    from alframe.benchmarks.speed.roofline import peak
    from alframe.benchmarks.speed.torchvision_cases import precisions
    from alframe.runs.environment import environment

    peaks = (
        {}
        if setting.quick
        else {
            precision: peak(setting.device, precision, setting.clock) / 1e9
            for precision in precisions(setting.device)
        }
    )
    return {
        **environment(str(setting.device)),
        "command": f"{COMMAND} {shlex.join(sys.argv[1:])}",
        "clock": setting.clock.__name__,
        "GFLOP/s of large products": peaks,
    }


def _measured(cases: "Sequence[Case]", setting: "Setting") -> "Iterator[Sequence[Timing]]":
    """The rows of each case as it is done; one that fails is a row, and the next one begins."""
    from alframe.benchmarks.speed.contest import forget, reason
    from alframe.benchmarks.speed.row import Timing

    for number, case in enumerate(cases, 1):
        started = time.monotonic()
        try:
            rows = case(setting)
        except Exception as error:
            rows = [Timing(case.name, "", failed=reason(error))]
        forget()
        failed = sum(row.failed is not None for row in rows)
        note = f", {failed} FAILED" if failed else ""
        seconds = time.monotonic() - started
        say(f"[{number}/{len(cases)}] {case.name}  {seconds:.0f} s{note}", err=True)
        yield rows

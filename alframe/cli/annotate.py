"""``alframe annotate`` and ``alframe query``: a run that waits for people, and what they answer."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alframe.annotations.formats import FORMATS
from alframe.cli.output import say
from alframe.cli.paths import FilePath
from alframe.files.presence import is_folder

if TYPE_CHECKING:
    from alframe.config.sections import RunConfig
    from alframe.datasets.base import Dataset


SHOWN = 10
"""Suspects that a terminal lists."""


@click.command()
@click.argument("run", type=FilePath())
@click.argument("files", nargs=-1, metavar="FILE...", type=FilePath())
@click.option(
    "--format", "name", type=click.Choice(list(FORMATS)), help="Of the files.  [recognised]"
)
@click.option("--skip-bad", is_flag=True, help="Leave out images of which something is wrong.")
@click.option("--new-classes", is_flag=True, help="Take classes that the run does not have yet.")
@click.option(
    "--as-it-is",
    is_flag=True,
    help="Take, too, files that nobody has changed, and answers that lose all their objects.",
)
@click.option(
    "--give-up", is_flag=True, help="Give up what is not answered yet: it leaves the pool for good."
)
def annotate(run: Path, files: Sequence[Path], name: str | None, **how: bool) -> None:
    """Give a run that waits for people their answers: all at once, or in parts.

    FILE is what an annotation tool exports: COCO, Pascal VOC, YOLO, CVAT or Label Studio; a file,
    a folder or a zip. If anything is wrong, nothing is taken. Exit code 3 while answers are
    missing.

    \b
    alframe annotate runs/photos export.json
    alframe annotate runs/photos labels --format yolo --skip-bad
    alframe annotate runs/photos export.json --new-classes
    alframe annotate runs/photos --give-up
    """  # noqa: D301
    from alframe.annotations.suspects import suspects_page
    from alframe.annotations.taking import take, waits_for
    from alframe.errors import ConfigError, Waiting
    from alframe.files.locks import locked
    from alframe.text import command
    from alframe.words import named, plural

    if not (files or how["give_up"]):
        raise ConfigError("FILE: expected what an annotation tool exported, or --give-up")
    dataset = _run(run)[1]
    waits_for(run)  # says what it does instead
    with locked(run / ".lock"):  # it must not train on answers that change
        taken = take(run, dataset, files, name, **how)
    say(*taken.notes)
    if taken.suspects:
        path = suspects_page(run, taken.cycle)
        say(f"{plural(len(taken.suspects), 'answer')} worth a second look, shown by {path}:")
        say(*(f"  {s.item}: {s.what} ({100 * s.score:.0f} %)" for s in taken.suspects[:SHOWN]))
        if (more := len(taken.suspects) - SHOWN) > 0:
            say(f"  and {more:,} more")
    if taken.missing:
        asked = f" of {taken.asked:,}" if len(taken.missing) < taken.asked else ""
        left = f"{len(taken.missing):,}{asked} images"
        then = f"then: {command('annotate', run, 'FILE')}"
        raise Waiting([f"{left} to annotate: {named(taken.missing)}", then])
    _all_answered(run)


@click.command()
@click.argument("run", type=FilePath())
@click.option("--to", "name", type=click.Choice(list(FORMATS)), help="Write it for this tool, too.")
@click.option("--copy", is_flag=True, help="Copy the pictures beside it.")
def query(run: Path, name: str | None, copy: bool) -> None:
    """Show what a run waits for; with --to, write it once more, for another tool.

    \b
    alframe query runs/photos
    alframe query runs/photos --to cvat --copy
    """  # noqa: D301
    from alframe.annotations.files_oracle import FilesOracle, sheet_of, stored_answers
    from alframe.annotations.label_studio_oracle import LabelStudioOracle
    from alframe.annotations.query_folders import README, write_folder, writing
    from alframe.annotations.sheets import query_folder
    from alframe.annotations.taking import waits_for
    from alframe.runs.build import build_oracle
    from alframe.words import named, plural

    (config, dataset), cycle = _run(run), waits_for(run)
    folder, oracle = query_folder(run, cycle), build_oracle(config, dataset, run)
    if isinstance(oracle, FilesOracle | LabelStudioOracle):
        sheet = oracle.sheet(cycle)
    else:
        sheet = sheet_of(run, cycle, dataset)
    answered = set(stored_answers(run, cycle, dataset).found.images)
    missing = [image.item for image in sheet.images if image.item not in answered]
    which = f": {named(missing)}" if missing else ""
    say(f"{plural(len(missing), 'image')} to annotate for cycle {cycle}{which}")
    if not missing:
        _all_answered(run)
        return
    if name or copy:
        left = frozenset(missing)
        sheet = replace(sheet, images=tuple(i for i in sheet.images if i.item in left))
        chosen = name or config.oracle.options.get("format", "coco")
        with writing(folder):
            written = write_folder(sheet, folder, chosen, run, copy=copy)
        say(f"wrote {written}")
    places = {"gallery": folder / "index.html", "to do  ": folder / README}
    say(*(f"{what} {path}" for what, path in places.items() if path.exists()))


def _all_answered(run: Path) -> None:
    from alframe.text import command

    say(f"all answered; go on with: {command('run', '--output', run, '--resume')}")


def _run(path: Path) -> "tuple[RunConfig, Dataset]":
    """Configuration and dataset of a run that asks people."""
    from alframe.config.resolve import drafted
    from alframe.errors import RunError
    from alframe.files.home import expanded
    from alframe.runs.build import asks_people
    from alframe.runs.kept import dataset_of
    from alframe.runs.rundir import stored_layer
    from alframe.text import command

    config = drafted([stored_layer(path)]).light()  # without torch
    if not asks_people(config):
        raise RunError(
            f"{path} asks nobody (oracle {config.oracle.name}): its annotations are revealed. "
            "Start a run with --oracle files to have people annotate"
        )
    root = config.dataset.options.get("root")
    if isinstance(root, str) and not is_folder(expanded(root)):
        moved = command("run", "--output", path, "--resume", "--data-root", "FOLDER")
        raise RunError(f"{root}, where {path} found its images, is gone; if they moved: {moved}")
    return config, dataset_of(config, path)

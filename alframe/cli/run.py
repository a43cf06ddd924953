"""``alframe run``."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alframe.cli.flags import config_options, layers_from
from alframe.cli.output import say
from alframe.cli.stopping import exit_code
from alframe.config.draft import Draft
from alframe.config.layers import merge
from alframe.config.resolve import drafted
from alframe.config.sections import RunConfig
from alframe.errors import AlframeError, RunError
from alframe.files.home import expanded
from alframe.runs.build import plugins_of
from alframe.runs.opening import stopped
from alframe.text import command
from alframe.training.distributed import broadcast, is_main_process, process_group

if TYPE_CHECKING:
    from alframe.datasets.base import Dataset


@click.command()
@config_options
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--profile", is_flag=True, help="Show where the time goes, with a trace.")
def run(resume: bool, profile: bool, **flags: Any) -> None:
    """Run active learning: fit, evaluate, select, annotate, cycle after cycle.

    \b
    alframe run
    alframe run --strategy miaod --detector retina --dataset voc --data-root VOCdevkit
    alframe run --config my.yaml training.lr=0.0005 budget.cycles=4
    alframe run --output runs/mine --resume
    torchrun --nproc_per_node 4 -m alframe run --detector retina --dataset voc --data-root VOCdevkit
    """  # noqa: D301
    with process_group():
        _run(flags, resume, profile)


def _run(flags: dict[str, Any], resume: bool, profile: bool) -> None:
    dataset: Dataset | None = None  # of the process that decides, and not sent to the others

    def decided() -> tuple[RunConfig, Path]:
        nonlocal dataset
        draft, path_of = _resumed(flags) if resume else (drafted(layers_from(flags)), new_path)
        path, dataset = _checked(draft, path_of, resume=resume)
        return draft.checked(), path

    config, path = broadcast(decided)
    from alframe.runs.run import run as start

    _say(f"run      {path}")
    trained = f"/{config.model.name}" if config.model else ""
    _say(f"method   {config.strategy.name} on {config.learner.name}{trained}")
    _say(f"dataset  {config.dataset.name}")
    began = time.monotonic()
    try:
        for cycle in start(config, path, resume=resume, profile=profile, dataset=dataset):
            _say(_line(cycle))
    except KeyboardInterrupt as error:
        resume_it = f"go on with: {command('run', '--output', path, '--resume')}"
        begun = (path / "config.yaml").exists()
        _say("", f"stopped; {resume_it if begun else 'nothing was done yet'}", err=True)
        raise click.exceptions.Exit(exit_code(error)) from error
    except OSError as error:
        if (told := stopped(error, path)) is None:
            raise
        raise RunError(told) from error
    except Exception as error:
        said = isinstance(error, AlframeError) or hasattr(error, "__notes__")
        if not said and (others := plugins_of(config)):
            error.add_note(f"this run uses {', '.join(map(str, others))}")
        raise
    if profile:
        _show_profile(path / "profile")
    _say(f"done in {time.monotonic() - began:.0f} s: {command('report', path)}")


def _show_profile(folder: Path) -> None:
    """The summaries, and where the traces lie."""
    summaries = sorted(folder.glob("*.txt"))
    for file in summaries:
        _say("", *file.read_text(encoding="utf-8").split("\n"))
    traces = f"traces   {folder}/*.json.gz, for https://ui.perfetto.dev"
    _say(traces if summaries else "profile  none: no fit was long enough")


def _say(*lines: str, err: bool = False) -> None:
    """Print lines, once, however many processes there are."""
    if is_main_process():
        say(*lines, err=err)


def _resumed(flags: dict[str, Any]) -> tuple[Draft, Callable[[RunConfig], Path]]:
    """The run to go on with: the named one, or the newest of this configuration's name."""
    layers = layers_from(flags)
    output = merge(layers).get("output")
    if not isinstance(output, str):
        return drafted(layers), lambda light: _newest(_default_path(light))
    from alframe.runs.rundir import stored_layer

    path = expanded(output)
    return drafted(layers_from(flags, base=stored_layer(path))), lambda _: path


def _checked(
    draft: Draft, path_of: Callable[[RunConfig], Path], *, resume: bool
) -> "tuple[Path, Dataset]":
    """Run directory and dataset, once paths and budget are sure to do.

    Without importing torch, unless something is wrong and options may be, too.
    """
    from alframe.runs.preflight import checked_dataset, light_config, told_with

    light = light_config(draft, resume=resume)
    path = path_of(light)
    with told_with(draft):
        return path, checked_dataset(light, path, resume=resume)


def new_path(config: RunConfig) -> Path:
    """The run directory of a new run: ``output``, or the first that is free."""
    return Path(config.output) if config.output else _numbered(_default_path(config))[-1]


def _default_path(config: RunConfig) -> Path:
    names = [config.dataset.name, (config.model or config.learner).name, config.strategy.name]
    if config.model and config.learner.name not in ("plain", config.strategy.name):
        names.append(config.learner.name)
    return Path("runs") / "-".join([*names, f"seed{config.seed}"]).replace(":", "-")


def _numbered(path: Path) -> list[Path]:
    """``path``, ``path-2``, ``path-3``, ... as far as they exist, and the first free one."""
    found = [path]
    while found[-1].exists():
        found.append(path.with_name(f"{path.name}-{len(found) + 1}"))
    return found


def _newest(path: Path) -> Path:
    existing = _numbered(path)[:-1]
    if not existing:
        raise RunError(f"{path} holds no run: nothing to resume. Name one with --output")
    return existing[-1]


def _line(cycle: Mapping[str, Any]) -> str:
    metrics = cycle["metrics"]
    shown = "  ".join(
        f"{name} {'-' if value is None else f'{100 * value:5.1f} %'}"
        for name, value in metrics.items()
        if not isinstance(value, Mapping)
    )
    seconds = ", ".join(f"{k} {v:.0f} s" for k, v in cycle["seconds"].items())
    return (
        f"cycle {cycle['cycle']}  {cycle['labelled']:5d} images  {cycle['objects']:6d} objects  "
        f"{shown}  ({seconds})"
    )

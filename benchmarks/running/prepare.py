"""What is checked and written before the first job of a suite is started."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from alframe.benchmarks.running.grid import Grid, grid_of, initial_set
from alframe.benchmarks.running.jobs import MANIFEST_REMEDY, Job
from alframe.benchmarks.running.suite import Suite
from alframe.config.draft import Layer
from alframe.config.layers import merge
from alframe.config.resolve import drafted, in_full, settings
from alframe.config.sections import DataConfig, RunConfig
from alframe.datasets.base import Dataset
from alframe.errors import AlframeError, ConfigError, RunError, together
from alframe.files.checked import read_object
from alframe.runs.budget import planned
from alframe.runs.build import (
    asks_people,
    build_dataset,
    build_learner,
    build_strategy,
    prepare_images,
)
from alframe.runs.initial import stored_ids, write_initial
from alframe.runs.preflight import check_paths
from alframe.seeds import Seeds


def check_places(suite: Suite) -> None:
    """Name paths at which nothing lies at once: to resolve a suite takes torch.

    Raises:
        AlframeError: the folder of a problem's dataset, or a file that its runs begin with; and
            what is wrong with settings, where that can be seen without torch as well.
    """
    method = next(iter(suite.methods.values()))
    layers = (
        (suite.settings, problem.settings, method, suite.overrides)
        for problem in suite.problems.values()
    )
    merged = [merge(map(in_full, each)) for each in layers]
    paths = [partial(_check_paths, layer) for layer in merged]
    try:
        for layer in merged:
            drafted([layer]).light()
    except AlframeError:  # which the grid tells with the names of problem and method
        together(partial(grid_of, suite), *paths)
    together(*paths)


def _check_paths(layer: Layer) -> None:
    try:
        config = drafted([layer]).right()
    except AlframeError:  # which the grid tells
        return
    check_paths(config)


def initial_sets(grid: Grid, folder: Path) -> list[tuple[Job, tuple[str, ...]]]:
    """Check every method, and draw the initial set of each problem and seed; writes nothing.

    Args:
        grid: every job.
        folder: of the suite.

    Returns:
        For each problem and seed a job, and the ids that all of them begin with.

    Raises:
        AlframeError: methods of one problem differ in dataset or budget, the pool is too small,
            a method cannot be built, or a run began with other data; all problems.
    """
    problems: dict[str, Grid] = {}
    for job, config in grid.items():
        problems.setdefault(job.problem, {})[job] = config
    drawn = together(*(partial(_drawn, jobs, folder) for jobs in problems.values()))
    return [pair for pairs in drawn for pair in pairs]


def _drawn(jobs: Grid, folder: Path) -> list[tuple[Job, tuple[str, ...]]]:
    runs = {job: config for job, config in jobs.items() if job.kind == "run"}
    config = _common(runs)
    dataset = _dataset(config)
    _check_data(jobs, folder, dataset, config)
    methods = {j.method: j for j in runs}.values()
    together(*(partial(_check, job, runs[job], dataset.classes) for job in methods))
    seeds = {j.seed: j for j in runs}.values()
    return [(job, planned(config.budget, dataset, Seeds(job.seed)).initial) for job in seeds]


def write_initial_sets(
    folder: Path, grid: Grid, sets: Sequence[tuple[Job, tuple[str, ...]]]
) -> None:
    """Write the initial sets, where they are not there yet.

    Raises:
        RunError: there is another one.
    """
    for job, ids in sets:
        path = initial_set(folder, job)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_initial(path, ids)
        elif stored_ids(path) != ids:
            raise RunError(
                f"{path} is not what seed {job.seed} draws from {grid[job].dataset.name}: the "
                "dataset has changed; restore it, or choose another --output"
            )


def _check_data(jobs: Grid, folder: Path, dataset: Dataset, config: RunConfig) -> None:
    """Refuse a dataset that is not the one that jobs of its problem began with.

    Which images are left out, where some are, depends on how a job reads them: those that read as
    ``config`` does are compared. Runs that people answer keep track of their images themselves.
    """
    if asks_people(config):
        return
    alike = [
        job
        for job, other in jobs.items()
        if dataset.on_bad_item != "skip" or _reading(other) == _reading(config)
    ]
    began = {job: found for job in alike if (found := _began_with(folder / job.name))}
    ours = dataset.fingerprint() if began else ""
    if differ := [job for job, found in began.items() if found != ours]:
        raise RunError(
            f"{folder / differ[0].name} began with other images, splits or annotations than "
            f"problem {differ[0].problem} has now: restore them (dataset.test, too), or choose "
            "another --output"
        )


def _reading(config: RunConfig) -> tuple[DataConfig, bool]:
    return config.data, config.model is None


def _began_with(run: Path) -> str | None:
    """The fingerprint of a run's data; None where it has not begun."""
    path = run / "manifest.json"
    told = read_object(path, MANIFEST_REMEDY).get("dataset") if path.exists() else None
    return told.get("fingerprint") if isinstance(told, dict) else None


def _check(job: Job, config: RunConfig, classes: tuple[str, ...]) -> None:
    """Build what the method needs, only to see that it can be built."""
    try:
        build_strategy(config)
        build_learner(config, classes)
    except AlframeError as error:
        raise ConfigError(f"{job.method} on {job.problem}: {p}" for p in error.problems) from error


def _common(runs: Grid) -> RunConfig:
    """The configuration of one of a problem's runs, once they share dataset and budget."""
    (first, config), *others = runs.items()
    ours = _data_and_budget(config)
    found: dict[str, None] = {}  # once, whatever the seed
    for job, other in others:
        theirs = _data_and_budget(other)
        for key in (k for k in ours if theirs.get(k) != ours[k]):
            found[
                f"{job.method} on {job.problem}: {key} = {theirs.get(key)!r}, but {first.method} "
                f"has {ours[key]!r}; methods of one problem share dataset and budget"
            ] = None
    if found:
        raise ConfigError(found)
    return config


def _data_and_budget(config: RunConfig) -> dict[str, object]:
    kept = ("dataset.", "budget.")
    return {k: v for k, v in settings(config).items() if k.startswith(kept)}


def _dataset(config: RunConfig) -> Dataset:
    """The dataset, without items that are to be left out: finding those takes decoding all."""
    dataset = build_dataset(config)
    return prepare_images(dataset, config) if dataset.on_bad_item == "skip" else dataset

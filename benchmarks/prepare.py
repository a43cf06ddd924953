"""What is checked and written before the first cell of a suite is started."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from alframe.benchmarks.cells import Cell
from alframe.benchmarks.suite import Suite
from alframe.config.draft import Layer
from alframe.config.layers import merge
from alframe.config.resolve import drafted, expanded, settings
from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset
from alframe.errors import AlframeError, ConfigError, RunError, together
from alframe.runs.beforehand import check_paths
from alframe.runs.build import build_dataset, build_learner, build_strategy, prepare_images
from alframe.runs.initial import draw, stored_ids, write_initial
from alframe.runs.loop import check_budget
from alframe.seeds import Seeds


def check_places(suite: Suite) -> None:
    """Name paths at which nothing lies at once: the cells of a suite import torch.

    Raises:
        AlframeError: the folder of a problem's dataset, or a file that its runs begin with.
    """
    method = next(iter(suite.methods.values()))
    together(
        *(
            partial(_check_paths, [suite.settings, problem.settings, method, suite.overrides])
            for problem in suite.problems.values()
        )
    )


def _check_paths(layers: Sequence[Layer]) -> None:
    try:
        light = drafted([merge(map(expanded, layers))]).light()
    except AlframeError:
        return  # the cells will say the same, and more
    check_paths(light)


def initial_sets(cells: Sequence[Cell]) -> list[tuple[Cell, tuple[str, ...]]]:
    """Check every method, and draw the initial set of each problem and seed; writes nothing.

    Returns:
        For each problem and seed a cell, and the ids that all of them begin with.

    Raises:
        AlframeError: methods of one problem differ in dataset or budget, the pool is too small,
            or a method cannot be built; all problems.
    """
    runs = [c for c in cells if c.kind == "run"]
    problems = dict.fromkeys(c.problem for c in runs)
    drawn = together(*(partial(_drawn, p, [c for c in runs if c.problem == p]) for p in problems))
    return [pair for pairs in drawn for pair in pairs]


def _drawn(problem: str, cells: Sequence[Cell]) -> list[tuple[Cell, tuple[str, ...]]]:
    config = _common(problem, cells)
    dataset = _dataset(config)
    count, _ = check_budget(config.budget, len(dataset.pool))
    methods = {c.method: c for c in cells}.values()
    together(*(partial(_check, cell, dataset.classes) for cell in methods))
    seeds = {c.seed: c for c in cells}.values()
    return [(cell, draw(dataset.pool, count, Seeds(cell.seed))) for cell in seeds]


def write_initial_sets(folder: Path, sets: Sequence[tuple[Cell, tuple[str, ...]]]) -> None:
    """Write the initial sets, where they are not there yet.

    Raises:
        RunError: there is another one.
    """
    for cell, ids in sets:
        path = cell.initial_set(folder)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_initial(path, ids)
        elif stored_ids(path) != ids:
            raise RunError(
                f"{path} is not what seed {cell.seed} draws from {cell.config.dataset.name}: the "
                "dataset has changed; restore it, or choose another --output"
            )


def _check(cell: Cell, classes: tuple[str, ...]) -> None:
    """Build what the method needs, only to see that it can be built."""
    try:
        build_strategy(cell.config)
        build_learner(cell.config, classes)
    except AlframeError as error:
        raise ConfigError(
            f"{cell.method} on {cell.problem}: {p}" for p in error.problems
        ) from error


def _common(problem: str, cells: Sequence[Cell]) -> RunConfig:
    """The configuration of one of the cells, once they are sure to share dataset and budget."""
    parts = [_data_and_budget(c.config) for c in cells]
    for cell, part in zip(cells, parts, strict=True):
        if differ := [k for k in parts[0] if part.get(k) != parts[0][k]]:
            raise ConfigError(
                f"{cell.method} on {problem}: {key} = {part.get(key)!r}, but {cells[0].method} "
                f"has {parts[0][key]!r}; methods of one problem share dataset and budget"
                for key in differ
            )
    return cells[0].config


def _data_and_budget(config: RunConfig) -> dict[str, object]:
    kept = ("dataset.", "budget.")
    return {k: v for k, v in settings(config).items() if k.startswith(kept)}


def _dataset(config: RunConfig) -> Dataset:
    """The dataset, without items that are to be left out: finding those takes decoding all."""
    dataset = build_dataset(config)
    return prepare_images(dataset, config) if dataset.on_bad_item == "skip" else dataset

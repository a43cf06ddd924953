"""One run, from its configuration to its last cycle."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from alframe.build import build_dataset, build_learner, build_strategy, prepare_images, white_in
from alframe.config import RunConfig
from alframe.datasets.base import Dataset, ImageSet
from alframe.environment import environment
from alframe.errors import RunError
from alframe.initial import initial_set
from alframe.journal import Journal
from alframe.learner import Learner
from alframe.loop import Loop, check_budget
from alframe.oracle import SimulatedOracle
from alframe.profiling import Profiling
from alframe.rundir import RunDir, check_claim, open_run
from alframe.seeds import Seeds
from alframe.settled import as_settled, with_precision, with_white
from alframe.strategy import Strategy
from alframe.takeover import check_source, take_over
from alframe.training.distributed import active, decided, first, in_turn, size
from alframe.training.scaling import scaled

logger = logging.getLogger(__name__)


def run(
    config: RunConfig,
    path: Path,
    *,
    resume: bool = False,
    profile: bool = False,
    dataset: Dataset | None = None,
) -> Iterator[Mapping[str, Any]]:
    """Run all cycles in ``path``, yielding each as it is finished (the objects of cycles.jsonl).

    Whatever can be checked is checked before the run directory is made: names, capabilities,
    device, annotations, images, budget. Of several processes, the first one yields the cycles and
    keeps the directory; see :mod:`alframe.training.distributed`.

    Args:
        config: of the run; of a stopped one, the same again.
        path: of the run directory.
        resume: go on with a run that is there.
        profile: watch the beginning of a fit and a selection (:mod:`alframe.profiling`).
        dataset: of the configuration, where it has been read already.

    Raises:
        AlframeError: a user can mend it; see :mod:`alframe.errors`.
    """
    config = decided(partial(as_settled, config, path))
    if first():
        check_claim(path, config, resume=resume)
    strategy = build_strategy(config)
    dataset = dataset or build_dataset(config)
    learner = build_learner(_of_all_processes(config), dataset.classes)
    if first():
        check_budget(config.budget, len(dataset.pool), initial_set(config.budget, dataset.pool))
    dataset = _prepared(dataset, config)
    config = with_white(config, white_in(dataset))
    choice = _choice(config, dataset, learner)
    if config.training.precision == "auto":
        config = with_precision(config, choice["chosen"])
        learner = build_learner(_of_all_processes(config), dataset.classes)
    profiling = Profiling(path / "profile" if profile else None)
    cycles = partial(_cycles, config, path, resume, strategy, dataset, choice, profiling)
    if not active():
        yield from cycles(learner)
        return
    from alframe.training.team import assembled  # imports torch

    with assembled(learner, dataset, config) as leader:
        if leader is not None:
            yield from cycles(leader)


def _choice(config: RunConfig, dataset: Dataset, learner: Learner) -> dict[str, Any]:
    """The precision, for the manifest; what is to be tried is tried by the first process."""
    if config.training.precision != "auto":
        return {"chosen": config.training.precision}
    from alframe.training.device import pick_device
    from alframe.training.precision import choose  # imports torch

    images, device = ImageSet(dataset.images, dataset.pool), pick_device(config.device)
    return asdict(decided(lambda: choose(learner, images, device)))


def _of_all_processes(config: RunConfig) -> RunConfig:
    return config.model_copy(update={"training": scaled(config.training, size())})


def _prepared(dataset: Dataset, config: RunConfig) -> Dataset:
    """The dataset with its images; a cache on disk is written by one process and read by all."""
    prepare = partial(prepare_images, dataset, config.data)
    return in_turn(prepare) if config.data.cache == "disk" else prepare()


def _cycles(
    config: RunConfig,
    path: Path,
    resume: bool,
    strategy: Strategy,
    dataset: Dataset,
    precision: Mapping[str, Any],
    profiling: Profiling,
    learner: Learner,
) -> Iterator[Mapping[str, Any]]:
    initial = initial_set(config.budget, dataset.pool)  # again: broken images may be left out
    if config.first_cycle and not Journal(path / "journal.jsonl").of("evaluated"):
        check_source(Path(config.first_cycle), config, dataset.fingerprint())
    for note in dataset.notes:
        logger.warning("%s: %s", dataset.name, note)
    from alframe.tensorboard import TensorBoard  # takes a second to import

    with open_run(path, config, resume=resume) as run_dir:
        _describe(run_dir, config, dataset, precision)
        run_dir.adopt()
        if config.first_cycle:
            take_over(run_dir, Path(config.first_cycle))
        with TensorBoard(path / "tensorboard") as recorder:
            loop = Loop(
                dataset=dataset,
                learner=learner,
                strategy=strategy,
                oracle=SimulatedOracle(dataset.targets),
                run=run_dir,
                budget=config.budget,
                seeds=Seeds(config.seed),
                recorder=recorder,
                initial=initial,
                profiling=profiling,
            )
            yield from loop.run()


def _describe(
    run_dir: RunDir, config: RunConfig, dataset: Dataset, precision: Mapping[str, Any]
) -> None:
    """Write the manifest, or hold the dataset against it."""
    fingerprint = dataset.fingerprint()
    known = run_dir.manifest()
    if known and run_dir.described()["fingerprint"] != fingerprint:
        raise RunError(
            f"{config.dataset.name} has changed since {run_dir.path} was started: its images, "
            "splits or annotations are not the same. Restore it, or choose another --output"
        )
    if known and config.training.per_process and known.get("processes", 1) != size():
        raise RunError(
            f"{run_dir.path} was started with {known.get('processes', 1)} processes, which set its "
            f"batch size (training.per_process); now there are {size()}: resume it with as many"
        )
    if not known:
        run_dir.update_manifest(
            **environment(config.device),
            processes=size(),
            precision=precision,
            seed=config.seed,
            dataset={
                "name": dataset.name,
                "fingerprint": fingerprint,
                "test_fingerprint": replace(dataset, pool=()).fingerprint(),
                "pool": len(dataset.pool),
                "test": len(dataset.test),
                "classes": list(dataset.classes),
                "notes": list(dataset.notes),
            },
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )

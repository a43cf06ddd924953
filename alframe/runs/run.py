"""One run, from its configuration to its last cycle."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, with_classes
from alframe.errors import RunError, Waiting
from alframe.learner import DETECTIONS, Learner
from alframe.profiling import Profiling
from alframe.runs.asking import Asking, readable, unreadable
from alframe.runs.budget import Plan
from alframe.runs.build import (
    asks_people,
    build_learner,
    build_oracle,
    build_strategy,
    plan_of,
    prepare_images,
    signals,
    sources,
    white_in,
)
from alframe.runs.environment import environment
from alframe.runs.first_cycle import check_source, share_first_cycle
from alframe.runs.journal import Journal
from alframe.runs.kept import check_asked, dataset_of, keep_images
from alframe.runs.labelling import Labelling
from alframe.runs.loop import Loop
from alframe.runs.opening import check_claim, open_run
from alframe.runs.records import asked_for, new_classes
from alframe.runs.rundir import RunDir
from alframe.runs.settled import as_settled, with_white
from alframe.runs.weights import weights_sha256
from alframe.seeds import Seeds
from alframe.strategy import Strategy
from alframe.training.distributed import (
    broadcast,
    is_initialized,
    is_main_process,
    main_process_first,
    world_size,
)
from alframe.training.optimizer import scaled

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
    config = broadcast(partial(as_settled, config, path))
    if is_main_process():
        check_claim(path, config, resume=resume)
    strategy = build_strategy(config)
    dataset = dataset or dataset_of(config, path)
    people = asks_people(config)
    as_read = dataset.fingerprint() if people else None
    alone = _of_all_processes(config)
    learner = build_learner(alone, dataset.classes, path, dataset.image_set)
    waits, grown = broadcast(partial(_waits, config, path, dataset, resume=resume))
    if waits is not None:
        if is_main_process():
            raise waits
        return
    if grown:
        dataset = with_classes(dataset, grown)
        learner = build_learner(alone, dataset.classes, path, dataset.image_set)
    plan = (
        readable(config, dataset, asked_for(Journal(path / "journal.jsonl")))[1] if people else None
    )
    dataset = _prepared(dataset, config)
    config = with_white(config, white_in(dataset))
    profiling = Profiling(path / "profile" if profile else None)
    if people:
        check_asked(dataset, path)
    plan = plan or plan_of(config, dataset)  # broken images may be left out
    fingerprint = as_read or dataset.fingerprint()
    resume = resume or people  # who have been asked by now: the run has begun
    cycles = partial(_cycles, config, path, resume, strategy, dataset, fingerprint, profiling, plan)
    if not is_initialized():
        yield from cycles(learner)
        return
    from alframe.training.distributed_learner import distribute  # imports torch

    with distribute(learner, dataset, config) as distributed:
        if distributed is not None:
            yield from cycles(distributed)


def _waits(
    config: RunConfig, path: Path, dataset: Dataset, *, resume: bool
) -> tuple[Waiting | None, tuple[str, ...]]:
    """Check the plan; where people annotate, take their answers before every image is read.

    Returns:
        What is waited for, and the classes that the answers have and the dataset has not.
    """
    plan, as_read = plan_of(config, dataset), dataset
    if not asks_people(config):
        return None, ()
    journal = Journal(path / "journal.jsonl")
    begun = journal.of("annotated")
    notes: tuple[str, ...] = ()
    if not journal.of("initial"):
        dataset, plan = readable(config, dataset)
        notes = (*dataset.notes, *unreadable(dataset, plan))
    check_asked(dataset, path)
    oracle = build_oracle(config, dataset, path)
    with open_run(path, config, resume=resume) as run_dir:
        if not run_dir.manifest():
            keep_images(as_read, path)
        for note in notes:
            logger.warning("%s: %s", dataset.name, note)
        _describe(run_dir, config, dataset, plan, as_read.fingerprint())
        labelling = Labelling(dataset, oracle, run_dir, plan, Asking(path, dataset))
        try:
            labelling.begin()
            labelling.ask_again(len(begun))
            for cycle in range(len(begun) + 1):
                if not cycle or labelling.chosen(cycle):
                    labelling.annotate(cycle)
        except Waiting as status:
            return status, ()
    return None, labelling.new_classes


def _of_all_processes(config: RunConfig) -> RunConfig:
    if config.training is None:
        return config
    return config.model_copy(update={"training": scaled(config.training, world_size())})


def _prepared(dataset: Dataset, config: RunConfig) -> Dataset:
    """The dataset with its images; a cache on disk is written by one process and read by all."""
    prepare = partial(prepare_images, dataset, config)
    return main_process_first(prepare) if config.data.cache == "disk" else prepare()


def _cycles(
    config: RunConfig,
    path: Path,
    resume: bool,
    strategy: Strategy,
    dataset: Dataset,
    fingerprint: str,
    profiling: Profiling,
    plan: Plan,
    learner: Learner,
) -> Iterator[Mapping[str, Any]]:
    if config.first_cycle and not Journal(path / "journal.jsonl").of("evaluated"):
        check_source(Path(config.first_cycle), config, fingerprint)
    from alframe.runs.tensorboard import TensorBoard  # takes a second to import

    with open_run(path, config, resume=resume) as run_dir:
        for note in dataset.notes:  # in run.log, too
            logger.warning("%s: %s", dataset.name, note)
        _describe(run_dir, config, dataset, plan, fingerprint)
        run_dir.raise_cycles()
        if config.first_cycle:
            share_first_cycle(run_dir, Path(config.first_cycle))
        proposes = learner if DETECTIONS in signals(config) else None
        with TensorBoard(path / "tensorboard") as recorder:
            loop = Loop(
                dataset=dataset,
                learner=learner,
                strategy=strategy,
                oracle=build_oracle(config, dataset, path),
                run=run_dir,
                plan=plan,
                seeds=Seeds(config.seed),
                recorder=recorder,
                ask=Asking(path, dataset, proposes) if asks_people(config) else None,
                profiling=profiling,
            )
            yield from loop.run()


def _describe(
    run_dir: RunDir, config: RunConfig, dataset: Dataset, plan: Plan, fingerprint: str
) -> None:
    """Write the manifest, or hold the dataset against it."""
    known = run_dir.manifest()
    if known and run_dir.described()["fingerprint"] != fingerprint:
        raise RunError(
            f"{config.dataset.name} has changed since {run_dir.path} was started: its images, "
            "splits or annotations are not the same. Restore it, or choose another --output"
        )
    training = config.training
    if known and training and training.per_process and known.get("processes", 1) != world_size():
        raise RunError(
            f"{run_dir.path} was started with {known.get('processes', 1)} processes, which set its "
            f"batch size (training.per_process); now there are {world_size()}: resume it with as "
            "many"
        )
    code, before = sources(config), known.get("plugins", {})
    edited = {
        part: f"{before[part]}, {digest}"
        for part, digest in code.items()
        if part in before and before[part].split(", ")[-1] != digest
    }
    if edited:
        logger.warning(
            "the code of %s has changed since the run began, which goes on with the new one",
            ", ".join(edited),
        )
        run_dir.update_manifest(plugins={**before, **edited})
    new = new_classes(run_dir.journal)
    if known and (entry := run_dir.described()).get("new_classes", {}) != new:
        entry = {**entry, "classes": list(dataset.classes), "new_classes": new}
        run_dir.update_manifest(dataset=entry)
    if not known:
        run_dir.update_manifest(
            **environment(config.device),
            processes=world_size(),
            precision=training.precision if training else None,
            seed=config.seed,
            weights_sha256=weights_sha256(config),
            plugins=code,
            dataset={
                "name": dataset.name,
                "fingerprint": fingerprint,
                "test_fingerprint": replace(dataset, pool=()).fingerprint(),
                "pool": len(dataset.pool) - len(plan.test),
                "test": len(dataset.test) + len(plan.test),
                "classes": list(dataset.classes),
                "notes": list(dataset.notes),
            },
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )

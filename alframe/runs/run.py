"""One run, from its configuration to its last cycle."""

import logging
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, with_classes
from alframe.errors import Waiting, together
from alframe.learner import Learner
from alframe.profiling import Profiling
from alframe.runs.asking import Asking, plan_and_fingerprint, readable, unreadable
from alframe.runs.budget import Plan
from alframe.runs.build import (
    asks_people,
    build_learner,
    build_oracle,
    build_strategy,
    plan_of,
    prepare_images,
    signals,
    white_in,
)
from alframe.runs.first_cycle import check_source, share_first_cycle
from alframe.runs.journal import Journal
from alframe.runs.kept import check_asked, dataset_of, keep_images
from alframe.runs.labelling import Labelling
from alframe.runs.loop import Loop
from alframe.runs.manifest import adopt, describe
from alframe.runs.opening import check_claim, open_run
from alframe.runs.pinned_settings import as_settled, with_white
from alframe.runs.records import Record, asked_for
from alframe.seeds import Seeds
from alframe.signals import DETECTIONS
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
    if dataset is None:
        build_strategy(config)  # before the data are read
    as_read = dataset or dataset_of(config, path)
    people = asks_people(config)
    alone = _of_all_processes(config)
    strategy, learner = together(
        partial(build_strategy, config),
        partial(build_learner, alone, as_read.classes, path, as_read.image_set),
    )
    waits, grown, first = broadcast(partial(_waits, config, path, as_read, resume=resume))
    if waits is not None:
        if is_main_process():
            raise waits
        return
    if grown:
        as_read = with_classes(as_read, grown)
        learner = build_learner(alone, as_read.classes, path, as_read.image_set)
    dataset = _prepared(as_read, config, first)
    config = with_white(config, white_in(dataset))
    if people:
        check_asked(dataset, path)
    plan, fingerprint = plan_and_fingerprint(config, as_read, dataset, path)
    cycles = partial(
        _cycles,
        config,
        path,
        strategy,
        dataset,
        plan=plan,
        fingerprint=fingerprint,
        resume=resume or people,  # who have been asked by now: the run has begun
        profiling=Profiling(path / "profile" if profile else None),
    )
    if not is_initialized():
        yield from cycles(learner)
        return
    from alframe.training.distributed_learner import distribute  # imports torch

    with distribute(learner, dataset, config) as distributed:
        if distributed is not None:
            yield from cycles(distributed)


def _waits(
    config: RunConfig, path: Path, dataset: Dataset, *, resume: bool
) -> tuple[Waiting | None, tuple[str, ...], frozenset[str]]:
    """Check the plan; where people annotate, take their answers before every image is read.

    Returns:
        What is waited for, the classes that the answers have and the dataset has not, and the ids
        that the run has labelled or drawn to test on.
    """
    as_read, journal = dataset, Journal(path)
    drawn, begun = bool(journal.of("initial")), journal.of("annotated")
    plan = plan_of(config, dataset, begun=drawn)
    if not asks_people(config):
        return None, (), asked_for(journal).union(plan.initial)
    notes: tuple[str, ...] = ()
    if not drawn:
        dataset, plan = readable(config, dataset)
        notes = (*dataset.notes, *unreadable(dataset, plan))
    check_asked(dataset, path)
    oracle = build_oracle(config, dataset, path)
    with open_run(path, config, resume=resume) as run_dir:
        if not run_dir.manifest():
            keep_images(as_read, path)
        for note in notes:
            logger.warning("%s: %s", dataset.name, note)
        describe(run_dir, dataset, plan, as_read.fingerprint())
        cycles: list[Record] = []
        ahead = len(begun) + 1 if plan.cycles is None else min(len(begun) + 1, plan.cycles)
        labelling = Labelling(dataset, oracle, run_dir, plan, Asking(path, dataset))
        try:
            labelling.begin()
            if ahead > len(begun):
                labelling.ask_again(len(begun))
            for cycle in range(ahead):
                if not cycle or labelling.chosen(cycle):
                    labelling.annotate(cycle)
                    if done := labelling.record(cycle):
                        cycles.append(done)
        except Waiting as status:
            if cycles and not run_dir.forgotten():  # a kill may have kept them out of the files
                run_dir.write_cycles(cycles)
            adopt(run_dir)
            return status, (), frozenset()
        return None, labelling.new_classes, asked_for(run_dir.journal)


def _of_all_processes(config: RunConfig) -> RunConfig:
    if config.training is None:
        return config
    return config.model_copy(update={"training": scaled(config.training, world_size())})


def _prepared(dataset: Dataset, config: RunConfig, first: Collection[str]) -> Dataset:
    """The dataset with its images; a cache on disk is written by one process and read by all."""
    prepare = partial(prepare_images, dataset, config, first)
    return main_process_first(prepare) if config.data.cache == "disk" else prepare()


def _cycles(
    config: RunConfig,
    path: Path,
    strategy: Strategy,
    dataset: Dataset,
    learner: Learner,
    *,
    plan: Plan,
    fingerprint: str,
    resume: bool,
    profiling: Profiling,
) -> Iterator[Mapping[str, Any]]:
    """Open the run directory, once all is checked that can be before it trains; go through it."""
    source = Path(config.first_cycle) if config.first_cycle else None
    if source and not Journal(path).of("evaluated"):
        check_source(source, config, fingerprint)
    from alframe.runs.tensorboard import TensorBoard  # takes a second to import

    with open_run(path, config, resume=resume) as run_dir:
        for note in dataset.notes:  # in run.log, too
            logger.warning("%s: %s", dataset.name, note)
        describe(run_dir, dataset, plan, fingerprint)
        adopt(run_dir)
        if source:
            share_first_cycle(run_dir, source)
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

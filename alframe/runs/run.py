"""One run, from its configuration to its last cycle."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, with_classes
from alframe.errors import Waiting
from alframe.learner import Learner
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
    white_in,
)
from alframe.runs.first_cycle import check_source, share_first_cycle
from alframe.runs.journal import Journal
from alframe.runs.kept import check_asked, dataset_of, keep_images
from alframe.runs.labelling import Labelling
from alframe.runs.loop import Loop
from alframe.runs.manifest import describe
from alframe.runs.opening import check_claim, open_run
from alframe.runs.records import asked_for
from alframe.runs.settled import as_settled, with_white
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
    if people:
        check_asked(dataset, path)
    ready = _Ready(
        config,
        path,
        strategy,
        dataset,
        plan=plan or plan_of(config, dataset),  # broken images may be left out
        fingerprint=as_read or dataset.fingerprint(),
        resume=resume or people,  # who have been asked by now: the run has begun
        profiling=Profiling(path / "profile" if profile else None),
    )
    if not is_initialized():
        yield from ready.cycles(learner)
        return
    from alframe.training.distributed_learner import distribute  # imports torch

    with distribute(learner, dataset, config) as distributed:
        if distributed is not None:
            yield from ready.cycles(distributed)


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
        describe(run_dir, dataset, plan, as_read.fingerprint())
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


@dataclass(frozen=True)
class _Ready:
    """A run, once all is checked that can be before it trains.

    Attributes:
        config: as it is settled.
        path: of the run directory.
        strategy: chooses.
        dataset: its images as the learner sees them.
        plan: what is labelled when.
        fingerprint: of the dataset, as it was read where people annotate.
        resume: whether there is a run already.
        profiling: watches the first cycle.
    """

    config: RunConfig
    path: Path
    strategy: Strategy
    dataset: Dataset
    plan: Plan
    fingerprint: str
    resume: bool
    profiling: Profiling

    def cycles(self, learner: Learner) -> Iterator[Mapping[str, Any]]:
        """Open the run directory, and go through all cycles."""
        config, path, dataset = self.config, self.path, self.dataset
        source = Path(config.first_cycle) if config.first_cycle else None
        if source and not Journal(path / "journal.jsonl").of("evaluated"):
            check_source(source, config, self.fingerprint)
        from alframe.runs.tensorboard import TensorBoard  # takes a second to import

        with open_run(path, config, resume=self.resume) as run_dir:
            for note in dataset.notes:  # in run.log, too
                logger.warning("%s: %s", dataset.name, note)
            describe(run_dir, dataset, self.plan, self.fingerprint)
            run_dir.raise_cycles()
            if source:
                share_first_cycle(run_dir, source)
            proposes = learner if DETECTIONS in signals(config) else None
            with TensorBoard(path / "tensorboard") as recorder:
                loop = Loop(
                    dataset=dataset,
                    learner=learner,
                    strategy=self.strategy,
                    oracle=build_oracle(config, dataset, path),
                    run=run_dir,
                    plan=self.plan,
                    seeds=Seeds(config.seed),
                    recorder=recorder,
                    ask=Asking(path, dataset, proposes) if asks_people(config) else None,
                    profiling=self.profiling,
                )
                yield from loop.run()

"""A learner in several processes: replicas, and the main process that commands them.

Loop, strategy, oracle and run directory are in the main process alone and know of no other: what
the loop asks of its learner, a :class:`DistributedLearner`, is broadcast as a command that every
:class:`Replica` carries out on its shard. So nothing but the main process decides, the others see
its decisions in the next command, and a strategy may do with a stream what it likes.

Signals travel to the main process through memory (gloo). That is nothing beside the forward pass
for detections, embeddings and one number an anchor; the class probabilities of all anchors of
large images can take as long as computing them.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch

from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, ImageSet, ImageSource, LabelledSet, Target
from alframe.errors import DataError, Waiting
from alframe.learner import Checkpoint, FitContext, Learner, Metrics, WarmStart
from alframe.seeds import Seeds
from alframe.signals import SignalBatch
from alframe.training.data import shard
from alframe.training.device import pick_device, to_device
from alframe.training.distributed import (
    all_gather,
    broadcast,
    gather,
    is_main_process,
    rank,
    world_size,
)

CPU = torch.device("cpu")


@runtime_checkable
class Measures(Protocol):
    """What a learner may have so that all processes evaluate; else the main one does it alone.

    Attributes:
        measured: names of the signals that :meth:`measure` is given.
    """

    measured: ClassVar[frozenset[str]]

    def measure(self, test: LabelledSet, stream: Iterable[SignalBatch]) -> Metrics:
        """Measure the fitted model by the signals of the test images."""
        ...


class Replica:
    """One process: its learner, and its shard of what is commanded.

    Args:
        learner: the same in all processes.
        images: of the dataset.
        config: of the run: shards of the images are whole batches of its evaluation, and its
            device is where the signals are to be.
    """

    def __init__(self, learner: Learner, images: ImageSource, config: RunConfig) -> None:
        self.learner = learner
        self._images, self._device = images, pick_device(config.device)
        self._data, self._batch_size = config.data, config.evaluation.batch_size
        self._streams: dict[int, Iterator[SignalBatch]] = {}

    def fit(
        self,
        labelled: tuple[str, ...],
        targets: Mapping[str, Target],
        unlabelled: tuple[str, ...],
        context: tuple[int, Seeds, dict[str, Any] | None, WarmStart | None],
    ) -> None:
        """Train beside the main process (:func:`alframe.training.phases.parallel`)."""
        cycle, seeds, saved, warm_start = context
        quiet = FitContext(
            cycle,
            seeds,
            LoadedCheckpoint(saved),
            NullRecorder(),
            lambda name, summary: None,
            warm_start=warm_start,
        )
        sets = LabelledSet(self._images, labelled, targets), ImageSet(self._images, unlabelled)
        self.learner.fit(*sets, quiet)

    def load(self, state: dict[str, Any]) -> None:
        """Take the model of the main process."""
        self.learner.load_state_dict(state)

    def open(self, number: int, ids: tuple[str, ...], names: frozenset[str]) -> None:
        """Begin a stream of signals over the shard of this process."""
        images = ImageSet(self._images, ids)
        own = shard(images, self._data, self._batch_size, rank(), world_size())
        self._streams[number] = iter(self.learner.signals(own, names))

    def next(self, number: int) -> list[SignalBatch]:
        """The next batch of every process that has one left; for the main one, in their order."""
        own = next(self._streams[number], None)
        others = gather(None if is_main_process() else to_device(own, CPU))[1:]
        batches = (own, *(to_device(batch, self._device) for batch in others))
        return [batch for batch in batches if batch is not None]

    def close(self, numbers: Iterable[int]) -> None:
        """Forget streams that nobody reads."""
        for number in numbers:
            del self._streams[number]


Command = Callable[[Replica], Any]


def serve(replica: Replica) -> None:
    """Carry out the main process's commands until it dismisses this process."""
    while command := broadcast(_dismissed):
        with contextlib.suppress(Waiting):  # the main process waits for the same, and says so
            command(replica)


def _dismissed() -> Command | None:
    return None


class DistributedLearner:
    """The learner of the main process, for the loop; the others work with it."""

    provides: ClassVar[frozenset[str]] = frozenset()  # the learner's were checked by its name

    def __init__(self, replica: Replica) -> None:
        self._replica, self._learner = replica, replica.learner
        self._numbers = count()
        self._unread: list[int] = []

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        """Train, all from the same checkpoint; all end with the model of this process."""
        saved = context.checkpoint.load()
        shared = (context.cycle, context.seeds, saved, context.warm_start)
        self._tell(
            partial(
                Replica.fit,
                labelled=labelled.ids,
                targets=labelled.targets,
                unlabelled=unlabelled.ids,
                context=shared,
            )
        )
        own = replace(context, checkpoint=LoadedCheckpoint(saved, context.checkpoint))
        self._learner.fit(labelled, unlabelled, own)
        self._tell(partial(Replica.load, state=to_device(self.state_dict(), CPU)))

    def evaluate(self, test: LabelledSet) -> Metrics:
        """Measure the fitted model; see :class:`Measures`."""
        if not isinstance(self._learner, Measures):
            return self._learner.evaluate(test)
        images = ImageSet(test.images, test.ids)
        return self._learner.measure(test, self.signals(images, self._learner.measured))

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """The stream that one process gives, in its order; memory holds one batch a process.

        A reader may stop early, or read several streams in turn: a command asks for one batch of
        each process.
        """
        number, unread = next(self._numbers), tuple(self._unread)
        self._unread.clear()
        self._together(partial(Replica.close, numbers=unread))
        self._together(partial(Replica.open, number=number, ids=images.ids, names=names))
        try:
            while batches := self._together(partial(Replica.next, number=number)):
                yield from batches
        finally:
            self._unread.append(number)  # no command: the others may be gone, or at other work

    def state_dict(self) -> dict[str, Any]:
        """The fitted model."""
        return self._learner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give all processes this model."""
        self._together(partial(Replica.load, state=state))

    def _tell(self, command: Command) -> None:
        broadcast(lambda: command)

    def _together(self, command: Command) -> Any:
        self._tell(command)
        return command(self._replica)


@contextlib.contextmanager
def distribute(
    learner: Learner, dataset: Dataset, config: RunConfig
) -> Iterator[DistributedLearner | None]:
    """The learner of the main process; None in the others, once it has dismissed them.

    Raises:
        DataError: the processes do not read the same dataset.
    """
    fingerprints = all_gather(dataset.fingerprint())
    if other := [n for n, each in enumerate(fingerprints) if each != fingerprints[0]]:
        raise DataError(
            f"processes {other} read another {dataset.name} than process 0: put the same files on "
            "all machines"
        )
    replica = Replica(learner, dataset.images, config)
    if not is_main_process():
        serve(replica)
        yield None
        return
    try:
        yield DistributedLearner(replica)
    except Waiting:
        broadcast(_dismissed)
        raise
    broadcast(_dismissed)  # after a failure, torchrun does it


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A checkpoint that was read by the main process, and that nobody else writes.

    Attributes:
        saved: what it holds.
        kept: where to save; None to save nothing.
    """

    saved: dict[str, Any] | None
    kept: Checkpoint | None = None

    def load(self) -> dict[str, Any] | None:
        """What was read."""
        return self.saved

    def save(self, state: dict[str, Any]) -> None:
        """Keep ``state``, in the main process."""
        if self.kept is not None:
            self.kept.save(state)


class NullRecorder:
    """Takes scalars and does nothing (:class:`alframe.learner.Recorder`)."""

    def scalar(self, name: str, value: float, step: int) -> None:
        """Do nothing."""

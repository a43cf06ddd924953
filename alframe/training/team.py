"""A learner in several processes: the first one leads, the others follow.

Loop, strategy, oracle and run directory are in the first process alone and know of no other: what
the loop asks of its learner, a :class:`Leader`, is broadcast as a command that every
:class:`Member` carries out on its share. So nothing but the first process decides, the others see
its decisions in the next command, and a strategy may do with a stream what it likes.

Signals travel to the first process through memory (gloo). That is nothing beside the forward pass
for detections, embeddings and one number an anchor; the class probabilities of all anchors of
large images can take as long as computing them.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from itertools import count
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch

from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, ImageSet, ImageSource, LabelledSet, Target
from alframe.errors import DataError, Waiting
from alframe.learner import Checkpoint, FitContext, Learner, Metrics, SignalBatch
from alframe.seeds import Seeds
from alframe.training.data import dealt
from alframe.training.device import pick_device
from alframe.training.distributed import collected, decided, first, gathered, rank, size

CPU = torch.device("cpu")


@runtime_checkable
class Measures(Protocol):
    """What a learner may have so that all processes evaluate; else the first one does it alone.

    Attributes:
        measured: names of the signals that :meth:`measure` is given.
    """

    measured: ClassVar[frozenset[str]]

    def measure(self, test: LabelledSet, stream: Iterable[SignalBatch]) -> Metrics:
        """Measure the fitted model by the signals of the test images."""
        ...


class Member:
    """One process: its learner, and its part in what the leader commands.

    Args:
        learner: the same in all processes.
        images: of the dataset.
        config: of the run: shares of the images are whole batches of its evaluation, and its
            device is where the leader's signals are to be.
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
        context: tuple[int, Seeds, dict[str, Any] | None],
    ) -> None:
        """Train beside the leader; the gradients are averaged (:mod:`.parallel`)."""
        cycle, seeds, saved = context
        quiet = FitContext(cycle, seeds, Taken(saved), Silent(), lambda name, summary: None)
        sets = LabelledSet(self._images, labelled, targets), ImageSet(self._images, unlabelled)
        self.learner.fit(*sets, quiet)

    def load(self, state: dict[str, Any]) -> None:
        """Take the leader's model."""
        self.learner.load_state_dict(state)

    def open(self, number: int, ids: tuple[str, ...], names: frozenset[str]) -> None:
        """Begin a stream of signals over the share of this process."""
        images = ImageSet(self._images, ids)
        share = dealt(images, self._data, self._batch_size, rank(), size())
        self._streams[number] = iter(self.learner.signals(share, names))

    def next(self, number: int) -> list[SignalBatch]:
        """The next batch of every process that has one left; for the leader, in their order."""
        own = next(self._streams[number], None)
        others = collected(None if first() else moved(own, CPU))[1:]
        batches = (own, *(moved(batch, self._device) for batch in others))
        return [batch for batch in batches if batch is not None]

    def close(self, numbers: Iterable[int]) -> None:
        """Forget streams that nobody reads."""
        for number in numbers:
            del self._streams[number]


Command = Callable[[Member], Any]


def follow(member: Member) -> None:
    """Carry out the leader's commands until it dismisses this process."""
    while command := decided(_dismissed):
        command(member)


def _dismissed() -> Command | None:
    return None


class Leader:
    """The learner of the first process, for the loop; the others work with it.

    Args:
        member: this process's own part.
    """

    provides: ClassVar[frozenset[str]] = frozenset()  # the learner's were checked by its name

    def __init__(self, member: Member) -> None:
        self._member, self._learner = member, member.learner
        self._numbers = count()
        self._unread: list[int] = []

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        """Train, all from the same checkpoint; all end with the model of this process."""
        saved = context.checkpoint.load()
        shared = (context.cycle, context.seeds, saved)
        self._tell(
            partial(
                Member.fit,
                labelled=labelled.ids,
                targets=labelled.targets,
                unlabelled=unlabelled.ids,
                context=shared,
            )
        )
        own = replace(context, checkpoint=Taken(saved, context.checkpoint))
        self._learner.fit(labelled, unlabelled, own)
        self._tell(partial(Member.load, state=moved(self.state_dict(), CPU)))

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
        self._together(partial(Member.close, numbers=unread))
        self._together(partial(Member.open, number=number, ids=images.ids, names=names))
        try:
            while batches := self._together(partial(Member.next, number=number)):
                yield from batches
        finally:
            self._unread.append(number)  # no command: the others may be gone, or at other work

    def state_dict(self) -> dict[str, Any]:
        """The fitted model."""
        return self._learner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give all processes this model."""
        self._together(partial(Member.load, state=state))

    def _tell(self, command: Command) -> None:
        decided(lambda: command)

    def _together(self, command: Command) -> Any:
        self._tell(command)
        return command(self._member)


@contextlib.contextmanager
def assembled(learner: Learner, dataset: Dataset, config: RunConfig) -> Iterator[Leader | None]:
    """The leader, in the first process; None in the others, once it has dismissed them.

    Raises:
        DataError: the processes do not read the same dataset.
    """
    fingerprints = gathered(dataset.fingerprint())
    if other := [n for n, each in enumerate(fingerprints) if each != fingerprints[0]]:
        raise DataError(
            f"processes {other} read another {dataset.name} than process 0: put the same files on "
            "all machines"
        )
    member = Member(learner, dataset.images, config)
    if not first():
        follow(member)
        yield None
        return
    try:
        yield Leader(member)
    except Waiting:
        decided(_dismissed)
        raise
    decided(_dismissed)  # after a failure, torchrun does it


@dataclass(frozen=True)
class Taken:
    """A checkpoint that was read by the leader, and that nobody else writes.

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
        """Keep ``state``, in the leader."""
        if self.kept is not None:
            self.kept.save(state)


class Silent:
    """Takes scalars and does nothing (:class:`alframe.learner.Recorder`)."""

    def scalar(self, name: str, value: float, step: int) -> None:
        """Do nothing."""


def moved(value: Any, device: torch.device) -> Any:
    """``value`` with its tensors on ``device``, however deep in containers and dataclasses."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {name: moved(each, device) for name, each in value.items()}
    if isinstance(value, list | tuple):
        items = [moved(each, device) for each in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value) if f.init]
        return replace(value, **{name: moved(getattr(value, name), device) for name in names})
    return value

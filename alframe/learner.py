"""The learner: owns a model, fits it, evaluates it, and streams signals over images."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from alframe.datasets.base import ImageSet, LabelledSet
from alframe.profiling import Tick, unwatched
from alframe.seeds import Seeds
from alframe.signals import SignalBatch

if TYPE_CHECKING:
    import torch

    from alframe.config.sections import DataConfig, EvaluationConfig, TrainingConfig

Metrics = Mapping[str, Any]
"""Results of an evaluation, ready for JSON; fractions 0..1. Detection: ``mAP50``, ``mAP50_11pt``,
``mAP``, ``AP50`` (a mapping from class name) and :data:`alframe.model.COCO`."""


class Checkpoint(Protocol):
    """Where a fit keeps its state, so that a killed run goes on from its last finished epoch."""

    def load(self) -> dict[str, Any] | None:
        """The last saved state of this cycle's fit, or None."""
        ...

    def save(self, state: dict[str, Any]) -> None:
        """Keep ``state`` (tensors, numbers, strings and containers of them), replacing the last."""
        ...


class Recorder(Protocol):
    """Where a fit reports scalars (TensorBoard)."""

    def scalar(self, name: str, value: float, step: int) -> None:
        """Record one number."""
        ...


@dataclass(frozen=True)
class WarmStart:
    """The model of the cycle before, where ``training.warm_start`` has a fit go on from it.

    Attributes:
        state: as :meth:`Learner.state_dict` gave it.
        classes: how many it knows: the first ones of those that there are now.
    """

    state: dict[str, Any]
    classes: int


@dataclass(frozen=True)
class FitContext:
    """What the loop lends a learner for one fit.

    Attributes:
        cycle: 0, 1, ...
        seeds: scoped to this cycle; ``seeds.rng("order", 3)`` is the same in every process.
        checkpoint: saves and restores the state of this fit.
        recorder: takes losses and learning rates.
        phase_finished: called with the name of each finished phase and its summary, numbers by
            name. ``index`` among them is the place of the phase in the fit, from 0 on; a fit that
            goes on after a kill has to say it, others are counted.
        tick: called after each iteration (:mod:`alframe.profiling`).
        warm_start: what to go on from; None to start anew.
    """

    cycle: int
    seeds: Seeds
    checkpoint: Checkpoint
    recorder: Recorder
    phase_finished: Callable[[str, Mapping[str, Any]], None]
    tick: Tick = unwatched
    warm_start: WarmStart | None = None


@dataclass(frozen=True)
class InferenceSetup:
    """What the factory of a learner that does not train is given, besides its own options.

    Attributes:
        classes: names of the classes, in label order.
        device: where to compute.
        data: the ``data`` section: padding and workers.
        evaluation: the ``evaluation`` section.
        folder: the run directory.
        images: those of pool and test split; None where the learner trains, which is handed what
            it may see, or where there is no dataset yet.
        requires: the signals that the run's strategy asks for; empty where the learner trains.
    """

    classes: tuple[str, ...]
    device: "torch.device"
    data: "DataConfig"
    evaluation: "EvaluationConfig"
    folder: Path = field(default=Path(), kw_only=True)
    images: ImageSet | None = field(default=None, kw_only=True)
    requires: frozenset[str] = field(default=frozenset(), kw_only=True)


@dataclass(frozen=True)
class LearnerSetup(InferenceSetup):
    """What a learner's factory is given, besides the options of its configuration section.

    Attributes:
        build_model: makes a fresh model from the ``model`` section. Its weights are drawn
            from torch's global generator: call it under :func:`alframe.training.device.seeded`.
        training: the ``training`` section.
    """

    build_model: "Callable[[], torch.nn.Module]"
    training: "TrainingConfig"


class Learner(Protocol):
    """Fits, evaluates and streams signals. One object lives through all cycles of a run.

    Attributes:
        provides: names of the signals that it can stream, beside those of its model; an attribute
            of the class (or of the factory function), so that it is known before anything is built.
        task: likewise, of a learner without a model, which task its datasets have to be of; one
            that does not say is of any.
    """

    provides: ClassVar[frozenset[str]]

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        """Train for one cycle, starting anew, or going on from ``context.checkpoint``.

        Anew is from ``context.warm_start``, where there is one.

        Raises:
            Waiting: something has to be done elsewhere first, such as predictions of this cycle.
        """
        ...

    def evaluate(self, test: LabelledSet) -> Metrics:
        """Measure the fitted model."""
        ...

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream the named signals: every id exactly once, in batches, in any order of ids.

        Memory does not grow with the number of images. The model is left as it was.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """The fitted model, for ``torch.save`` and ``weights_only`` loading."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave, ready to evaluate and to stream signals."""
        ...

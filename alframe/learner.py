"""The learner: owns a model, fits it, evaluates it, and streams signals over images."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from alframe.datasets.base import ImageSet, LabelledSet
from alframe.profiling import Tick, unwatched
from alframe.seeds import Seeds
from alframe.shaped import Bool, Float, Int, Tensor

if TYPE_CHECKING:
    import torch

    from alframe.config.sections import DataConfig, EvaluationConfig, TrainingConfig

Metrics = Mapping[str, Any]
"""Results of an evaluation, ready for JSON; fractions 0..1. Detection: ``mAP50``, ``mAP50_11pt``,
``mAP``, ``AP50`` (a mapping from class name) and :data:`alframe.model.COCO`."""

# The names of the signals. A plugin may add names of its own; strategy and learner only have
# to agree on what is behind them.
DETECTIONS = "detections"
"""A :class:`Detections`."""
CLASS_PROBS = "class_probs"
"""A :class:`ClassProbs`."""
EMBEDDING = "embedding"
"""float Tensor [B, D]: one vector an image, a global average over the backbone's last level."""
BOX_FEATURES = "box_features"
"""float Tensor [B, N, F]: a vector for each of ``detections``, in their order, the backbone's last
level averaged over the box, or what a second stage reads the class from; of no meaning where they
are padding."""
DISAGREEMENT = "disagreement"
"""float Tensor [B, A]: squared disagreement of two classifiers, one number an anchor."""
ANCHORS = "anchors"
"""float Tensor [B, A, 4]: the boxes that signals of A numbers are about, x1 y1 x2 y2 in pixels of
the original image."""
ANCHOR_WEIGHT = "anchor_weight"
"""float Tensor [B, A]: how much each anchor counts in training; sums to the number of levels."""
PREDICTED_LOSS = "predicted_loss"
"""float Tensor [B]: the loss that a learner expects on the image."""
AUGMENTED = "augmented"
"""A tuple of :class:`Detections`, one for each way of changing the image a little, on the changed
images and mapped back: boxes in pixels of the image as it is."""
SAMPLES = "samples"
"""A tuple of :class:`Detections`, one for each of several opinions on the image: the members of an
ensemble, or passes with dropout; ``probs`` end with background where they are ``exclusive``."""


@dataclass(frozen=True)
class ClassProbs:
    """Class probabilities of every prediction before any filtering.

    Attributes:
        values: [B, A, K]; A predictions an image (1 for a classifier of whole images).
        exclusive: True where the K probabilities are of one softmax and sum to 1 (K includes
            background, last, where the model has it); False where each class is a binary
            decision of its own (sigmoid).
    """

    values: "Float[Tensor, 'B A K']"
    exclusive: bool


@dataclass(frozen=True)
class Detections:
    """What remains after thresholding and non-maximum suppression, padded to one length.

    Attributes:
        boxes: [B, N, 4], x1 y1 x2 y2 in pixels of the original image.
        scores: [B, N], descending.
        labels: [B, N], indices into the dataset's classes.
        valid: [B, N]; False marks padding.
        probs: [B, N, K], the class probabilities of the prediction behind each box; see
            :class:`ClassProbs` for K and ``exclusive``.
        exclusive: see :class:`ClassProbs`.
    """

    boxes: "Float[Tensor, 'B N 4']"
    scores: "Float[Tensor, 'B N']"
    labels: "Int[Tensor, 'B N']"
    valid: "Bool[Tensor, 'B N']"
    probs: "Float[Tensor, 'B N K']"
    exclusive: bool

    @property
    def decisions(self) -> "Float[Tensor, 'B N M']":
        """The ``probs`` of which not all are known to be 0."""
        return self.probs


def above(found: Detections, score: float) -> "Bool[Tensor, 'B N']":
    """Which detections are no padding and have a larger score; NaN stays, to be refused."""
    return found.valid & ~(found.scores <= score)


def ones_above(found: Detections, score: float) -> "Float[Tensor, 'B N']":
    """1 for each detection that is :func:`above`, 0 for others; NaN where a score is not finite."""
    return (found.scores.float() * 0 + 1).masked_fill(~above(found, score), 0)


@dataclass(frozen=True)
class SignalBatch:
    """Signals of a few images: ``values[name]`` has one entry an id, in the order of ``ids``."""

    ids: tuple[str, ...]
    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


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


class SignalSource(Protocol):
    """What streams signals of images: a learner, or files of somebody's own model."""

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """As :meth:`Learner.signals`."""
        ...


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

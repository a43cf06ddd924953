"""The plain learner: trains any model on labelled images; the base of learners that do more."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from alframe.datasets.base import ImageSet, LabelledSet
from alframe.errors import ConfigError, PluginError, TrainingError
from alframe.learner import FitContext, LearnerSetup, Metrics
from alframe.model import Foldable, Model, streamed
from alframe.progress import over
from alframe.seeds import Seeds
from alframe.signals import AUGMENTED, DETECTIONS, Detections, SignalBatch
from alframe.streams import as_asked
from alframe.training.augmented import augmented
from alframe.training.batch import Batch
from alframe.training.data import TrainingStream, inference_batches
from alframe.training.device import autocast, seeded
from alframe.training.fit import fit
from alframe.training.gradients import parts_of
from alframe.training.layer_errors import large_enough
from alframe.training.phases import Losses, Phase, Step
from alframe.training.placement import placed
from alframe.training.warm_start import carry_over
from alframe.words import named

NEEDED = ("provides", "measured", "loss", "features", "read", "measure")
"""What is asked of a model that is trained."""


class PlainLearner:
    """Trains a :class:`~alframe.model.Model` anew in each cycle, or on from the last one.

    Learners that add to the model or to its training override :meth:`build`, :meth:`inner`,
    :meth:`phases`, :meth:`streams`, :meth:`read` and :meth:`derived`.

    Args:
        setup: classes, device, model and the training section.
        watch_gradients: every 100 iterations, record the norm of each loss term's gradient over
            backbone, pyramid and towers, in TensorBoard and in the means of ``phases``. It takes a
            backward pass more for each term.

    Raises:
        ConfigError: gradients are to be watched in a compiled graph, which keeps none.
        PluginError: the model lacks something, or has nothing to train.

    Attributes:
        provides: signals of the learner's own, beside those of its model.
        derives: signals that it makes by running its model again, each with one of the model's
            that it takes; they cost that many forward passes more.
        trains_only: the class of models that it can train, or several; None trains any.
    """

    provides: ClassVar[frozenset[str]] = frozenset()
    derives: ClassVar[Mapping[str, str]] = {AUGMENTED: DETECTIONS}
    trains_only: ClassVar[type | tuple[type, ...] | None] = None

    def __init__(self, setup: LearnerSetup, watch_gradients: bool = False) -> None:
        if watch_gradients and setup.training.compile:
            raise ConfigError("learner.watch_gradients=true needs training.compile=false")
        self.setup = setup
        self._watch_gradients = watch_gradients
        self._network: nn.Module | None = None
        self._lean: Model | None = None
        network = self._fresh(seed=0)  # a backbone or weights that cannot be had are found out now
        check_trainable(network, self.inner(network))

    @property
    def network(self) -> nn.Module:
        """What was fitted: the model, and what a learner has added to it."""
        if self._network is None:
            raise RuntimeError("the learner has not been fitted yet")
        return self._network

    def build(self) -> nn.Module:
        """A fresh network."""
        return self.setup.build_model()

    def inner(self, network: nn.Module) -> Model:
        """The model in ``network``, which predicts."""
        return network  # type: ignore[return-value]

    def phases(self, unlabelled: ImageSet) -> tuple[Phase, ...]:
        """One phase over the labelled images; ``unlabelled`` is what is left of the pool."""
        return (Phase("label", self.setup.training.length, (Step("labelled", model_loss),)),)

    def streams(
        self, labelled: LabelledSet, unlabelled: ImageSet, seeds: Seeds
    ) -> dict[str, TrainingStream]:
        """The batches that the phases ask for, by name; the plain learner uses labelled ones."""
        return {"labelled": self.stream(labelled, seeds.within("labelled"))}

    def stream(self, images: ImageSet, seeds: Seeds) -> TrainingStream:
        """Training batches over ``images``, as configured."""
        return TrainingStream(
            images,
            batch_size=self.setup.training.batch_size,
            pad=self.setup.data.pad,
            augment=self.setup.training.augment,
            seeds=seeds,
            workers=self.setup.data.workers or 0,
            pin=self.setup.device.type == "cuda",
        )

    @torch.inference_mode(mode=False)  # a notebook may have switched gradients off
    @torch.enable_grad()
    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        """Train a network, fresh but for a warm start; see :func:`alframe.training.fit.fit`."""
        self._network = self._lean = None  # whose memory is needed
        same = self.setup.training.same_weights
        seeds = Seeds(context.seeds.root) if same else context.seeds
        network = self._fresh(seeds.integer("weights"))
        if context.warm_start:
            carry_over(network, context.warm_start, len(self.setup.classes))
        watch = parts_of(network, self.inner(network)) if self._watch_gradients else None
        self._network = fit(
            network,
            self.phases(unlabelled),
            self.streams(labelled, unlabelled, context.seeds),
            self.setup.training,
            context,
            self.setup.device,
            watch,
        ).eval()

    def evaluate(self, test: LabelledSet) -> Metrics:
        """Measure the fitted model as its task has it; see :meth:`alframe.model.Model.measure`."""
        return self.measure(test, self.signals(ImageSet(test.images, test.ids), self.measured))

    @property
    def measured(self) -> frozenset[str]:
        """The signals that :meth:`measure` is given."""
        return self.inner(self.network).measured

    def measure(self, test: LabelledSet, stream: Iterable[SignalBatch]) -> Metrics:
        """:meth:`evaluate`, from the signals of the test images; also of several processes."""
        watched = over(stream, len(test), "evaluate", "images", lambda batch: len(batch.ids))
        sound = as_asked(watched, test.ids, self.measured, len(self.setup.classes))
        return self.inner(self.network).measure(test, sound, self.setup)

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream the named signals; see :func:`~alframe.training.data.inference_batches`.

        Raises:
            TrainingError: out of memory.
            ValueError: learner and model do not provide one of ``names``.
        """
        setup, model = self.setup, self.for_inference()
        if unknown := sorted(names - streamed(type(self), type(model))):
            raise ValueError(f"{type(self).__name__} does not provide {unknown}")
        pin = setup.device.type == "cuda"
        batches = inference_batches(images, setup.data, setup.evaluation.batch_size, pin=pin)
        for batch in batches:
            precision = autocast(setup.device, setup.training.precision)
            with torch.inference_mode(), precision, large_enough(batch):
                try:
                    moved = batch.to(setup.device)
                    again = names & self.derives.keys()
                    values = {name: self.derived(moved, model, name) for name in again}
                    if own := names - again:
                        values |= self.read(moved, model.features(moved), own)
                except torch.OutOfMemoryError as error:
                    raise _out_of_memory(len(batch)) from error
            yield SignalBatch(batch.ids, values)

    def for_inference(self) -> Model:
        """The fitted model, folded once."""
        if self._lean is None:
            model = self.inner(self.network.eval())
            self._lean = model.for_inference() if isinstance(model, Foldable) else model
        return self._lean

    def read(self, batch: Batch, features: Any, names: frozenset[str]) -> dict[str, Any]:
        """The named signals of one batch, from its features; computes no more than they need."""
        model = self.inner(self.network)
        return _by_name(model.read(batch, features, names & model.provides), model)

    def derived(self, batch: Batch, model: Model, name: str) -> Any:
        """A signal of :attr:`derives` of one batch; ``model`` is :meth:`for_inference`."""
        return tuple(back(self.detections(other, model)) for other, back in augmented(batch))

    def detections(self, batch: Batch, model: Model) -> Detections:
        """What ``model`` finds on one batch."""
        values = self.read(batch, model.features(batch), frozenset({DETECTIONS}))
        found: Detections = values[DETECTIONS]
        return found

    def state_dict(self) -> dict[str, Any]:
        """The weights of the network."""
        return self.network.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Build the network and give it ``state``."""
        self._network, self._lean = self._fresh(seed=0).eval(), None
        self._network.load_state_dict(state)

    def _fresh(self, seed: int) -> nn.Module:
        with seeded(seed, self.setup.device):
            network = self.build()
        channels_last = self.setup.training.channels_last
        return placed(network, self.setup.device, channels_last=channels_last)


def check_trainable(network: nn.Module, model: Model) -> None:
    """Refuse what no learner can train.

    Raises:
        PluginError: the model lacks a part of :class:`~alframe.model.Model`, or the network has no
            parameter that is trained.
    """
    if lacking := [name for name in NEEDED if not hasattr(model, name)]:
        raise PluginError(
            f"model {type(model).__name__} lacks {named(lacking)}: expected an alframe.model.Model"
        )
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise PluginError(
            f"model {type(model).__name__} has no parameter that requires a gradient: expected one "
            "or more to train"
        )


def _by_name(values: Any, model: Model) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise PluginError(
            f"{type(model).__name__}.read gives {values!r:.60} ({type(values).__name__}): expected "
            "a dict of signals by name"
        )
    return dict(values)


def _out_of_memory(images: int) -> TrainingError:
    if images == 1:
        return TrainingError(
            "out of memory with a single image: lower data.long and data.short, with another "
            "--output (a resumed run keeps them)"
        )
    return TrainingError(
        f"out of memory with {images} images at a time in evaluation or scoring: resume with "
        f"evaluation.batch_size={images // 2}"
    )


def model_loss(model: nn.Module, batch: Batch) -> Losses:
    """The model's own loss on labelled images.

    Raises:
        PluginError: it is no mapping of scalar tensors.
    """
    terms: Any = model.loss(batch)  # type: ignore[operator]
    scalars = isinstance(terms, Mapping) and all(
        isinstance(name, str) and isinstance(term, torch.Tensor) and term.dim() == 0
        for name, term in terms.items()
    )
    if not (terms and scalars):
        raise PluginError(
            f"{type(model).__name__}.loss gives {terms!r:.60} ({type(terms).__name__}): expected a "
            "dict of scalar tensors by name"
        )
    return Losses(terms)

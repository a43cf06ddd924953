"""The plain detection learner: trains a detector on labelled images, and the base of others."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alframe.datasets.base import ImageSet, LabelledSet
from alframe.detectors.box_features import box_features
from alframe.detectors.boxes import rescale_boxes
from alframe.detectors.dense import DenseDetector, Features
from alframe.detectors.evaluation import DetectionResults, metrics
from alframe.detectors.folding import for_inference
from alframe.detectors.placement import placed
from alframe.errors import TrainingError
from alframe.learner import (
    ANCHORS,
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    ClassProbs,
    FitContext,
    LearnerSetup,
    Metrics,
    SignalBatch,
)
from alframe.progress import over
from alframe.seeds import Seeds
from alframe.training.batch import Batch
from alframe.training.data import TrainingStream, inference_batches
from alframe.training.device import autocast, seeded
from alframe.training.fit import fit
from alframe.training.phases import Losses, Phase, Step
from alframe.training.precision import Precision, made_up
from alframe.training.small import large_enough


class DetectionLearner:
    """Trains a :class:`~alframe.detectors.dense.DenseDetector` anew in each cycle.

    Learners that add to the model or to its training override :meth:`build`, :meth:`detector`,
    :meth:`phases`, :meth:`streams` and :meth:`read`.

    Args:
        setup: classes, device, model and the training section.
    """

    provides: ClassVar[frozenset[str]] = frozenset(
        {ANCHORS, BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING}
    )
    measured: ClassVar[frozenset[str]] = frozenset({DETECTIONS})

    def __init__(self, setup: LearnerSetup) -> None:
        self.setup = setup
        self._model: nn.Module | None = None
        self._lean: DenseDetector | None = None
        self._fresh(seed=0)  # a backbone or weights that cannot be had are found out now

    @property
    def model(self) -> nn.Module:
        """The fitted model."""
        if self._model is None:
            raise RuntimeError("the learner has not been fitted yet")
        return self._model

    def build(self) -> nn.Module:
        """A fresh model."""
        return self.setup.build_model()

    def detector(self, model: nn.Module) -> DenseDetector:
        """The detector in ``model``, which makes the detections."""
        assert isinstance(model, DenseDetector)
        return model

    def phases(self, unlabelled: ImageSet) -> tuple[Phase, ...]:
        """One phase over the labelled images; ``unlabelled`` is what is left of the pool."""
        return (Phase("label", self.setup.training.length, (Step("labelled", detection_loss),)),)

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

    def rehearsal(self, images: ImageSet) -> Callable[[Precision], object]:
        """One step of the first phase, without the optimiser; :mod:`alframe.training.precision`."""
        setup, model = self.setup, self._fresh(seed=0).train()
        batch = made_up(images, setup.data, setup.training.batch_size).to(setup.device)
        loss = self.phases(ImageSet(images.images, ()))[0].steps[0].loss

        def once(precision: Precision) -> None:
            with autocast(setup.device, precision), large_enough(batch):
                total = loss(model, batch).total()
            total.backward()  # type: ignore[no-untyped-call]

        return once

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        """Train a fresh model; see :func:`alframe.training.fit.fit` for resuming and errors."""
        model = self._fresh(context.seeds.integer("weights"))
        self._lean = None
        self._model = fit(
            model,
            self.phases(unlabelled),
            self.streams(labelled, unlabelled, context.seeds),
            self.setup.training,
            context,
            self.setup.device,
        ).eval()

    def evaluate(self, test: LabelledSet) -> Metrics:
        """VOC AP50 by both rules, per class, and COCO AP unless switched off."""
        return self.measure(test, self.signals(ImageSet(test.images, test.ids), self.measured))

    def measure(self, test: LabelledSet, stream: Iterable[SignalBatch]) -> Metrics:
        """:meth:`evaluate`, from the detections of the test images; also of several processes.

        Raises:
            TrainingError: a detection is not finite; the message names the image.
        """
        results = DetectionResults()
        for batch in over(stream, len(test), "evaluate", "images", lambda b: len(b.ids)):
            found = batch[DETECTIONS]
            columns = (found.valid, found.boxes.float(), found.scores.float(), found.labels)
            valid, boxes, scores, labels = (c.cpu().numpy() for c in columns)
            for row, item in enumerate(batch.ids):
                kept = valid[row]
                _refuse_nonfinite(item, boxes[row, kept], scores[row, kept])
                results.add(item, boxes[row, kept], scores[row, kept], labels[row, kept])
        coco = self.setup.evaluation.coco
        return metrics(results, test.targets, self.setup.classes, coco)

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream the named signals; see :func:`~alframe.training.data.inference_batches`.

        Raises:
            TrainingError: out of memory.
        """
        if unknown := sorted(names - self.provides):
            raise ValueError(f"{type(self).__name__} does not provide {unknown}")
        setup, detector = self.setup, self.for_inference()
        pin = setup.device.type == "cuda"
        batches = inference_batches(images, setup.data, setup.evaluation.batch_size, pin=pin)
        for batch in batches:
            precision = autocast(setup.device, setup.training.precision)
            with torch.inference_mode(), precision, large_enough(batch):
                try:
                    moved = batch.to(setup.device)
                    values = self.read(moved, detector.features(moved), names)
                except torch.OutOfMemoryError as error:
                    raise _out_of_memory(len(batch)) from error
            yield SignalBatch(batch.ids, values)

    def for_inference(self) -> DenseDetector:
        """The fitted detector, folded once."""
        if self._lean is None:
            self._lean = for_inference(self.detector(self.model.eval()))
        return self._lean

    def read(self, batch: Batch, features: Features, names: frozenset[str]) -> dict[str, Any]:
        """The named signals of one batch, from its features; computes no more than they need."""
        detector = self.detector(self.model)
        values: dict[str, Any] = {}
        if EMBEDDING in names:
            values[EMBEDDING] = features.deepest.float().mean(dim=(2, 3))  # [B, D, H, W] -> [B, D]
        if ANCHORS in names:
            boxes = detector.anchors(features).boxes.expand(len(batch), -1, -1)  # [B, A, 4]
            values[ANCHORS] = rescale_boxes(boxes, batch.sizes, batch.originals)
        if not names & {BOX_FEATURES, CLASS_PROBS, DETECTIONS}:
            return values
        logits = detector.class_tower(features.levels)
        if CLASS_PROBS in names:
            values[CLASS_PROBS] = ClassProbs(detector.probabilities(logits), detector.exclusive)
        if names & {BOX_FEATURES, DETECTIONS}:
            deltas, anchors = detector.box_tower(features.levels), detector.anchors(features)
            found = detector.detect(logits, deltas, anchors, batch)
            values[DETECTIONS] = found
            if BOX_FEATURES in names:
                values[BOX_FEATURES] = box_features(found.boxes, features, batch)
        return {name: value for name, value in values.items() if name in names}

    def state_dict(self) -> dict[str, Any]:
        """The model's weights."""
        return self.model.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Build the model and give it ``state``."""
        self._model, self._lean = self._fresh(seed=0).eval(), None
        self._model.load_state_dict(state)

    def _fresh(self, seed: int) -> nn.Module:
        with seeded(seed, self.setup.device):
            model = self.build()
        channels_last = self.setup.training.channels_last
        return placed(model, self.setup.device, channels_last=channels_last)


def _out_of_memory(images: int) -> TrainingError:
    if images == 1:
        return TrainingError("out of memory with a single image: lower data.long and data.short")
    return TrainingError(
        f"out of memory with {images} images at a time in evaluation or scoring: resume with "
        f"evaluation.batch_size={images // 2}"
    )


def _refuse_nonfinite(item: str, *found: NDArray[np.float32]) -> None:
    if not all(np.isfinite(values).all() for values in found):
        raise TrainingError(
            f"the detections of {item} are not finite: the model has diverged; lower training.lr, "
            "or set training.clip_norm"
        )


def detection_loss(model: nn.Module, batch: Batch) -> Losses:
    """The detector's own loss on labelled images."""
    assert isinstance(model, DenseDetector)
    return Losses(model.loss(batch))

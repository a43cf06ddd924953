"""What dense detectors share: feature levels, towers over anchors, matching, losses, detection."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, get_args

import torch
from torch import Tensor, nn

from alframe.config.checks import Checks
from alframe.detectors.anchors import AnchorGrid, Anchors
from alframe.detectors.box_ops import decode, encode, rescale_boxes
from alframe.detectors.detector import Detector, annotations_of, image_embedding
from alframe.detectors.losses import Normalizer, at_least_float32, box_loss, normalise
from alframe.detectors.matching import Assignment, Matching, match
from alframe.detectors.postprocess import PostProcess, box_features, detect
from alframe.errors import ConfigError
from alframe.shaped import Float
from alframe.signals import (
    ANCHORS,
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    ClassProbs,
    Detections,
)
from alframe.training.batch import Batch


@dataclass(frozen=True)
class Features:
    """What the trunk makes of a batch; every tower reads the same.

    Attributes:
        levels: feature maps [B, F, H, W], one for each level of anchors, fine to coarse.
        deepest: the backbone's last map [B, F, H, W]; its global average describes the image.
        frame: height and width of the padded input, in pixels.
    """

    levels: "tuple[Float[Tensor, 'B F H W'], ...]"
    deepest: "Float[Tensor, 'B F H W']"
    frame: tuple[int, int]


class Predictions(NamedTuple):
    """Raw output for every anchor: what :meth:`DenseDetector.detect` is given.

    Attributes:
        class_logits: [B, A, K].
        box_deltas: [B, A, 4], see :func:`alframe.detectors.box_ops.encode`.
        anchors: the A anchors.
    """

    class_logits: "Float[Tensor, 'B A K']"
    box_deltas: "Float[Tensor, 'B A 4']"
    anchors: Anchors


@dataclass(frozen=True)
class BoxRegression:
    """How boxes are learnt.

    Attributes:
        stds: divide the deltas, see :func:`alframe.detectors.box_ops.encode`.
        beta: of the smooth L1 loss; 0 is plain L1.
    """

    stds: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    beta: float = 0.0


class DenseDetector(Detector):
    """A detector that classifies and refines every anchor of a fixed grid.

    A training method composes its own step from the parts; a plain one calls :meth:`loss`::

        features = detector.features(batch)
        anchors = detector.anchors(features)
        assignment = detector.assign(anchors, batch)
        logits = detector.class_tower(features.levels)              # [B, A, K]
        loss = detector.normalise(detector.class_loss(logits, assignment), assignment)

    A sub-class sets :attr:`make_tower` and the two towers that it makes, and implements
    :meth:`features` and :meth:`class_loss`.

    Args:
        num_classes: C, foreground only.
        exclusive: whether an anchor has one class, or none: softmax over C + 1 channels, the last
            one background. Else each class is a decision of its own: sigmoid over C channels.
        grid: where anchors are.
        matching: which anchor has to find which object.
        regression: how boxes are learnt.
        normalizer: see :func:`alframe.detectors.losses.normalise`.
        postprocess: how detections are made of predictions.

    Attributes:
        class_tower: levels -> class logits [B, A, K].
        box_tower: levels -> box deltas [B, A, 4].
        make_tower: a tower of so many numbers for an anchor; ``classes=True`` starts as one of
            classes does.
    """

    provides: ClassVar[frozenset[str]] = frozenset(
        {ANCHORS, BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING}
    )

    class_tower: nn.Module
    box_tower: nn.Module
    make_tower: Callable[..., nn.Module]

    def __init__(
        self,
        num_classes: int,
        *,
        exclusive: bool,
        grid: AnchorGrid,
        matching: Matching,
        regression: BoxRegression,
        normalizer: Normalizer,
        postprocess: PostProcess,
    ) -> None:
        super().__init__()
        with Checks() as check:
            check.one_of("normalizer", normalizer, get_args(Normalizer))
        self.num_classes = num_classes
        self.exclusive = exclusive
        self.grid = grid
        self.matching = matching
        self.regression = regression
        self.normalizer: Normalizer = normalizer
        self.postprocess = postprocess
        for level, cell in enumerate(grid.cells):
            self.register_buffer(f"cell_{level}", torch.tensor(cell), persistent=False)

    @property
    def score_channels(self) -> int:
        """K: numbers that the class tower gives for an anchor."""
        return self.num_classes + 1 if self.exclusive else self.num_classes

    @abstractmethod
    def features(self, batch: Batch) -> Features:
        """Run the trunk: everything that the towers share. Targets are not looked at."""

    def new_class_tower(self, channels: int | None = None) -> nn.Module:
        """Another tower of the classifier's kind, freshly initialised, on the same device.

        Args:
            channels: numbers for an anchor; the classifier's own K if None.
        """
        count = self.score_channels if channels is None else channels
        return self.make_tower(count, classes=True).to(next(self.class_tower.parameters()))

    @abstractmethod
    def class_loss(
        self, logits: "Float[Tensor, 'B A K']", assignment: Assignment
    ) -> "Float[Tensor, ' B']":
        """Classification loss of each image, summed over its anchors."""

    def anchors(self, features: Features) -> Anchors:
        """The anchors of these levels, on their device; remembered for each shape.

        In a compiled graph, of which remembered tensors are no part, they are laid anew.

        Raises:
            ConfigError: a level has other cells than the image has strides, outside of such a
                graph: a convolution that does not pad moves what a cell sees from its anchors.
        """
        shapes = [(level.shape[-2], level.shape[-1]) for level in features.levels]
        if torch.compiler.is_compiling():
            cells = [self.get_buffer(f"cell_{level}") for level in range(len(shapes))]
            return self.grid.laid(cells, shapes)
        if wrong := self.misfit(features):
            raise ConfigError(f"model.backbone: {wrong}; choose a backbone whose layers all pad")
        return self.grid.at(shapes, features.deepest.device)

    def misfit(self, features: Features) -> str:
        """What is wrong with the first level that has other cells than the image has strides."""
        height, width = features.frame
        for level, stride in zip(features.levels, self.grid.strides, strict=True):
            rows, columns = level.shape[-2:]
            if max(abs(rows * stride - height), abs(columns * stride - width)) >= stride:
                return (
                    f"of images of {width} x {height} pixels its map at stride {stride} has "
                    f"{columns} x {rows} cells"
                )
        return ""

    def assign(self, anchors: Anchors, batch: Batch) -> Assignment:
        """What each anchor has to predict.

        Raises:
            ValueError: the batch is unlabelled.
        """
        return match(anchors.boxes, *annotations_of(batch), self.matching)

    def box_loss(
        self, deltas: "Float[Tensor, 'B A 4']", anchors: Anchors, assignment: Assignment
    ) -> "Float[Tensor, ' B']":
        """Box loss of each image, summed over its positive anchors."""
        targets = encode(assignment.boxes, anchors.boxes, self.regression.stds)
        return box_loss(deltas, targets, assignment.positive, self.regression.beta)

    def normalise(self, sums: "Float[Tensor, ' B']", assignment: Assignment) -> "Float[Tensor, '']":
        """The batch's loss, from the summed loss of each of its images."""
        return normalise(sums, assignment.positives, self.normalizer)

    def probabilities(self, logits: "Float[Tensor, 'B A K']") -> "Float[Tensor, 'B A K']":
        """Class probabilities; the last one is background if :attr:`exclusive`."""
        logits = at_least_float32(logits)
        return logits.softmax(dim=-1) if self.exclusive else logits.sigmoid()

    def foreground(self, probabilities: "Float[Tensor, 'B A K']") -> "Float[Tensor, 'B A C']":
        """The probabilities of the C classes, without background (a view)."""
        return probabilities[..., : self.num_classes]

    def detect(
        self,
        class_logits: "Float[Tensor, 'B A K']",
        box_deltas: "Float[Tensor, 'B A 4']",
        anchors: Anchors,
        batch: Batch,
    ) -> Detections:
        """Objects found, as boxes in pixels of the original images."""
        return detect(
            self.probabilities(class_logits),
            at_least_float32(box_deltas),
            anchors,
            batch,
            exclusive=self.exclusive,
            stds=self.regression.stds,
            options=self.postprocess,
        )

    def forward(self, batch: Batch) -> Predictions:
        """Raw predictions for every anchor; ``detector.detect(*detector(batch), batch)``."""
        return self._predicted(self.features(batch))

    def _predicted(self, features: Features) -> Predictions:
        levels = features.levels
        return Predictions(self.class_tower(levels), self.box_tower(levels), self.anchors(features))

    def unfiltered(self, batch: Batch) -> "tuple[Float[Tensor, 'B A 1 4'], Float[Tensor, 'B A K']]":
        """Boxes of all anchors in pixels of the input, and their class probabilities."""
        class_logits, box_deltas, anchors = self(batch)
        deltas = at_least_float32(box_deltas)
        boxes = decode(deltas, anchors.boxes, self.regression.stds)
        return boxes.unsqueeze(2), self.probabilities(class_logits)

    def loss(self, batch: Batch) -> "dict[str, Float[Tensor, '']]":
        """The plain detector's loss: ``cls`` and ``box``, to be added up."""
        sums, assignment = self._sums(batch, self(batch))
        return {name: self.normalise(value, assignment) for name, value in sums.items()}

    def _sums(self, batch: Batch, predictions: Predictions) -> tuple[dict[str, Tensor], Assignment]:
        """Class and box loss of each image, summed over its anchors."""
        logits, deltas, anchors = predictions
        assignment = self.assign(anchors, batch)
        box = self.box_loss(deltas, anchors, assignment)
        return {"cls": self.class_loss(logits, assignment), "box": box}, assignment

    def maps(self, features: Features) -> "tuple[Float[Tensor, 'B F H W'], ...]":
        """The maps that tell how well an image is understood: those of the levels."""
        return features.levels

    def image_losses(self, batch: Batch, features: Features) -> "dict[str, Float[Tensor, ' B']]":
        """Class and box loss of each image, divided by its own positive anchors (at least 1).

        The ``normalizer`` is not used: the loss of an image must not depend on the others.
        """
        sums, assignment = self._sums(batch, self._predicted(features))
        return {name: each / assignment.positives.clamp(min=1) for name, each in sums.items()}

    def read(self, batch: Batch, features: Features, names: frozenset[str]) -> dict[str, Any]:
        """The named signals of one batch, from its features; computes no more than they need."""
        values: dict[str, Any] = {}
        if EMBEDDING in names:
            values[EMBEDDING] = image_embedding(features.deepest)
        if ANCHORS in names:
            boxes = self.anchors(features).boxes.expand(len(batch), -1, -1)  # [B, A, 4]
            values[ANCHORS] = rescale_boxes(boxes, batch.sizes, batch.originals)
        if not names & {BOX_FEATURES, CLASS_PROBS, DETECTIONS}:
            return values
        logits = self.class_tower(features.levels)
        if CLASS_PROBS in names:
            values[CLASS_PROBS] = ClassProbs(self.probabilities(logits), self.exclusive)
        if names & {BOX_FEATURES, DETECTIONS}:
            deltas, anchors = self.box_tower(features.levels), self.anchors(features)
            found = self.detect(logits, deltas, anchors, batch)
            values[DETECTIONS] = found
            if BOX_FEATURES in names:
                values[BOX_FEATURES] = box_features(
                    found.boxes, features.deepest, features.frame, batch
                )
        return {name: value for name, value in values.items() if name in names}

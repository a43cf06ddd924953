"""The model of MI-AOD: a detector, a second classifier, and a head that weighs instances."""

import contextlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alframe.detectors.anchors import Anchors
from alframe.detectors.dense import DenseDetector, Features
from alframe.shaped import Bool, Float, Int
from alframe.training.batch import Batch

FIRST, SECOND, BOXES, MIL = "detector.class_tower.", "second.", "detector.box_tower.", "mil."
"""What the names of the towers' parameters begin with: f1, f2, fr and fmil of the paper."""


class MIAODModel(nn.Module):
    """Any dense detector, and two towers beside its own (MI-AOD, figure 2; RH:38-72).

    Both are initialised like the detector's classifier. The hidden convolutions of the MIL head,
    where its kind has any, are then drawn anew: Kaiming normal (fan-out, ReLU) with biases 0, as
    mmcv leaves what the code's own initialisation forgets.

    Args:
        detector: its classifier is f1, and its detections are those of the model.
        classes: channels of the MIL head. A single one has nothing to learn.

    Attributes:
        detector: the detector.
        second: levels -> class logits [B, A, K]; f2.
        mil: levels -> [B, A, M]; fmil.
    """

    def __init__(self, detector: DenseDetector, classes: int) -> None:
        super().__init__()
        self.detector = detector
        self.second = detector.new_class_tower()
        self.mil = detector.new_class_tower(classes)
        for conv in hidden_convs(self.mil):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)


def hidden_convs(tower: nn.Module) -> list[nn.Conv2d]:
    """The convolutions before a tower's output, in ``convs``; none where the output is all."""
    hidden = getattr(tower, "convs", None)
    if not isinstance(hidden, nn.Sequential):
        return []
    return [module for module in hidden.modules() if isinstance(module, nn.Conv2d)]


ROUNDING = 0.01
"""Pixels by which the centre of an anchor may miss that of its cell."""


@dataclass(frozen=True)
class View:
    """A batch as a model sees it.

    Attributes:
        model: the model.
        features: of its trunk.
        anchors: of its detector.
        first: logits of f1, [B, A, K].
        second: logits of f2, [B, A, K].
        valid: [B, A], the anchors that count; None for all.
    """

    model: MIAODModel
    features: Features
    anchors: Anchors
    first: "Float[Tensor, 'B A K']"
    second: "Float[Tensor, 'B A K']"
    valid: "Bool[Tensor, 'B A'] | None"

    @property
    def detector(self) -> DenseDetector:
        """The model's detector."""
        return self.model.detector

    @property
    def mean(self) -> "Float[Tensor, 'B A K']":
        """The mean of the two classifiers' logits."""
        return (self.first + self.second) / 2

    def mil(self) -> "Float[Tensor, 'B A M']":
        """Run the MIL head."""
        logits: Tensor = self.model.mil(self.features.levels)
        return logits


def look(
    model: MIAODModel,
    batch: Batch,
    *,
    features: Features | None = None,
    fixed_trunk: bool = False,
    mask_padding: bool = False,
) -> View:
    """Run trunk and classifiers.

    Args:
        model: the model.
        batch: with or without targets.
        features: of the trunk, if it has been run already.
        fixed_trunk: nothing before the towers trains, so no graph is kept of it.
        mask_padding: anchors with their centre in the padding do not count.
    """
    detector = model.detector
    if features is None:
        with torch.no_grad() if fixed_trunk else contextlib.nullcontext():
            features = detector.features(batch)
    anchors = detector.anchors(features)
    return View(
        model,
        features,
        anchors,
        detector.class_tower(features.levels),
        model.second(features.levels),
        inside(anchors.boxes, batch.sizes) if mask_padding else None,
    )


def inside(anchors: "Float[Tensor, 'A 4']", sizes: "Int[Tensor, 'B 2']") -> "Bool[Tensor, 'B A']":
    """Which anchors have their centre in the image, and not in its padding.

    Args:
        anchors: x1 y1 x2 y2, in pixels of the padded images.
        sizes: height and width of each image without its padding.
    """
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2  # x, y
    ends = sizes.flip(1).unsqueeze(1) - ROUNDING  # [B, 2] -> [B, 1, 2]
    return (centres < ends).all(dim=2)  # [B, A, 2] -> [B, A]

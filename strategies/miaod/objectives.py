"""What the phases of MI-AOD minimise: the method as its authors coded it, made sound.

MH and BD are ``MIAOD_head.py`` and ``base_dense_head.py`` of the code; see
:mod:`~alframe.strategies.miaod.formulas`. What else the method may be is in
:mod:`~alframe.strategies.miaod.variants`.
"""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from alframe.detectors.dense import DenseDetector, Features
from alframe.detectors.matching import Assignment
from alframe.shaped import Bool, Float
from alframe.strategies.miaod import formulas
from alframe.strategies.miaod.model import FIRST, SECOND, MIAODModel, View, look
from alframe.training.batch import Batch
from alframe.training.phases import Losses


@dataclass(frozen=True)
class Objective:
    """The authors' code, sound for exclusive classes.

    There, probabilities are those of the softmax, and background has no part in weights,
    pseudo-labels, discrepancy and score. Of each anchor's classes they are not made to sum to 1
    again: an anchor that is surely background would then surely show an object. The weights
    do sum to 1, as the MIL head is a softmax over the foreground classes alone.

    Attributes:
        batch_size: B. The discrepancy is a sum over the B images of a batch (MH:434-445), here B
            times the mean, which is the same number when a batch is computed in parts.
        discrepancy_weight: lambda of the paper.
        image_weight: of the image loss; with 0 it is not computed.
        skip: see :func:`alframe.strategies.miaod.formulas.trusted`.
        mask_padding: anchors with their centre in the padding do not count.
    """

    batch_size: int
    discrepancy_weight: float = 0.5
    image_weight: float = 1.0
    skip: formulas.Skip = "batch"
    mask_padding: bool = False

    order: ClassVar[tuple[str, ...]] = ("min", "max")
    """The phases between two label phases."""
    fixed_in_min: ClassVar[tuple[str, ...]] = (FIRST, SECOND)
    trained_in_max: ClassVar[tuple[str, ...]] = (FIRST, SECOND)
    whole_pool: ClassVar[bool] = False
    """Draw from all unlabelled images, or from as many as are labelled."""
    of_two: ClassVar[float] = 0.5
    """Factor on the sum of the two classification losses."""

    def trains(self, phase: str, parameter: str) -> bool:
        """Whether phase ``label``, ``min`` or ``max`` trains the parameter of this name."""
        if phase == "max":
            return parameter.startswith(self.trained_in_max)
        return phase == "label" or not parameter.startswith(self.fixed_in_min)

    def network(self, model: nn.Module) -> MIAODModel:
        """The model, and what is added to it."""
        detector = cast(DenseDetector, model)
        return MIAODModel(detector, self.mil_classes(detector))

    def inner(self, network: nn.Module) -> DenseDetector:
        """The detector in a network."""
        return cast(MIAODModel, network).detector

    def mil_classes(self, detector: DenseDetector) -> int:
        """What the MIL head tells apart: the classes, or a single one and background."""
        return max(detector.num_classes, 2)

    def label(self, model: nn.Module, batch: Batch) -> Losses:
        """Labelled images in label and min phases: l_det + l_imgcls (MH:417-420)."""
        view = self.view(model, batch)
        return Losses(self._detection(view, batch) | self._image(view, batch))

    def maximise_labelled(self, model: nn.Module, batch: Batch) -> Losses:
        """Labelled images in max phases: l_det (BD:97-98).

        Its box loss does not depend on what is trained, and is not computed.
        """
        view = self.view(model, batch, fixed_trunk=True)
        return Losses({"cls": self._classification(view, _assign(view, batch))})

    def minimise(self, model: nn.Module, batch: Batch) -> Losses:
        """Unlabelled images in min phases: l_dis + l_imgcls of pseudo-labels (MH:480-490)."""
        view = self.view(model, batch)
        weights, (present, stats) = self.weights(view), self._pseudo_labels(view)
        terms = {"discrepancy": self._sum(self.discrepancy(view, weights))}
        if self.image_weight:
            each = self.image_loss(view, weights, present) * formulas.trusted(present, self.skip)
            terms["pseudo_image"] = self.image_weight * each.mean()
        return Losses(terms, stats)

    def maximise(self, model: nn.Module, batch: Batch) -> Losses:
        """Unlabelled images in max phases: l_dis_minus (MH:566-575)."""
        view = self.view(model, batch, fixed_trunk=True)
        with torch.no_grad():
            weights = self.weights(view)
        terms = {"agreement": self._sum(self.agreement(view, weights))}
        return Losses(terms, self._pseudo_labels(view)[1])

    def disagreement(self, model: MIAODModel, features: Features, batch: Batch) -> Tensor:
        """Squared disagreement on each anchor, [B, A]; 0 where the padding is masked."""
        view = look(model, batch, features=features, mask_padding=self.mask_padding)
        each = formulas.disagreement(*self._beliefs(view))
        return each if view.valid is None else each * view.valid

    def anchor_weights(self, model: MIAODModel, features: Features, batch: Batch) -> Tensor:
        """How much each anchor speaks for the image, all classes together, [B, A]."""
        view = look(model, batch, features=features, mask_padding=self.mask_padding)
        return self.weights(view).sum(dim=2)  # [B, A, K] -> [B, A]

    # What the variants differ in.

    def belief(self, detector: DenseDetector, logits: Tensor) -> "Float[Tensor, 'B A K']":
        """Probabilities for weights, pseudo-labels and score."""
        return detector.foreground(detector.probabilities(logits))

    def stance(self, detector: DenseDetector, logits: Tensor) -> "Float[Tensor, 'B A K']":
        """Probabilities for discrepancy and agreement."""
        return self.belief(detector, logits)

    def weights(self, view: View) -> "Float[Tensor, 'B A K']":
        """w, how much each anchor and class speaks for the image."""
        mean = self.belief(view.detector, view.mean.detach())
        return formulas.mil_weights(mean, view.mil(), view.anchors.per_level, view.valid)

    def image_loss(self, view: View, weights: Tensor, present: Tensor) -> "Float[Tensor, ' B']":
        """l_imgcls of each image."""
        return formulas.image_loss(formulas.image_scores(weights, view.anchors.per_level), present)

    def discrepancy(self, view: View, weights: Tensor) -> "Float[Tensor, ' B']":
        """What min phases lower, of each image."""
        return formulas.discrepancy(*self._stances(view), weights)

    def agreement(self, view: View, weights: Tensor) -> "Float[Tensor, ' B']":
        """What max phases lower, of each image."""
        return formulas.agreement(*self._stances(view), weights)

    # What they share.

    def view(self, model: nn.Module, batch: Batch, *, fixed_trunk: bool = False) -> View:
        """Run trunk and classifiers; see :func:`alframe.strategies.miaod.model.look`."""
        assert isinstance(model, MIAODModel)
        return look(model, batch, fixed_trunk=fixed_trunk, mask_padding=self.mask_padding)

    def _beliefs(self, view: View) -> tuple[Tensor, Tensor]:
        first, second = (self.belief(view.detector, f) for f in (view.first, view.second))
        return first, second

    def _stances(self, view: View) -> tuple[Tensor, Tensor]:
        first, second = (self.stance(view.detector, f) for f in (view.first, view.second))
        return first, second

    def _detection(self, view: View, batch: Batch) -> dict[str, Tensor]:
        detector, assignment = view.detector, _assign(view, batch)
        boxes = detector.box_loss(
            detector.box_tower(view.features.levels), view.anchors, assignment
        )
        cls = self._classification(view, assignment)
        return {"cls": cls, "box": detector.normalise(boxes, assignment)}

    def _classification(self, view: View, assignment: Assignment) -> Tensor:
        sums = [view.detector.class_loss(f, assignment) for f in (view.first, view.second)]
        return self.of_two * view.detector.normalise(sums[0] + sums[1], assignment)

    def _image(self, view: View, batch: Batch) -> dict[str, Tensor]:
        assert batch.labels is not None  # it was matched
        if not self.image_weight:
            return {}
        weights = self.weights(view)
        present = formulas.present_classes(batch.labels, weights.shape[2])
        return {"image": self.image_weight * self.image_loss(view, weights, present).mean()}

    def _sum(self, each: Tensor) -> Tensor:
        return self.discrepancy_weight * self.batch_size * each.mean()

    @torch.no_grad()
    def _pseudo_labels(self, view: View) -> "tuple[Bool[Tensor, 'B K'], dict[str, Tensor]]":
        """Which classes the classifiers find in each image, and how sure that is."""
        first, second = self._beliefs(view)
        present = formulas.pseudo_labels(first, second, view.valid)
        return present, {
            "disagreement": (first - second).abs().mean(),
            "pseudo_label_rate": present.any(dim=1).float().mean(),
        }


def _assign(view: View, batch: Batch) -> Assignment:
    return view.detector.assign(view.anchors, batch)

"""MI-AOD on a classifier: two heads that are made to agree, and to disagree.

The paper's table 2 has it for image classification. An image is one instance: there is nothing to
weigh, so that no MIL head, image loss and pseudo-label remain. Code for it was not published.
"""

import contextlib
from dataclasses import dataclass, fields
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from alframe.detectors.losses import at_least_float32
from alframe.errors import ConfigError
from alframe.shaped import Float
from alframe.strategies.miaod import formulas
from alframe.strategies.miaod.objectives import Objective
from alframe.tasks.classification.classifier import (
    Classifier,
    ClassifierFeatures,
    classes_of,
    cross_entropy,
    mean_where_known,
)
from alframe.training.batch import Batch
from alframe.training.phases import Losses

HEADS = ("classifier.head.", "second.")
"""What the names of the heads' parameters begin with: f1 and f2 of the paper."""


class TwoHeads(nn.Module):
    """A classifier, and another head beside its own.

    Attributes:
        classifier: its head is f1, and its class probabilities are those of the model.
        second: embedding [B, D] -> class logits [B, C]; f2.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.second = classifier.new_head()


@dataclass(frozen=True)
class ClassifierObjective:
    """What each phase trains a classifier on; see :class:`.objectives.Objective` for detectors.

    # Deviation: the discrepancy is a mean over the images of a batch and over classes, as the
    classification loss is a mean; the detectors' code sums over images.

    Attributes:
        discrepancy_weight: lambda of the paper.
    """

    discrepancy_weight: float = 0.5

    order: ClassVar[tuple[str, ...]] = Objective.order
    whole_pool: ClassVar[bool] = Objective.whole_pool
    of_two: ClassVar[float] = Objective.of_two

    @classmethod
    def like(cls, given: Objective) -> "ClassifierObjective":
        """The objective by the options of a detector's.

        Raises:
            ConfigError: options are set that are about instances.
        """
        plain = Objective(given.batch_size, given.discrepancy_weight)
        changed = [
            f.name for f in fields(given) if getattr(given, f.name) != getattr(plain, f.name)
        ]
        changed += ["mode"] if type(given) is not Objective else []
        if changed:
            raise ConfigError(
                f"learner 'miaod' takes a classifier's image for one instance: leave out "
                f"{', '.join(f'learner.{name}' for name in changed)}, which is about the instances "
                "of detectors"
            )
        return cls(given.discrepancy_weight)

    def network(self, model: nn.Module) -> TwoHeads:
        """The model, and what is added to it."""
        return TwoHeads(cast(Classifier, model))

    def inner(self, network: nn.Module) -> Classifier:
        """The classifier in a network."""
        return cast(TwoHeads, network).classifier

    def trains(self, phase: str, parameter: str) -> bool:
        """Whether phase ``label``, ``min`` or ``max`` trains the parameter of this name."""
        is_head = parameter.startswith(HEADS)
        return is_head if phase == "max" else phase == "label" or not is_head

    def label(self, model: nn.Module, batch: Batch) -> Losses:
        """Labelled images in label and min phases: cross-entropy of both heads."""
        return Losses({"cls": self._classification(_logits(model, batch), batch)})

    def maximise_labelled(self, model: nn.Module, batch: Batch) -> Losses:
        """Labelled images in max phases; the body rests."""
        return Losses({"cls": self._classification(_logits(model, batch, fixed=True), batch)})

    def minimise(self, model: nn.Module, batch: Batch) -> Losses:
        """Unlabelled images in min phases: the discrepancy of the heads."""
        first, second = _probabilities(_logits(model, batch))
        each = formulas.discrepancy(first, second, torch.ones_like(first))
        return Losses({"discrepancy": self.discrepancy_weight * each.mean()}, _stats(first, second))

    def maximise(self, model: nn.Module, batch: Batch) -> Losses:
        """Unlabelled images in max phases: their agreement."""
        first, second = _probabilities(_logits(model, batch, fixed=True))
        each = formulas.agreement(first, second, torch.ones_like(first))
        return Losses({"agreement": self.discrepancy_weight * each.mean()}, _stats(first, second))

    def disagreement(self, model: nn.Module, features: ClassifierFeatures, batch: Batch) -> Tensor:
        """Squared disagreement on each image, [B, 1]."""
        del batch
        return formulas.disagreement(*_probabilities(_of_features(model, features)))

    def anchor_weights(
        self, model: nn.Module, features: ClassifierFeatures, batch: Batch
    ) -> Tensor:
        """The one instance of an image is all that speaks for it: ones, [B, 1]."""
        del model, batch
        return torch.ones_like(features.embedding[:, :1])

    def _classification(self, logits: tuple[Tensor, Tensor], batch: Batch) -> Tensor:
        labels = classes_of(batch)
        both = cross_entropy(logits[0], labels) + cross_entropy(logits[1], labels)
        return self.of_two * mean_where_known(both, labels)


def _logits(model: nn.Module, batch: Batch, *, fixed: bool = False) -> tuple[Tensor, Tensor]:
    """Logits of both heads, [B, C] each; no graph is kept of a body that is fixed."""
    with torch.no_grad() if fixed else contextlib.nullcontext():
        features = cast(TwoHeads, model).classifier.features(batch)
    return _of_features(model, features)


def _of_features(model: nn.Module, features: ClassifierFeatures) -> tuple[Tensor, Tensor]:
    heads = cast(TwoHeads, model)
    return heads.classifier.head(features.embedding), heads.second(features.embedding)


def _probabilities(logits: tuple[Tensor, Tensor]) -> "tuple[Float[Tensor, 'B 1 C'], ...]":
    """Of both heads, for the one instance that an image is."""
    return tuple(at_least_float32(f).softmax(dim=1).unsqueeze(1) for f in logits)


def _stats(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    return {"disagreement": (first - second).detach().abs().mean()}

"""The learner of Learning Loss: a model that also learns what its loss will be."""

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, cast

import torch
from torch import nn

from alframe.config.checks import Checks
from alframe.datasets.base import ImageSet
from alframe.errors import ConfigError
from alframe.learner import LearnerSetup
from alframe.model import Model
from alframe.signals import PREDICTED_LOSS
from alframe.strategies.ll4al.module import DUMMY_SIDE, LL4ALModel, PerImageModel, ranking_loss
from alframe.training import distributed
from alframe.training.batch import Batch
from alframe.training.data import input_shape
from alframe.training.phases import Losses, Phase, Step
from alframe.training.plain_learner import PlainLearner


class LL4ALLearner(PlainLearner):
    """Trains a dense detector or a classifier with a loss module (Yoo & Kweon, CVPR 2019).

    The target loss of an image is what the model says of it: the cross-entropy of a classifier, a
    detector's sum of class and box losses over its own positive anchors. What is minimised is the
    mean target loss of a batch, plus ``weight`` times the ranking loss of the predictions (equation
    3). From ``joint`` of the schedule on, the module trains on detached features and leaves the
    model to itself (section 4.1: epoch 120 of 200; 240 of 300 for SSD, section 4.2).

    These are two phases, ``joint`` and ``detached``. They share one optimiser and one warm-up,
    whatever ``training.restart`` says: a fresh start at 80 % would disturb the model, which is
    compared with others that have no such break.

    # Deviation: a detector's own ``normalizer`` is not used, as the loss of an image must not
    depend on the others in its batch.

    Args:
        setup: classes, device, model and the training section.
        weight: of the ranking loss, lambda of the paper.
        margin: by which the predictions of a pair of images are to differ.
        joint: share of the schedule in which the ranking loss trains the model as well; 1
            never stops, 0 never begins.
        hidden: numbers that stand for a level of the model; 128 in the paper.

    Raises:
        ConfigError: an option is out of range, or a batch holds no pair of images.
    """

    provides: ClassVar[frozenset[str]] = frozenset({PREDICTED_LOSS})
    trains_only = PerImageModel

    def __init__(
        self,
        setup: LearnerSetup,
        weight: float = 1.0,
        margin: float = 1.0,
        joint: float = 0.8,
        hidden: int = 128,
    ) -> None:
        with Checks() as check:
            check.at_least("weight", weight, 0)
            check.at_least("margin", margin, 0)
            check.in_range("joint", joint, 0, 1)
            check.at_least("hidden", hidden, 1)
            _check_pairs(setup)
        self._weight, self._margin, self._joint, self._hidden = weight, margin, joint, hidden
        training = setup.training.model_copy(update={"restart": False})
        super().__init__(replace(setup, training=training))  # builds a model: last

    def build(self) -> LL4ALModel:
        """A fresh model, with a loss module."""
        shape = input_shape(self.setup.data, DUMMY_SIDE, DUMMY_SIDE)
        return LL4ALModel(super().build(), self._hidden, shape)

    def inner(self, network: nn.Module) -> Model:
        """The model in ``network``."""
        model: Model = cast(LL4ALModel, network).of
        return model

    def phases(self, unlabelled: ImageSet) -> tuple[Phase, ...]:
        """Joint and then detached training on the labelled images."""
        length = self.setup.training.length
        joint = round(self._joint * length)
        parts = (("joint", joint, False), ("detached", length - joint, True))
        return tuple(
            Phase(name, part, (Step("labelled", partial(self.loss, detached=detached)),))
            for name, part, detached in parts
            if part
        )

    def loss(self, model: nn.Module, batch: Batch, *, detached: bool) -> Losses:
        """Target and ranking loss of a labelled batch; the latter may leave the model alone."""
        assert isinstance(model, LL4ALModel)
        features = model.of.features(batch)
        each = model.image_losses(batch, features)
        target = torch.stack([*each.values()]).sum(dim=0)  # [terms, B] -> [B]
        ranking = ranking_loss(model.foretold(features, detached=detached), target, self._margin)
        terms = {name: values.mean() for name, values in each.items()}
        return Losses(terms | {"ranking": self._weight * ranking})

    def read(self, batch: Batch, features: Any, names: frozenset[str]) -> dict[str, Any]:
        """The named signals of one batch; the predicted loss takes the loss module and no tower."""
        values = super().read(batch, features, names)
        if PREDICTED_LOSS in names:
            model = cast(LL4ALModel, self.network)
            values[PREDICTED_LOSS] = model.foretold(features)
        return values


def _check_pairs(setup: LearnerSetup) -> None:
    size, parts = setup.training.batch_size, setup.training.accumulate * distributed.world_size()
    if size < 2 * parts:
        raise ConfigError(
            f"training.batch_size={size} in {parts} parts: the loss module learns from pairs; "
            f"give at least {2 * parts}, lower training.accumulate, or start fewer processes"
        )

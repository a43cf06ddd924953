"""The learner of Monte Carlo dropout: several opinions of one model."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from alframe.config.checks import Checks
from alframe.detectors.backbones import Backbone
from alframe.detectors.dense import DenseDetector
from alframe.detectors.folding import with_backbone
from alframe.detectors.stock import StockDetector
from alframe.learner import LearnerSetup
from alframe.model import Model
from alframe.signals import CLASS_PROBS, EMBEDDING, SAMPLES
from alframe.tasks.classification.classifier import Classifier
from alframe.training.batch import Batch
from alframe.training.plain_learner import PlainLearner


class DropoutLearner(PlainLearner):
    """Trains a model with dropout behind its backbone, and keeps dropping to have opinions.

    Gal & Ghahramani, "Dropout as a Bayesian Approximation" (ICML 2016); behind the layers that
    see the image and before those that detect, as Miller et al. have it in SSD ("Dropout Sampling
    for Robust Object Detection", ICRA 2018, section III). What is dropped are channels of the
    backbone's maps (Tompson et al., 2015), since neighbours on a map say the same; of a classifier,
    numbers of the vector that its class is read from.

    In training, each image drops channels of its own. Of the signal ``samples``, each opinion
    drops the same ones on every image (Kirsch et al., BatchBALD, 2019, section 3.2), so it is one
    model for the whole pool; the backbone is run once for all of them. Evaluation, detections
    and all other signals are those without dropout.

    # Deviation: the first paper drops before every layer of weights.

    Args:
        setup: classes, device, model and the training section.
        rate: share of the channels, or numbers, that are dropped.
        samples: how many predictions of an image, each with other units dropped.

    Raises:
        ConfigError: an option is out of range.
    """

    # Of detections or class probabilities; what models that it trains have in common:
    derives: ClassVar[Mapping[str, str]] = {**PlainLearner.derives, SAMPLES: EMBEDDING}
    trains_only = (DenseDetector, StockDetector, Classifier)  # whose backbones are apart

    def __init__(self, setup: LearnerSetup, rate: float = 0.1, samples: int = 10) -> None:
        with Checks() as check:
            if not 0 < rate < 1:
                check.problems.append(f"rate: expected above 0 and below 1, got {rate}")
            check.at_least("samples", samples, 2)
        self._rate, self._samples = rate, samples
        super().__init__(setup)  # builds a model: last

    def build(self) -> nn.Module:
        """A fresh model that drops channels while it trains."""
        model, rate = super().build(), self._rate
        if isinstance(model, Classifier):
            model.head.register_forward_pre_hook(
                lambda head, inputs: nn.functional.dropout(inputs[0], rate, head.training)
            )
            return model

        def drop(module: nn.Module, inputs: Any, maps: list[Tensor]) -> list[Tensor]:
            del inputs
            if not module.training:
                return maps
            return [nn.functional.dropout2d(each, rate) for each in maps]

        cast(Backbone, model.backbone).register_forward_hook(drop)
        return model

    def derived(self, batch: Batch, model: Model, name: str) -> Any:
        """As ever, and the opinions."""
        if name != SAMPLES:
            return super().derived(batch, model, name)
        if isinstance(model, Classifier):
            features, probs = model.features(batch), frozenset({CLASS_PROBS})
            return tuple(
                self.read(batch, features._replace(embedding=each), probs)[CLASS_PROBS]
                for (each,) in self._opinions([features.embedding])
            )
        backbone: Backbone = model.backbone  # type: ignore[attr-defined]
        maps, detector = backbone(batch.images, batch.sizes), cast(nn.Module, model)
        return tuple(
            self.detections(batch, cast(Model, with_backbone(detector, _Known(each))))
            for each in self._opinions(maps)
        )

    def _opinions(self, maps: list[Tensor]) -> Iterator[list[Tensor]]:
        return (dropped(maps, self._rate, number) for number in range(self._samples))


def dropped(maps: list[Tensor], rate: float, number: int) -> list[Tensor]:
    """Maps, or vectors, without the channels that the opinion of this number drops.

    Others are scaled up.
    """
    generator = torch.Generator().manual_seed(number)
    kept = [torch.rand(each.shape[1], generator=generator) >= rate for each in maps]
    return [
        each * (keep / (1 - rate)).to(each).reshape(-1, *(1,) * (each.dim() - 2))
        for each, keep in zip(maps, kept, strict=True)
    ]


class _Known(nn.Module):
    """Maps that are known already."""

    def __init__(self, maps: list[Tensor]) -> None:
        super().__init__()
        self._maps = maps

    def forward(self, images: Tensor, sizes: Tensor) -> list[Tensor]:
        del images, sizes
        return list(self._maps)

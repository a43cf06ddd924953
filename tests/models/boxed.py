"""A detector as simple as can be: boxes by the colour of an image, none of them right."""

from typing import Any

import torch
from torch import Tensor

from alframe.detectors.evaluation import detection_metrics
from alframe.signals import BOX_FEATURES, DETECTIONS, Detections
from alframe.training.batch import Batch
from tests.models.classifier import Classifier

MOST = 12


class Boxed(Classifier):
    """Learns an image's first class; finds two boxes or more, padded to the most of a batch."""

    task = "detection"
    provides = frozenset({DETECTIONS, BOX_FEATURES})
    measured = frozenset({DETECTIONS})

    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        counts = 2 + (features.sum(dim=1) * 1e4).long() % (MOST - 1)
        place = torch.arange(int(counts.max()))  # up to N
        probs = self.head(features).sigmoid()[:, None] * 0.9 ** place[:, None]  # [B, N, C]
        scores, labels = probs.max(dim=2)
        corners = torch.stack([place, place, place + 20, place + 30], dim=1).float()
        shares = (batch.originals / batch.sizes).flip(1).repeat(1, 2)[:, None]
        boxes, valid = corners.repeat(len(batch), 1, 1) * shares, place < counts[:, None]
        values = {
            DETECTIONS: Detections(boxes, scores, labels, valid, probs, exclusive=False),
            BOX_FEATURES: probs.cumsum(dim=1),
        }
        return {name: values[name] for name in names}

    def measure(self, test: Any, stream: Any, setup: Any) -> Any:
        return detection_metrics(test, stream, setup)


class Tied(Boxed):
    """The first two boxes are alike but for their place, and swap it where images are together."""

    paired = True
    apart = True

    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        values = super().read(batch, features, names)
        found, vectors = values.get(DETECTIONS), values.get(BOX_FEATURES)
        order = [1, 0] if len(batch) > 1 else [0, 1]
        if found is not None:
            found.scores[:, 1], found.probs[:, 1] = found.scores[:, 0], found.probs[:, 0]
            found.boxes[:, :2] = found.boxes[:, order if self.apart else [0, 0]]
        if vectors is not None and self.paired:
            vectors[:, :2] = vectors[:, order]
        return values


class Doubled(Tied):
    """The first two boxes are alike in all but their vectors, as those of DETR's queries may be."""

    apart = False


class Fewer(Boxed):
    """The last box has no vector."""

    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        values = super().read(batch, features, names)
        if BOX_FEATURES in names:
            values[BOX_FEATURES] = values[BOX_FEATURES][:, 1:]
        return values


class Unpaired(Tied):
    """The vectors stay where they were."""

    paired = False

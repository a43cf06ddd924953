"""A detector as simple as can be: boxes by the brightness of an image, none of them right."""

from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from alframe.detectors.evaluation import detection_metrics
from alframe.signals import BOX_FEATURES, DETECTIONS, Detections
from alframe.training.batch import Batch

MOST = 12


class Boxed(nn.Module):
    """Finds more boxes in one image than in another, padded to the most of a batch."""

    provides = frozenset({DETECTIONS, BOX_FEATURES})
    measured = frozenset({DETECTIONS})

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(3, num_classes)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        if batch.labels is None:
            raise ValueError(f"images {', '.join(batch.ids)} are unlabelled")
        found = batch.labels[:, 0] >= 0
        logits = self.head(self.features(batch))[found]
        return {"cls": nn.functional.cross_entropy(logits, batch.labels[found, 0])}

    def features(self, batch: Batch) -> Tensor:
        return batch.images.float().mean(dim=(2, 3)) / 255  # [B, 3, H, W] -> [B, 3]

    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        counts = 1 + (features.sum(dim=1) * 1e4).long() % MOST
        place = torch.arange(int(counts.max()))  # up to N
        probs = self.head(features).sigmoid()[:, None] * 0.9 ** place[:, None]  # [B, N, C]
        scores, labels = probs.max(dim=2)
        corners = torch.stack([place, place, place + 20, place + 30], dim=1).float()
        boxes = corners.expand(len(batch), -1, 4)
        valid = place < counts[:, None]
        values = {
            DETECTIONS: Detections(boxes, scores, labels, valid, probs, exclusive=False),
            BOX_FEATURES: probs.cumsum(dim=1),
        }
        return {name: values[name] for name in names}

    def measure(self, test: Any, stream: Any, setup: Any) -> Any:
        return detection_metrics(test, stream, setup)


class Tied(Boxed):
    """The first two boxes have one score, and come in another order where images are together."""

    turned = frozenset({DETECTIONS, BOX_FEATURES})

    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        values = super().read(batch, features, names)
        if found := values.get(DETECTIONS):
            found.scores[:, 1:2], found.probs[:, 1:2] = found.scores[:, :1], found.probs[:, :1]
        if len(batch) > 1:
            order = [1, 0, *range(2, next(iter(_tensors(values))).shape[1])]
            for name in names & self.turned:
                values[name] = _taken(values[name], order)
        return values


class Unpaired(Tied):
    """The vectors stay where they were."""

    turned = frozenset({DETECTIONS})


def _tensors(values: dict[str, Any]) -> list[Tensor]:
    return [getattr(value, "scores", value) for value in values.values()]


def _taken(value: Any, order: list[int]) -> Any:
    if isinstance(value, Tensor):
        return value[:, order]
    tensors = {f.name: getattr(value, f.name) for f in fields(value) if f.name != "exclusive"}
    return replace(value, **{name: tensor[:, order] for name, tensor in tensors.items()})

"""The detections of each image with their features, one image at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.errors import DIVERGED, SelectionError
from alframe.shaped import Float, Int
from alframe.signals import BOX_FEATURES, DETECTIONS, SignalBatch, above
from alframe.strategies.uncertainty import entropy
from alframe.strategy import Query

REQUIRES = frozenset({DETECTIONS, BOX_FEATURES})


@dataclass(frozen=True)
class Instances:
    """The detections of one image, on the CPU, descending scores.

    Attributes:
        labels: [N].
        scores: [N].
        entropies: [N], see :func:`alframe.strategies.uncertainty.entropy`.
        features: [N, F], of length 1 (or zeros).
    """

    labels: "Int[Tensor, ' N']"
    scores: "Float[Tensor, ' N']"
    entropies: "Float[Tensor, ' N']"
    features: "Float[Tensor, 'N F']"

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, *rows: int | Tensor) -> "Instances":
        """Some of the detections."""
        columns = (self.labels, self.scores, self.entropies, self.features)
        return Instances(*(column[rows] for column in columns))


def all_instances(query: Query, ids: Sequence[str], min_score: float) -> dict[str, Instances]:
    """The detections of ``ids``, by id; see :func:`instances`."""
    found: dict[str, Instances] = {}
    for batch in query.learner.signals(ids, REQUIRES):
        found.update(instances(batch, min_score))
    return found


def instances(batch: SignalBatch, min_score: float) -> Iterator[tuple[str, Instances]]:
    """Each image's detections with a score above ``min_score``.

    Raises:
        SelectionError: a score, an entropy or a feature is not finite; the message names the image.
    """
    found, features = batch[DETECTIONS], batch[BOX_FEATURES].float()
    directions = torch.nn.functional.normalize(features, dim=-1)
    columns = (found.labels, found.scores, entropy(found.probs, found.exclusive), directions)
    every = Instances(*(column.cpu() for column in columns))
    kept = above(found, min_score).cpu()
    finite = every.features.isfinite().all(dim=-1) & (every.scores + every.entropies).isfinite()
    for row, item in enumerate(batch.ids):
        if not finite[row, kept[row]].all():
            raise SelectionError(f"the detections of {item} are not finite: {DIVERGED}")
        yield item, every.take(row, kept[row])

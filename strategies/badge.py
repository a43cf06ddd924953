"""BADGE: gradients that labels would cause, uncertain and diverse at once."""

import math

import numpy as np
import torch
from torch import Tensor

from alframe.config.checks import Checks
from alframe.shaped import Float
from alframe.signals import (
    BOX_FEATURES,
    CLASS_PROBS,
    DETECTIONS,
    EMBEDDING,
    OF_IMAGES,
    SignalBatch,
    ones_above,
)
from alframe.strategies.gather import gather
from alframe.strategies.k_means import seeds
from alframe.strategy import Query, Selection

OF_DETECTIONS = frozenset({DETECTIONS, BOX_FEATURES})
"""What the gradient of an image is made of, unless it is classified as a whole."""


class BADGE:
    """k-means++ on gradient embeddings (Ash et al., ICLR 2020, algorithm 1).

    The gradient of the classification loss with regard to the last layer, were a detection's
    predicted class its label: (p - onehot) x feature, for all K classes (equation 1); p are its
    class probabilities, with background where the detector has it. For softmax it is the gradient
    of cross-entropy, for sigmoid that of binary cross-entropy. An image's embedding is the mean
    over its detections. The first pick has the longest one, as in the authors' code; the others
    are drawn in proportion to the squared distance to the nearest pick.

    # Deviation: features are the signal ``box_features``, not the input of the last layer, which
    has no place for one vector in a convolutional tower.

    # Deviation: features of more than ``dimensions`` numbers are projected to that many by a
    random matrix of normal numbers, which keeps distances (Johnson-Lindenstrauss); 20 classes of
    2,048 features are 40,960 numbers an image otherwise.

    Where images are classified as a whole and there are no detections, an image's embedding is the
    gradient at its own predicted class, (p - onehot) x ``embedding``: the authors' own task.

    An image without detections has the gradient 0: the first such image can be drawn, further
    ones not before all others.

    Cost: one forward pass over the pool; O(images x K x dimensions) memory; that times the budget
    in time.

    Args:
        dimensions: to which features are projected at random; null keeps them as they are.
        min_score: detections count above this score.

    Raises:
        ConfigError: an option is out of range.
    """

    requires: frozenset[str] = OF_DETECTIONS

    def __init__(self, dimensions: int | None = 64, min_score: float = 0.05) -> None:
        with Checks() as check:
            check.in_range("min_score", min_score, 0, 1)
            if dimensions is not None:
                check.at_least("dimensions", dimensions, 1)
        self._dimensions, self._min_score = dimensions, min_score

    def adapt(self, provided: frozenset[str]) -> None:
        """Take the predictions of whole images where there are no detections."""
        known = OF_IMAGES if DETECTIONS in provided else {CLASS_PROBS}
        if provided >= known and not provided >= OF_DETECTIONS:
            self.requires = OF_IMAGES

    def select(self, query: Query) -> Selection:
        """Embed the pool and draw ``query.budget`` ids with the query's generator."""
        ids = query.unlabelled
        if not query.budget:
            return Selection(())
        seed = int(query.rng.integers(2**63))
        points = gather(query, ids, self.requires, lambda batch: self.embed(batch, seed))
        longest = int(torch.linalg.vecdot(points, points).argmax())
        return Selection(tuple(ids[row] for row in seeds(points, query.budget, query.rng, longest)))

    def embed(self, batch: SignalBatch, seed: int) -> "Float[Tensor, 'B D']":
        """Gradient embeddings, [B, K * F]; the same ``seed`` gives the same projection."""
        if self.requires == OF_IMAGES:
            # The feature is that of the image, so the mean over its predictions comes first.
            probs = batch[CLASS_PROBS].values
            errors = _errors(probs, probs.argmax(dim=2)).mean(dim=1, keepdim=True)
            features = batch[EMBEDDING].float().unsqueeze(1)
        else:
            found = batch[DETECTIONS]
            ones = ones_above(found, self._min_score).unsqueeze(-1)
            features = batch[BOX_FEATURES].float().masked_fill(ones == 0, 0)
            labels = found.labels.masked_fill(~found.valid, 0)
            errors = (_errors(found.probs, labels) * ones).masked_fill(ones == 0, 0)
            errors = errors / ones.sum(dim=1, keepdim=True).clamp(min=1)
        width = features.shape[-1]
        if self._dimensions is not None and width > self._dimensions:
            features = features @ projection(width, self._dimensions, seed).to(features.device)
        mean: Tensor = errors.transpose(1, 2) @ features  # [B, K, N] @ [B, N, F] -> [B, K, F]
        return mean.flatten(1)


def _errors(probs: Tensor, labels: Tensor) -> Tensor:
    """Of each prediction, p - onehot, [B, N, K]."""
    return probs.float() - torch.nn.functional.one_hot(labels, probs.shape[-1])


def projection(width: int, dimensions: int, seed: int) -> "Float[Tensor, 'F D']":
    """A random matrix that keeps lengths on average."""
    drawn = np.random.default_rng(seed).standard_normal((width, dimensions), dtype=np.float32)
    return torch.from_numpy(drawn) / math.sqrt(dimensions)

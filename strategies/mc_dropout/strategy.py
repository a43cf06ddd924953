"""Mutual information of several opinions: what they disagree on, not what none of them knows."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alframe.config.checks import Checks
from alframe.detectors.box_ops import box_iou
from alframe.detectors.losses import at_least_float32
from alframe.shaped import Float
from alframe.signals import SAMPLES, ClassProbs, Detections, SignalBatch
from alframe.strategies.uncertainty import AGGREGATES, Aggregate, aggregate, entropy
from alframe.strategy import ScoringStrategy
from alframe.training.device import to_device


class MutualInformation(ScoringStrategy):
    """Chooses images on whose objects, or class, several opinions disagree most.

    BALD (Houlsby et al., 2011, section 2.2; Gal et al., "Deep Bayesian Active Learning with Image
    Data", ICML 2017, section 3): the entropy of the mean of class distributions less the mean of
    their entropies, in nats. Opinions are passes with dropout, or members of an ensemble.

    Detections of the opinions are put together to objects, as in Miller et al., "Dropout Sampling
    for Robust Object Detection" (ICRA 2018, section III), one after the other, the largest score
    first: of each opinion the detection that overlaps it most, by ``iou`` at least. Where the
    detector is a sigmoid one, mutual informations of the classes are added up.

    # Deviation: the paper of Miller et al. groups at an IoU of 0.95, and leaves out who does not
    see an object; here it has an opinion: background, or no class. That of the boxes' places has
    no part in it.

    An image on which no opinion sees anything scores ``empty``. Where images are classified as a
    whole there is nothing to be put together: no option has an effect.

    Cost: as many forward passes over the pool as there are opinions; O(opinions x detections)
    steps an image to put them together.

    Args:
        iou: least overlap of detections of one object.
        aggregate: how objects make one number for the image: ``mean``, ``topk``, ``sum``, which
            favours crowded images, or ``max``, which favours single odd objects.
        k: objects that ``topk`` averages, the most uncertain ones.
        min_score: an object is begun by a detection above this score.
        empty: score of an image without detections; 0 chooses it last.

    Raises:
        ConfigError: an option is out of range.
    """

    requires = frozenset({SAMPLES})

    def __init__(
        self,
        iou: float = 0.5,
        aggregate: Aggregate = "mean",
        k: int = 10,
        min_score: float = 0.05,
        empty: float = 0.0,
    ) -> None:
        with Checks() as check:
            check.in_range("iou", iou, 0, 1)
            check.one_of("aggregate", aggregate, AGGREGATES)
            check.at_least("k", k, 1)
            check.in_range("min_score", min_score, 0, 1)
        self._iou, self._min_score, self._empty = iou, min_score, empty
        self._aggregate: Aggregate = aggregate
        self._k = k

    def score(self, batch: SignalBatch) -> "Float[Tensor, ' B']":
        """One number an image, [B]."""
        first = batch[SAMPLES][0]
        if isinstance(first, ClassProbs):
            probs = torch.stack([at_least_float32(each.values) for each in batch[SAMPLES]], dim=2)
            each = mutual_information(probs.flatten(0, 1), first.exclusive)  # [B, N, S, K]
            return each.reshape(probs.shape[:2]).mean(dim=1)
        # Here at once: they are looked through one by one.
        samples = to_device(batch[SAMPLES], torch.device("cpu"))
        return torch.stack([self._of_image(samples, row) for row in range(len(batch.ids))])

    def _of_image(self, samples: tuple[Detections, ...], row: int) -> Tensor:
        exclusive = samples[0].exclusive
        opinions = objects(samples, row, self._iou, self._min_score)  # [O, S, K]
        if not len(opinions):
            return torch.tensor(self._empty, dtype=torch.float64)
        each = mutual_information(opinions, exclusive).unsqueeze(0)
        everyone = torch.ones_like(each, dtype=torch.bool)
        return aggregate(each, everyone, self._aggregate, self._k)[0].double()


def mutual_information(probs: "Float[Tensor, 'O S K']", exclusive: bool) -> "Float[Tensor, ' O']":
    """Entropy of the mean of S opinions less the mean of their entropies, in nats."""
    whole = entropy(probs.mean(dim=1), exclusive)
    return (whole - entropy(probs, exclusive).mean(dim=1)).clamp(min=0)


def objects(
    samples: tuple[Detections, ...], row: int, iou: float, min_score: float
) -> "Float[Tensor, 'O S K']":
    """What each opinion says of each object of one image; background, or no class, if nothing."""
    kept = [found.valid[row] for found in samples]
    counts = [int(k.sum()) for k in kept]
    columns = (
        torch.cat([getattr(f, name)[row][k] for f, k in zip(samples, kept, strict=True)])
        for name in ("boxes", "scores", "probs")
    )
    boxes, scores, probs = (at_least_float32(column).numpy() for column in columns)
    silent = np.zeros((len(samples), probs.shape[1]))
    if samples[0].exclusive:
        silent[:, -1] = 1
    # A row of places for each opinion, filled up with one that is never left.
    owner, padding = np.repeat(np.arange(len(samples)), counts), len(scores)
    places = np.full((len(samples), max(counts)), padding)
    places[np.arange(max(counts)) < np.array(counts)[:, None]] = np.arange(padding)
    left = np.arange(padding + 1) < padding
    overlaps = np.pad(_overlaps(boxes), ((0, 0), (0, 1)))
    opinions: list[NDArray[np.float64]] = []
    for first in np.argsort(-scores, kind="stable"):
        if not left[first] or scores[first] <= min_score:
            continue
        near = np.where(left[places], overlaps[first][places], -1)
        matches = np.take_along_axis(places, near.argmax(axis=1)[:, None], axis=1)[:, 0]
        matches[~(near.max(axis=1) >= iou)] = padding
        matches[owner[first]] = first
        hit = matches != padding
        said = silent.copy()
        said[hit] = probs[matches[hit]]
        left[matches] = False
        opinions.append(said)
    if not opinions:
        return torch.zeros(0, *silent.shape, dtype=torch.float64)
    return torch.from_numpy(np.stack(opinions))


def _overlaps(boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """The IoU of each of M boxes with each, [M, M]."""
    own = torch.from_numpy(boxes).double()
    found: NDArray[np.float64] = box_iou(own, own).numpy()
    return found

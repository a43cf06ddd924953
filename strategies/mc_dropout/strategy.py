"""Mutual information of several opinions: what they disagree on, not what none of them knows."""

import torch
from torch import Tensor

from alframe.config.checks import at_least, in_range, one_of
from alframe.detectors.box_ops import box_iou
from alframe.learner import SAMPLES, Detections, SignalBatch
from alframe.shaped import Float
from alframe.strategies.uncertainty import AGGREGATES, Aggregate, aggregate, entropy
from alframe.strategy import ScoringStrategy
from alframe.training.device import to_device


class MutualInformation(ScoringStrategy):
    """Chooses images on whose objects several opinions disagree most.

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

    An image on which no opinion sees anything scores ``empty``.

    Cost: as many forward passes over the pool as there are opinions; O(opinions x detections)
    steps an image to put them together.

    Args:
        iou: least overlap of detections of one object.
        aggregate: see :class:`~alframe.strategies.uncertainty.UncertaintyStrategy`.
        k: likewise.
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
        in_range("iou", iou, 0, 1)
        one_of("aggregate", aggregate, AGGREGATES)
        at_least("k", k, 1)
        self._iou, self._min_score, self._empty = iou, min_score, empty
        self._aggregate: Aggregate = aggregate
        self._k = k

    def score(self, batch: SignalBatch) -> "Float[Tensor, ' B']":
        """One number an image, [B]."""
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
    owner = torch.cat([torch.full((int(k.sum()),), n) for n, k in enumerate(kept)])
    boxes, scores, probs = (
        torch.cat([getattr(f, name)[row][k] for f, k in zip(samples, kept, strict=True)])
        for name in ("boxes", "scores", "probs")
    )
    silent = torch.zeros(len(samples), probs.shape[1], dtype=torch.float64)
    if samples[0].exclusive:
        silent[:, -1] = 1
    overlaps = box_iou(boxes.double(), boxes.double())
    left = torch.ones(len(scores), dtype=torch.bool)
    opinions: list[Tensor] = []
    for first in scores.argsort(descending=True, stable=True).tolist():
        if not left[first] or scores[first] <= min_score:
            continue
        said, others = silent.clone(), left & (owner != owner[first])
        said[owner[first]], left[first] = probs[first].double(), False
        for n in sorted(set(owner[others].tolist())):
            near = overlaps[first].masked_fill(~(others & (owner == n)), -1)
            overlap, match = near.max(dim=0)
            if overlap >= iou:
                said[n], left[match] = probs[match].double(), False
        opinions.append(said)
    return torch.stack(opinions) if opinions else silent.new_zeros(0, *silent.shape)

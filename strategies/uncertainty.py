"""Uncertainty sampling: entropy, margin and least confidence, aggregated to the image."""

from abc import abstractmethod
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from alframe.config.checks import Checks
from alframe.detectors.losses import at_least_float32
from alframe.errors import SelectionError
from alframe.shaped import Bool, Float
from alframe.signals import CLASS_PROBS, DETECTIONS, SignalBatch, above
from alframe.strategy import ScoringStrategy

Unit = Literal["detections", "anchors"]
Aggregate = Literal["mean", "sum", "max", "topk"]
AGGREGATES = get_args(Aggregate)
Sigmoid = Literal["binary", "softmax"]


class UncertaintyStrategy(ScoringStrategy):
    """Scores an image by the uncertainty of its predictions. Subclasses measure one prediction.

    Cost: one forward pass over the pool, O(predictions) memory for one batch.

    Args:
        unit: ``detections`` (after non-maximum suppression, score above ``min_score``) or
            ``anchors`` (every dense prediction; one an image where it is classified as a whole).
            By default (null) detections, where the model makes any.
        aggregate: how predictions make one number for the image: ``mean``, ``topk``, ``sum``,
            which favours crowded images, or ``max``, which favours single odd boxes.
        k: predictions that ``topk`` averages, the most uncertain ones.
        min_score: detections at or below it are left out; of no effect on anchors.
        empty: score of an image without detections; 0 chooses it last; of no effect on anchors.
        sigmoid: what the probabilities of a sigmoid detector are taken for: ``binary``, decisions
            of their own for each class; ``softmax``, one distribution, by a softmax over the
            logits behind them, as in the code of MI-AOD's authors (RetinaNet's 20 logits of an
            anchor; there is no background). Of no effect on a softmax detector, and
            of no use for files that hold one score a box.

    Raises:
        ConfigError: an option is out of range.
    """

    def __init__(
        self,
        unit: Unit | None = None,
        aggregate: Aggregate = "mean",
        k: int = 10,
        min_score: float = 0.05,
        empty: float = 0.0,
        sigmoid: Sigmoid = "binary",
    ) -> None:
        with Checks() as check:
            check.one_of("unit", unit, (None, *get_args(Unit)))
            check.one_of("sigmoid", sigmoid, get_args(Sigmoid))
            check.one_of("aggregate", aggregate, AGGREGATES)
            check.at_least("k", k, 1)
            check.in_range("min_score", min_score, 0, 1)
        self.requires = frozenset({CLASS_PROBS if unit == "anchors" else DETECTIONS})
        self._unit: Unit | None = unit
        self._aggregate: Aggregate = aggregate
        self._k = k
        self._min_score, self._empty, self._sigmoid = min_score, empty, sigmoid

    def adapt(self, provided: frozenset[str]) -> None:
        """Take every prediction where there are no detections, unless ``unit`` says otherwise."""
        if self._unit is None and DETECTIONS not in provided and CLASS_PROBS in provided:
            self.requires = frozenset({CLASS_PROBS})

    @abstractmethod
    def uncertainty(self, probs: "Float[Tensor, 'B N K']", exclusive: bool) -> Tensor:
        """Uncertainty of each prediction, [B, N, K] -> [B, N]; see ``ClassProbs.exclusive``."""

    def score(self, batch: SignalBatch) -> Any:
        """One number an image, [B].

        Raises:
            SelectionError: a softmax over the logit of a single class.
        """
        if CLASS_PROBS in self.requires:
            dense = batch[CLASS_PROBS]
            each = self._each(dense.values, dense.exclusive)
            return aggregate(
                each, torch.ones_like(each, dtype=torch.bool), self._aggregate, self._k
            )
        found = batch[DETECTIONS]
        valid = above(found, self._min_score)
        # a decision that is sure adds nothing to any of the measures
        binary = not found.exclusive and self._sigmoid == "binary"
        each = self._each(found.decisions if binary else found.probs, found.exclusive)
        scores = aggregate(each, valid, self._aggregate, self._k)
        return torch.where(valid.any(dim=1), scores, self._empty)

    def _each(self, probs: Tensor, exclusive: bool) -> Tensor:
        if exclusive or self._sigmoid == "binary":
            return self.uncertainty(probs, exclusive)
        if probs.shape[-1] == 1:
            raise SelectionError(
                "sigmoid: a softmax over the logit of a single class is always 1: set it to binary"
            )
        return self.uncertainty(softmaxed(probs), exclusive=True)


def softmaxed(probs: "Float[Tensor, '... K']") -> "Float[Tensor, '... K']":
    """Softmax over the logits of which ``probs`` are the sigmoids."""
    return torch.logit(probs.double(), eps=1e-12).softmax(dim=-1)


def aggregate(
    values: "Float[Tensor, 'B N']", valid: "Bool[Tensor, 'B N']", how: Aggregate, k: int
) -> "Float[Tensor, ' B']":
    """Make one number of the valid values of each row, [B, N] -> [B]; 0 where there are none."""
    if how in ("max", "topk"):
        k = min(1 if how == "max" else k, values.shape[1])
        values, where = values.masked_fill(~valid, -torch.inf).topk(k, dim=1)
        valid = valid.gather(1, where)
    total = values.masked_fill(~valid, 0.0).sum(dim=1)
    return total if how == "sum" else total / valid.sum(dim=1).clamp(min=1)


class Entropy(UncertaintyStrategy):
    """Chooses images whose predictions have the largest entropy, in nats.

    Where the detector is a sigmoid one (RetinaNet), the binary entropies of the classes are
    summed; where it is a softmax one (SSD), it is the entropy over classes and background.
    Images without detections score ``empty``. See
    :class:`~alframe.strategies.uncertainty.UncertaintyStrategy` for the options and the cost.

    MI-AOD (CVPR 2021, section 4) compares with the average of instance entropies; how its
    authors aggregated is not published. Mean over detections is the default here, and the sum of
    binary entropies is our choice for a sigmoid detector: what is left in their code takes the
    entropy of a softmax over its logits, here ``sigmoid=softmax``.
    """

    def uncertainty(self, probs: "Float[Tensor, 'B N K']", exclusive: bool) -> Tensor:
        """[B, N, K] -> [B, N]."""
        return entropy(probs, exclusive)


def entropy(probs: "Float[Tensor, '... K']", exclusive: bool) -> "Float[Tensor, '...']":
    """Entropy in nats over the last axis; 0 log 0 is 0.

    Args:
        probs: probabilities.
        exclusive: True: -sum p log p of one distribution. False: sum of the K binary entropies.
    """
    p = at_least_float32(probs)
    own = -torch.special.xlogy(p, p)
    if not exclusive:
        own = own - torch.special.xlogy(1 - p, 1 - p)
    total: Tensor = own.sum(dim=-1)
    return total


def distributions(probs: "Float[Tensor, '... K']", exclusive: bool) -> "Float[Tensor, '... K']":
    """Probabilities that sum to 1 over the last axis; those of sigmoids divided by their sum."""
    return probs if exclusive else probs / probs.sum(dim=-1, keepdim=True).clamp(min=1e-12)


class LeastConfidence(UncertaintyStrategy):
    """Chooses images whose predictions are least sure of themselves: 1 - p1 is largest.

    p1 is the probability of the likeliest outcome (Settles, "Active Learning Literature Survey",
    2009, section 3.1). Where the detector is a softmax one (SSD), an outcome is a class or
    background. Where it is a sigmoid one (RetinaNet), K classes are K independent decisions and
    an outcome is one of the 2^K sets of classes, the empty set (background) among them: p1 is
    the product over classes of max(p, 1 - p).

    Images without detections score ``empty``. See
    :class:`~alframe.strategies.uncertainty.UncertaintyStrategy` for the options and the cost.
    """

    def uncertainty(self, probs: "Float[Tensor, 'B N K']", exclusive: bool) -> Tensor:
        """[B, N, K] -> [B, N]."""
        p = at_least_float32(probs)
        return 1 - (p.amax(dim=-1) if exclusive else decided(p))


def decided(p: "Float[Tensor, '... K']") -> "Float[Tensor, '...']":
    """The probability of the likeliest outcome of K independent decisions."""
    total: Tensor = torch.maximum(p, 1 - p).prod(dim=-1)
    return total


class Margin(UncertaintyStrategy):
    """Chooses images whose predictions have the smallest margin: 1 - (p1 - p2) is largest.

    p1 and p2 are the probabilities of the two likeliest outcomes (Scheffer et al., 2001; Settles,
    "Active Learning Literature Survey", 2009, section 3.1). Where the detector is a softmax one
    (SSD), an outcome is a class or background. Where it is a sigmoid one (RetinaNet), K classes
    are K independent decisions and an outcome is one of the 2^K sets of classes, the empty set
    (background) among them: p1 is the product over classes of max(p, 1 - p), and in p2 the
    closest decision goes the other way. That is the distribution whose entropy is the sum of
    binary entropies in :class:`~alframe.strategies.uncertainty.Entropy`.

    Images without detections score ``empty``. See
    :class:`~alframe.strategies.uncertainty.UncertaintyStrategy` for the options and the cost.
    """

    def uncertainty(self, probs: "Float[Tensor, 'B N K']", exclusive: bool) -> Tensor:
        """[B, N, K] -> [B, N]."""
        p = at_least_float32(probs)
        if exclusive:
            some = p if p.shape[-1] > 1 else torch.nn.functional.pad(p, (0, 1))
            first, second = some.topk(2, dim=-1).values.unbind(dim=-1)
        else:
            first, closest = decided(p), torch.maximum(p, 1 - p).amin(dim=-1)  # closest >= 1/2
            second = first * (1 - closest) / closest
        return 1 - (first - second)

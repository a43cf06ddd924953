"""CALD: images of which a model says something else when they are changed a little."""

from functools import partial
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from alframe.config.checks import Checks, whole
from alframe.detectors.box_ops import box_iou
from alframe.shaped import Bool, Float
from alframe.signals import AUGMENTED, DETECTIONS, Detections, SignalBatch, above
from alframe.strategies.uncertainty import distributions, entropy
from alframe.strategy import Query, Selection, check_finite, top

Empty = Literal["first", "last"]


class CALD:
    """Yu et al., "Consistency-based Active Learning for Object Detection" (CVPRW 2022).

    1. Each detection is matched with the one on the changed image that overlaps it most. How
       consistent the two are is ``IoU + (1 - JS) (s + s') / 2``, JS the Jensen-Shannon divergence
       of their class distributions in nats, s and s' their scores. The informative ones are close
       to ``base``: an image's distance is the smallest of its detections' distances to it, at
       most 1, averaged over the changes; 0 for a change under which nothing is detected. The
       score is 1 less that; the best ``factor`` times the budget are candidates.
    2. Of these, the ones whose classes differ most from the labelled: JS of two softmaxes, over
       the mean number of objects of each class on a labelled image, and over the largest score of
       each class on the candidate, averaged over the image and its changes.

    An image without detections is ``first`` in both stages, as in the authors' code, or ``last``.

    # Deviation: which changes there are is the learner's matter, see
    :mod:`alframe.training.augmented`, or that of the files of predictions.

    # Deviation: probabilities of a sigmoid detector are divided by their sum.

    # Deviation: the authors' code looks at 50 detections where there are more than 40; here all
    count.

    Cost: a forward pass over the pool, and one more for each change; O(images x C) memory.

    Args:
        base: the consistency that is most informative; neither sure nor hopeless.
        factor: candidates for each image of the budget.
        min_score: detections count above this score.
        empty: when images without detections are chosen: ``first`` or ``last``.

    Raises:
        ConfigError: an option is out of range.
    """

    requires: ClassVar[frozenset[str]] = frozenset({DETECTIONS, AUGMENTED})
    signed: ClassVar[bool] = False

    def __init__(
        self,
        base: float = 1.3,
        factor: float = 1.2,
        min_score: float = 0.05,
        empty: Empty = "first",
    ) -> None:
        with Checks() as check:
            check.one_of("empty", empty, get_args(Empty))
            check.in_range("base", base, 0, 2)
            check.at_least("factor", factor, 1)
            check.in_range("min_score", min_score, 0, 1)
        self._base, self._factor, self._min_score = base, factor, min_score
        self._empty = 1.0 if empty == "first" else 0.0

    def select(self, query: Query) -> Selection:
        """Choose ``query.budget`` ids."""
        scores, shown = self._read(query)
        wanted = whole(min(len(scores), self._factor * query.budget))
        candidates = top(scores, max(query.budget, wanted))
        if not candidates:
            return Selection((), scores)
        labelled = torch.zeros(len(query.classes), dtype=torch.float64)
        for item in query.labelled:
            target = query.targets[item]
            labels = torch.from_numpy(target.labels[target.trainable()])
            labelled += labels.bincount(minlength=len(labelled)) / len(query.labelled)
        table = torch.stack([shown[item] for item in candidates])
        new = divergence(labelled.softmax(dim=0), table.softmax(dim=1))
        new[table.amax(dim=1) == 0] = torch.inf if self._empty else -torch.inf
        order = new.argsort(descending=True, stable=True)[: query.budget]
        return Selection(tuple(candidates[i] for i in order.tolist()), scores)

    def scores(self, query: Query) -> dict[str, float]:
        """How informative every unlabelled image is on its own, 0 to 1: the first stage.

        Raises:
            SelectionError: a score is not finite; the message names the image.
        """
        return self._read(query)[0]

    def _read(self, query: Query) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Scores, and the classes that each image shows, [C]; zeros where nothing is detected."""
        scores: dict[str, float] = {}
        shown: dict[str, Tensor] = {}
        totals: dict[str, float] = {}
        for batch in query.learner.signals(query.unlabelled, self.requires):
            scores.update(zip(batch.ids, self.score(batch).tolist(), strict=True))
            views = [batch[DETECTIONS], *batch[AUGMENTED]]
            valid = [above(view, self._min_score) for view in views]
            each = map(partial(largest_scores, classes=len(query.classes)), views, valid)
            table = torch.stack(list(each)).mean(dim=0)
            table = torch.where(valid[0].any(dim=1, keepdim=True), table, 0.0)
            shown.update(zip(batch.ids, table.cpu(), strict=True))
            totals.update(zip(batch.ids, table.sum(dim=1).tolist(), strict=True))
        check_finite(scores)
        check_finite(totals)
        return scores, shown

    def score(self, batch: SignalBatch) -> "Float[Tensor, ' B']":
        """The first stage for one batch, float64 [B]."""
        found = batch[DETECTIONS]
        valid = above(found, self._min_score)
        off = [self._off(found, valid, view) for view in batch[AUGMENTED]]
        scores = 1 - torch.stack(off).mean(dim=0)
        return torch.where(valid.any(dim=1), scores, self._empty)

    def _off(self, found: Detections, valid: Tensor, view: Detections) -> Tensor:
        """How far each image is from the base under one change, [B]."""
        there = above(view, self._min_score)
        if not there.shape[1]:
            return there.new_zeros(len(there), dtype=torch.float64)
        each = (consistency(found, view, there) - self._base).abs()
        least = each.masked_fill(~valid, 1).clamp(max=1).amin(dim=1) if each.shape[1] else 1.0
        return torch.where(there.any(dim=1), least, 0.0).double()


def consistency(
    found: Detections, view: Detections, there: "Bool[Tensor, 'B M']"
) -> "Float[Tensor, 'B N']":
    """``IoU + (1 - JS) (s + s') / 2`` of each detection and the one that overlaps it most.

    Args:
        found: on the image.
        view: on the changed image; M is at least 1.
        there: which of ``view`` count.
    """
    overlaps = box_iou(found.boxes.double(), view.boxes.double())  # [B, N, M]
    best, match = overlaps.masked_fill(~there.unsqueeze(1), -1).max(dim=2)
    wide = match.unsqueeze(2).expand(-1, -1, view.probs.shape[2])
    ours, theirs = (distributions(f.probs.double(), f.exclusive) for f in (found, view))
    same = 1 - divergence(ours, theirs.gather(1, wide))
    scores = found.scores.double() + view.scores.double().gather(1, match)
    return best.clamp(min=0) + same * scores / 2


def divergence(p: "Float[Tensor, '*B K']", q: "Float[Tensor, '*B K']") -> "Float[Tensor, '*B']":
    """Jensen-Shannon divergence of distributions in nats, 0 to log 2."""
    halves = [-entropy(each, exclusive=True) for each in (p, q)]
    return (entropy((p + q) / 2, exclusive=True) + sum(halves) / 2).clamp(min=0)


def largest_scores(
    found: Detections, valid: "Bool[Tensor, 'B N']", classes: int
) -> "Float[Tensor, 'B C']":
    """The largest score of each class on each image; 0 where it is not detected."""
    empty = found.scores.new_zeros(len(found.scores), classes, dtype=torch.float64)
    scores = torch.where(valid, found.scores.double(), 0.0)
    return empty.scatter_reduce(1, found.labels * valid, scores, "amax")

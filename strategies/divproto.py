"""DivProto: entropy without repetition, within images and between them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.config.checks import Checks, whole
from alframe.strategies.instances import REQUIRES, Instances, instances
from alframe.strategy import Query, Selection, check_finite, top


class DivProto:
    """Walks the ranking by entropy and rejects images that show nothing new.

    Wu et al., "Entropy-based Active Learning for Object Detection with Progressive Diversity
    Constraint" (CVPR 2022).

    1. Within an image (entropy-based NMS): the most uncertain detection is kept and those of its
       class with a cosine above ``within`` to it are dropped, again and again. The image scores
       the sum of the kept entropies.
    2. Between images (diverse prototypes): an image's prototype of a class is the entropy-weighted
       mean of the kept features. Along the ranking an image is rejected when for each of its
       classes an image taken before has a prototype with a cosine above ``between``.
    3. A share ``reserved`` of the budget is for the classes with the fewest annotated objects, a
       fraction ``rare`` of all, in equal parts: an image counts for such a class if it shows it
       with a score above ``rare_score`` and the class's part is not used up; other images share
       the rest, and are held back when that is used up.

    What is then missing of the budget is filled along the ranking: first from images that were
    held back and repeat nothing, then from all. An image without detections scores 0 and has no
    prototype: it is at the end of the ranking, behind those that are rejected as well.

    # Deviation: in the paper's algorithm 2 images that show no rare class wait until the rare
    ones have had their share, and are then taken by entropy alone.

    # Deviation: entropies are those of :func:`~alframe.strategies.uncertainty.entropy`; features
    are the signal ``box_features``, brought to length 1 before prototypes are made of them.

    Cost: one forward pass over the pool; O(images x classes shown on them x F) memory;
    O(images walked x budget x F) time at worst.

    Args:
        within: cosine above which detections of one image repeat each other.
        between: cosine above which images repeat each other in a class.
        min_score: detections count above this score.
        rare: fraction of the classes that are rare, rounded down.
        reserved: share of the budget that is theirs.
        rare_score: an image shows a rare class by a detection above this score.

    Raises:
        ConfigError: an option is out of range.
    """

    requires = REQUIRES

    def __init__(
        self,
        within: float = 0.5,
        between: float = 0.7,
        min_score: float = 0.05,
        rare: float = 0.5,
        reserved: float = 0.75,
        rare_score: float = 0.3,
    ) -> None:
        with Checks() as check:
            check.in_range("within", within, -1, 1)
            check.in_range("between", between, -1, 1)
            check.in_range("min_score", min_score, 0, 1)
            check.in_range("rare", rare, 0, 1)
            check.in_range("reserved", reserved, 0, 1)
            check.in_range("rare_score", rare_score, 0, 1)
        self._within, self._between, self._min_score = within, between, min_score
        self._rare, self._reserved, self._rare_score = rare, reserved, rare_score

    def select(self, query: Query) -> Selection:
        """Choose ``query.budget`` ids."""
        shown: dict[str, Shown] = {}
        for batch in query.learner.signals(query.unlabelled, self.requires):
            for item, found in instances(batch, self._min_score):
                shown[item] = self._summary(found)
        scores = {item: s.score for item, s in shown.items()}
        check_finite(scores)
        ranking = top(scores, len(scores))
        showing = [item for item in ranking if shown[item].prototypes]
        taken = self._walk(showing, shown, self._quotas(query), query.budget)
        return Selection(tuple(dict.fromkeys([*taken, *ranking]))[: query.budget], scores)

    def _summary(self, found: Instances) -> "Shown":
        kept = found.take(unrepeated(found, self._within))
        sure = set(found.labels[found.scores > self._rare_score].tolist())
        return Shown(float(kept.entropies.double().sum()), prototypes(kept), sure)

    def _quotas(self, query: Query) -> dict[int, int]:
        """How many images each rare class is entitled to."""
        targets = (query.targets[item] for item in query.labelled)
        counts = Counter(int(label) for t in targets for label in t.labels[t.trainable()])
        order = sorted(range(len(query.classes)), key=lambda c: (counts[c], c))
        rare = order[: whole(self._rare * len(order))]
        return {c: whole(self._reserved * query.budget / len(rare)) for c in rare}

    def _walk(
        self, ranking: Sequence[str], shown: "dict[str, Shown]", quotas: dict[int, int], n: int
    ) -> list[str]:
        taken, held_back = Taken(self._between), []
        free = n - sum(quotas.values())
        for item in ranking:
            if len(taken.ids) == n:
                break
            entitled = [c for c in sorted(shown[item].sure) if quotas.get(c, 0) > 0]
            if not (entitled or free):
                held_back.append(item)
            elif taken.add(item, shown[item].prototypes):
                free -= not entitled
                for c in entitled:
                    quotas[c] -= 1
        for item in held_back:
            if len(taken.ids) < n:
                taken.add(item, shown[item].prototypes)
        return taken.ids


@dataclass(frozen=True)
class Shown:
    """What is kept of an image: score, prototypes by class, classes that it surely shows."""

    score: float
    prototypes: dict[int, Tensor]
    sure: set[int]


class Taken:
    """The images that are taken, and their prototypes by class.

    Args:
        threshold: cosine above which prototypes repeat each other.
    """

    def __init__(self, threshold: float) -> None:
        self.ids: list[str] = []
        self._threshold, self._known = threshold, dict[int, Tensor]()

    def add(self, item: str, prototypes: dict[int, Tensor]) -> bool:
        """Take an image, unless all of its prototypes repeat others: whether it was taken."""
        known = self._known
        if all(
            c in known and float((known[c] @ prototype).max()) > self._threshold
            for c, prototype in prototypes.items()
        ):
            return False
        self.ids.append(item)
        for c, prototype in prototypes.items():
            row = prototype.unsqueeze(0)
            known[c] = torch.cat([known[c], row]) if c in known else row
        return True


def unrepeated(found: Instances, threshold: float) -> Tensor:
    """Rows that are kept, the most uncertain first, of equal ones the first."""
    order = found.entropies.sort(descending=True, stable=True).indices
    labels, features = found.labels[order], found.features[order]
    same = labels.unsqueeze(1) == labels
    repeats = (same & (features @ features.T > threshold)).tolist()
    kept: list[int] = []
    for row in range(len(order)):
        if not any(repeats[row][other] for other in kept):
            kept.append(row)
    return order[kept]


def prototypes(found: Instances) -> dict[int, Tensor]:
    """Of each class the entropy-weighted mean of its features, of length 1."""
    weighted = found.features * found.entropies.unsqueeze(1)
    sums = {c: weighted[found.labels == c].sum(dim=0) for c in sorted(set(found.labels.tolist()))}
    return {c: v / v.norm().clamp(min=1e-12) for c, v in sums.items()}

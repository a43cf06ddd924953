"""Random with a quota for each predicted class: tells class balance from informativeness."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import ClassVar

from alframe.learner import DETECTIONS
from alframe.strategy import Query, Selection


class BalancedRandom:
    """Draws at random, in turn for each class, an image on which the class is predicted.

    The budget is shared evenly among the classes; a class that is predicted on too few images
    leaves its share to the others. The order of the turns is drawn too, so that a budget that
    does not divide evenly favours no class. Images that show nothing are drawn, uniformly, when
    no others are left.

    A strong control: it knows the classes and nothing of uncertainty. An image counts for every
    class predicted on it. It has no paper; the rule is ours.

    Cost: one forward pass over the pool; O(images x classes) memory.

    Args:
        min_score: a class is predicted on an image by a detection above this score.
    """

    requires: ClassVar[frozenset[str]] = frozenset({DETECTIONS})

    def __init__(self, min_score: float = 0.3) -> None:
        self._min_score = min_score

    def select(self, query: Query) -> Selection:
        """Draw ``query.budget`` ids with the query's generator."""
        ids = sorted(query.unlabelled)
        order = [ids[i] for i in query.rng.permutation(len(ids))]
        return Selection(by_turns(query, order, self._min_score))


def by_turns(query: Query, ranked: Sequence[str], min_score: float) -> tuple[str, ...]:
    """``query.budget`` of ``ranked``: for each class in turn the first on which it is predicted.

    The order of the turns is drawn. Those that show nothing come when no others are left.
    """
    turns = query.rng.permutation(len(query.classes)).tolist()
    shown = _shown(query, min_score)
    queues = [deque(i for i in ranked if label in shown[i]) for label in turns]
    taken = dict.fromkeys([*_in_turn(queues), *ranked])  # each once, in the order of taking
    return tuple(taken)[: query.budget]


def _shown(query: Query, min_score: float) -> dict[str, set[int]]:
    """The classes that are predicted on each image."""
    shown: dict[str, set[int]] = {}
    for batch in query.learner.signals(query.unlabelled, frozenset({DETECTIONS})):
        found = batch[DETECTIONS]
        counts = (found.valid & (found.scores > min_score)).cpu()
        for item, labels, counted in zip(batch.ids, found.labels.cpu(), counts, strict=True):
            shown[item] = set(labels[counted].tolist())
    return shown


def _in_turn(queues: list[deque[str]]) -> Iterator[str]:
    """One of each queue in turn that no other queue has given, until all are empty."""
    taken: set[str] = set()
    while any(queues):
        for queue in queues:
            while queue:
                item = queue.popleft()
                if item not in taken:
                    taken.add(item)
                    yield item
                    break

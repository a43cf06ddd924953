"""Random with a quota for each predicted class: tells class balance from informativeness."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress

import torch

from alframe.config.checks import Checks
from alframe.errors import DIVERGED, SelectionError
from alframe.signals import CLASS_PROBS, DETECTIONS, SignalBatch, above
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
        min_score: a class is predicted on an image by a detection above this score; where there
            are none, in other tasks, by a class probability. Of an image that is classified as a
            whole the likeliest class counts, too.

    Raises:
        ConfigError: ``min_score`` is not between 0 and 1.
    """

    def __init__(self, min_score: float = 0.3) -> None:
        with Checks() as check:
            check.in_range("min_score", min_score, 0, 1)
        self.requires = frozenset({DETECTIONS})
        self._min_score = min_score

    def adapt(self, provided: frozenset[str]) -> None:
        """Do with class probabilities where there are no detections."""
        self.requires = frozenset({showing_classes(provided)})

    def select(self, query: Query) -> Selection:
        """Draw ``query.budget`` ids with the query's generator."""
        ids = query.unlabelled
        order = [ids[i] for i in query.rng.permutation(len(ids))]
        (signal,) = self.requires
        shown = ShownClasses(query, signal, self._min_score)
        return Selection(by_turns(query, order, shown.of(query.unlabelled)))


def showing_classes(provided: frozenset[str]) -> str:
    """The signal that shows classes: detections, or else class probabilities."""
    return CLASS_PROBS if DETECTIONS not in provided and CLASS_PROBS in provided else DETECTIONS


class ShownClasses:
    """The learner of a query (:class:`~alframe.strategy.SignalReader`), and what it shows.

    Whoever asks it for other signals gets those that show classes with them, in one pass.

    Args:
        query: for its learner.
        signal: that shows classes, see :func:`shown_classes`.
        min_score: see there.
    """

    def __init__(self, query: Query, signal: str, min_score: float) -> None:
        self._query, self._signal, self._min_score = query, signal, min_score
        self._known: dict[str, set[int]] = {}

    def signals(self, ids: Sequence[str], names: frozenset[str]) -> Iterator[SignalBatch]:
        """As the learner's."""
        for batch in self._query.learner.signals(ids, names | {self._signal}):
            rows = shown_classes(batch, self._min_score, len(self._query.classes))
            self._known.update(zip(batch.ids, rows, strict=True))
            yield batch

    def of(self, ids: Sequence[str]) -> Mapping[str, set[int]]:
        """The classes that are predicted on each image; looks at those that nobody asked for."""
        if left := [item for item in ids if item not in self._known]:
            for _ in self.signals(left, frozenset()):
                pass
        return self._known


def by_turns(query: Query, ranked: Sequence[str], shown: Mapping[str, set[int]]) -> tuple[str, ...]:
    """``query.budget`` of ``ranked``: for each class in turn the first on which it is shown.

    The order of the turns is drawn. Those that show nothing come when no others are left.
    """
    turns = query.rng.permutation(len(query.classes)).tolist()
    showing: dict[int, deque[str]] = {label: deque() for label in turns}
    for item in ranked:
        for label in shown[item].intersection(showing):
            showing[label].append(item)
    queues = [*showing.values()]
    taken = dict.fromkeys([*_in_turn(queues), *ranked])  # each once, in the order of taking
    return tuple(taken)[: query.budget]


def shown_classes(batch: SignalBatch, min_score: float, classes: int) -> Iterator[set[int]]:
    """The classes that are predicted on each image of a batch.

    Args:
        batch: of detections, or of class probabilities.
        min_score: detections count above it, or classes whose largest probability in the image is;
            of an image as a whole also the likeliest class.
        classes: how many there are; a background behind them is none.

    Raises:
        SelectionError: a score is not finite; the message names the image.
    """
    if DETECTIONS not in batch.values:
        dense = batch[CLASS_PROBS]
        scores = dense.values[..., :classes].amax(dim=1).cpu()  # [B, A, K] -> [B, C]
        labels, counted = torch.arange(classes).expand_as(scores), ~(scores <= min_score)
        if dense.of_whole_images(classes):
            counted |= scores == scores.amax(dim=1, keepdim=True)
    else:
        found = batch[DETECTIONS]
        scores, labels = found.scores.cpu(), found.labels.cpu()
        counted = above(found, min_score).cpu()
    for item, wrong in zip(batch.ids, (counted & ~scores.isfinite()).any(dim=1), strict=True):
        if wrong:
            raise SelectionError(f"the predictions of {item} are not finite: {DIVERGED}")
    yield from map(set, map(compress, labels.tolist(), counted.tolist()))


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

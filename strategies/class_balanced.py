"""Class-balanced: a quota for each predicted class, filled by the scores of another strategy."""

from dataclasses import replace

from alframe.config.checks import Checks
from alframe.errors import ConfigError
from alframe.signals import DETECTIONS
from alframe.strategies.balanced_random import ShownClasses, by_turns, showing_classes
from alframe.strategy import Query, Scoring, Selection, Strategy, adapted, top


class ClassBalanced:
    """Takes, in turn for each class, the best by score of the images on which it is predicted.

    :class:`~alframe.strategies.balanced_random.BalancedRandom` with scores in the place of a
    draw: the budget is shared evenly among the classes, and a class that is predicted on too few
    images leaves its share to the others. An image counts for every class predicted on it. Use it
    as ``--strategy class-balanced:entropy``. The rule is ours; it has no paper.

    Images that show nothing are taken, best first, when no others are left. The scores that are
    reported are the other strategy's. Of a strategy in two stages (``class-balanced:ppal``) it is
    the first that scores, and the second is left out.

    Cost: that of the other strategy, with whose signals those that show classes are computed;
    O(images x classes) memory.

    Args:
        of: the strategy that scores.
        min_score: a class is predicted on an image by a detection above this score.

    Raises:
        ConfigError: ``of`` gives no scores, or ``min_score`` is not between 0 and 1.
    """

    def __init__(self, of: Strategy, min_score: float = 0.3) -> None:
        if not isinstance(of, Scoring):
            raise ConfigError(
                f"class-balanced needs a strategy that scores images, such as entropy; "
                f"{type(of).__name__} does not"
            )
        with Checks() as check:
            check.in_range("min_score", min_score, 0, 1)
        self._of, self._min_score, self._signal = of, min_score, DETECTIONS

    @property
    def requires(self) -> frozenset[str]:
        """What the other strategy requires, and what shows classes."""
        return self._of.requires | {self._signal}

    def adapt(self, provided: frozenset[str]) -> None:
        """Do with class probabilities where there are no detections, and so the other strategy."""
        self._signal = showing_classes(provided)
        self._of = adapted(self._of, provided)

    def select(self, query: Query) -> Selection:
        """Let the other strategy score, and take ``query.budget`` ids by turns."""
        shown = ShownClasses(query, self._signal, self._min_score)
        scores = self._of.scores(replace(query, learner=shown))
        ranked = top(scores, len(scores))
        return Selection(by_turns(query, ranked, shown.of(query.unlabelled)), scores)

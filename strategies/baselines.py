"""Baselines that every strategy has to beat: uniform draws, and images with most objects."""

from typing import Any, ClassVar

from alframe.config.checks import Checks
from alframe.signals import DETECTIONS, SignalBatch, ones_above
from alframe.strategy import Query, ScoringStrategy, Selection


class Random:
    """Draws the budget uniformly, without replacement, from the unlabelled ids.

    Requires nothing of a learner. O(pool) time and memory.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    def select(self, query: Query) -> Selection:
        """Draw ``query.budget`` ids with the query's generator."""
        order = query.rng.permutation(len(query.unlabelled))
        return Selection(tuple(query.unlabelled[i] for i in order[: query.budget]))


class MostObjects(ScoringStrategy):
    """Chooses images with the most detections; equal numbers go to the smaller id.

    Crowded images bring more boxes for the same budget of images. A strategy that does not beat
    this one may owe its gain to that. An image without detections scores 0.

    Cost: one forward pass over the pool.

    Args:
        min_score: detections count above this score.

    Raises:
        ConfigError: ``min_score`` is not between 0 and 1.
    """

    requires = frozenset({DETECTIONS})

    def __init__(self, min_score: float = 0.3) -> None:
        with Checks() as check:
            check.in_range("min_score", min_score, 0, 1)
        self._min_score = min_score

    def score(self, batch: SignalBatch) -> Any:
        """Number of detections, [B]; NaN where a score is."""
        return ones_above(batch[DETECTIONS], self._min_score).sum(dim=1)  # [B, N] -> [B]

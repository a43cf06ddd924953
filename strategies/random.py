"""Uniform selection: the baseline that every strategy has to beat."""

from typing import ClassVar

from alframe.strategy import Query, Selection


class Random:
    """Draws the budget uniformly, without replacement, from the unlabelled ids.

    Requires nothing of a learner. O(pool) time and memory.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    def select(self, query: Query) -> Selection:
        """Draw ``query.budget`` ids with the query's generator."""
        order = query.rng.permutation(len(query.unlabelled))
        return Selection(tuple(query.unlabelled[i] for i in order[: query.budget]))

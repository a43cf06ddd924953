"""Dedup: leaves out near-duplicates of what is chosen or labelled."""

import copy
import logging
from collections.abc import Sequence
from dataclasses import replace

import torch

from alframe.config.checks import Checks
from alframe.signals import EMBEDDING
from alframe.strategies.gather import embeddings
from alframe.strategy import ChoosesByScore, Query, Selection, Strategy

logger = logging.getLogger(__name__)

ROUNDING = 1e-12
"""By so much the cosine of one direction with itself may fall short of 1."""


class Dedup:
    """Walks the choice of another strategy, best first, and skips near-duplicates.

    For video frames, bursts and re-used photographs, of which strategies love to choose all. An
    image is skipped when the cosine of its embedding with that of a labelled image, or of one
    taken before it, reaches ``similarity``. Where the whole pool has too few others, skipped ones
    fill the budget, in their order, and that is said. Use it as ``--strategy dedup:entropy``. The
    rule is ours; it has no paper.

    The other strategy is asked for ``factor`` times the budget, and for twice as many again as
    long as too few are left of these; its scores are passed on. What it does with an image
    without detections holds; an embedding of zeros is like no other.

    Cost: that of the other strategy at this larger budget, and one forward pass over the labelled
    images and its choice; O((labelled + factor x budget) x D) memory. Each further time twice as
    much, up to the whole pool; a strategy whose choice follows from its scores scores once.

    Args:
        of: the strategy that ranks: its choice is best first.
        similarity: cosine from which on two images are near-duplicates; 1 is for copies alone.
        factor: how many times the budget to look at first.

    Raises:
        ConfigError: an option is out of range.
    """

    def __init__(self, of: Strategy, similarity: float = 0.98, factor: int = 4) -> None:
        with Checks() as check:
            check.in_range("similarity", similarity, -1, 1)
            check.at_least("factor", factor, 1)
        self.requires = of.requires | {EMBEDDING}
        self._of, self._similarity, self._factor = of, similarity - ROUNDING, factor

    def select(self, query: Query) -> Selection:
        """Choose ``query.budget`` ids that are not much alike, as far as there are such."""
        ranked = self._ranked(query, wanted := self._factor * query.budget)
        kept = self._kept(query, ranked.ids)
        while len(kept) < query.budget and wanted < len(query.unlabelled):
            ranked = self._ranked(query, wanted := 2 * wanted, ranked)
            kept = self._kept(query, ranked.ids)
        if fill := min(query.budget, len(ranked.ids)) - len(kept):
            logger.warning(
                "near-duplicates among the %s chosen: %s, for no other image is unlike all that "
                "are chosen or labelled (strategy.similarity)",
                f"{query.budget:,}",
                f"{fill:,}",
            )
        ids = dict.fromkeys([*kept, *ranked.ids])
        return Selection(tuple(ids)[: query.budget], ranked.scores)

    def _ranked(self, query: Query, wanted: int, before: Selection | None = None) -> Selection:
        """The choice of the other strategy at a budget, which draws as at any other."""
        asked = replace(query, budget=wanted, rng=copy.deepcopy(query.rng))
        if before and before.scores is not None and isinstance(self._of, ChoosesByScore):
            return replace(before, ids=self._of.choose(before.scores, asked))
        return self._of.select(asked)

    def _kept(self, query: Query, ranked: Sequence[str]) -> list[str]:
        """The first ``query.budget`` of ``ranked`` that are like nothing before them."""
        if not ranked:
            return []
        found = embeddings(query, (*query.labelled, *ranked))
        # In float64 a copy has a cosine of 1 but for ROUNDING.
        units = torch.nn.functional.normalize(found.double())
        known, vectors = units[: len(query.labelled)], units[len(query.labelled) :]
        alike = torch.zeros(len(vectors), dtype=torch.bool, device=vectors.device)
        for block in torch.split(known, 1024):
            alike |= (vectors @ block.T >= self._similarity).any(dim=1)  # [N, M] -> [N]
        kept: list[str] = []
        for row, item in enumerate(ranked):
            if len(kept) < query.budget and not alike[row]:
                kept.append(item)
                alike |= vectors @ vectors[row] >= self._similarity
        return kept

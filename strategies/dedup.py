"""Dedup: leaves out near-duplicates of what is chosen or labelled."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from alframe.config.checks import Checks
from alframe.signals import EMBEDDING
from alframe.strategies.gather import embeddings
from alframe.strategy import ChoosesByScore, Query, Selection, Strategy, adapted

logger = logging.getLogger(__name__)

ROUNDING = 1e-12
"""By so much the cosine of one direction with itself may fall short of 1."""

BLOCK = 1024
"""So many images are compared with so many others at a time."""


class Dedup:
    """Keeps near-duplicates from the choice of another strategy.

    For video frames, bursts and re-used photographs, of which strategies love to choose all. An
    image is skipped when the cosine of its embedding with that of a labelled image, or of one
    kept before it, reaches ``similarity``. A choice that follows from scores is walked best first,
    so of images that are alike the best is kept. Any other strategy, whose choice is no ranking,
    chooses from a pool without near-duplicates, of which the first by name are kept. Where the
    pool has too few others, skipped ones fill the budget, in their order or by a second choice that
    knows nothing of the first, and that is said. Use it as ``--strategy dedup:entropy``. The rule
    is ours; it has no paper.

    The scores that are reported are the other strategy's. What it does with an image without
    detections holds; an embedding of zeros is like no other (its cosine counts as 0).

    Cost: that of the other strategy, and one forward pass over the labelled images and those that
    are walked: four times the budget, and twice as many again as long as too few of these are
    kept; or the pool. O((labelled + walked) x D) memory and O(walked x (labelled + kept) x D) time.

    Args:
        of: the strategy that chooses.
        similarity: cosine from which on two images are near-duplicates; 1 is for copies alone.

    Raises:
        ConfigError: an option is out of range.
    """

    def __init__(self, of: Strategy, similarity: float = 0.98) -> None:
        with Checks() as check:
            check.in_range("similarity", similarity, -1, 1)
        self._of, self._similarity = of, similarity - ROUNDING

    @property
    def requires(self) -> frozenset[str]:
        """What the other strategy requires, and embeddings."""
        return self._of.requires | {EMBEDDING}

    def adapt(self, provided: frozenset[str]) -> None:
        """Let the other strategy settle on what there is."""
        self._of = adapted(self._of, provided)

    def select(self, query: Query) -> Selection:
        """Choose ``query.budget`` ids that are not much alike, as far as there are such."""
        pool, budget = query.unlabelled, query.budget
        if isinstance(self._of, ChoosesByScore):
            ranked = self._of.select(replace(query, budget=len(pool)))
            kept = self._kept(query, ranked.ids, budget, 4 * budget)
            ids, scores = dict.fromkeys([*kept, *ranked.ids]), ranked.scores
        else:
            kept = self._kept(query, pool, len(pool), len(pool))
            chosen = self._of.select(replace(query, unlabelled=tuple(kept)))
            ids, scores = dict.fromkeys(chosen.ids), chosen.scores
            if left := budget - len(ids):
                skipped = tuple(set(pool).difference(kept))
                more = self._of.select(replace(query, unlabelled=skipped, budget=left))
                ids |= dict.fromkeys(more.ids)
                if scores is not None:
                    scores = {**scores, **(more.scores or {})}
        if budget > len(kept):
            logger.warning(
                "near-duplicates among the %s chosen: %s, for no other image is unlike all that "
                "are chosen or labelled (strategy.similarity)",
                f"{budget:,}",
                f"{budget - len(kept):,}",
            )
        return Selection(tuple(ids)[:budget], scores)

    def _kept(self, query: Query, order: Sequence[str], wanted: int, look: int) -> list[str]:
        """The first ``wanted`` of ``order`` that are like no labelled image and none before.

        Args:
            query: for its learner and labelled images.
            order: ids, the one to keep of several that are alike first.
            wanted: how many to keep.
            look: at how many to look at first; each further look is twice as wide.
        """
        known = [*self._blocks(query, query.labelled)]
        kept: list[str] = []
        start = 0
        while len(kept) < wanted and start < len(order):
            looked = order[start : start + look]
            for block in self._blocks(query, looked):
                rows = self._unlike(block, known)
                kept += [order[start + row] for row in rows]
                known.append(block[rows])
                start += len(block)
            look *= 2
        return kept[:wanted]

    @staticmethod
    def _blocks(query: Query, ids: Sequence[str]) -> Iterator[torch.Tensor]:
        """The directions of the embeddings of ``ids``, [up to BLOCK, D] each."""
        if ids:
            for part in torch.split(embeddings(query, ids, may_be_equal=True), BLOCK):
                # In float64 a copy has a cosine of 1 but for ROUNDING.
                yield torch.nn.functional.normalize(part.double())

    def _unlike(self, block: torch.Tensor, known: Sequence[torch.Tensor]) -> list[int]:
        """The rows of ``block`` that are like no row of ``known`` and none of these before."""
        alike = torch.zeros(len(block), dtype=torch.bool, device=block.device)
        for others in known:
            alike |= (block @ others.T >= self._similarity).any(dim=1)
        skipped = alike.cpu().numpy()
        near = (block @ block.T >= self._similarity).cpu().numpy()
        rows: list[int] = []
        for row in range(len(block)):
            if not skipped[row]:
                rows.append(row)
                skipped |= near[row]
        return rows

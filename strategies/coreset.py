"""Core-set selection: images that leave no image of the pool far from a labelled one."""

from typing import ClassVar

from alframe.signals import EMBEDDING
from alframe.strategies.gather import embeddings
from alframe.strategies.k_center import k_center
from alframe.strategies.points import VectorTable
from alframe.strategy import Query, Selection


class CoreSet:
    """k-center greedy on embeddings (Sener & Savarese, ICLR 2018, algorithm 1).

    Takes, again and again, the image whose embedding has the largest Euclidean distance to the
    nearest one that is labelled or taken; equal distances go to the smaller id. Embeddings are
    averages over the backbone's last level, not normalised. This is the greedy rule, which stays
    within twice the best radius, without the paper's mixed-integer refinement; MI-AOD compares
    with the greedy rule too (issue 70 of its code). With nothing labelled the smallest id is first.

    It does not look at detections: an image without any counts like every other. There are no
    scores, since an image's distance depends on what was taken before it.

    Cost: one forward pass over labelled and unlabelled images; O(images x D) memory, in the type of
    the embeddings; O(images x centres x D) time at worst, see :mod:`alframe.strategies.k_center`.
    """

    requires: ClassVar[frozenset[str]] = frozenset({EMBEDDING})

    def select(self, query: Query) -> Selection:
        """Embed every image and pick ``query.budget`` of the unlabelled ones."""
        ids = (*query.labelled, *query.unlabelled)
        if not query.budget:
            return Selection(())
        points = VectorTable(embeddings(query, ids, as_given=True))
        return Selection(tuple(ids[i] for i in k_center(points, len(query.labelled), query.budget)))

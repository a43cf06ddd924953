"""ProbCover: images around which lie the most that nothing is labelled of, for small budgets."""

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from alframe.config.checks import Checks
from alframe.shaped import Bool, Float, Int
from alframe.signals import EMBEDDING
from alframe.strategies.gather import embeddings
from alframe.strategies.k_means import k_means
from alframe.strategy import Query, Selection

AT_ONCE = 2**24
"""Cosines that are computed at a time."""
ROUNDING = 1e-6
"""By which cosines may be off."""


class ProbCover:
    """Takes, again and again, the image whose ball covers the most images that are not covered.

    Yehuda et al., "Active Learning Through a Covering Lens" (NeurIPS 2022, algorithm 1).
    Embeddings have length 1; what lies nearer than ``delta`` to a labelled image is covered. The
    radius is the largest at which a share ``purity`` of all balls is pure (section 3.3): all
    images in them are of one class, for which clusters by k-means stand in, as many as there are
    classes.

    # Deviation: the paper's embeddings are self-supervised; here they are the learner's, and
    those of pretrained weights are what the strategy is for: cold starts.

    # Deviation: the radius is found exactly, where the paper goes through a grid: a ball is pure
    as long as it ends before the nearest image of another cluster, so it is a quantile of these
    distances.

    # Deviation: when all images are covered, the radius is halved, again and again; the authors'
    code goes on in the order of names.

    It does not look at detections: an image without any counts like every other.

    Cost: one forward pass over labelled and unlabelled images; O(images x D) memory;
    O(images^2 x D) time for the radius and for each that is covered with, beside k-means.

    Args:
        delta: the radius of a ball, between 0 and 2; by default the one of ``purity``.
        purity: share of balls that are to be pure; the paper's alpha; of no effect beside
            ``delta``.
        clusters: how many stand in for classes; by default as many as there are, but two at least;
            of no effect beside ``delta``.
        iterations: of k-means, at most; of no effect beside ``delta``.

    Raises:
        ConfigError: an option is out of range.
    """

    requires: ClassVar[frozenset[str]] = frozenset({EMBEDDING})

    def __init__(
        self,
        delta: float | None = None,
        purity: float = 0.95,
        clusters: int | None = None,
        iterations: int = 100,
    ) -> None:
        with Checks() as check:
            if delta is not None and not 0 < delta <= 2:
                check.problems.append(f"delta: expected above 0 and at most 2, got {delta}")
            check.in_range("purity", purity, 0, 1)
            check.at_least("clusters", 2 if clusters is None else clusters, 2)
            check.at_least("iterations", iterations, 1)
        self._delta, self._purity = delta, purity
        self._clusters, self._iterations = clusters, iterations

    def select(self, query: Query) -> Selection:
        """Cover what is near labelled images, and pick ``query.budget`` of the others."""
        if not query.budget:
            return Selection(())
        ids = (*query.labelled, *query.unlabelled)
        points = torch.nn.functional.normalize(embeddings(query, ids))
        if self._delta is None:
            count = min(self._clusters or max(2, len(query.classes)), len(ids))
            labels = k_means(points, count, query.rng, self._iterations)
            least = pure_cosine(points, labels, self._purity)
        else:
            least = 1 - self._delta**2 / 2
        rows = covering(points, len(query.labelled), query.budget, least)
        return Selection(tuple(ids[row] for row in rows))


def pure_cosine(points: "Float[Tensor, 'N D']", labels: "Int[Tensor, ' N']", share: float) -> float:
    """The smallest cosine above which a share of the points sees none of another label.

    As the radius of a ball it is the largest: the distance of points of length 1 is
    sqrt(2 - 2 cosine). It is raised by more than cosines are off, so that a ball never reaches the
    very point at which it would stop being pure.
    """
    nearest = points.new_full((len(points),), -torch.inf)
    for rows in _blocks(torch.arange(len(points), device=points.device), len(points)):
        cosines = points @ points[rows].T
        cosines.masked_fill_(labels.unsqueeze(1) == labels[rows], -torch.inf)
        nearest = torch.maximum(nearest, cosines.amax(dim=1))
    pure = max(1, math.ceil(round(share * len(points), 6)))
    return float(nearest.sort().values[pure - 1]) + ROUNDING


def covering(points: "Float[Tensor, 'N D']", known: int, count: int, least: float) -> list[int]:
    """Rows from ``known`` on, each the one with the most uncovered points around it.

    The greedy rule for the largest coverage. Of several with as many the first is taken; when all
    is covered, balls of half the radius begin anew, and duplicates are last.

    Args:
        points: of length 1, the labelled ones first.
        known: how many of them are labelled.
        count: how many to take, at most as many as there are.
        least: points with a larger cosine than this cover each other, and each covers itself.
    """
    rows = torch.arange(len(points), device=points.device)
    left = rows >= known
    taken: list[int] = []
    least = min(least, 1 - ROUNDING)
    while len(taken) < count:
        uncovered = left & (_around(points, ~left, least) == 0)
        gains = _around(points, uncovered, least)
        while uncovered.any() and len(taken) < count:
            # The first of the largest, which torch alone does not promise.
            ranks = gains * len(points) - rows
            row = int(ranks.masked_fill(~left, -len(points)).argmax())
            taken.append(row)
            left[row] = False
            new = points @ points[row] > least
            new[row] = True
            new &= uncovered
            uncovered &= ~new
            gains -= _around(points, new, least)
        if least == 1 - ROUNDING:
            break
        least = min(1 - (1 - max(least, -1)) / 4, 1 - ROUNDING)  # half the distance
    return taken + left.nonzero().squeeze(1)[: count - len(taken)].tolist()


def _around(points: Tensor, which: "Bool[Tensor, ' N']", least: float) -> "Int[Tensor, ' N']":
    """How many of some points each point covers."""
    found = torch.zeros(len(points), dtype=torch.long, device=points.device)
    for rows in _blocks(which.nonzero().squeeze(1), len(points)):
        near = points @ points[rows].T > least
        near[rows, torch.arange(len(rows), device=rows.device)] = True
        found += near.sum(dim=1)
    return found


def _blocks(rows: "Int[Tensor, ' M']", points: int) -> Iterator["Int[Tensor, ' m']"]:
    """Some rows, as many at a time as there is room for their cosines with all points."""
    yield from torch.split(rows, max(1, AT_ONCE // points)) if len(rows) else ()

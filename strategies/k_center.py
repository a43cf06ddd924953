"""k-center greedy: again and again the point that lies farthest from all that are chosen.

Exact and lazy. The distance to the nearest centre only ever falls, so one that was computed a
while ago still bounds it from above. Only a window of the points with the largest bounds is
brought up to date, in blocked products; picks are made in it as long as they beat every bound
outside.
"""

import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from alframe.strategies.points import Points, PointSource

logger = logging.getLogger(__name__)

WINDOW = 1024
"""Points that are brought up to date at a time."""
BLOCK = 2048
"""Rows, and columns, of one product."""
BOUNDING = 256, 8
"""The first bounds come from every 8th of the centres that are given, but from 256 at least."""
TABLE = 2048
"""Windows up to this size get one product of all pairs, instead of one for each pick."""


def k_center(points: PointSource, centres: int, count: int) -> list[int]:
    """Pick ``count`` points, each the farthest from its nearest centre, and make it a centre.

    Equal to the same in float64 throughout, as long as float32 holds the squared distances; of
    points equally far the first row is picked.
    Memory is O(points); time O(points x (centres + count)) at worst, and a fraction of it
    where most points never come near the largest distance.

    Args:
        points: the centres first, then what can be picked.
        centres: how many of the points are centres from the start. Without any, the first
            row is the first pick: the guarantee of the greedy rule holds for any beginning
            (Gonzalez, 1985).
        count: how many to pick, at most as many as there are.

    Returns:
        Rows of the picks, in order.
    """
    if not count:
        return []
    search = _Search(points, max(1, centres))
    while len(search.centres) < centres + count:
        search.advance(centres + count)
    if 2 * search.alike > count:
        logger.warning(
            "%s of the %s chosen are at distance 0 from one that is labelled or chosen: the first "
            "of these by name are taken",
            f"{search.alike:,}",
            f"{count:,}",
        )
    return search.centres[centres:]


class _Search:
    """The state of :func:`k_center`: bounds, and what they are bounds of.

    Attributes:
        centres: rows of those that are given, and of the picks.
        alike: how many picks were at distance 0.
    """

    def __init__(self, points: PointSource, centres: int) -> None:
        self._points, self._given = points, centres
        self.centres, self.alike = list(range(centres)), 0
        self._width = WINDOW
        # Distances to the nearest of the first `seen` centres; and bounds, from fewer of them.
        self._exact = torch.full((len(points),), torch.inf, dtype=torch.float64)
        self._seen = torch.zeros(len(points), dtype=torch.long)
        self._exact[:centres] = -torch.inf
        self._upper = self._exact.clone()
        least, share = BOUNDING
        step = max(1, min(centres // least, share))
        some = points.take(slice(0, centres, step))
        for begin in range(centres, len(points), BLOCK):
            rows = slice(begin, begin + BLOCK)
            self._upper[rows] = points.take(rows).upper(some).cpu()

    def advance(self, until: int) -> None:
        """Bring a window up to date and pick in it, to ``until`` centres at most.

        A window in which everything was up to date, and yet nothing beat the bounds outside, is
        smaller than the number of points that are equally far: the next one is wider.
        """
        top = self._upper.topk(min(self._width + 1, len(self._upper)))
        window = top.indices[: self._width].sort().values
        outside = float(top.values[-1]) if len(window) < len(self._upper) else -torch.inf
        stale = bool((self._seen[window] < len(self.centres)).any())
        before = len(self.centres)
        known = self._pick(window, self._refreshed(window), outside, until)
        self._upper[window] = self._exact[window] = known
        self._seen[window] = len(self.centres)
        if len(self.centres) > before:
            self._width = WINDOW
        elif not stale:
            self._width *= 4

    def _refreshed(self, window: Tensor) -> Tensor:
        """The distances of the window's points to the nearest of all centres."""
        known, seen = self._exact[window], self._seen[window]
        for age in sorted(set(seen.tolist())):
            which = (seen == age).nonzero().squeeze(1)
            points = self._points.take(window[which])
            distances = known[which].to(points.left.device)
            for block in self._blocks(age):
                distances = points.nearest(self._points.take(block), distances)
            known[which] = distances.cpu()
        return known

    def _blocks(self, first: int) -> Iterator[slice | Tensor]:
        """The rows of all centres from the ``first`` on, part by part."""
        for begin in range(first, self._given, BLOCK):
            yield slice(begin, min(begin + BLOCK, self._given))  # of a slice nothing is copied
        for begin in range(max(first, self._given), len(self.centres), BLOCK):
            yield torch.tensor(self.centres[begin : begin + BLOCK])

    def _pick(self, window: Tensor, known: Tensor, outside: float, until: int) -> Tensor:
        """Pick while the farthest of the window is farther than anything outside can be."""
        points = self._points.take(window).cpu()
        products, rows = _products(points), window.tolist()
        while len(self.centres) < until:
            largest, row = known.max(dim=0)
            distance, chosen = float(largest), int(row)
            if distance <= outside:
                break
            self.alike += distance <= 0
            self.centres.append(rows[chosen])
            points.bring_nearer(chosen, products(chosen), known)
            known[chosen] = -torch.inf
        return known


def _products(points: Points) -> Callable[[int], Tensor]:
    """A function that gives the products of all points with one of them."""
    if len(points) > TABLE:
        return lambda row: points.products(points.take(slice(row, row + 1))).squeeze(1)
    return points.products(points).T.contiguous().__getitem__

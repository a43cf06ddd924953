"""k-means: seeding by distance (k-means++), and Lloyd's iterations."""

import numpy as np
import torch
from torch import Tensor

from alframe.shaped import Float, Int

BLOCK = 8192
"""Rows whose distances are computed at a time."""


def seeds(
    points: "Float[Tensor, 'N D']", count: int, rng: np.random.Generator, first: int
) -> list[int]:
    """Rows drawn one after the other, in proportion to the squared distance to the nearest drawn.

    k-means++ (Arthur & Vassilvitskii, SODA 2007, section 2.2). Where every row left is a
    duplicate of a drawn one, the first of them is next. O(N D count) time, O(N) memory.
    """
    nearest = np.full(len(points), np.inf)
    left = np.ones(len(points), dtype=np.bool_)
    drawn = [first][:count]
    while drawn and len(drawn) < count:
        left[drawn[-1]] = False
        nearest = np.where(left, np.minimum(nearest, _squares(points, drawn[-1])), 0)
        drawn.append(_drawn(nearest, left, rng.random()))
    return drawn


def _squares(points: Tensor, row: int) -> np.ndarray:
    """Squared distances to one row, from differences, so that it is 0 to a duplicate."""
    one = points[row : row + 1]
    distances = torch.cdist(points, one, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.squeeze(1).double().square().cpu().numpy()


def _drawn(weights: np.ndarray, left: np.ndarray, where: float) -> int:
    """The row at the fraction ``where`` of the sum of weights."""
    total = np.cumsum(weights)
    if total[-1] <= 0:
        return int(left.argmax())
    return int(np.searchsorted(total, where * total[-1], side="right"))  # its weight is not 0


def k_means(
    points: "Float[Tensor, 'N D']", clusters: int, rng: np.random.Generator, iterations: int
) -> "Int[Tensor, ' N']":
    """The cluster of each row: Lloyd's iterations from k-means++ seeds.

    A cluster that loses its last row keeps its centre. Stops early when nothing changes.
    """
    rows = seeds(points, clusters, rng, first=int(rng.integers(len(points))))
    centres, middle = points[rows], points.mean(dim=0)
    labels = _nearest(points, centres, middle)
    for _ in range(iterations):
        centres = _means(points, labels, centres)
        before, labels = labels, _nearest(points, centres, middle)
        if torch.equal(before, labels):
            break
    return labels


def _nearest(points: Tensor, centres: Tensor, middle: Tensor) -> Tensor:
    """The nearest centre of each row; from the middle, so that less is lost to rounding."""
    centres = centres - middle
    own = torch.linalg.vecdot(centres, centres)
    parts = [
        torch.addmm(own, block - middle, centres.T, alpha=-2).argmin(dim=1)
        for block in torch.split(points, BLOCK)
    ]
    return torch.cat(parts)


def _means(points: Tensor, labels: Tensor, centres: Tensor) -> Tensor:
    """The mean of each cluster's rows; a cluster without rows keeps its centre."""
    sums = torch.zeros_like(centres, dtype=torch.float64)
    for own, block in zip(torch.split(labels, BLOCK), torch.split(points, BLOCK), strict=True):
        sums.index_add_(0, own, block.double())
    counts = labels.bincount(minlength=len(centres)).unsqueeze(1)
    means = (sums / counts.clamp(min=1)).to(points.dtype)
    return torch.where(counts > 0, means, centres)

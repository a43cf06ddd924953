"""Points among which distances are compared fast, and exactly where it matters.

Many distances at a time come from a product in float32 (on a GPU in float64), with a bound on
its rounding error. Pairs that the bound leaves undecided are settled by differences in float64.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, Self

import torch
from torch import Tensor

from alframe.shaped import Float

SETTLED_AT_ONCE = 2**22
"""Numbers that are compared in float64 at a time."""
SAMPLED = 256
"""Vectors in whose middle the others are centred."""
ROWS = 4096
"""Vectors that are centred at a time."""


@dataclass(frozen=True)
class Points(ABC):
    """Points with a distance of the form ``own[i] + own[j] + left[i] @ right[j]``.

    Attributes:
        left: [N, E].
        low: [N], ``own`` less a bound on the point's share in rounding errors.
        high: [N], ``own`` plus that bound.
        vectors: [N, D], what exact distances are made of.
    """

    left: "Float[Tensor, 'N E']"
    low: "Float[Tensor, ' N']"
    high: "Float[Tensor, ' N']"
    vectors: "Float[Tensor, 'N D']"

    @abstractmethod
    def right(self) -> "Float[Tensor, 'N E']":
        """The other factor of the product."""

    @abstractmethod
    def exact(self, a: "Float[Tensor, 'P D']", b: "Float[Tensor, 'Q D']") -> "Float[Tensor, ' P']":
        """Distances between vectors, row by row or to a single one, in float64; 0 between equal."""

    def __len__(self) -> int:
        return len(self.left)

    def take(self, rows: Tensor | slice) -> Self:
        """Some of the points."""
        return self._each(lambda values: values[rows])

    def cpu(self) -> Self:
        """The same points in main memory."""
        return self._each(Tensor.cpu)

    def products(self, centres: Self) -> "Float[Tensor, 'N M']":
        """Distances less this point's ``own``, at most its rounding error too small."""
        return torch.addmm(centres.high, self.left, centres.right().T)

    def upper(self, centres: Self) -> "Float[Tensor, ' N']":
        """A bound from above on the distance to the nearest of ``centres``, float64."""
        return (self.products(centres).amin(dim=1) + self.high).double()

    def nearest(self, centres: Self, known: "Float[Tensor, ' N']") -> "Float[Tensor, ' N']":
        """The smaller of ``known`` and the distance to the nearest of ``centres``, in float64."""
        products = self.products(centres)
        least = torch.minimum(known.to(products.dtype), products.amin(dim=1) + self.high)
        limit = least - self.low + (centres.high - centres.low).amax()
        rows, columns = (products <= limit.unsqueeze(1)).nonzero(as_tuple=True)
        step = max(1, SETTLED_AT_ONCE // self.left.shape[1])
        for i, j in zip(torch.split(rows, step), torch.split(columns, step), strict=True):
            distances = self.exact(self.vectors[i].double(), centres.vectors[j].double())
            known = known.scatter_reduce(0, i, distances, "amin")
        return known

    def bring_nearer(
        self, row: int, products: "Float[Tensor, ' N']", known: "Float[Tensor, ' N']"
    ) -> None:
        """As :meth:`nearest`, to one of these points, with its ``products`` at hand; in place."""
        limit = known.to(products.dtype) - self.low + (self.high[row] - self.low[row])
        rows = (products <= limit).nonzero().squeeze(1)
        one = self.vectors[row : row + 1].double()
        distances = self.exact(self.vectors[rows].double(), one)
        known[rows] = torch.minimum(known[rows], distances)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        values = (getattr(self, field.name) for field in fields(self))
        return type(self)(*(change(v) if isinstance(v, Tensor) else v for v in values))


class PointSource(Protocol):
    """Points, or what makes them of some rows when they are taken."""

    def __len__(self) -> int: ...

    def take(self, rows: Tensor | slice) -> Points:
        """Some of the points."""
        ...


@dataclass(frozen=True)
class Euclidean(Points):
    """Points of a vector space; squared distances, which rank as distances do.

    ``left`` is ``vectors`` less what is in their middle, so that less is lost to rounding.
    """

    def right(self) -> Tensor:
        """Of |a - b|^2 = |a|^2 + |b|^2 - 2 a @ b."""
        return -2 * self.left

    def exact(self, a: Tensor, b: Tensor) -> Tensor:
        """Sums of squared differences."""
        return (a - b).square_().sum(dim=1)


class VectorTable:
    """Vectors in the type that they are given in, which become points where some are taken.

    Beside them it needs three numbers a vector: of a table of float16 no copy in float32 is made.
    """

    def __init__(self, vectors: "Float[Tensor, 'N D']") -> None:
        self._vectors = vectors
        working = torch.float64 if vectors.is_cuda else torch.float32
        # A mean would follow an outlier, and all bounds would be as wide as it is far.
        some = vectors[:: max(1, len(vectors) // SAMPLED)].to(working)
        self._centre = some.sort(dim=0).values[len(some) // 2] if len(some) else some.sum(dim=0)
        own = torch.cat([_squared(self._centred(part)) for part in torch.split(vectors, ROWS)])
        # A dot product of D terms is off by at most D/2 eps of |a||b| <= (|a|^2 + |b|^2) / 2
        # (Higham 2002, section 3.1), here twice; the rest is centring, adding and comparing.
        # Sums in lanes stay far below that, so there is room for the error of `own`, too.
        error = own * ((vectors.shape[1] + 32) * torch.finfo(working).eps / 2)
        self._low, self._high = own - error, own + error

    def __len__(self) -> int:
        return len(self._vectors)

    def take(self, rows: Tensor | slice) -> Euclidean:
        """Some of them, as points."""
        vectors = self._vectors[rows]
        return Euclidean(self._centred(vectors), self._low[rows], self._high[rows], vectors)

    def _centred(self, vectors: Tensor) -> Tensor:
        return vectors.to(self._centre.dtype) - self._centre


def _squared(vectors: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vecdot(vectors, vectors)
    return lengths

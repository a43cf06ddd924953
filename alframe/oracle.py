"""Who answers a query."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from alframe.datasets.base import Target


class Oracle(Protocol):
    """Annotates items.

    ``annotate`` may be asked again for items that it has answered (a resumed run does so) and
    then gives the same answer. It may return fewer items than asked, when people are still at
    work: the others stay ``queried``, the run stops there, and goes on when resumed.
    """

    def annotate(self, ids: Sequence[str]) -> Mapping[str, Target]:
        """The targets of those ``ids`` that are annotated by now."""
        ...


class SimulatedOracle:
    """Reveals the hidden ground truth of a benchmark dataset."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets

    def annotate(self, ids: Sequence[str]) -> Mapping[str, Target]:
        """The ground truth of every one of ``ids``."""
        return {i: self._targets[i] for i in ids}

"""Targets that must not be read."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from alframe.datasets.base import Dataset, Target


class PoisonedTargets(Mapping[str, Target]):
    """Annotations of which some are hidden: reading one raises.

    A hidden item is not listed and not counted, and ``in`` denies it.

    Args:
        targets: of every item.
        hidden: ids that nobody but the oracle may look up.

    Attributes:
        read: hidden items that somebody has read, whatever became of the error.
    """

    def __init__(self, targets: Mapping[str, Target], hidden: Collection[str]) -> None:
        self._targets, self._hidden = targets, frozenset(hidden)
        self.read: list[str] = []

    def __getitem__(self, item: str) -> Target:
        if item in self._hidden:
            self.read.append(item)
            raise _told(item)
        return self._targets[item]

    def check(self) -> None:
        """Raise once more, where an error may have been caught.

        Raises:
            AssertionError: a hidden item has been read.
        """
        if self.read:
            raise _told(self.read[0])

    def __contains__(self, item: object) -> bool:
        return item not in self._hidden and item in self._targets

    def __iter__(self) -> Iterator[str]:
        return (item for item in self._targets if item not in self._hidden)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _told(item: str) -> AssertionError:
    return AssertionError(
        f"the target of {item!r} was read: expected that nobody asks for the annotation of an "
        "unlabelled item"
    )


def poisoned(dataset: Dataset) -> Dataset:
    """The dataset, with every target of its pool poisoned; those of the test split are open.

    Give the oracle the targets of the original::

        Loop(dataset=poisoned(dataset), oracle=SimulatedOracle(dataset.targets), ...)
    """
    return replace(dataset, targets=PoisonedTargets(dataset.targets, dataset.pool))

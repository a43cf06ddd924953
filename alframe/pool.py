"""The pool: every item that may be labelled, its state, and when it was labelled."""

from collections.abc import Iterable
from enum import StrEnum

from alframe.errors import SelectionError


class State(StrEnum):
    """What is known of an item."""

    UNLABELLED = "unlabelled"
    QUERIED = "queried"
    LABELLED = "labelled"
    IGNORED = "ignored"


class Pool:
    """States and history of items. Ids are relative to the whole dataset, never to a subset.

    Every view is sorted by id, so that nothing depends on the order of a directory listing.

    Args:
        ids: the items, unique.

    Raises:
        ValueError: an id appears twice.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        ordered = sorted(ids)
        self._state = dict.fromkeys(ordered, State.UNLABELLED)
        self._cycle: dict[str, int] = {}
        if len(self._state) != len(ordered):
            raise ValueError("an id appears twice in the pool")

    def __len__(self) -> int:
        return len(self._state)

    @property
    def unlabelled(self) -> tuple[str, ...]:
        """Ids that a strategy may choose."""
        return self._in(State.UNLABELLED)

    @property
    def queried(self) -> tuple[str, ...]:
        """Ids that were chosen and wait for the oracle."""
        return self._in(State.QUERIED)

    @property
    def labelled(self) -> tuple[str, ...]:
        """Ids whose targets are known."""
        return self._in(State.LABELLED)

    def state(self, item: str) -> State:
        """The state of one item."""
        return self._state[item]

    def cycle(self, item: str) -> int | None:
        """The cycle for which the item was queried, or None."""
        return self._cycle.get(item)

    def query(self, ids: Iterable[str], cycle: int) -> None:
        """Mark unlabelled items as chosen; the first training that uses them is ``cycle``."""
        self._move(ids, State.UNLABELLED, State.QUERIED, cycle)

    def label(self, ids: Iterable[str]) -> None:
        """Mark queried items as annotated."""
        self._move(ids, State.QUERIED, State.LABELLED, None)

    def ignore(self, ids: Iterable[str]) -> None:
        """Mark queried items as not worth labelling (an annotator's verdict)."""
        self._move(ids, State.QUERIED, State.IGNORED, None)

    def _in(self, state: State) -> tuple[str, ...]:
        return tuple(i for i, s in self._state.items() if s is state)

    def _move(self, ids: Iterable[str], old: State, new: State, cycle: int | None) -> None:
        chosen = tuple(ids)
        wrong = [i for i in chosen if self._state.get(i) is not old]
        if wrong or len(set(chosen)) != len(chosen):
            raise SelectionError(
                f"expected unique {old} ids, got {wrong[:3] or 'an id twice'}; nothing was changed"
            )
        for item in chosen:
            self._state[item] = new
            if cycle is not None:
                self._cycle[item] = cycle

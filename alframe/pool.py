"""The pool: every item that may be labelled, and its state."""

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
    """States of items. Ids are relative to the whole dataset, never to a subset.

    Every view is sorted by id, so that nothing depends on the order of a directory listing.

    Args:
        ids: the items, unique.

    Raises:
        ValueError: an id appears twice.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        ordered = sorted(ids)
        self._state = dict.fromkeys(ordered, State.UNLABELLED)
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

    @property
    def ignored(self) -> tuple[str, ...]:
        """Ids that are not worth labelling."""
        return self._in(State.IGNORED)

    def query(self, ids: Iterable[str]) -> None:
        """Mark unlabelled items as chosen."""
        self._move(ids, State.UNLABELLED, State.QUERIED)

    def label(self, ids: Iterable[str]) -> None:
        """Mark queried items as annotated."""
        self._move(ids, State.QUERIED, State.LABELLED)

    def ignore(self, ids: Iterable[str]) -> None:
        """Mark queried items as not worth labelling (an annotator's verdict)."""
        self._move(ids, State.QUERIED, State.IGNORED)

    def _in(self, state: State) -> tuple[str, ...]:
        return tuple(i for i, s in self._state.items() if s is state)

    def _move(self, ids: Iterable[str], old: State, new: State) -> None:
        chosen = tuple(ids)
        wrong = [i for i in chosen if self._state.get(i) is not old]
        if wrong or len(set(chosen)) != len(chosen):
            raise SelectionError(
                f"expected unique {old} ids, got {wrong[:3] or 'an id twice'}; nothing was changed"
            )
        self._state |= dict.fromkeys(chosen, new)

"""Groups: what belongs together, by key."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Each = TypeVar("Each")


def by_key(pairs: Iterable[tuple[Key, Each]]) -> dict[Key, list[Each]]:
    """The second of each pair by the first, both in the order of their first appearance."""
    groups: dict[Key, list[Each]] = {}
    for key, each in pairs:
        groups.setdefault(key, []).append(each)
    return groups

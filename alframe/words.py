"""Words of messages: lists of names, and counts with their nouns."""

from collections.abc import Mapping, Sequence

MOST_NAMES = 5


def named(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are: ``a, b and 3 more``."""
    shown = ", ".join(names[:MOST_NAMES])
    rest = len(names) - MOST_NAMES
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def tallied(counts: Mapping[str, int]) -> str:
    """The first names of a tally with their counts: ``a (2), b (1) and 3 more``."""
    return named([f"{name} ({count:,})" for name, count in counts.items()])


def plural(count: int, noun: str) -> str:
    """``1 box``, ``2 boxes``, ``1,204 items``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith(('x', 's')) else 's'}"

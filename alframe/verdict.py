"""What verifying a run says of one thing that it stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal[
    "the seed", "its file", "the budget", "the stored scores", "the stored model", "the journal",
    "the oracle",
]  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """Of one selection, or of the records that reports read.

    Attributes:
        about: what was recomputed: ``initial set``, ``selection of cycle 0``, ``cycles.jsonl``.
        source: what it was recomputed from; None if it cannot be.
        problem: what is wrong, or why it cannot be recomputed; empty if it is the same.
    """

    about: str
    source: Source | None
    problem: str = ""


def compared(about: str, source: Source, stored: Sequence[str], chosen: Sequence[str]) -> Verdict:
    """Of the ids that are stored, and those that should have been chosen. The order counts."""
    missing = [i for i in chosen if i not in set(stored)]
    problem = ""
    if len(stored) != len(chosen):
        problem = f"{len(stored)} chosen instead of {len(chosen)}"
    elif missing:
        problem = f"{len(missing)} of {len(stored)} differ, {missing[0]} should have been chosen"
    elif list(stored) != list(chosen):
        problem = "the same images in another order"
    return Verdict(about, source, problem)

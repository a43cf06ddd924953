"""What verifying a run says of one thing that it stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal[
    "the seed", "its file", "the budget", "the stored scores", "the stored model", "the oracle",
    "the journal", "its checksum", "cycles.jsonl",
]  # fmt: skip
State = Literal["the same", "differs", "damaged", "gone", "unknown"]


@dataclass(frozen=True)
class Verdict:
    """Of one selection, of a file that is stored, or of the records that reports read.

    Attributes:
        about: what was looked at: ``initial set``, ``selection of cycle 0``, ``model of cycle 0``.
        source: what it was recomputed from; None if it cannot be.
        problem: what is wrong, or why it cannot be recomputed; empty if it is the same, or gone as
            the configuration has it.
        damaged: a file that was needed cannot be read.
        gone: it is a file, and not there any more.
    """

    about: str
    source: Source | None
    problem: str = ""
    damaged: bool = False
    gone: bool = False

    @property
    def state(self) -> State:
        """What it comes to."""
        if self.damaged or self.gone:
            return "damaged" if self.damaged else "gone"
        if self.source is None:
            return "unknown"
        return "differs" if self.problem else "the same"

    def __str__(self) -> str:
        """A line for people."""
        why = f", {self.problem}" if self.problem else ""
        if self.state in ("the same", "differs"):
            shown = f"{'DIFFERS' if self.problem else 'the same'}{why} (from {self.source})"
        else:
            unknown = f"cannot be recomputed{why}"
            shown = {"damaged": f"DAMAGED{why}", "gone": f"gone{why}"}.get(self.state, unknown)
        return f"{self.about}: {shown}"


def compared(about: str, source: Source, stored: Sequence[str], chosen: Sequence[str]) -> Verdict:
    """Of the ids that are stored, and those that should have been chosen. The order counts."""
    known = set(stored)
    missing = [i for i in chosen if i not in known]
    problem = ""
    if len(stored) != len(chosen):
        problem = f"{len(stored)} chosen instead of {len(chosen)}"
    elif missing:
        problem = f"{len(missing)} of {len(stored)} differ, {missing[0]} should have been chosen"
    elif list(stored) != list(chosen):
        problem = "the same images in another order"
    return Verdict(about, source, problem)

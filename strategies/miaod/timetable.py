"""How long each phase of MI-AOD lasts."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from alframe.errors import ConfigError


def phase_names(between: Sequence[str], rounds: int) -> tuple[str, ...]:
    """The phases of one fit: label, then ``rounds`` times those ``between`` and label again."""
    return ("label", *(*between, "label") * rounds)


def phase_lengths(names: Sequence[str], length: int, label_ratio: int) -> tuple[int, ...]:
    """Whole numbers that sum to ``length``; label phases are ``label_ratio`` times the others.

    Each phase ends where it would without rounding, rounded down (the code's configurations: 26
    passes at 3:1 are 6, 2, 2, 6, 2, 2, 6; 304 at 5:1 are 80, 16, 16, 80, 16, 16, 80).

    Raises:
        ConfigError: a phase would have no length.
    """
    shares = [label_ratio if name == "label" else 1 for name in names]
    ends = [length * end // sum(shares) for end in accumulate(shares, initial=0)]
    lengths = tuple(end - start for start, end in pairwise(ends))
    if not all(lengths):
        raise ConfigError(
            f"training.passes (or training.iterations) is {length}: too little for the "
            f"{len(names)} phases of MI-AOD ({', '.join(names)}); give {sum(shares)} or more, or "
            "lower learner.rounds or learner.label_ratio"
        )
    return lengths

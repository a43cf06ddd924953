"""In what runs differ that should be alike, in few words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SHOWN = 4
"""Settings that are named where many differ together."""


def differences(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """``training.lr: 0.1 (random, entropy); 1.0 (miaod)``: settings that split the runs.

    Those that split them alike share a text. One that a run lacks, since another version wrote it,
    is left out.

    Args:
        runs: the name of each, which others may have too, and its settings.
    """
    shared = [key for key in runs[0][1] if all(key in found for _, found in runs)] if runs else []
    splits: dict[tuple[int, ...], list[str]] = {}
    for key in shared:
        values = [found[key] for _, found in runs]
        splits.setdefault(tuple(map(values.index, values)), []).append(key)
    for split, keys in splits.items():
        if any(split):
            yield f"{_names(keys)}: {'; '.join(_parts(runs, split, keys[:SHOWN]))}"


def _names(keys: Sequence[str]) -> str:
    more = len(keys) - SHOWN
    return ", ".join(keys[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _parts(
    runs: Sequence[tuple[str, Mapping[str, Any]]], split: Sequence[int], keys: Sequence[str]
) -> Iterator[str]:
    """The values of each side, and who is on it."""
    for first in dict.fromkeys(split):
        values = ", ".join(str(runs[first][1][key]) for key in keys)
        names = dict.fromkeys(runs[i][0] for i, part in enumerate(split) if part == first)
        yield f"{values} ({', '.join(names)})"

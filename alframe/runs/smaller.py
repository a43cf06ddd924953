"""A budget that a pool can fill, in the proportions of one that it cannot."""

import math
from collections.abc import Mapping

SHARE = 0.2
"""Of the pool that a budget labels in the end, as on VOC and COCO in the papers (20 %, 10 %)."""


def smaller_budget(first: int, per_cycle: int, cycles: int, pool: int, *, drawn: bool) -> str:
    """Settings to try instead, as shares of the pool and in images; empty where none can do.

    Args:
        first: images of the initial set that was asked for.
        per_cycle: images of each selection.
        cycles: how many times to train.
        pool: images that there are.
        drawn: whether the initial set is drawn; one in a file stays as large as it is.
    """
    selections = cycles - 1
    kept = 0 if drawn else first
    asked = (first if drawn else 0) + per_cycle * selections
    room = min(SHARE * pool, pool - kept) if asked else 0
    factor = max(room, selections + drawn) / asked if asked else 0
    amounts = {"budget.initial": first} if drawn else {}
    amounts |= {"budget.per_cycle": per_cycle} if selections else {}
    images = {name: max(1, math.floor(factor * each)) for name, each in amounts.items()}
    if _total(images, selections) > pool - kept:
        images = dict.fromkeys(amounts, 1)
    if not images or _total(images, selections) > pool - kept:
        return ""
    shares = {name: _percent(count, pool) for name, count in images.items()}
    return f"a share of the pool such as {_settings(shares)}, or {_settings(images)}"


def _total(images: Mapping[str, int], selections: int) -> int:
    return images.get("budget.initial", 0) + selections * images.get("budget.per_cycle", 0)


def _percent(count: int, pool: int) -> str:
    """A share that is rounded down to just so many images."""
    exact = 100 * count / pool
    for digits in range(1, 12):
        up = math.ceil(round(exact * 10**digits, 6)) / 10**digits
        text = f"{up:.{digits}f}".rstrip("0").rstrip(".")
        if math.floor(round(float(text) * pool / 100, 6)) == count and float(text) <= 100:
            return f"{text}%"
    return f"{exact!r}%"


def _settings(values: Mapping[str, int | str]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())

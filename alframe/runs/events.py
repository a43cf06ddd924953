"""What each event of a journal has to have, and in which order cycles come."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Event = Mapping[str, Any]

_Check = Callable[[Any], bool]


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 53


def _is_seconds(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_names(value: Any) -> bool:
    return _is_ids(value) and bool(value)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


_KINDS: Mapping[_Check, str] = {
    _is_count: "a whole number",
    _is_seconds: "seconds",
    _is_text: "text",
    _is_ids: "a list of ids, each once",
    _is_names: "a list of names, each once",
    _is_mapping: "a mapping",
}
SCHEMA: Mapping[str, Mapping[str, _Check]] = {
    "initial": {"ids": _is_ids, "test": _is_ids, "sha256": _is_text},
    "annotated": {
        "cycle": _is_count,
        "images": _is_count,
        "objects": _is_count,
        "ignored": _is_ids,
        "extra": _is_ids,
        "sha256": _is_text,
    },
    "cycle_started": {"cycle": _is_count, "labelled": _is_count, "objects": _is_count},
    "phase_finished": {"cycle": _is_count, "phase": _is_text, "index": _is_count},
    "fitted": {"cycle": _is_count, "seconds": _is_seconds},
    "evaluated": {"cycle": _is_count, "metrics": _is_mapping, "seconds": _is_seconds},
    "selected": {"cycle": _is_count, "ids": _is_ids, "seconds": _is_seconds, "memory": _is_mapping},
    "failed": {"job": _is_text, "reason": _is_text},
}
"""Event -> key -> what its value has to be. Other events, and more keys, may be of later versions.

``failed`` is of a suite's journal; of the others, ``finished`` alone is in both and needs nothing.
"""
_MAY_HAVE: Mapping[str, Mapping[str, _Check]] = {"annotated": {"new_classes": _is_names}}
"""Likewise, where there is something to say."""
_ONCE = frozenset({"annotated", "cycle_started", "fitted", "evaluated"})
"""In a cycle; a selection is made again where cycles are added, a phase after a kill."""


def problems(events: Iterable[Event]) -> Iterator[tuple[int, str]]:
    """What is wrong with the events of a journal: their numbers, from 1, and why."""
    current, seen = 0, set[tuple[str, int]]()
    for number, event in enumerate(events, 1):
        if problem := _problem_with(event):
            yield number, problem
            continue
        if "cycle" not in event:
            continue
        kind, cycle = event["event"], event["cycle"]
        if not current <= cycle <= current + 1:
            yield number, f"cycle {cycle:,} after cycle {current:,}"
            continue
        if (kind, cycle) in seen and kind in _ONCE:
            yield number, f"{kind!r} of cycle {cycle:,} is there twice"
        current = cycle
        seen.add((kind, cycle))


def _problem_with(event: Event) -> str:
    kind = event.get("event")
    if not isinstance(kind, str):
        return "it has no event"
    may_have = _MAY_HAVE.get(kind, {})
    wanted = dict(SCHEMA.get(kind, {})) | {k: may_have[k] for k in may_have if k in event}
    if "cycle" in event:
        wanted["cycle"] = _is_count
    for key, check in wanted.items():
        if key not in event:
            return f"{kind!r} without its {key!r}"
        if not check(event[key]):
            return f"{key!r} of {kind!r} is not {_KINDS[check]}: {_short(event[key])}"
    return ""


def _short(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 1 << 63:  # repr of thousands of digits is refused
        return "a number of too many digits"
    return f"{value!r:.40}"

"""Metrics as models and learners have to give them: JSON, fractions by name, the headline first."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from alframe.learner import Metrics
from alframe.testing.expect import expect


def check_metrics(metrics: Any) -> str:
    """Hold metrics to what the framework makes of them; returns them as JSON."""
    expect(isinstance(metrics, Mapping), f"metrics are {metrics!r:.80}: expected a mapping")
    try:
        text = json.dumps(dict(metrics))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"metrics are {metrics!r:.200}: expected JSON ({error})") from error
    wrong = dict(_no_fractions(json.loads(text)))
    expect(
        not wrong, f"metrics hold {wrong}: expected names of fractions of 0 to 1, or None for none"
    )
    headline(metrics)
    return text


def headline(metrics: Metrics) -> float:
    """The first metric, by which runs are compared."""
    name, value = next(iter(metrics.items()), ("nothing", None))
    if not isinstance(value, int | float):
        raise AssertionError(
            f"the first metric is {name!r}, {value!r:.60}: expected the headline first, a number"
        )
    return float(value)


def _no_fractions(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The metrics, by dotted names, that are neither fractions, nor None, nor mappings."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _no_fractions(value, f"{name}.{key}" if name else key)
    elif isinstance(tree, bool | str | list) or (tree is not None and not 0 <= tree <= 1):
        yield name, tree

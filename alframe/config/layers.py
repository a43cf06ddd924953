"""Layers of settings: one on top of another, what is left of it, and lengths in two units."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from alframe.config.section import Section
from alframe.config.sections import DataConfig, TrainingConfig


def without_renamed(
    lower: Mapping[str, Any], upper: Mapping[str, Any], sections: Container[str]
) -> dict[str, Any]:
    """``lower``, without the components in whose place ``upper`` names others.

    Options are of the component that they were given with, and go with its name.

    Args:
        lower: nested mappings.
        upper: what is to be put on top of it.
        sections: keys of components; what a component wraps (``of``) is one as well.
    """
    kept: dict[str, Any] = {}
    for key, old in lower.items():
        new = upper.get(key)
        if key in sections and isinstance(old, dict) and isinstance(new, dict):
            if new.get("name", old.get("name")) != old.get("name", new.get("name")):
                continue
            old = without_renamed(old, new, {"of"})
        kept[key] = old
    return kept


WITH_IDLE: dict[str, type[Section]] = {each.called: each for each in (DataConfig, TrainingConfig)}
"""Sections of which some settings have an effect at certain values of others."""


def without_idle(
    lower: Mapping[str, Any], upper: Mapping[str, Any], *, alone: bool = False
) -> dict[str, Any]:
    """``lower``, without what has no effect once ``upper`` is on top of it.

    Args:
        lower: nested mappings.
        upper: likewise.
        alone: also without what ``lower`` makes idle by itself, as presets do.
    """
    kept = dict(lower)
    for name, section in WITH_IDLE.items():
        own, above = lower.get(name), upper.get(name, {})
        if isinstance(own, dict) and isinstance(above, dict):
            idle = section.idle({**own, **above})
            gone = {key for key, other in idle.items() if alone or other in above}
            kept[name] = {key: value for key, value in own.items() if key not in gone}
    return kept


OTHER = {"passes": "iterations", "iterations": "passes"}
"""Of each unit the one that it takes the place of."""


def in_one_unit(training: Mapping[str, Any]) -> dict[str, Any]:
    """A ``training`` section whose length replaces one in the other unit underneath."""
    given = [unit for unit in OTHER if unit in training]
    return {**training, OTHER[given[0]]: None} if len(given) == 1 else dict(training)


def in_one_split(layer: Mapping[str, Any]) -> dict[str, Any]:
    """A layer whose test split takes the place of images to test on that are drawn underneath."""
    dataset, budget = layer.get("dataset"), layer.get("budget") or {}
    named = isinstance(dataset, dict) and dataset.get("test") not in (None, [], "")
    if not named or not isinstance(budget, dict) or "test" in budget:
        return dict(layer)
    return {**layer, "budget": {**budget, "test": None}}


def stale_milestones(preset: Any, own: Any) -> list[str]:
    """A complaint where a length in one unit would meet a preset's milestones in the other.

    The rate would fall after 24 iterations that was to fall after 24 passes.

    Args:
        preset: its ``training`` section, if it has one.
        own: what is on top of it, if there is anything.
    """
    if not isinstance(preset, dict) or not isinstance(own, dict):
        return []
    new = next((unit for unit in OTHER if own.get(unit) and not preset.get(unit)), None)
    if new is None or not preset.get("milestones") or "milestones" in own:
        return []
    return [
        f"training.milestones={preset['milestones']} of the preset are in {OTHER[new]}, "
        f"training.{new} is not: give training.milestones in {new}, or training.schedule=cosine"
    ]


def merge(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Nested mappings on top of each other; the later wins."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                merged[key] = merge([old, value])
            else:
                merged[key] = value
    return merged


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted keys."""
    items: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            items |= flat(value, f"{prefix}{key}.")
        else:
            items[f"{prefix}{key}"] = value
    return items


def at_root(folder: str | None) -> dict[str, Any]:
    """The layer by which a dataset lies in a folder; an empty one without."""
    return {"dataset": {"root": folder}} if folder is not None else {}

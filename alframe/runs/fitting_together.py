"""Which learners and strategies go with which models: a table made from the registry."""

from collections.abc import Iterator

from alframe.config.resolve import resolve
from alframe.errors import AlframeError, PluginError
from alframe.model import provides
from alframe.plugins import Entry, registry
from alframe.runs.build import build_strategy

INNER = "random"
"""What a wrapper is tried on top of."""


def table() -> list[tuple[str, ...]]:
    """A row for each model: name, task, signals, learners and strategies that go with it.

    A strategy goes with a model if a run with the learner that it wants would begin; a model of
    another task than the built-in strategies' datasets has the same chance.
    """
    return [_row(model) for model in registry().all("models")]


def _row(model: Entry) -> tuple[str, ...]:
    try:
        signals = _listed(sorted(provides(model.load())))
    except PluginError as error:
        return model.name, "", f"left out: {error}", "", ""
    learners = [e.name for e in registry().all("learners") if e.trains and _goes(model, e.name)]
    return model.name, str(model.says("task", "detection")), signals, _listed(learners), _listed(
        _strategies(model)
    )


def _strategies(model: Entry) -> Iterator[str]:
    for entry in registry().all("strategies"):
        name = f"{entry.name}:{INNER}" if entry.wraps else entry.name
        if _goes(model, entry.learner, name):
            yield f"{entry.name}:" if entry.wraps else entry.name


def _goes(model: Entry, learner: str, strategy: str = INNER) -> bool:
    """Whether a run of the three would begin."""
    names = {"model": model.name, "learner": learner, "strategy": strategy}
    try:
        return bool(build_strategy(resolve([names])))
    except AlframeError:
        return False


def _listed(names: "list[str] | Iterator[str]") -> str:
    return ", ".join(names) or "none"

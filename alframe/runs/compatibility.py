"""Which learners and strategies go with which models: a table made from the registry."""

from collections.abc import Iterator

from alframe.config.resolve import resolve
from alframe.errors import AlframeError, PluginError
from alframe.model import streamed
from alframe.plugins import Entry, registry
from alframe.runs.build import build_strategy

ANY = "random"
"""The strategy that a learner is tried with; it requires nothing."""
PLAIN = "plain"
"""The learner that trains any model."""
INNER = "entropy"
"""What a wrapper is tried on top of: it has scores."""


def table() -> list[tuple[str, ...]]:
    """A row for each model: name, task, signals, learners and strategies that go with it.

    Signals are those of the model, and what the plain learner derives of them. A strategy goes
    with a model if a run with the learner that it wants would begin.
    """
    return [row(model) for model in registry().all("models")]


def row(model: Entry) -> tuple[str, ...]:
    """That of one model."""
    try:
        plain = registry().get("learners", PLAIN).load()
        signals, task = streamed(plain, model.load()), model.says("task")
    except PluginError as error:
        return model.name, "", f"cannot be loaded: {error}", "", ""
    datasets = [e.name for e in registry().all("datasets") if e.says("task") == task]
    # One that needs no data, if there is any.
    dataset = next((name for name in datasets if _goes(model, name, PLAIN, ANY)), "")
    learners = [e.name for e in registry().all("learners") if _goes(model, dataset, e.name, ANY)]
    strategies = _strategies(model, dataset)
    listed = (", ".join(each) or "none" for each in (sorted(signals), learners, strategies))
    return model.name, task, *listed


def _strategies(model: Entry, dataset: str) -> Iterator[str]:
    for entry in registry().all("strategies"):
        name, ending = (f"{entry.name}:{INNER}", ":") if entry.wraps else (entry.name, "")
        if _goes(model, dataset, entry.learner, name):
            yield f"{entry.name}{ending}"


def _goes(model: Entry, dataset: str, learner: str, strategy: str) -> bool:
    """Whether a run of the four would begin, if it were told how long to train."""
    names = {"model": model.name, "dataset": dataset, "learner": learner, "strategy": strategy}
    length = {"training": {"iterations": 1, "milestones": []}}  # no preset may be of the model
    try:
        config = resolve([names, length])
        return config.model is not None and bool(build_strategy(config))
    except AlframeError:
        return False

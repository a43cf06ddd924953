"""What a run settles when it begins: its precision, what is white in its images, where these lie.

All are written into the run's own ``config.yaml``, in the place of ``training.precision=auto``,
``data.white=null`` and paths that begin where the run was started, so that whatever reads a run
computes as it did, from anywhere.
"""

from pathlib import Path
from typing import Any

from alframe.config.draft import injected
from alframe.config.options import options_model
from alframe.config.path_options import is_place, words_of
from alframe.config.resolve import resolve
from alframe.config.sections import Component, RunConfig
from alframe.files.home import expanded
from alframe.plugins import Kind, registry
from alframe.runs.rundir import stored_layer


def with_precision(config: RunConfig, precision: str) -> RunConfig:
    """The configuration with this precision in the place of ``auto``."""
    if config.training is None or config.training.precision != "auto":
        return config
    training = config.training.model_copy(update={"precision": precision})
    return config.model_copy(update={"training": training})


def with_white(config: RunConfig, white: float | None) -> RunConfig:
    """The configuration with this value of white."""
    return config.model_copy(update={"data": config.data.model_copy(update={"white": white})})


def with_places(config: RunConfig) -> RunConfig:
    """The configuration with whole paths: elsewhere other files may have such names, or none.

    The file of ``model.weights`` is part of a method, whose name for it stays; it is known again by
    its content (:mod:`alframe.runs.weights`).
    """
    dataset, oracle = _placed("datasets", config.dataset), _placed("oracles", config.oracle)
    initial = _whole(config.budget.initial_set)
    budget = config.budget.model_copy(update={"initial_set": initial})
    first = {"first_cycle": _whole(config.first_cycle)}
    parts = {"dataset": dataset, "oracle": oracle, "budget": budget}
    return config.model_copy(update=parts | first)


def _placed(kind: Kind, component: Component) -> Component:
    """A component with whole paths: by the types of its options, and ``root`` of any dataset."""
    entry = registry().get(kind, component.name)
    known = options_model(entry.load(), injected(entry)).model_fields
    whole = {
        name: _whole(value)
        for name, value in component.options.items()
        if name in known and (is_place(known[name]) or name == "root")
        if not (isinstance(value, str) and value in words_of(known[name]))
    }
    return Component(**{**component.model_dump(), **whole})


def _whole(value: Any) -> Any:
    """The whole path of what is there; another value as it is."""
    path = expanded(value) if isinstance(value, str | Path) else None
    if path is None or not path.exists():
        return value
    return path.absolute() if isinstance(value, Path) else str(path.absolute())


def as_settled(config: RunConfig, path: Path) -> RunConfig:
    """The configuration with what an earlier run has settled on, where this one leaves it open.

    Args:
        config: of the run.
        path: where it is kept. If there is no run yet, the one counts whose first cycle is to be
            taken over; without any, a new one computes in bf16 on a device that is
            faster in it, and white is found in its images.
    """
    config = with_places(config)
    for folder in (path, Path(config.first_cycle or path)):
        if (folder / "config.yaml").exists():
            stored = resolve([stored_layer(folder)])
            if stored.training:
                config = with_precision(config, stored.training.precision)
            return config if config.data.white else with_white(config, stored.data.white)
    if config.training and config.training.precision == "auto":
        return with_precision(config, _precision_of(config.device))
    return config


def _precision_of(device: str) -> str:
    from alframe.training.device import faster_in_bf16, pick_device  # imports torch

    return "bf16" if faster_in_bf16(pick_device(device)) else "fp32"

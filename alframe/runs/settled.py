"""What a run settles when it begins: its precision, what is white in its images, where these lie.

All are written into the run's own ``config.yaml``, in the place of ``training.precision=auto``,
``data.white=null`` and paths that begin where the run was started, so that whatever reads a run
computes as it did, from anywhere.
"""

from collections.abc import Sequence
from pathlib import Path

from alframe.config.resolve import resolve
from alframe.config.sections import Component, RunConfig
from alframe.plugins import registry
from alframe.plugins.entry import OWN, Kind
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
    """The configuration with whole paths: elsewhere other pictures may have such names, or none.

    Of a plugin that is the root of its images alone; what else it takes for a path is not known.
    """
    dataset = _whole("datasets", config.dataset, ("annotations", "test", "data"), "root")
    oracle = _whole("oracles", config.oracle, ("document_root", "proposals"))
    return config.model_copy(update={"dataset": dataset, "oracle": oracle})


def _whole(kind: Kind, component: Component, own: Sequence[str], *others: str) -> Component:
    names = (*others, *(own if registry().get(kind, component.name).package == OWN else ()))
    given = {name: component.options.get(name) for name in names}
    paths = {name: Path(text).expanduser() for name, text in given.items() if isinstance(text, str)}
    whole = {name: str(path.absolute()) for name, path in paths.items() if path.exists()}
    return Component(**{**component.model_dump(), **whole})


def as_settled(config: RunConfig, path: Path) -> RunConfig:
    """The configuration with what an earlier run has settled on, where this one leaves it open.

    Args:
        config: of the run.
        path: where it is kept. If there is no run yet, the one counts whose first cycle is to be
            taken over; without any, a new one computes in bf16 on a device that has the
            instructions for it, and white is found in its images.
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
    from alframe.training.device import has_bf16, pick_device  # imports torch

    return "bf16" if has_bf16(pick_device(device)) else "fp32"

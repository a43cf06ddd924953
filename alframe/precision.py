"""The precision of a run, once ``training.precision=auto`` has been settled.

It is written into the run's own ``config.yaml``, so that whatever reads a run computes as it did.
"""

from pathlib import Path

from alframe.config import RunConfig
from alframe.resolve import resolve
from alframe.rundir import stored_layer


def with_precision(config: RunConfig, precision: str) -> RunConfig:
    """The configuration with this precision."""
    training = config.training.model_copy(update={"precision": precision})
    return config.model_copy(update={"training": training})


def with_precision_of(config: RunConfig, path: Path) -> RunConfig:
    """The configuration with what an earlier run has settled on, where this one says ``auto``.

    Args:
        config: of the run.
        path: where it is kept. If there is no run yet, the one counts whose first cycle is to be
            taken over; without any, it stays ``auto``.
    """
    if config.training.precision != "auto":
        return config
    for folder in (path, Path(config.first_cycle or path)):
        if (folder / "config.yaml").exists():
            return with_precision(config, resolve([stored_layer(folder)]).training.precision)
    return config

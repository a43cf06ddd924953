"""What a run settles when it begins: its precision, and what is white in its images.

Both are written into the run's own ``config.yaml`` in the place of ``training.precision=auto`` and
``data.white=null``, so that whatever reads a run computes as it did.
"""

from pathlib import Path

from alframe.config import RunConfig
from alframe.resolve import resolve
from alframe.rundir import stored_layer


def with_precision(config: RunConfig, precision: str) -> RunConfig:
    """The configuration with this precision."""
    training = config.training.model_copy(update={"precision": precision})
    return config.model_copy(update={"training": training})


def with_white(config: RunConfig, white: float | None) -> RunConfig:
    """The configuration with this value of white."""
    return config.model_copy(update={"data": config.data.model_copy(update={"white": white})})


def as_settled(config: RunConfig, path: Path) -> RunConfig:
    """The configuration with what an earlier run has settled on, where this one leaves it open.

    Args:
        config: of the run.
        path: where it is kept. If there is no run yet, the one counts whose first cycle is to be
            taken over; without any, it stays open.
    """
    for folder in (path, Path(config.first_cycle or path)):
        if (folder / "config.yaml").exists():
            stored = resolve([stored_layer(folder)])
            if config.training.precision == "auto":
                config = with_precision(config, stored.training.precision)
            return config if config.data.white else with_white(config, stored.data.white)
    return config

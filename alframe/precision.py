"""The precision of a run, where ``training.precision`` is ``auto``.

It is written into the run's own ``config.yaml``, so that whatever reads a run computes as it did.
"""

from pathlib import Path

from alframe.config import RunConfig
from alframe.resolve import resolve
from alframe.rundir import stored_layer


def settled(config: RunConfig, path: Path) -> RunConfig:
    """The configuration with a precision, where it says ``auto``.

    That of the run that is there counts, or of the one whose first cycle is to be taken over. A new
    run computes in bf16 on a device that has the instructions for it.

    Args:
        config: of the run.
        path: where it is kept, or will be.
    """
    if config.training.precision != "auto":
        return config
    precision = _earlier(config, path) or _of_device(config.device)
    training = config.training.model_copy(update={"precision": precision})
    return config.model_copy(update={"training": training})


def _earlier(config: RunConfig, path: Path) -> str | None:
    for folder in (path, Path(config.first_cycle or path)):
        if (folder / "config.yaml").exists():
            return resolve([stored_layer(folder)]).training.precision
    return None


def _of_device(device: str) -> str:
    from alframe.training.device import has_bf16, pick_device  # imports torch

    return "bf16" if has_bf16(pick_device(device)) else "fp32"

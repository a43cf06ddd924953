"""Files of tensors: they appear whole, belong to one configuration, and execute nothing."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe.atomic import atomic
from alframe.errors import RunError


def save(path: Path, configuration: str, content: Mapping[str, Any]) -> None:
    """Write ``content``, and under which configuration it came about.

    Raises:
        OSError: the disk is full, or takes nothing for another reason.
    """
    import torch

    with atomic(path) as file:
        try:
            torch.save({"configuration": configuration, **content}, file)
        except RuntimeError as error:  # torch closes its archive, and says that it is too short
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load(path: Path, configuration: str, remedy: str) -> dict[str, Any]:
    """What :func:`save` wrote, on the CPU.

    Args:
        path: of the file, in a folder of the run.
        configuration: under which it has to have been written.
        remedy: what to do about a file that cannot be used, for the messages.

    Raises:
        RunError: it is missing, damaged or of another configuration.
    """
    import torch

    try:
        loaded: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: {remedy}") from error
    except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
        raise RunError(f"{path} is not a checkpoint of alframe or is damaged: {remedy}") from error
    if not isinstance(loaded, dict) or loaded.get("configuration") != configuration:
        raise RunError(
            f"{path} was written under another configuration than "
            f"{path.parents[1] / 'config.yaml'}: {remedy}"
        )
    return loaded

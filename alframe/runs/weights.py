"""Weights in a file outside of a run: a model that a run kept, or a state dict."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe.config.draft import Layer
from alframe.config.sections import RunConfig
from alframe.errors import ConfigError, RunError
from alframe.files import checkpoints
from alframe.files.home import expanded
from alframe.files.state_dicts import misfit, wrong_with

ABOUT = ("model", "learner", "training", "data", "evaluation")
"""Sections of a configuration that a model is built and fed by."""
WORDS = frozenset({"none", "pretrained"})
"""Values of ``model.weights`` that are no file."""
MADE = "expected a checkpoint of a run, or a file made by torch.save(model.state_dict())"


@dataclass(frozen=True, eq=False)
class Weights:
    """What a file of weights says.

    Attributes:
        state: by name.
        layer: the configuration, as far as the file has it; of a state dict, nothing.
        classes: names in label order, or None where the file has none.
    """

    state: Mapping[str, Any]
    layer: Layer
    classes: tuple[str, ...] | None


def about(layer: Layer, classes: Sequence[str] | None) -> Mapping[str, Any]:
    """What a checkpoint says of itself, so that it can be used where it is copied to."""
    return {
        "settings": {k: layer[k] for k in ABOUT if k in layer},
        "classes": classes and [*classes],
    }


def read_weights(path: Path) -> Weights:
    """Read a file of weights.

    Raises:
        RunError: it is damaged, of an unfinished cycle, or neither kind of file.
    """
    content = checkpoints.contents(path, MADE)
    if not isinstance(content, dict):
        raise RunError(f"{path} holds {type(content).__name__}: {MADE}")
    if "configuration" not in content:
        if wrong := wrong_with(content):
            raise RunError(f"{path} is {wrong}: {MADE}")
        return Weights(content, {}, None)
    if "about" not in content or "state" not in content:
        raise RunError(
            f"{path} does not say of which model it is: {MADE}; in a run directory, name that"
        )
    told = content["about"]
    classes, settings = told["classes"], told["settings"]
    layer = {k: settings[k] for k in ABOUT if k in settings}  # whatever else it may say
    return Weights(content["state"], layer, classes and tuple(classes))


def weights_sha256(config: RunConfig) -> str | None:
    """Of the file that ``model.weights`` names; None where it names none."""
    named = config.model.options.get("weights") if config.model else None
    if not isinstance(named, str) or named in WORDS:
        return None
    path = expanded(named)
    if not path.is_file():
        return None  # a name that a plugin knows
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_fits(state: Mapping[str, Any], own: Mapping[str, Any], path: Path) -> None:
    """Refuse weights of another model, or for other classes.

    Raises:
        ConfigError: names what is missing, unknown or of another shape.
    """
    if problem := misfit(state, own, "model"):
        raise ConfigError(
            f"{path} does not fit the model, {problem}: give its --model with model.*=... and a "
            "dataset with the classes that it was trained on"
        )

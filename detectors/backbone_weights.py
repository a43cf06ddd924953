"""Backbone weights from a file, checked key by key."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from alframe.detectors.internet import impatient
from alframe.errors import ConfigError
from alframe.files.home import expanded
from alframe.files.state_dicts import misfit, without_prefix, wrong_with

MADE = "expected a file made by torch.save(model.state_dict())"


def load_weights(body: nn.Module, path: str | Path) -> None:
    """Load a file made by ``torch.save(model.state_dict())`` into a backbone.

    Half precision is converted. Layers that the backbone does not have (classifier, final
    pooling) are left out; everything that it does have must be there, in its shape.

    Args:
        body: a timm model made with ``features_only=True``, or any module.
        path: the file, with the key names of the whole classification model.

    Raises:
        ConfigError: no such file; not a state dict; missing, unknown or mis-shaped tensors.
    """
    use_weights(body, read_weights(path), path)


def use_weights(body: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> None:
    """Give a backbone a state dict that has been read; see :func:`load_weights`.

    Args:
        body: likewise.
        state: by the key names of the whole classification model.
        path: where it came from, for messages.

    Raises:
        ConfigError: missing, unknown or mis-shaped tensors.
    """
    state = _used(state, body)
    own = body.state_dict()
    # Counters of batches, which old files lack, may stay as they are.
    whole = {
        key: value for key, value in own.items() if key.endswith(".num_batches_tracked")
    } | state
    if problem := misfit(whole, own, "backbone"):
        raise ConfigError(
            f"weights: {path} does not fit the backbone, {problem}: give the file of this very "
            "model (timm's or torchvision's key names)"
        )
    body.load_state_dict(whole)


def read_weights(path: str | Path) -> Mapping[str, Tensor]:
    """Read a file made by ``torch.save(model.state_dict())``.

    Raises:
        ConfigError: no such file; not a state dict, or with NaN.
    """
    path = expanded(path)
    if not path.is_file():
        raise ConfigError(
            f"weights: no file {path}; expected 'none', 'pretrained' or the path of a state dict"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigError(f"weights: cannot read {path}: {error}") from error
    except Exception as error:  # whatever a broken or malicious file makes of it
        # Not its text: torch advises to load the file unsafely.
        raise ConfigError(
            f"weights: cannot read {path} ({type(error).__name__}): {MADE}"
        ) from error
    if isinstance(state, Mapping) and {"configuration", "state"} <= state.keys():
        raise ConfigError(
            f"weights: {path} is the checkpoint of a run, a whole detector and not a backbone "
            f"(first_cycle=RUN takes over the first cycle of a run): {MADE}"
        )
    if wrong := wrong_with(state):
        raise ConfigError(f"weights: {path} is {wrong}: {MADE}")
    return without_prefix(state)


def stock_weights(
    weights: str, published: WeightsEnum, name: str
) -> tuple[Mapping[str, Tensor], str] | None:
    """The state dict that a network of torchvision is to have, and where it came from.

    Args:
        weights: ``"none"``, ``"pretrained"`` or the path of a state dict.
        published: what ``"pretrained"`` means.
        name: of the network, for messages.

    Raises:
        ConfigError: it cannot be had or read.
    """
    if weights == "none":
        return None
    if weights == "pretrained":
        return downloaded(published, name), published.name
    return read_weights(weights), weights


def downloaded(weights: WeightsEnum, name: str) -> Mapping[str, Tensor]:
    """The state dict of one of torchvision's classifiers, from its cache or the network.

    Raises:
        ConfigError: it cannot be had.
    """
    try:
        with impatient():
            state: Mapping[str, Tensor] = weights.get_state_dict(
                check_hash=True, weights_only=True, map_location="cpu"
            )
    except Exception as error:  # the hub raises whatever its transport does
        first = str(error).partition("\n")[0]
        raise ConfigError(
            f"weights: 'pretrained' of {name!r} could not be loaded ({first}). Without a network, "
            "give model.weights=PATH of a state dict, or model.weights=none"
        ) from error
    return state


def _used(state: Mapping[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
    """What is under a child that the backbone has, by the backbone's names."""
    children = {name for name, _ in body.named_children()}
    renamed = {_flat_name(key, children): value for key, value in state.items()}
    return {key: value for key, value in renamed.items() if key.partition(".")[0] in children}


def _flat_name(key: str, children: set[str]) -> str:
    """``stages.0.x`` -> ``stages_0.x`` where timm's feature extractor has a child of that name."""
    first, _, rest = key.partition(".")
    second, _, rest = rest.partition(".")
    joined = f"{first}_{second}"
    return f"{joined}.{rest}" if joined in children else key

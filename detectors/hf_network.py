"""Networks of transformers, from a preset, a folder or the hub; the library is imported here."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from alframe.detectors.hf_families import FAMILIES, PRESETS, Sizes, sizes_of
from alframe.detectors.internet import hub_if_reachable
from alframe.errors import ConfigError
from alframe.files.home import expanded

HUB_NAME = re.compile(r"\w[\w.-]*/[\w.-]+")
CLASS_LAYER = re.compile(r"class|score_head")
"""Layers whose size is the number of classes."""
BACKBONE = "model.backbone."
UNUSED = "mask_token"
"""Of RF-DETR's backbone, for its pre-training: no loss reaches it."""
NAMED = 3
"""How many offending keys an error names."""


def build_network(
    architecture: str, weights: str, num_classes: int, *, norm_eval: bool
) -> tuple[nn.Module, Sizes]:
    """A network of one of the :data:`.FAMILIES`, and the sizes of the images that it can take.

    Args:
        architecture: a preset, a folder with a ``config.json``, or a name on the hub.
        weights: ``"pretrained"``, those of the folder or on the hub, or ``"none"``. Layers for
            another number of classes are fresh.
        num_classes: number of classes, without background.
        norm_eval: keep the statistics of the backbone's BatchNorm.

    Raises:
        ConfigError: no transformers; an unknown architecture; weights that cannot be had or do not
            fit.
    """
    library = _library()
    place = _place(architecture, weights)
    with _quiet(library), _readable(architecture, place):
        config = _config(library, architecture, place)
        _adapt(config, num_classes, norm_eval=norm_eval)
        sizes = sizes_of(config)
        if weights == "none":
            network: nn.Module = library.AutoModelForObjectDetection.from_config(config)
        else:
            network = _pretrained(library, architecture, place, config)
    for name, parameter in network.named_parameters():
        if name.endswith(UNUSED):
            parameter.requires_grad_(False)
        elif weights == "none" and name.startswith(BACKBONE):
            parameter.requires_grad_(True)
    return network.float(), sizes


def _library() -> Any:
    """Transformers, once somebody wants a model of it.

    Raises:
        ConfigError: it is not installed, or too old.
    """
    try:
        import transformers
    except ImportError as error:
        raise ConfigError(
            f"model 'hf' needs transformers: pip install 'alframe[hf]' ({error})"
        ) from error
    lacking = [each for each in FAMILIES if each not in transformers.CONFIG_MAPPING]
    if lacking:
        raise ConfigError(
            f"model 'hf' needs transformers 5.15 or newer, got {transformers.__version__}, which "
            f"lacks {', '.join(lacking)}: pip install --upgrade 'alframe[hf]'"
        )
    return transformers


def _place(architecture: str, weights: str) -> str | None:
    """The folder, or the name on the hub; None for a preset.

    Raises:
        ConfigError: it is none of them, or a preset is to have weights.
    """
    if architecture in PRESETS:
        if weights != "none":
            example = FAMILIES[PRESETS[architecture]].example
            raise ConfigError(
                f"weights: {architecture!r} is a configuration without weights; give "
                "model.architecture a folder or a name on the Hugging Face hub that has some "
                f"(such as {example}), or say model.weights=none"
            )
        return None
    folder = expanded(architecture)
    if folder.is_dir():
        return str(folder)
    if HUB_NAME.fullmatch(architecture):
        return architecture
    raise ConfigError(
        f"architecture: {architecture!r} is not there; expected {', '.join(PRESETS)}, a folder "
        "with a config.json, or a name on the Hugging Face hub (owner/name)"
    )


def _config(library: Any, architecture: str, place: str | None) -> Any:
    """The configuration of an architecture.

    Raises:
        ConfigError: it is of no family that is known here.
    """
    if place is None:
        return library.AutoConfig.for_model(PRESETS[architecture])
    config = library.AutoConfig.from_pretrained(place, trust_remote_code=False)
    if config.model_type not in FAMILIES:
        raise ConfigError(
            f"architecture: {architecture} is a {config.model_type}, expected one of "
            f"{', '.join(FAMILIES)}"
        )
    return config


def _pretrained(library: Any, architecture: str, place: str | None, config: Any) -> nn.Module:
    """A network with the weights that lie beside its configuration.

    Raises:
        ConfigError: they do not fit; layers of classes may differ in size.
    """
    network, report = library.AutoModelForObjectDetection.from_pretrained(
        place,
        config=config,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        trust_remote_code=False,
    )
    missing = sorted(map(str, report["missing_keys"]))
    mismatched = sorted(str(key) for key, *_ in report["mismatched_keys"])
    wrong = [key for key in missing if key not in mismatched]
    wrong += [key for key in mismatched if not CLASS_LAYER.search(key)]
    if wrong:
        raise ConfigError(
            f"weights: those of {architecture} do not fit its config.json: {len(wrong)} tensors "
            f"are missing or of another shape, such as {', '.join(wrong[:NAMED])}"
        )
    return network  # type: ignore[no-any-return]


@contextlib.contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """No bars and no reports of the library's own on stderr."""
    logging = library.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _readable(architecture: str, place: str | None) -> Iterator[None]:
    """Say what cannot be had or read, whatever the library makes of it.

    Raises:
        ConfigError: it cannot.
    """
    on_hub = place is not None and not Path(place).is_dir()
    with hub_if_reachable() if on_hub else contextlib.nullcontext("") as unreachable:
        try:
            yield
        except ConfigError:
            raise
        except Exception as error:  # a folder may hold anything
            if place is None:
                raise
            first = unreachable or f"{type(error).__name__}: {' '.join(str(error).split())}"
            remedy = (
                "give model.architecture a folder that save_pretrained() wrote, or say "
                f"model.architecture={next(iter(PRESETS))} model.weights=none"
            )
            here = "is no folder here and " if on_hub else ""
            raise ConfigError(
                f"architecture: {architecture} {here}could not be loaded ({first:.200}): {remedy}"
            ) from error


def _adapt(config: Any, num_classes: int, *, norm_eval: bool) -> None:
    """Let a configuration have these classes, and images of any size.

    Raises:
        ConfigError: it has no queries, or its BatchNorm is frozen whatever is said.
    """
    if config.num_queries < 1:
        raise ConfigError(f"architecture: expected num_queries of 1 or more: {config.num_queries}")
    config.num_labels = num_classes
    for fixed in ("anchor_image_size", "eval_size"):
        if hasattr(config, fixed):
            setattr(config, fixed, None)
    if hasattr(config, "freeze_backbone_batch_norms"):
        config.freeze_backbone_batch_norms = norm_eval
    elif not norm_eval:
        raise ConfigError(
            f"norm_eval: {config.model_type} has no statistics that could be trained; leave it out"
        )

"""What ``import alframe`` offers besides classes: a configuration, a run, a selection without."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial
from numbers import Integral
from os import PathLike, fspath
from types import FunctionType
from typing import Any

import numpy as np

from alframe.config.resolve import from_file, from_overrides, is_override
from alframe.config.resolve import resolve as resolved
from alframe.config.sections import RunConfig
from alframe.errors import ConfigError, RunError, together
from alframe.files.home import expanded
from alframe.strategy import Strategy, adapted

logger = logging.getLogger(__name__)


def resolve(*settings: str | PathLike[str] | Mapping[str, Any]) -> RunConfig:
    """The configuration of a run, with all presets and defaults; the later setting wins.

    Args:
        settings: ``"key=value"``, the name of a YAML file or of a preset, or a nested mapping:
            ``{"dataset": {"name": "voc", "root": "VOCdevkit"}}``. A component may be a class:
            ``{"strategy": Mine}``; a run that is resumed finds it by its module and name.

    Raises:
        ConfigError: every problem found.
    """
    return resolved(together(*(partial(_layer, each) for each in settings)))


def run(config: RunConfig, path: str | PathLike[str]) -> Iterator[Mapping[str, Any]]:
    """Run all cycles in ``path``, yielding each as it is finished (the objects of cycles.jsonl).

    A generator: nothing begins before the first cycle is asked for (``list(run(...))``, a loop).
    A run that is there goes on where it stopped, after yielding the cycles that were finished. So
    asking people is: run until :class:`~alframe.errors.Waiting`, give the answers, run again.
    One at a time in a process: a run draws from torch's global generator.

    Raises:
        Waiting: the oracle waits for people or files.
        AlframeError: a user can mend it; see :mod:`alframe.errors`.
    """
    from alframe.runs.run import run as start

    if not isinstance(config, RunConfig):
        got = type(config).__name__
        raise ConfigError(f"expected a configuration, as alframe.resolve(...) makes it, got {got}")
    if not isinstance(path, str | PathLike):
        raise ConfigError(f"path: expected that of the run directory, got {path!r:.60}")
    if "\0" in fspath(path):
        raise ConfigError(f"path: expected text without a zero byte, got {fspath(path)!r:.60}")
    folder = expanded(path).absolute()  # wherever the caller goes between cycles
    try:
        there = (folder / "config.yaml").exists()
    except OSError as error:
        raise RunError(f"cannot write to {path}: {error.strerror}; give another path") from error
    yield from start(config, folder, resume=there)


def select(
    strategy: str | Mapping[str, Any] | Strategy,
    budget: int,
    *,
    ids: Iterable[str],
    embedding: Any = None,
    class_probs: Any = None,
    detections: Sequence[Any] | None = None,
    samples: Sequence[Sequence[Any]] = (),
    augmented: Sequence[Sequence[Any]] = (),
    object_features: Sequence[Any] | None = None,
    labelled: Iterable[str] = (),
    targets: Mapping[str, Any] | None = None,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    strict: bool = False,
) -> list[str]:
    """The ids of the images to label next, best first, from what one's own model says of them.

    What was tolerated is logged as a warning.

    Args:
        strategy: a name as on the command line, a mapping with its options
            (``{"name": "entropy", "aggregate": "max"}``), or an object.
        budget: how many.
        ids: of all images.
        embedding: [n, D], a row for each id: an array, a tensor or a memory map.
        class_probs: [n, K] of a model that classifies whole images, likewise: the probabilities
            of its classes, which add up to 1; or [S, n, K], of each member of an ensemble or pass
            with dropout.
        detections: what was found on each image: objects with ``xyxy confidence class_id``
            (supervision's), or mappings with ``boxes scores labels`` (torchvision's); and
            ``probs`` [N, K] where probabilities of ``classes``, and maybe of background last, are
            known.
        samples: what each member of an ensemble, or pass with dropout, found: lists like
            ``detections``.
        augmented: what was found on changed images, likewise for each change; boxes brought back
            to the images as they are.
        object_features: for each image [N, F], a vector for each of its detections.
        labelled: ids that are not to be chosen.
        targets: a :class:`~alframe.datasets.base.Target` by id, for strategies that look at what
            is annotated on labelled images.
        classes: names; by default the numbers of those that are found, or of ``class_probs``, or
            as many as ``probs`` has columns, none of which is then background.
        seed: of draws.
        strict: refuse to take the score of a box for the probabilities of classes.

    Raises:
        ConfigError: the strategy requires what is not given, or what is given does not fit.
        DataError: detections cannot be used.
    """
    from alframe.selecting.arrays import material_of
    from alframe.selecting.choosing import ARGUMENTS, choose

    *_, material = together(
        partial(_check_numbers, budget=(budget, 1), seed=(seed, 0)),
        partial(_chosen_by, strategy),
        partial(
            material_of,
            ids,
            embedding=embedding,
            class_probs=class_probs,
            detections=detections,
            samples=samples,
            augmented=augmented,
            object_features=object_features,
            labelled=labelled,
            targets=targets,
            classes=classes,
        ),
    )
    chooser = _chosen_by(strategy, material.signals.provides)
    tell = partial(logger.warning, "%s")
    chosen = choose(chooser, material, budget, seed, tell=tell, strict=strict, wanted=ARGUMENTS)
    return list(chosen.ids)


def _check_numbers(**numbers: tuple[object, int]) -> None:
    """Refuse what is no whole number from some least one on."""
    if wrong := [
        f"{name}: expected a whole number from {least} on, got {number!r:.60}"
        for name, (number, least) in numbers.items()
        if not isinstance(number, Integral) or isinstance(number, bool) or number < least
    ]:
        raise ConfigError(wrong)


def _chosen_by(
    strategy: str | Mapping[str, Any] | Strategy, provided: frozenset[str] | None = None
) -> Strategy:
    """The strategy of a name or of a mapping, or what was given, settled on what is provided."""
    from alframe.selecting.choosing import strategy_of

    if isinstance(strategy, str):
        strategy = {"name": strategy}
    if isinstance(strategy, Mapping):
        if "name" not in strategy:
            raise ConfigError(f'strategy: expected {{"name": NAME, ...}}, got {strategy!r:.60}')
        return strategy_of({"strategy": _as_yaml(strategy, "strategy")}, provided)
    own = hasattr(strategy, "requires") and hasattr(strategy, "select")
    if isinstance(strategy, type) or not own:
        raise ConfigError(
            f"strategy: expected a name, a mapping or an object with requires and select, got "
            f"{strategy!r:.60}{', which is to be called' if own else ''}"
        )
    return strategy if provided is None else adapted(strategy, provided)


def _layer(setting: str | PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(setting, Mapping):
        layer: dict[str, Any] = _as_yaml(setting)
        return layer
    if isinstance(setting, PathLike):
        return from_file(fspath(setting))
    if not isinstance(setting, str):
        raise ConfigError(f"expected key=value, a file or a mapping, got {setting!r:.60}")
    return from_overrides([setting]) if is_override(setting) else from_file(setting)


def _as_yaml(value: Any, where: str = "") -> Any:
    """A value as YAML has it: paths, classes, functions are text, numbers of NumPy are Python's.

    Raises:
        ConfigError: it is a function or an object that ``config.yaml`` could not name.
    """
    if isinstance(value, Mapping):
        below = f"{where}." if where else ""
        each = together(*(partial(_as_yaml, v, f"{below}{k}") for k, v in value.items()))
        return dict(zip(value, each, strict=True))
    if isinstance(value, list | tuple):
        return [_as_yaml(each, where) for each in value]
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, type | FunctionType) and "<" not in value.__qualname__:
        return f"{value.__module__}:{value.__qualname__}"
    if (type(value).__module__, type(value).__name__) == ("torch", "device"):
        return str(value)
    plain = isinstance(value, str | int | float | np.generic | np.ndarray)
    if callable(value) or is_dataclass(value) or (hasattr(value, "__dict__") and not plain):
        raise ConfigError(
            f"{where}: expected a class or function that a module or notebook has by its name, as "
            'a resumed run looks for it, with options beside it ({"name": Mine, "side": 64}), got '
            f"{value!r:.60}"
        )
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value

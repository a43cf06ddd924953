"""From a configuration to the objects that it names."""

import functools
import os
from collections.abc import Callable, Iterable, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from alframe.config import Component, DataConfig, RunConfig
from alframe.datasets.base import Dataset
from alframe.datasets.cache import CachedImages, Resize, prepared
from alframe.datasets.files import ImageFiles
from alframe.datasets.pictures import Reading
from alframe.datasets.suspicions import check_objects, looked_through
from alframe.entry import OWN
from alframe.errors import ConfigError, PluginError
from alframe.learner import Learner, LearnerSetup
from alframe.plugins import Entry, Kind, registry
from alframe.strategy import Strategy

READERS = 8
"""Threads that decode images when a dataset is prepared: decoding waits for disks as well."""


def build_strategy(config: RunConfig) -> Strategy:
    """The strategy, once it is sure that the learner provides what it requires.

    Raises:
        ConfigError: a signal is missing; names the learners that have it.
    """
    strategy = _strategy(config.strategy)
    learner = registry().get("learners", config.learner.name)
    missing = _names(strategy.requires, f"requires of strategy {config.strategy.name!r}")
    missing -= provides(learner.load())
    if missing:
        fitting = [e.name for e in registry().all("learners") if strategy.requires <= signals(e)]
        raise ConfigError(
            f"strategy {config.strategy.name!r} requires the signal {_list(missing)}, which "
            f"learner {learner.name!r} does not provide; learners that do: "
            f"{_list(fitting) or 'none'}"
        )
    return strategy


def strangers(config: RunConfig) -> list[str]:
    """What a run uses that is not alframe's own, for the reports of bugs."""
    names: tuple[tuple[Kind, list[str]], ...] = (
        ("datasets", [config.dataset.name]),
        ("detectors", [config.detector.name]),
        ("learners", [config.learner.name]),
        ("strategies", config.strategy.name.split(":")),
    )
    entries = [registry().get(kind, name) for kind, each in names for name in each]
    return [str(entry) for entry in entries if entry.package != OWN]


def provides(learner: Callable[..., Any]) -> frozenset[str]:
    """The signals that a learner's factory declares.

    Raises:
        PluginError: they are not names.
    """
    return _names(getattr(learner, "provides", frozenset()), f"provides of {learner!r:.80}")


def _names(declared: object, what: str) -> frozenset[str]:
    """Names of signals, in whichever kind of set.

    Raises:
        PluginError: it is something else.
    """
    if not isinstance(declared, Set) or not all(isinstance(name, str) for name in declared):
        raise PluginError(f"{what} is {declared!r:.80}: expected a frozenset of names of signals")
    return frozenset(declared)


def signals(learner: Entry) -> frozenset[str]:
    """What a registered learner provides; nothing if it cannot be loaded."""
    try:
        return provides(learner.load())
    except PluginError:
        return frozenset()


def build_dataset(config: RunConfig) -> Dataset:
    """The dataset, its annotations read and checked, its images not yet.

    Raises:
        DataError: it cannot be used; with every problem found.
    """
    dataset: Dataset = _factory("datasets", config.dataset)()
    images = dataset.images
    if isinstance(images, ImageFiles):
        dataset = replace(dataset, images=images.reading_as(reading(config.data)))
    return looked_through(dataset, config.detector.options.get("max_detections"))


def prepare_images(dataset: Dataset, data: DataConfig) -> Dataset:
    """Decode every image once: what is broken is found now, and the cache is filled.

    Raises:
        DataError: images that cannot be read, all of them, unless they are to be skipped.
    """
    cached = CachedImages(
        dataset.images,
        Resize(data.resize, data.long, data.short),
        mode=data.cache,
        limit_bytes=int(data.cache_gb * 2**30),
        folder=Path(data.cache_dir) if data.cache_dir else _cache_folder(),
    )
    usable = replace(prepared(dataset, cached, READERS), images=cached)
    for test in (False, True):  # again: broken images may be left out
        check_objects(usable, test=test)
    return usable


def reading(data: DataConfig) -> Reading:
    """How image files are read."""
    return Reading(max_megapixels=data.max_megapixels, white=data.white)


def white_in(dataset: Dataset) -> float | None:
    """What is white in the images of a prepared dataset; None where all of them have 8 bits."""
    return dataset.images.white if isinstance(dataset.images, CachedImages) else None


def build_learner(
    config: RunConfig, classes: tuple[str, ...], *, restored: bool = False
) -> Learner:
    """The learner, and through it the detector, for these classes.

    Args:
        config: of the run.
        classes: their names, in label order.
        restored: whether a state will be loaded, so that initial weights need not be had.
    """
    from alframe.training.device import pick_device, workers

    detector, device = config.detector, pick_device(config.device)
    if restored and "weights" in detector.options:
        detector = detector.model_copy(update={"weights": "none"})
    setup = LearnerSetup(
        classes=classes,
        device=device,
        build_model=_factory("detectors", detector, num_classes=len(classes)),
        data=config.data.model_copy(update={"workers": workers(config.data.workers, device)}),
        training=config.training,
        evaluation=config.evaluation,
    )
    learner: Learner = _factory("learners", config.learner, setup=setup)()
    return learner


def _strategy(component: Component) -> Strategy:
    """The strategy, and inside a wrapper (``power:entropy``) the one that it wraps."""
    name, _, wrapped = component.name.partition(":")
    options = component.options
    if wrapped:
        options["of"] = _strategy(Component(**options["of"]))
    strategy: Strategy = registry().get("strategies", name).make(**options)
    return strategy


def _factory(kind: Kind, component: Component, **injected: Any) -> Callable[[], Any]:
    entry = registry().get(kind, component.name)
    return functools.partial(entry.make, **injected, **component.options)


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "alframe"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))

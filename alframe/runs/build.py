"""From a configuration to the objects that it names."""

import functools
import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from alframe import oracle
from alframe.config.sections import Component, DataConfig, RunConfig
from alframe.datasets.base import Dataset, ImageSet
from alframe.datasets.cache import CachedImages, prepared
from alframe.datasets.conforming import conforming
from alframe.datasets.files import ImageFiles
from alframe.datasets.pictures import Reading, reading_as
from alframe.datasets.resize import Resize
from alframe.datasets.suspicions import check_objects, crowded, enlarged, leaving, looked_through
from alframe.datasets.unannotated import check_annotated
from alframe.errors import ConfigError, PluginError
from alframe.learner import InferenceSetup, Learner, LearnerSetup
from alframe.model import derives, provides, signal_names, streamed, unwrapped
from alframe.plugins import Entry, Kind, registry
from alframe.plugins.entry import noun
from alframe.plugins.own_code import OWN
from alframe.plugins.source_code import source_digest
from alframe.runs.budget import Plan, planned
from alframe.runs.components import made, made_strategy
from alframe.seeds import Seeds
from alframe.signals import OF_IMAGES
from alframe.strategy import Strategy
from alframe.words import did_you_mean

DIGITS = 12
"""Of a SHA-256 that is to be read."""
READERS = 8
"""Threads that decode images when a dataset is prepared: decoding waits for disks as well."""


def build_strategy(config: RunConfig) -> Strategy:
    """The strategy, once it is sure that learner and model provide what it requires.

    Raises:
        ConfigError: the learner cannot train the model, or a signal is missing; names those that
            would do.
    """
    provided = signals(config)
    strategy = made_strategy(config.strategy, provided)
    _check_model(config)
    if config.model:
        _check_measured(_model(config.model), provided)
    missing = signal_names(strategy.requires, f"requires of strategy {config.strategy.name!r}")
    missing -= provided
    if missing and _task(config) != Entry.task:  # without boxes, others would do
        missing = (made_strategy(config.strategy, OF_IMAGES).requires - provided) or missing
    if missing:
        theirs = _giving(missing, config)
        found = "; ".join(f"{k} that do: {_list(names) or 'none'}" for k, names in theirs.items())
        if not any(theirs.values()):  # nobody gives it
            found += f".{did_you_mean(min(missing), sorted(provided))}"
        lacking = f"learner {config.learner.name!r} does not provide"
        if config.model:
            model = config.model.name
            lacking = f"neither learner {config.learner.name!r} nor model {model!r} provides"
        raise ConfigError(
            f"strategy {config.strategy.name!r} requires the signal {_list(missing)}, which "
            f"{lacking}; {found}"
        )
    return strategy


def signals(config: RunConfig) -> frozenset[str]:
    """What a run can stream: the signals of its learner and those of its model."""
    learner = registry().get("learners", config.learner.name).load()
    return streamed(learner, _model(config.model).load()) if config.model else provides(learner)


def asks_people(config: RunConfig) -> bool:
    """Whether the oracle of a run asks people."""
    return oracle.is_human(registry().get("oracles", config.oracle.name).load())


def plan_of(config: RunConfig, dataset: Dataset, *, begun: bool = False) -> Plan:
    """What a run labels when.

    Args:
        config: of the run.
        dataset: that it labels.
        begun: it has drawn its first images. People may have been asked for more or fewer images a
            cycle than now: their run goes on for as many cycles as there are images for.

    Raises:
        ConfigError: the dataset cannot fill the budget.
    """
    people, budget = asks_people(config), config.budget
    if begun and people:
        budget = budget.model_copy(update={"cycles": None})
    plan = planned(budget, dataset, Seeds(config.seed), dataset.known if people else {})
    return replace(plan, cycles=config.budget.cycles)


def plugins_of(config: RunConfig) -> list[Entry]:
    """What a run uses that is not alframe's own."""
    names: tuple[tuple[Kind, list[str]], ...] = (
        ("datasets", [config.dataset.name]),
        ("models", [config.model.name] if config.model else []),
        ("learners", [config.learner.name]),
        ("strategies", registry().chain(config.strategy.name)),
        ("oracles", [config.oracle.name]),
    )
    entries = [registry().get(kind, name) for kind, each in names for name in each]
    return [entry for entry in entries if entry.package != OWN]


def sources(config: RunConfig) -> dict[str, str]:
    """The SHA-256, shortened, of the source of each of its plugins: ideas are edited."""
    digests = {entry: source_digest(unwrapped(entry.load())) for entry in plugins_of(config)}
    return {
        f"{noun(entry.kind)} {entry.name}": digest[:DIGITS]
        for entry, digest in digests.items()
        if digest
    }


def _model(model: Component) -> Entry:
    return registry().get("models", model.name)


def _check_model(config: RunConfig) -> None:
    """Refuse a model that the learner cannot train, and name those that it can."""
    learner = registry().get("learners", config.learner.name)
    if config.model is None:
        _check_task(config, learner)
        return
    if _trains(learner, _model(config.model)):
        return
    wanted = _only(learner)
    task = _model(config.model).says("task")
    known = [e for e in registry().all("models") if e.task == task]
    fitting = [e.name for e in known if _trains(learner, e)]
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    wanted_names = " or a ".join(kind.__name__ for kind in kinds)
    lacking = _lacking(_model(config.model), kinds)
    raise ConfigError(
        f"learner {config.learner.name!r} trains a {wanted_names}, which model "
        f"{config.model.name!r} is not{lacking}; models that fit: {_list(fitting) or 'none'}"
    )


def _lacking(model: Entry, kinds: Iterable[type]) -> str:
    """The methods of protocols that a model does not have, as the end of a sentence."""
    protocols = [kind for kind in kinds if getattr(kind, "_is_protocol", False)]
    wanted = {name for kind in protocols for name in vars(kind)}
    names = [n for n in wanted if n[0] != "_" and not hasattr(unwrapped(model.load()), n)]
    return f" (it lacks {_list(names)})" if names else ""


def _check_task(config: RunConfig, learner: Entry) -> None:
    """Refuse a learner without a model on a dataset of another task than it names, if it does."""
    task, got = getattr(learner.load(), "task", None), _task(config)
    if task not in (None, got):
        raise ConfigError(
            f"learner {learner.name!r} is of {task}, dataset {config.dataset.name!r} of {got}: "
            f"give another learner, or a dataset of {task}"
        )


def _task(config: RunConfig) -> str:
    return str(registry().get("datasets", config.dataset.name).says("task"))


def _trains(learner: Entry, model: Entry) -> bool:
    """Whether a learner can train a model."""
    wanted = _only(learner)
    return wanted is None or _is_a(model, wanted)


def _only(learner: Entry) -> Any:
    """The kinds of models that a learner trains; None for any."""
    return getattr(learner.load(), "trains_only", None)


def _check_measured(model: Entry, provided: frozenset[str]) -> None:
    """Refuse a model that is to be measured by what nobody streams, before it is trained."""
    measured: object = getattr(unwrapped(model.load()), "measured", frozenset())
    if lacking := signal_names(measured, f"measured of {model}") - provided:
        raise PluginError(
            f"{model} is measured by {_list(lacking)}, which neither it nor the learner provides: "
            "name it in provides, and give it in read"
        )


def _is_a(entry: Entry, wanted: type | tuple[type, ...]) -> bool:
    try:
        factory = entry.load()
    except PluginError:
        return False
    return isinstance(factory, type) and issubclass(factory, wanted)


def _giving(wanted: frozenset[str], config: RunConfig) -> dict[Kind, list[str]]:
    """Learners for the model of a run, and models for its learner, that give some signals."""
    own, task = registry().get("learners", config.learner.name), _task(config)
    model = _model(config.model) if config.model else None
    learners = [e for e in registry().all("learners") if wanted <= _streamed(e, model)]
    models = [e for e in registry().all("models") if wanted <= _streamed(own, e)]
    if model:
        learners = [e for e in learners if e.says("trains") and _trains(e, model)]
    models = [e for e in models if e.says("task") == task and _trains(own, e)]
    return {"learners": [e.name for e in learners], "models": [e.name for e in models]}


def _streamed(learner: Entry, model: Entry | None) -> frozenset[str]:
    """What the two give together, or a learner with some model; nothing if one cannot be loaded."""
    try:
        factory = learner.load()
        if model:
            return streamed(factory, model.load())
        return provides(factory) | derives(factory).keys()
    except PluginError:
        return frozenset()


def build_dataset(config: RunConfig, *, in_part: bool | None = None) -> Dataset:
    """The dataset, its annotations read and checked, its images not yet.

    Args:
        config: of the run.
        in_part: whether the pool may be annotated in part; by default if people are asked for the
            rest.

    Raises:
        DataError: it cannot be used; with every problem found.
        PluginError: it is of another task than it is registered with.
    """
    with reading_as(reading(config.data)):
        found = made("dataset", config.dataset)
    entry = registry().get("datasets", config.dataset.name)
    task, said = getattr(found, "task", None), entry.says("task")
    if task not in (None, said):
        raise PluginError(
            f"{entry} makes a dataset of {task}, and is said to be of {said}: expected one task; "
            f"register it with task={task!r}, or give the function that attribute"
        )
    dataset = conforming(found)
    images = dataset.images
    if isinstance(images, ImageFiles):
        dataset = replace(dataset, images=images.reading_as(reading(config.data)))
    if not (asks_people(config) if in_part is None else in_part):
        dataset = check_annotated(dataset, config.dataset.options)
    return looked_through(dataset)


def prepare_images(dataset: Dataset, config: RunConfig, first: Collection[str] = ()) -> Dataset:
    """Decode every image once: what is broken is found now, and the cache is filled.

    Where nothing is trained, none is decoded.

    Args:
        dataset: as it was read.
        config: of the run.
        first: ids that are kept in the cache before others: they are read in every pass.

    Raises:
        DataError: images that cannot be read, all of them, unless they are to be skipped.
    """
    cached = cached_images(dataset, config.data)
    if config.model is None:
        return replace(dataset, images=cached)
    usable = replace(prepared(dataset, cached, READERS, first), images=cached)
    for test in (False, True):  # again: broken images may be left out
        check_objects(usable, test=test)
    notes = [*leaving(usable), *enlarged(usable, Resize.of(config.data))]
    if most := config.model.options.get("max_detections"):
        notes += crowded(usable, most)
    return replace(usable, notes=(*usable.notes, *notes))


def cached_images(dataset: Dataset, data: DataConfig) -> CachedImages:
    """The images of a dataset, resized; none is decoded yet."""
    return CachedImages(
        dataset.images,
        Resize.of(data),
        mode=data.cache,
        limit_bytes=int(data.cache_gb * 2**30),
        folder=_cache_folder(data) if data.cache == "disk" else None,
    )


def reading(data: DataConfig) -> Reading:
    """How image files are read."""
    return Reading(max_megapixels=data.max_megapixels, white=data.white)


def white_in(dataset: Dataset) -> float | None:
    """What is white in the images of a prepared dataset; None where all of them have 8 bits."""
    return dataset.images.white if isinstance(dataset.images, CachedImages) else None


def build_learner(
    config: RunConfig,
    classes: tuple[str, ...],
    folder: Path = Path(),
    images: ImageSet | None = None,
    *,
    restored: bool = False,
) -> Learner:
    """The learner, and through it the model, for these classes.

    Args:
        config: of the run.
        classes: their names, in label order.
        folder: the run directory.
        images: of pool and test split, for a learner that does not train.
        restored: whether a state will be loaded, so that initial weights need not be had.
    """
    from alframe.training.device import pick_device, workers

    model, device = config.model, pick_device(config.device)
    data = config.data.model_copy(update={"workers": workers(config.data.workers, device)})
    setup = InferenceSetup(classes, device, data, config.evaluation, folder=folder)
    if model is None:
        asked = made_strategy(config.strategy, signals(config)).requires
        setup = replace(setup, images=images, requires=asked)
    elif config.training:
        if restored and "weights" in model.options:
            model = model.model_copy(update={"weights": "none"})
        build_model = functools.partial(made, "model", model, num_classes=len(classes))
        setup = LearnerSetup(**vars(setup), build_model=build_model, training=config.training)
    learner: Learner = made("learner", config.learner, setup=setup)
    return learner


def build_oracle(config: RunConfig, dataset: Dataset, folder: Path) -> oracle.Oracle:
    """Who annotates; what people are asked and answer lies in ``folder``, the run directory."""
    setup = oracle.OracleSetup(dataset, folder)
    built: oracle.Oracle = made("oracle", config.oracle, setup=setup)
    return built


def _cache_folder(data: DataConfig) -> Path:
    if data.cache_dir:
        return Path(data.cache_dir)
    root = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(root) if root else Path.home() / ".cache") / "alframe"
    except RuntimeError as error:  # a container's user that has no name
        raise ConfigError("data.cache=disk: there is no home folder: set data.cache_dir") from error


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))

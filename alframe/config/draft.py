"""A configuration before its components are loaded, and what can be said of it by then.

Learners, models and strategies import torch, which takes seconds. What is wrong with the plain
sections or the dataset is found without them.
"""

import contextlib
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from alframe.config.error_locations import members
from alframe.config.options import check_options, options_model, problems
from alframe.config.section import Section
from alframe.config.sections import TRAINED, Component, RunConfig
from alframe.errors import ConfigError, PluginError
from alframe.model import unwrapped
from alframe.plugins import Entry, Kind

Layer = dict[str, Any]

COMPONENTS: dict[str, Kind] = {
    "dataset": "datasets",
    "model": "models",
    "learner": "learners",
    "strategy": "strategies",
    "oracle": "oracles",
}
"""Sections that name a plugin, and of which kind."""
INJECTED: Mapping[Kind, frozenset[str]] = {
    "models": frozenset({"num_classes"}),
    "learners": frozenset({"setup"}),
    "strategies": frozenset({"of"}),
    "oracles": frozenset({"setup"}),
}
"""Parameters of factories that the framework fills in, by kind."""
LIGHT = "dataset"
"""The component that is loaded without torch."""


@dataclass(frozen=True)
class Draft:
    """Settings that are not checked yet, on top of each other.

    Attributes:
        tree: the settings.
        entries: of each component whose name is known, followed by those of what it wraps.
        found: names that are not known, and what is wrong with how the layers meet.
        plain: the user gave no options to components that import torch, but for weights.
    """

    tree: Layer
    entries: Mapping[str, Sequence[Entry]]
    found: tuple[str, ...]
    plain: bool

    def light(self) -> RunConfig:
        """The configuration without a look at the options of what imports torch.

        Raises:
            ConfigError: problems of the plain sections and of the dataset.
        """
        tree, found = self._named(), list(self.found)
        if LIGHT in self.entries:
            tree[LIGHT], wrong = component(tree[LIGHT], self.entries[LIGHT], LIGHT)
            found += wrong
        return _validated(tree, found)

    def right(self) -> RunConfig:
        """:meth:`light` without the settings that are wrong, to look at the paths in the others."""
        tree = self._named()
        if LIGHT in self.entries:
            entry, name = self.entries[LIGHT][0], tree[LIGHT].pop("name")
            options = options_model(entry.load(), injected(entry))
            tree[LIGHT] = {"name": name, **_right(tree[LIGHT], options)}
        return RunConfig.model_validate(_right(tree, RunConfig))

    def right_component(self, section: str) -> Component | None:
        """The component of a section, where its name is known and its options are right."""
        if section not in self.entries:
            return None
        options, wrong = component(self.tree[section], self.entries[section], section)
        return None if wrong else Component.model_validate(options)

    def checked(self) -> RunConfig:
        """The whole configuration.

        Raises:
            ConfigError: every problem found. Unless it takes torch to find others or to suggest
                what was meant, torch has not been imported by then.
        """
        if self.plain:
            try:
                self.light()
            except ConfigError as error:
                if not any(p.startswith("unknown setting") for p in error.problems):
                    raise
        tree, found = self._named(), list(self.found)
        known = [*plain_settings("model" in tree), *component_settings(self.entries)]
        for section, chain in self.entries.items():
            tree[section], wrong = component(tree[section], chain, section, known)
            found += wrong
        return _validated(tree, found, known)

    def _named(self) -> Layer:
        """The settings with the whole names of components; of one that is not known, that alone."""
        # The learner follows from the strategy, so that both may not be known.
        sections = [name for name in COMPONENTS if name in self.tree or name == "learner"]
        unknown = {section: {"name": "unknown"} for section in sections}
        known = {
            section: {**self.tree[section], "name": full_name(chain)}
            for section, chain in self.entries.items()
        }
        return {**self.tree, **unknown, **known}


def component(
    given: Layer, chain: Sequence[Entry], where: str, known: Collection[str] = ()
) -> tuple[Layer, list[str]]:
    """A component's name and all of its options, those of what it wraps under ``of``.

    Raises:
        PluginError: see :func:`~alframe.config.options.check_options`, or a model is one of another
            library.
    """
    entry, *wrapped = chain
    left_out = {"name", "of"} if wrapped else {"name"}
    own = {k: v for k, v in given.items() if k not in left_out}
    factory = entry.load()
    foreign = entry.kind == "models" and not hasattr(unwrapped(factory), "provides")
    try:
        with _options_of(entry):
            options, found = check_options(factory, own, injected(entry), where, known)
    except PluginError as error:
        if foreign:
            raise _no_model(entry) from error
        raise
    if foreign and found:  # maybe since its options are those of another library
        raise _no_model(entry, found)
    if wrapped:
        options["of"], more = component(given["of"], wrapped, f"{where}.of", known)
        found += more
    return {"name": full_name(chain), **options}, found


def _no_model(entry: Entry, problems: Sequence[str] = ()) -> PluginError:
    return PluginError(
        [
            *(f"{problem:.200}" for problem in problems),
            f"{entry} has no provides, the names of its signals: expected an alframe.model.Model, "
            "such as a class around it",
        ]
    )


def injected(entry: Entry) -> frozenset[str]:
    """The parameters of a factory that the framework fills in."""
    return INJECTED.get(entry.kind, frozenset())


def full_name(chain: Sequence[Entry]) -> str:
    """``power:entropy``."""
    return ":".join(entry.name for entry in chain)


def has_options(component: Any) -> bool:
    """Whether a component, or what it wraps, was given more than its name and a file of weights."""
    if not isinstance(component, dict):
        return False
    known = {"name", "of", "weights"}  # whether the file is there can be seen without torch
    return bool(component.keys() - known) or has_options(component.get("of"))


def _validated(tree: Layer, found: list[str], known: Collection[str] = ()) -> RunConfig:
    try:
        config = RunConfig.model_validate(tree)
    except ValidationError as error:
        found += problems(error, "", RunConfig, known)
        raise ConfigError(dict.fromkeys(found)) from error
    if config.model and config.training is None:
        found.append("training: expected settings of this section, such as NAME=VALUE (got null)")
    if found:
        raise ConfigError(found)
    return config


def _right(tree: Layer, model: type[BaseModel]) -> Layer:
    """A tree without what ``model`` objects to; nothing of it where something is lacking."""
    try:
        model.model_validate(tree)
    except ValidationError as error:
        if any(found["type"] == "missing" for found in error.errors()):
            return {}
        kept = functools.reduce(_without, (found["loc"] for found in error.errors()), tree)
        return _right(kept, model)
    return tree


def _without(tree: Layer, location: Sequence[int | str]) -> Layer:
    """A tree without the setting at a location, of which not every part need be a key."""
    key, *deeper = location
    inside = tree.get(str(key))
    if deeper and isinstance(inside, dict) and deeper[0] in inside:
        return {**tree, str(key): _without(inside, deeper)}
    return {name: value for name, value in tree.items() if name != key}


def plain_settings(trains: bool = True) -> Iterator[str]:
    """Dotted keys of what is no option of a component; without those of a model's training."""
    for name, field in RunConfig.model_fields.items():
        kinds = [k for k in members(field.annotation) if isinstance(k, type)]
        sections = [kind for kind in kinds if issubclass(kind, Section)]
        if trains or name not in TRAINED:
            yield from (f"{name}.{key}" for each in sections for key in each.model_fields)
            yield from () if sections else (name,)


def component_settings(entries: Mapping[str, Sequence[Entry]]) -> Iterator[str]:
    """Dotted keys of the components' options, those of what one wraps under ``of``."""
    for section, chain in entries.items():
        for depth, entry in enumerate(chain):
            with _options_of(entry):
                options = options_model(entry.load(), injected(entry)).model_fields
            yield from (f"{section}.{'of.' * depth}{option}" for option in options)


@contextlib.contextmanager
def _options_of(entry: Entry) -> Iterator[None]:
    """Say of which plugin the options are that cannot be had."""
    try:
        yield
    except PluginError as error:
        if str(entry) in str(error):
            raise
        raise PluginError(f"{entry}: {error}") from error

"""A configuration before its components are loaded, and what can be said of it by then.

Learners, models and strategies import torch, which takes seconds. What is wrong with the plain
sections or the dataset is found without them.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from alframe.config.error_locations import members
from alframe.config.options import check_options, options_model, problems
from alframe.config.section import Section
from alframe.config.sections import TRAINED, RunConfig
from alframe.errors import AlframeError, ConfigError, PluginError, Waiting
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
    """Names that are known, and settings that are not checked yet.

    Attributes:
        tree: all layers on top of each other.
        entries: of each component, followed by those of what it wraps.
        found: what is wrong with how the layers meet.
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
        tree = {**self.tree, LIGHT: dict(self.tree[LIGHT])}
        tree[LIGHT], found = component(tree[LIGHT], self.entries[LIGHT], LIGHT)
        for section, chain in self.entries.items():
            tree[section] = {**tree[section], "name": full_name(chain)}
        return _validated(tree, [*self.found, *found])

    @contextlib.contextmanager
    def told_with(self) -> Iterator[None]:
        """Tell what is wrong with options of components, too, where an error ends the block.

        It takes torch to know, so only where there are such options.

        Raises:
            AlframeError: with all of it.
        """
        try:
            yield
        except AlframeError as error:
            if self.plain or isinstance(error, Waiting):
                raise
            try:
                self.checked()
            except AlframeError as other:
                problems = dict.fromkeys((*other.problems, *error.problems))
                raise AlframeError(problems) from error
            raise

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
        tree, found = dict(self.tree), list(self.found)
        known = [*plain_settings("model" in self.entries), *component_settings(self.entries)]
        for section, chain in self.entries.items():
            tree[section], wrong = component(tree[section], chain, section, known)
            found += wrong
        return _validated(tree, found, known)


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


def plain_problems(given: Layer) -> list[str]:
    """What is wrong with the plain sections of a layer, whichever presets will be beneath it."""
    tree = {**given, **{section: {"name": "any"} for section in COMPONENTS}}
    if isinstance(tree.get("training"), dict):
        tree["training"] = {"passes": 1, "iterations": None, **tree["training"]}
    try:
        RunConfig.model_validate(tree)
    except ValidationError as error:
        return problems(error, "", RunConfig, list(plain_settings()))
    return []


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

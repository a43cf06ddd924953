"""From presets, a file, flags and ``key=value`` to one checked configuration.

Later layers win: presets < ``--config`` < flags < ``key=value``; one that names another component
leaves nothing of the options of the one before. Presets are the YAML files of
``alframe.configs``. One with a ``when`` mapping applies where all its names match (of several
names one), the more specific after the more general: ``retina.yaml`` (model retina), then
``retina-voc.yaml`` (model retina on dataset voc). One without is applied only by ``--config NAME``,
except ``default.yaml``, which is where everything starts.

A strategy may wrap another: ``power:entropy``, or ``{name: power, of: entropy}``, or with options
``{name: power, beta: 2, of: {name: entropy, aggregate: sum}}``. The resolved configuration has
both, the whole name and the parts.
"""

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from alframe.config.draft import (
    COMPONENTS,
    LIGHT,
    Draft,
    Layer,
    full_name,
    has_options,
)
from alframe.config.hints import shown
from alframe.config.layers import (
    flat,
    in_one_split,
    in_one_unit,
    merge,
    stale_milestones,
    without_idle,
    without_renamed,
)
from alframe.config.sections import TRAINED, RunConfig
from alframe.errors import AlframeError, ConfigError, together
from alframe.files.reading import ValueProblem, parsed_yaml, read_yaml, yaml_value
from alframe.plugins import Entry, registry, unknown
from alframe.plugins.entry import noun
from alframe.text import printable_lines

DEPTH = 16
"""Of names with dots, and of strategies that work on top of each other."""


def resolve(layers: Iterable[Layer]) -> RunConfig:
    """Put ``layers`` on top of the presets they call for and check the whole.

    Args:
        layers: nested mappings, weakest first; see :func:`from_file` and :func:`from_overrides`.

    Raises:
        ConfigError: every problem found, a line each.
    """
    return drafted(layers).checked()


def drafted(layers: Iterable[Layer]) -> Draft:
    """:func:`resolve`, up to what can be done without loading a component."""
    given: Layer = {}
    for layer in map(in_full, layers):
        given = merge([without_renamed(without_idle(given, layer), layer, COMPONENTS), layer])
    presets = _presets()
    base, *_ = _based(presets["default"], given, presets)
    # Once more, as presets may name components too: photos, the oracle.
    base, entries, found = _based(base, given, presets)
    base = without_idle(base, given, alone=True)
    found += stale_milestones(*(layer.get("training") for layer in (base, given)))
    plain = not any(has_options(given.get(section)) for section in COMPONENTS if section != LIGHT)
    defaults = {section: {"name": full_name(chain)} for section, chain in entries.items()}
    # A preset of what is not known might say how long it is trained.
    length = {} if defaults.keys() >= COMPONENTS.keys() else {"passes": 1, "iterations": None}
    tree = merge([{"training": length}, base, given, defaults])
    if not _trains(entries):
        data = tree.get("data")
        if not isinstance(data, dict) or data.keys().isdisjoint({"long", "short"}):
            # Who trains by himself, or elsewhere, has his own way with pixels.
            tree = merge([{"data": {"resize": "none"}}, tree])
        tree = {section: value for section, value in tree.items() if section not in TRAINED}
    return Draft(tree, entries, tuple(found), plain)


def _based(
    base: Layer, given: Layer, presets: Mapping[str, Layer]
) -> tuple[Layer, Mapping[str, Sequence[Entry]], list[str]]:
    """The presets that apply to what is named, the entries of that, and what is wrong with it."""
    entries, found = _entries(merge([base, given]))
    found += _untrained(entries, given)
    named = {section: full_name(chain) for section, chain in entries.items()}
    applied = [layer for p in presets.values() for layer in _applied(p, named)]
    return merge([presets["default"], *applied]), entries, found


def from_file(name: str) -> Layer:
    """The preset of a name, whatever file is called so, too; or else a YAML file.

    Raises:
        ConfigError: no such file or preset, or it is not YAML of settings.
    """
    presets = {k: v for k, v in _presets().items() if "when" not in v}
    if name in presets:
        return presets[name]
    path = Path(name)
    if os.path.isdir(path):  # noqa: PTH112 - also of a name that is too long
        raise ConfigError(f"--config {name} is a folder: expected a preset or a YAML file")
    if path.suffix in {".yaml", ".yml"} or os.path.lexists(path):
        return as_layer(read_yaml(path, f"--config {name}"), f"--config {name}")
    raise ConfigError(unknown("config", name, presets) + " Or give the path of a YAML file.")


def is_override(word: str) -> bool:
    """Whether a word is ``key=value``, and not a file of that name."""
    return "=" in word and not os.path.isfile(word)  # noqa: PTH113 - any text may be asked for


def from_overrides(pairs: Iterable[str]) -> Layer:
    """Parse ``training.lr=0.01`` and the like; values are read as YAML.

    Raises:
        ConfigError: a word without ``=``, or a value that is not YAML; all of them at once.
    """
    layer: Layer = {}
    found = []
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            found.append(f"expected key=value, got {pair!r}; options start with --")
            continue
        if key.count(".") > DEPTH:
            found.append(f"expected at most {DEPTH} dots in a setting's name, got {key!r:.40}")
            continue
        if not all(map(str.strip, key.split("."))):
            found.append(f"expected key=value with names between the dots, got {pair!r}")
            continue
        try:
            value = yaml_value(text)
            if isinstance(value, str) and "\n" in text:
                raise ValueProblem("a line break would become a space")
        except ValueProblem as problem:
            found.append(f"{key}: {text!r:.80} is not a YAML value ({problem.text}); quote it")
            continue
        nested: Any = functools.reduce(lambda inner, k: {k: inner}, key.split(".")[::-1], value)
        layer = merge([layer, _named(nested)])
    if found:
        raise ConfigError(found)
    return layer


def to_yaml(config: RunConfig) -> str:
    """The configuration as a file that ``--config`` reads back."""
    content = config.model_dump(mode="json")
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    if printable_lines(text) == text:
        return text
    return yaml.safe_dump(content, sort_keys=False)  # escapes what would not show


def differences(old: RunConfig, new: RunConfig) -> dict[str, tuple[Any, Any]]:
    """The settings in which two configurations differ: dotted key -> (old, new)."""
    a, b = settings(old), settings(new)
    return {k: (a.get(k), b.get(k)) for k in sorted({*a, *b}) if a.get(k) != b.get(k)}


def settings(config: RunConfig) -> Layer:
    """Every setting under its dotted key, as on the command line."""
    return flat(config.model_dump(mode="json"))


@functools.cache
def _presets() -> dict[str, Layer]:
    folder = resources.files("alframe.configs")
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".yaml"))
    loaded = {
        name.removesuffix(".yaml"): in_full(
            as_layer(parsed_yaml(folder.joinpath(name).read_text(encoding="utf-8"), name), name)
        )
        for name in files
    }
    # The more conditions, the later: the special wins over the general.
    return dict(sorted(loaded.items(), key=lambda item: len(item[1].get("when", {}))))


def _applied(preset: Layer, names: Mapping[str, str]) -> Iterator[Layer]:
    """What a preset gives where its names match; for a strategy that is wrapped, under ``of``."""
    if "when" not in preset:
        return
    when, layer = preset["when"], {k: v for k, v in preset.items() if k != "when"}
    links = registry().chain(names["strategy"]) if "strategy" in names else []
    for depth in range(len(links) if "strategy" in when else 1):
        inner = {**names, "strategy": ":".join(links[depth:])}
        if all(inner.get(k) in (v if isinstance(v, list) else [v]) for k, v in when.items()):
            yield _under_of(layer, depth)


def _under_of(layer: Layer, depth: int) -> Layer:
    if not depth or "strategy" not in layer:
        return layer
    options = {k: v for k, v in layer["strategy"].items() if k != "name"}
    nested = functools.reduce(lambda inner, _: {"of": inner}, range(depth), options)
    return {**layer, "strategy": nested}


def as_layer(loaded: Any, where: str, *, error: type[AlframeError] = ConfigError) -> Layer:
    """What a YAML file holds, if it is a mapping; nothing is an empty one.

    Raises:
        AlframeError: ``error``: it is something else.
    """
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise error(f"{where}: expected sections such as 'training:', got {loaded!r:.60}")
    return loaded


def _named(layer: Mapping[str, Any]) -> Layer:
    """``strategy: entropy`` is short for ``strategy: {name: entropy}``.

    ``detector``, the field's word, names the section ``model`` as ``--detector`` does.
    """
    words = {("model" if k == "detector" else k): v for k, v in layer.items()}
    if len(words) < len(layer):
        raise ConfigError("model and detector are one section: give one of them")
    named = {
        k: {"name": v} if k in COMPONENTS and isinstance(v, str) else v for k, v in words.items()
    }
    if isinstance(named.get("strategy"), dict):
        named["strategy"] = _unwrapped(named["strategy"])
    return named


def _unwrapped(strategy: Layer) -> Layer:
    """``{name: power:entropy}`` is short for ``{name: power, of: {name: entropy}}``."""
    given = strategy.get("name")
    parts = registry().partition(given) if isinstance(given, str) else (given, "", "")
    name, colon, wrapped = parts
    if wrapped.count(":") > DEPTH:
        raise ConfigError(f"strategy: expected at most {DEPTH} on top of each other")
    if colon:
        of = merge([_named({"strategy": wrapped}), _named({"strategy": strategy.get("of", {})})])
        return {**strategy, "name": name, "of": of["strategy"]}
    if isinstance(strategy.get("of"), str | dict):
        return {**strategy, "of": _named({"strategy": strategy["of"]})["strategy"]}
    return strategy


def in_full(layer: Mapping[str, Any]) -> Layer:
    """A layer with its short forms written out (``strategy: entropy``), ready to be merged.

    A length of training in one unit takes the place of one in the other unit, and a test split
    that of images to test on that are to be drawn.
    """
    whole = in_one_split(_named(layer))
    training = whole.get("training")
    if isinstance(training, dict):
        whole["training"] = in_one_unit(training)
    return whole


def _entries(names: Layer) -> tuple[dict[str, list[Entry]], list[str]]:
    """The registry entries of the components; the learner follows from the strategy.

    A wrapper is followed by the entry of what it wraps, so each section has a list of them.
    """
    entries: dict[str, list[Entry]] = {}
    found: list[str] = []
    for section in ("dataset", "strategy", "learner", "model", "oracle"):
        wanted = names.get(section) or {}
        if section == "model" and not _trains(entries):
            continue
        if section == "learner" and _name(wanted) is None:
            if "strategy" not in entries:
                continue  # the strategy is unknown and already reported
            wanted = entries["strategy"][-1].learner
        try:
            entries[section] = _chain(section, wanted)
        except AlframeError as error:
            found.extend(error.problems)
    return entries, [*found, *_other_tasks(entries)]


def _trains(entries: Mapping[str, Sequence[Entry]]) -> bool:
    """Whether the learner trains a model; one that is unknown would."""
    return "learner" not in entries or bool(entries["learner"][0].says("trains"))


def _untrained(entries: Mapping[str, Sequence[Entry]], given: Layer) -> list[str]:
    """Settings of a training that does not take place."""
    unused = [section for section in TRAINED if section in given]
    if not unused or _trains(entries):
        return []
    name = entries["learner"][0].name
    return [f"learner {name!r} does not train a model: leave out {' and '.join(unused)}"]


def _other_tasks(entries: Mapping[str, Sequence[Entry]]) -> list[str]:
    """A model for one task on a dataset of another."""
    if not {"dataset", "model"} <= entries.keys():
        return []
    dataset, model = entries["dataset"][0], entries["model"][0]
    wanted, got = together(functools.partial(_task, dataset), functools.partial(_task, model))
    if wanted == got:
        return []
    fitting = [e.name for e in registry().all("models") if e.task == wanted]
    return [
        f"dataset {dataset.name!r} is of {wanted}, model {model.name!r} of {got}; models that fit: "
        f"{', '.join(fitting) or 'none'}{_silent(dataset, got)}{_silent(model, wanted)}"
    ]


def _silent(entry: Entry, task: str) -> str:
    """How to say of which task something is that says nothing, and is taken for the usual one."""
    if entry.task is not None or hasattr(entry.load(), "task"):
        return ""
    return (
        f"; if {noun(entry.kind)} {entry.name!r} is of {task}, give it an attribute task={task!r}"
    )


def _task(entry: Entry) -> str:
    return str(entry.says("task"))


def _chain(section: str, wanted: Any) -> list[Entry]:
    """The entry that is named, and those of what it wraps.

    Raises:
        PluginError: a name is unknown.
        ConfigError: a wrapper wraps nothing, or something that is none wraps.
    """
    name = _name(wanted)
    if isinstance(name, dict | list):
        raise ConfigError(f"{section}: expected a name, such as {section}=NAME (got {shown(name)})")
    entry = registry().get(COMPONENTS[section.partition(".")[0]], str(name))
    of = wanted.get("of") if isinstance(wanted, dict) and entry.kind == "strategies" else None
    if (wraps := entry.is_wrapper()) and _name(of) is not None:
        return [entry, *_chain(f"{section}.of", of)]
    if wraps:
        raise ConfigError(
            f"strategy {entry.name!r} works on top of another: name it {entry.name}:NAME, or "
            f"give {section}.of=NAME"
        )
    if of is not None:
        wrappers = ", ".join(e.name for e in registry().all("strategies") if e.wraps)
        raise ConfigError(
            f"{section}.of: strategy {entry.name!r} does not work on top of another; "
            f"those that do: {wrappers or 'none'}"
        )
    return [entry]


def _name(wanted: Any) -> Any:
    return wanted.get("name") if isinstance(wanted, dict) else wanted

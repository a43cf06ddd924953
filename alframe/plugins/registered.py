"""The registry: every registered name, and every plugin that was found."""

import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pluggy

from alframe import __version__
from alframe.errors import PluginError
from alframe.plugins.discovery import installed
from alframe.plugins.entry import UNPACKAGED, Entry, Kind, noun
from alframe.plugins.guests import described, guest
from alframe.plugins.own_code import OWN, foreign
from alframe.plugins.registrar import Registrar
from alframe.words import did_you_mean

DEFAULT_PLUGINS = (
    "alframe.datasets",
    "alframe.annotations",
    "alframe.training",
    "alframe.detectors",
    "alframe.tasks",
    "alframe.strategies",
    "alframe.benchmarks",
)
GROUP = "alframe"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Hooks:
    """What a plugin can implement."""

    @hookspec
    def register(self, registry: Registrar) -> None:
        """Name the plugin's strategies, learners, models, datasets and whatever else it has."""


@dataclass(frozen=True)
class Plugin:
    """A loaded or refused plugin."""

    name: str
    package: str
    version: str
    problem: str = ""


@dataclass
class Registry:
    """Every registered name, and every plugin that was found."""

    plugins: list[Plugin] = field(default_factory=list)
    _entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    _contested: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def broken(self) -> list[Plugin]:
        """Plugins that were left out, with the reason."""
        return [p for p in self.plugins if p.problem]

    def all(self, kind: Kind) -> list[Entry]:
        """The entries of one kind, by name."""
        return sorted((e for e in self._entries.values() if e.kind == kind), key=lambda e: e.name)

    def get(self, kind: Kind, name: str) -> Entry:
        """The entry called ``name``; ``module:attribute`` names a factory without an entry point.

        Raises:
            PluginError: unknown (the message lists what is known and what is closest), or
                claimed by two packages (names both).
        """
        if (kind, name) in self._contested:
            raise PluginError(self._contested[kind, name])
        if ":" in name:
            return imported(kind, name, [e.name for e in self.all(kind)])
        if not self.has(kind, name):
            raise PluginError(unknown(noun(kind), name, [e.name for e in self.all(kind)]))
        return self._entries[kind, name]

    def partition(self, strategy: str) -> tuple[str, str, str]:
        """``power:entropy`` in three parts; a name that begins with no strategy stays whole.

        ``my_module:MyStrategy`` is the place of one, and may begin such a name as well.

        Raises:
            PluginError: nothing stands on one side of a colon.
        """
        if not all(strategy.split(":")):
            raise PluginError(f"strategy {strategy!r}: expected a name on both sides of the colon")
        first, colon, rest = strategy.partition(":")
        if colon and not self.has("strategies", first):
            attribute, colon, rest = rest.partition(":")
            first = f"{first}:{attribute}"
        return first, colon, rest

    def chain(self, strategy: str) -> list[str]:
        """The names in ``power:dedup:entropy``, each working on top of the next."""
        first, colon, rest = self.partition(strategy)
        return [first, *(self.chain(rest) if colon else ())]

    def has(self, kind: Kind, name: str) -> bool:
        """Whether there is an entry called ``name``."""
        return (kind, name) in self._entries

    def add(self, plugin: Plugin, entries: Iterable[Entry]) -> None:
        """Take all of a plugin's entries, or none where a name is already taken."""
        entries = list(entries)
        taken = [e for e in entries if (e.kind, e.name) in self._entries]
        for entry in taken:
            owner = self._entries[entry.kind, entry.name]
            alike = any(p.name == plugin.name for p in self.plugins if p.package == owner.package)
            way = "" if alike else ", or set ALFRAME_PLUGINS to the plugins you want"
            own, other = (f"{p.package} {p.version}" for p in (owner, plugin))
            self._contested[entry.kind, entry.name] = f"{entry.name!r} in {entry.kind} is " + (
                f"alframe's own: {other} has to call its own otherwise, or to be uninstalled"
                if owner.package == OWN
                else f"claimed by two packages, {own} and {other}: uninstall one{way}"
            )
        problem = "; ".join(self._contested[e.kind, e.name] for e in taken)
        self.plugins.append(Plugin(plugin.name, plugin.package, plugin.version, problem))
        if not taken:
            self._entries.update({(e.kind, e.name): e for e in entries})


def imported(kind: Kind, place: str, known: Iterable[str]) -> Entry:
    """What lies at ``module:attribute``, for an idea that is no package yet.

    The module may lie in the current folder; an installed one of that name comes first, and before
    it one that is imported already, as ``__main__`` is: the script or notebook that runs.

    Raises:
        PluginError: there is no such module, or it is not made for alframe: a configuration of
            others that names ``subprocess:getoutput`` would run commands.
    """
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    module = place.partition(":")[0]
    if owner := foreign(module):
        raise PluginError(
            f"{noun(kind)} {place!r}: module {module!r} is part of {owner}, which is not made for "
            "alframe: name a class of your own around it, or a package that requires alframe"
        )
    try:
        found: Any = sys.modules.get(module) or importlib.util.find_spec(module)
    except (ImportError, ValueError):  # the package above it is missing, or it is no name
        found = None
    if found is None:
        raise PluginError(
            f"{unknown(noun(kind), module, known)} Nor is there a module {module!r}, installed or "
            "in the current folder, for module:attribute"
        )
    return Entry(
        kind,
        place,
        place,
        package=getattr(found, "__file__", None) or getattr(found, "origin", None) or module,
        version=UNPACKAGED,
        wraps=None if kind == "strategies" else False,
        task=None,
        trains=None,
    )


def unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not known: what is known, and the closest."""
    names = sorted(known)
    hint = did_you_mean(name, names)
    return f"unknown {noun} {name!r}; known: {', '.join(names) or 'none'}.{hint}"


@functools.cache
def registry() -> Registry:
    """The registry of this process, built when first asked for."""
    built = Registry()
    for module in DEFAULT_PLUGINS:
        own = Plugin(module, OWN, __version__)
        _register(built, own, functools.partial(importlib.import_module, module))
    wanted = _wanted()
    found: set[str] = set()
    for point in installed(GROUP):
        found.add(point.name)
        if wanted is None or point.name in wanted or (wanted and point.unreadable):
            plugin = Plugin(point.name, point.package, point.version, point.problem)
            _load(built, plugin, point.load)
    for name in sorted((wanted or frozenset()) - found):
        problem = unknown("plugin", name, found) + " Install it, or correct ALFRAME_PLUGINS"
        built.plugins.append(Plugin(name, "ALFRAME_PLUGINS", "", problem))
    return built


def _wanted() -> frozenset[str] | None:
    """Which plugins ALFRAME_PLUGINS names; None where it is not set."""
    bound = os.environ.get("ALFRAME_PLUGINS")
    return None if bound is None else frozenset(n.strip() for n in bound.split(",")) - {""}


def _load(built: Registry, plugin: Plugin, load: Callable[[], Any]) -> None:
    """Load a stranger's plugin; whatever it does wrong is noted and stays its own problem."""
    if plugin.problem:
        built.plugins.append(plugin)
        return
    try:
        with guest():
            _register(built, plugin, load)
    except KeyboardInterrupt as error:  # that of a user, or it cannot be told from it
        error.args = (f"while loading plugin {plugin.name} of {plugin.package} {plugin.version}",)
        raise
    except BaseException as error:  # SystemExit as well: a stranger's code may raise anything
        problem = str(error) if isinstance(error, PluginError) else described(error)
        built.plugins.append(Plugin(plugin.name, plugin.package, plugin.version, problem))


def _register(built: Registry, plugin: Plugin, load: Callable[[], Any]) -> None:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    registrar = Registrar(plugin.package, plugin.version)
    manager.register(load(), name=plugin.name)
    manager.check_pending()
    manager.hook.register(registry=registrar)
    if not registrar.entries:
        raise PluginError(
            "it registers nothing: expected a function register(registry), marked with "
            "@alframe.plugins.hookimpl, that names something"
        )
    built.add(plugin, registrar.entries)

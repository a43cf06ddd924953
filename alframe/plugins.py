"""Plugins: strategies, learners, detectors, datasets, oracles and commands, by name.

A plugin is a module with one hook::

    from alframe.plugins import hookimpl

    @hookimpl
    def register(registry):
        registry.strategy("confident", "my_package:Confident", summary="most confident first")

It is found through the entry-point group ``alframe``. The built-in ones are the modules in
:data:`DEFAULT_PLUGINS`, loaded the same way, so that a bare checkout works. A factory is named
as ``"module:attribute"`` and imported when it is first used; registering imports nothing heavy.

A plugin that cannot be loaded, or that claims a name already taken, is left out as a whole and
listed with its package and the reason in :attr:`Registry.broken`; everything else works. The
environment variable ``ALFRAME_PLUGINS`` (names, comma-separated; may be empty) bounds which
entry points are loaded.
"""

import difflib
import functools
import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pkgutil import resolve_name
from typing import Any, Literal

import pluggy

from alframe import __version__
from alframe.errors import PluginError

Kind = Literal[
    "strategies", "learners", "detectors", "datasets", "oracles", "suites", "commands"
]  # fmt: skip
KINDS: tuple[Kind, ...] = (
    "strategies", "learners", "detectors", "datasets", "oracles", "suites", "commands",
)  # fmt: skip
DEFAULT_PLUGINS = (
    "alframe.datasets",
    "alframe.annotations",
    "alframe.training",
    "alframe.detectors",
    "alframe.strategies",
    "alframe.benchmarks",
)
GROUP = "alframe"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Hooks:
    """What a plugin can implement."""

    @hookspec
    def register(self, registry: "Registrar") -> None:
        """Name the plugin's strategies, learners, detectors, datasets, oracles and commands."""


@dataclass(frozen=True)
class Entry:
    """One registered name.

    Attributes:
        kind: what it is.
        name: what users call it.
        factory: a callable, or where to import one: ``"module:attribute"``.
        summary: one line for listings.
        package: the distribution that brought it.
        version: of that distribution.
        learner: for a strategy, the learner it wants unless the user names another.
        wraps: for a strategy, whether it works on top of another one.
    """

    kind: Kind
    name: str
    factory: str | Callable[..., Any]
    summary: str = ""
    package: str = GROUP
    version: str = __version__
    learner: str = "plain"
    wraps: bool = False

    def load(self) -> Callable[..., Any]:
        """Import the factory.

        Raises:
            PluginError: it cannot be imported; names the plugin's package.
        """
        if not isinstance(self.factory, str):
            return self.factory
        try:
            loaded: Callable[..., Any] = resolve_name(self.factory)
        except (ImportError, AttributeError, ValueError) as error:
            raise PluginError(
                f"{self.name} of {self.package} {self.version} cannot be loaded from "
                f"{self.factory}: {error}"
            ) from error
        return loaded


@dataclass(frozen=True)
class Plugin:
    """A loaded or refused plugin."""

    name: str
    package: str
    version: str
    problem: str = ""


class Registrar:
    """What a plugin's ``register`` hook is handed; collects its names."""

    def __init__(self, package: str, version: str) -> None:
        self.entries: list[Entry] = []
        self._origin: dict[str, Any] = {"package": package, "version": version}

    def strategy(
        self, name: str, factory: str | Callable[..., Any], *, summary: str, learner: str = "plain"
    ) -> None:
        """``factory(**options) -> Strategy``; ``learner`` is the one it wants by default."""
        self._add("strategies", name, factory, summary, learner=learner)

    def wrapper(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory(of: Strategy, **options) -> Strategy``, used as ``NAME:STRATEGY``.

        Its ``requires`` includes that of the strategy ``of``, whose learner is wanted.
        """
        self._add("strategies", name, factory, summary, wraps=True)

    def learner(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory(setup: LearnerSetup, **options) -> Learner``."""
        self._add("learners", name, factory, summary)

    def detector(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory(num_classes: int, **options) -> torch.nn.Module``.

        An option ``weights`` is of initial weights, and ``none`` among its values: a model whose
        state is loaded is built with that.
        """
        self._add("detectors", name, factory, summary)

    def dataset(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory(**options) -> Dataset``."""
        self._add("datasets", name, factory, summary)

    def oracle(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory(setup: OracleSetup, **options) -> Oracle``."""
        self._add("oracles", name, factory, summary)

    def suite(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory()`` is a mapping, the content of a :class:`alframe.benchmarks.suite.Suite`."""
        self._add("suites", name, factory, summary)

    def command(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory`` is a :class:`click.Command`, the verb ``alframe NAME``."""
        self._add("commands", name, factory, summary)

    def _add(self, kind: Kind, name: str, factory: Any, summary: str, **more: Any) -> None:
        self.entries.append(Entry(kind, name, factory, summary, **self._origin, **more))


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
        """The entry called ``name``.

        Raises:
            PluginError: unknown (the message lists what is known and what is closest), or
                claimed by two packages (names both).
        """
        if (kind, name) in self._contested:
            raise PluginError(self._contested[kind, name])
        if (kind, name) not in self._entries:
            noun = {"strategies": "strategy"}.get(kind, kind.removesuffix("s"))
            raise PluginError(unknown(noun, name, [e.name for e in self.all(kind)]))
        return self._entries[kind, name]

    def add(self, plugin: Plugin, entries: Iterable[Entry]) -> None:
        """Take all of a plugin's entries, or none where a name is already taken."""
        entries = list(entries)
        taken = [e for e in entries if (e.kind, e.name) in self._entries]
        for entry in taken:
            owner = self._entries[entry.kind, entry.name]
            self._contested[entry.kind, entry.name] = (
                f"{entry.name!r} in {entry.kind} is claimed by two packages, {owner.package} "
                f"{owner.version} and {plugin.package} {plugin.version}: uninstall one, or set "
                "ALFRAME_PLUGINS to the plugins you want"
            )
        problem = "; ".join(self._contested[e.kind, e.name] for e in taken)
        self.plugins.append(Plugin(plugin.name, plugin.package, plugin.version, problem))
        if not taken:
            self._entries.update({(e.kind, e.name): e for e in entries})


def unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not known: what is known, and the closest."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"unknown {noun} {name!r}; known: {', '.join(names) or 'none'}.{hint}"


@functools.cache
def registry() -> Registry:
    """The registry of this process, built when first asked for."""
    built = Registry()
    for plugin, load in _found():
        _load(built, plugin, load)
    return built


def _found() -> Iterator[tuple[Plugin, Callable[[], Any]]]:
    for module in DEFAULT_PLUGINS:
        plugin = Plugin(module, GROUP, __version__)
        yield plugin, functools.partial(importlib.import_module, module)
    bound = os.environ.get("ALFRAME_PLUGINS")
    wanted = None if bound is None else {n.strip() for n in bound.split(",")}
    for point in metadata.entry_points(group=GROUP):
        if wanted is None or point.name in wanted:
            dist = point.dist
            name, version = (dist.name, dist.version) if dist else ("an unknown package", "")
            yield Plugin(point.name, name, version), point.load


def _load(built: Registry, plugin: Plugin, load: Callable[[], Any]) -> None:
    """Load one plugin; whatever it does wrong is noted and stays its own problem."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    registrar = Registrar(plugin.package, plugin.version)
    try:
        manager.register(load(), name=plugin.name)
        manager.check_pending()
        manager.hook.register(registry=registrar)
    except Exception as error:  # a stranger's code may raise anything
        if plugin.package == GROUP:
            raise
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        built.plugins.append(Plugin(plugin.name, plugin.package, plugin.version, problem))
        return
    built.add(plugin, registrar.entries)

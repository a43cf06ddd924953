"""Plugins: strategies, learners, models, datasets, oracles, suites and commands, by name.

A plugin is a module with one hook::

    from alframe.plugins import hookimpl

    @hookimpl
    def register(registry):
        registry.strategy("confident", "my_package:Confident", summary="most confident first")

It is found through the entry-point group ``alframe``. The built-in ones are the modules in
:data:`DEFAULT_PLUGINS`, loaded the same way, so that a bare checkout works. A factory is named
as ``"module:attribute"`` and imported when it is first used; registering imports nothing heavy.

A plugin that cannot be loaded, or that claims a name already taken, is left out as a whole and
listed with its package and the reason in :attr:`Registry.broken`; everything else works. Whatever
it raises while it is loaded is such a reason, but for Ctrl-C: a KeyboardInterrupt ends the command
and says during which plugin. The environment variable ``ALFRAME_PLUGINS`` (names, comma-separated;
may be empty) bounds which entry points are loaded.
"""

from alframe.plugins.entry import KINDS, Entry, Kind
from alframe.plugins.registered import (
    DEFAULT_PLUGINS,
    Plugin,
    Registry,
    hookimpl,
    registry,
    unknown,
)
from alframe.plugins.registrar import Registrar

__all__ = [
    "DEFAULT_PLUGINS",
    "KINDS",
    "Entry",
    "Kind",
    "Plugin",
    "Registrar",
    "Registry",
    "hookimpl",
    "registry",
    "unknown",
]

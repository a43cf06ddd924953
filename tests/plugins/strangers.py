"""Distributions of strangers: folders on the path with modules and metadata, as pip leaves them."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from alframe.plugins import Registry, registry

HOOK = """
from alframe.plugins import hookimpl

@hookimpl
def register(registry):
    {call}
"""


def naming(call: str) -> str:
    """The code of a plugin that makes one call in its hook."""
    return HOOK.format(call=call)


def strategy(name: str = "confident", factory: str = "alframe.strategies.baselines:Random") -> str:
    """The code of a plugin that registers one strategy."""
    return naming(f"registry.strategy({name!r}, {factory!r}, summary='x')")


class Strangers:
    """Installs distributions on a path of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.modules: list[str] = []
        monkeypatch.syspath_prepend(folder)
        registry.cache_clear()

    def install(
        self,
        name: str,
        code: str = "",
        *,
        entry_points: str | bytes | None = None,
        metadata: str | bytes | None = None,
        **modules: str,
    ) -> None:
        """A distribution ``alframe-NAME`` 1.2 with a module ``NAME_plugin``, and its entry point.

        Args:
            name: of plugin, distribution and module.
            code: of the module.
            entry_points: instead of one that names the module.
            metadata: instead of name and version.
            modules: code of further modules, by name.
        """
        info = self.folder / f"alframe_{name}-1.2.dist-info"
        info.mkdir()
        own = {f"{name}_plugin": code, **modules}
        self.modules += own
        for module, text in own.items():
            (self.folder / f"{module}.py").write_text(text)
        _write(info / "METADATA", metadata, f"Name: alframe-{name}\nVersion: 1.2\n")
        _write(info / "entry_points.txt", entry_points, f"[alframe]\n{name} = {name}_plugin\n")
        importlib.invalidate_caches()

    def registry(self) -> Registry:
        """The registry with all of them."""
        registry.cache_clear()
        return registry()

    def problems(self) -> dict[str, str]:
        """Why plugins are left out, by package."""
        return {p.package: p.problem for p in self.registry().broken}

    def uninstall(self) -> None:
        """Forget what was imported."""
        for module in self.modules:
            sys.modules.pop(module, None)
        registry.cache_clear()


def _write(path: Path, content: Any, otherwise: str) -> None:
    content = otherwise if content is None else content
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

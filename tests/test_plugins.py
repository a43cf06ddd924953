"""Registering, duplicates, broken plugins."""

from collections.abc import Iterator
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from alframe import plugins
from alframe.errors import PluginError
from alframe.plugins import KINDS, Registrar, Registry, hookimpl, registry


class Fresh:
    """Builds a registry with strangers' plugins beside the built-in ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, **strangers: Any) -> Registry:
        points = [
            SimpleNamespace(
                name=name,
                dist=SimpleNamespace(name=f"alframe-{name}", version="1.2"),
                load=lambda stranger=stranger: stranger(),
            )
            for name, stranger in strangers.items()
        ]
        self._monkeypatch.setattr(metadata, "entry_points", lambda group: points)
        registry.cache_clear()
        return registry()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fresh]:
    yield Fresh(monkeypatch)
    registry.cache_clear()


def plugin(*names: str) -> Any:
    class Plugin:
        @hookimpl
        def register(self, registry: Registrar) -> None:
            for name in names:
                registry.strategy(name, "alframe.strategies.random:Random", summary="x")

    return Plugin


def test_every_builtin_name_can_be_loaded() -> None:
    entries = [e for kind in KINDS for e in registry().all(kind)]
    assert len(entries) >= 9
    assert all(callable(e.load()) for e in entries)
    assert {e.package for e in entries} >= {"alframe"}


def test_a_strangers_plugin_is_registered_with_its_package(fresh: Fresh) -> None:
    entry = fresh(mine=plugin("confident")).get("strategies", "confident")
    assert (entry.package, entry.version, entry.learner) == ("alframe-mine", "1.2", "plain")
    assert entry.load()().requires == frozenset()


def test_an_unknown_name_says_what_is_known_and_what_is_closest(fresh: Fresh) -> None:
    known = fresh()
    with pytest.raises(
        PluginError, match=r"unknown strategy 'randm'; known: .*Did you mean 'random'"
    ):
        known.get("strategies", "randm")
    with pytest.raises(PluginError, match="unknown detector 'zzz'; known: retina, retina-tiny"):
        known.get("detectors", "zzz")


def test_a_doubled_name_names_both_owners_and_the_rest_works(fresh: Fresh) -> None:
    known = fresh(mine=plugin("confident"), other=plugin("confident", "fine"), third=plugin("ok"))
    with pytest.raises(
        PluginError, match=r"claimed by two packages, alframe-mine 1\.2 and alframe-"
    ):
        known.get("strategies", "confident")
    assert [p.name for p in known.broken] == ["other"]
    assert {"ok", "random"} <= {e.name for e in known.all("strategies")}
    assert "fine" not in {e.name for e in known.all("strategies")}


def test_broken_plugins_are_reported_and_skipped(fresh: Fresh) -> None:
    def missing() -> Any:
        raise ImportError("no module named nowhere")

    class WrongSignature:
        @hookimpl
        def register(self, registry: Registrar, more: int) -> None: ...

    class WrongHook:
        @hookimpl
        def registr(self, registry: Registrar) -> None: ...

    class Raises:
        @hookimpl
        def register(self, registry: Registrar) -> None:
            raise RuntimeError("boom")

    known = fresh(a=missing, b=WrongSignature, c=WrongHook, d=Raises, e=plugin("fine"))
    problems = {p.package: p.problem for p in known.broken}
    assert list(problems) == ["alframe-a", "alframe-b", "alframe-c", "alframe-d"]
    assert "no module named nowhere" in problems["alframe-a"]
    assert "more" in problems["alframe-b"]
    assert "registr" in problems["alframe-c"]
    assert "boom" in problems["alframe-d"]
    assert known.get("strategies", "fine")


def test_loading_is_bounded_by_the_environment(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, expected in (("b", ["b"]), ("", []), ("a, b", ["a", "b"])):
        monkeypatch.setenv("ALFRAME_PLUGINS", value)
        known = fresh(a=plugin("one"), b=plugin("two"))
        assert [p.name for p in known.plugins if p.package != "alframe"] == expected


def test_a_factory_that_cannot_be_imported_names_its_package() -> None:
    entry = plugins.Entry("strategies", "x", "alframe.nowhere:X", package="pkg", version="3")
    with pytest.raises(PluginError, match=r"x of pkg 3 cannot be loaded from alframe\.nowhere:X"):
        entry.load()

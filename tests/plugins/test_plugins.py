"""Registering, duplicates, broken plugins."""

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alframe.cli import main
from alframe.config.resolve import resolve
from alframe.errors import PluginError
from alframe.plugins import KINDS, Entry, Registrar, Registry, hookimpl, registry
from alframe.plugins import registered as plugins
from alframe.plugins.discovery import EntryPoint


class Fresh:
    """Builds a registry with strangers' plugins beside the built-in ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, **strangers: Any) -> Registry:
        points = [
            EntryPoint(name, f"alframe-{name}", "1.2", stranger)
            for name, stranger in strangers.items()
        ]
        self._monkeypatch.setattr(plugins, "installed", lambda group: points)
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
                registry.strategy(name, "alframe.strategies.baselines:Random", summary="x")

    return Plugin


def test_every_builtin_name_can_be_loaded() -> None:
    entries = [e for kind in KINDS for e in registry().all(kind)]
    assert len(entries) >= 9
    assert all(callable(e.load()) for e in entries)
    assert {e.package for e in entries} >= {"alframe"}


def test_a_factory_says_of_what_task_it_is_where_its_entry_does_not() -> None:
    class Masks:
        task, trains = "segmentation", False

    for factory, task, trains in ((Masks, "segmentation", False), (dict, "detection", True)):
        entry = Entry("models", "x", factory, task=None, trains=None)
        assert (entry.says("task"), entry.says("trains")) == (task, trains)
    assert Entry("models", "x", Masks, task="classification").says("task") == "classification"


def test_a_place_of_a_factory_leaves_open_what_it_is() -> None:
    entry = registry().get("learners", "tests.fakes:FakeLearner")
    assert (entry.task, entry.trains) == (None, None)


def test_what_is_installed_comes_before_a_module_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    registry().get("learners", "tests.fakes:FakeLearner")
    assert sys.path[-1] == str(tmp_path)


@pytest.mark.parametrize(
    ("place", "owner"),
    [("subprocess:getoutput", "Python"), ("os.path:join", "Python"), ("torch.hub:load", "torch")],
)
def test_code_that_is_not_made_for_alframe_is_no_plugin(place: str, owner: str) -> None:
    with pytest.raises(PluginError, match=f"is part of {owner}, which is not made for alframe"):
        registry().get("strategies", place)


@pytest.mark.parametrize(
    ("place", "option", "needle"),
    [
        ("subprocess:getoutput", "cmd", "module 'subprocess' is part of Python"),
        ("alframe.cli.output:os.system", "command", "is of Python, which is not made for alframe"),
        ("mine:os.system", "command", "is of Python, which is not made for alframe"),
        ("mine:getoutput", "cmd", "is of Python, which is not made for alframe"),
        ("mine:made", "cmd", "is of Python, which is not made for alframe"),
        ("alframe.files.home:expanded", "path", "is of alframe and no class"),
    ],
)
def test_a_configuration_of_others_runs_no_commands(
    place: str,
    option: str,
    needle: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = ["import os", "from functools import partial", "from subprocess import getoutput"]
    (tmp_path / "mine.py").write_text("\n".join([*lines, "made = partial(getoutput)"]))
    monkeypatch.syspath_prepend(str(tmp_path))
    for section in ("strategy", "dataset", "model", "learner", "oracle"):
        hostile = {"name": place, option: f"touch {tmp_path / 'made'}"}
        (tmp_path / "c.yaml").write_text(yaml.safe_dump({section: hostile}))
        assert call("validate", "--config", str(tmp_path / "c.yaml")) == 2
        assert needle in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
    sys.modules.pop("mine", None)


@pytest.mark.parametrize(
    ("requires", "taken"),
    [
        ("alframe", True),
        ("Alframe[hf]>=0.1", True),
        ("alframework", False),
        ("alframe-mine", False),
        ("alframe; extra == 'al'", False),
        ("", False),
    ],
)
def test_a_package_that_requires_alframe_needs_no_entry_point(
    requires: str, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    (about := site / "made_here-1.dist-info").mkdir(parents=True)
    (site / "made_here_too.py").write_text("class S: ...")
    line = f"Requires-Dist: {requires}\n" if requires else ""
    (about / "METADATA").write_text(f"Name: made-here\nVersion: 1\n{line}")
    (about / "RECORD").write_text("made_here_too.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    with contextlib.nullcontext() if taken else pytest.raises(PluginError, match="of made-here, "):
        assert registry().get("strategies", "made_here_too:S").load().__name__ == "S"


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
    with pytest.raises(PluginError, match="unknown model 'zzz'; known: deeplabv3, fasterrcnn, "):
        known.get("models", "zzz")


def test_a_doubled_name_names_both_owners_and_the_rest_works(fresh: Fresh) -> None:
    known = fresh(mine=plugin("confident"), other=plugin("confident", "fine"), third=plugin("ok"))
    with pytest.raises(
        PluginError, match=r"claimed by two packages, alframe-mine 1\.2 and alframe-"
    ):
        known.get("strategies", "confident")
    assert [p.name for p in known.broken] == ["other"]
    assert {"ok", "random"} <= {e.name for e in known.all("strategies")}
    assert "fine" not in {e.name for e in known.all("strategies")}


def test_one_name_may_be_of_two_kinds(fresh: Fresh) -> None:
    class Plugin:
        @hookimpl
        def register(self, registry: Registrar) -> None:
            registry.oracle("random", "alframe.strategies.baselines:Random", summary="x")

    known = fresh(mine=Plugin)
    assert not known.broken
    assert known.get("oracles", "random").package == "alframe-mine"


def missing() -> Any:
    raise ImportError("No module named 'nowhere'")


class WrongSignature:
    @hookimpl
    def register(self, registry: Registrar, more: int) -> None: ...


def test_broken_plugins_are_reported_and_skipped(fresh: Fresh) -> None:
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
    assert "No module named 'nowhere'" in problems["alframe-a"]
    assert "more" in problems["alframe-b"]
    assert "registr" in problems["alframe-c"]
    assert "boom" in problems["alframe-d"]
    assert known.get("strategies", "fine")


class NeedsNewer:
    """Calls what this version of alframe does not have."""

    @hookimpl
    def register(self, registry: Registrar) -> None:
        registry.judge("human", "x:y")  # type: ignore[attr-defined]


class LacksARequirement:
    """Is registered, but what it names imports something that is not installed."""

    @hookimpl
    def register(self, registry: Registrar) -> None:
        registry.strategy("lacking", "tests.lacks_a_requirement:Strategy", summary="x")


SMALL = (
    "dataset.pool=10",
    "dataset.test=2",
    "dataset.size=64",
    "training.iterations=1",
    "budget.initial=4",
    "budget.per_cycle=2",
    "budget.cycles=2",
)


def call(*args: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(args)
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


@pytest.fixture
def among_broken_ones(fresh: Fresh) -> Registry:
    """Every way in which a plugin can be broken, and one that is not."""
    return fresh(
        absent=missing,
        wrong=WrongSignature,
        newer=NeedsNewer,
        mine=plugin("confident"),
        doubled=plugin("random"),
        lacking=LacksARequirement,
    )


@pytest.mark.usefixtures("among_broken_ones")
def test_ls_plugins_says_which_are_broken_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("ls", "plugins") == 0
    shown = capsys.readouterr().out
    for expected in (
        r"absent +plugin +alframe-absent +1\.2 +left out: ImportError: No module named 'nowhere'",
        r"wrong +plugin +alframe-wrong +1\.2 +left out: PluginValidationError: (?s:.*)'more'",
        r"newer +plugin +alframe-newer +1\.2 +left out: AttributeError: .* no attribute 'judge'",
        r"doubled +plugin +alframe-doubled +1\.2 +left out: 'random' in strategies is alframe's "
        r"own: alframe-doubled 1\.2 has to call its own otherwise, or to be uninstalled",
        r"mine +plugin +alframe-mine +1\.2\n",
    ):
        assert re.search(expected, shown), expected


@pytest.mark.usefixtures("among_broken_ones")
def test_a_run_works_beside_broken_plugins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for strategy in ("confident", "entropy"):
        assert (
            call("run", "--strategy", strategy, "--output", str(tmp_path / strategy), *SMALL) == 0
        )
        assert "cycle 1" in capsys.readouterr().out


@pytest.mark.usefixtures("among_broken_ones")
@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("random", "'random' in strategies is alframe's own: alframe-"),
        (
            "lacking",
            "strategy 'lacking' of alframe-lacking 1.2 cannot be loaded from "
            "tests.lacks_a_requirement:Strategy: ModuleNotFoundError: No module named",
        ),
    ],
)
def test_a_broken_name_is_one_error_that_names_its_packages(
    strategy: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--strategy", strategy, "--output", str(tmp_path / "run"), *SMALL) == 2
    shown = capsys.readouterr().err
    (error,) = (line for line in shown.splitlines() if line.startswith("error: "))
    assert message in error
    assert "Traceback" not in shown
    assert not (tmp_path / "run").exists()


def test_loading_is_bounded_by_the_environment(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, expected in (("b", ["b"]), ("", []), ("a, b", ["a", "b"])):
        monkeypatch.setenv("ALFRAME_PLUGINS", value)
        known = fresh(a=plugin("one"), b=plugin("two"))
        assert [p.name for p in known.plugins if p.package != "alframe"] == expected


def test_classes_of_a_script_have_to_be_in_the_one_that_is_run() -> None:
    with pytest.raises(PluginError) as told:
        resolve([{"dataset": {"name": "__main__:gone"}, "model": {"name": "__main__:lost"}}])
    assert len(told.value.problems) == 2
    for line in told.value.problems:
        assert line.endswith("; define it in the script that is run, or import it there")


def test_a_factory_that_cannot_be_imported_names_its_package() -> None:
    entry = plugins.Entry("strategies", "x", "alframe.nowhere:X", package="pkg", version="3")
    with pytest.raises(
        PluginError, match=r"strategy 'x' of pkg 3 cannot be loaded from alframe\.nowhere:X"
    ):
        entry.load()

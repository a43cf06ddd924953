"""Plugins that do what no plugin should: each is named with its reason, and the rest works."""

import logging
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alframe.cli import BUILTIN, main
from alframe.config.resolve import from_overrides, resolve, to_yaml
from alframe.errors import PluginError
from alframe.plugins import registry
from alframe.plugins.registrar import VERBS, Registrar
from tests.plugins.strangers import HOOK, Strangers, naming, strategy
from tests.plugins.test_plugins import SMALL, call

FINE = strategy("fine")


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Strangers]:
    folder = tmp_path / "site"
    folder.mkdir()
    installed = Strangers(folder, monkeypatch)
    yield installed
    installed.uninstall()


AT_IMPORT = [
    ("import sys; sys.exit(0)", "SystemExit: it calls sys.exit(0) (bad_plugin.py:1)"),
    ("import sys; sys.exit()", "SystemExit: it calls sys.exit(None) (bad_plugin.py:1)"),
    ("raise SystemExit('no licence')", "it calls sys.exit('no licence') (bad_plugin.py:1)"),
    ("exit()", "SystemExit: it calls sys.exit(None)"),
    ("raise GeneratorExit", "GeneratorExit:  (bad_plugin.py:1)"),
    ("import asyncio\nraise asyncio.CancelledError('x')", "CancelledError: x (bad_plugin.py:2)"),
    ("class Own(BaseException): ...\nraise Own(7)", "Own: 7 (bad_plugin.py:2)"),
    ("raise BaseExceptionGroup('g', [SystemExit(1)])", "BaseExceptionGroup: g (1 sub-exception)"),
    ("def broken(:", "SyntaxError: invalid syntax (bad_plugin.py, line 1)"),
    ("x = '\\x00'\nraise OSError(28, 'No space left')", "OSError: [Errno 28] No space left"),
    ("def f(): f()\nf()", "RecursionError: maximum recursion depth"),
    (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
        "E: (no text can be had of it) (bad_plugin.py:3)",
    ),
    (
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
        "E: (no text can be had of it) (bad_plugin.py:3)",
    ),
    ("raise RuntimeError('one\\nerror: two')", "RuntimeError: one error: two (bad_plugin.py:1)"),
    ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
    ("", "it registers nothing: expected a function register(registry), marked with"),
    ("def register(registry): ...", "it registers nothing: expected a function register(reg"),
    (naming("pass"), "it registers nothing"),
    (HOOK.replace("registry):", "registry, more):").format(call="pass"), "'more'"),
    (HOOK.replace("(registry):", "():").format(call="pass"), "it registers nothing"),
    (f"{FINE}\n@hookimpl\ndef regsiter(registry): ...", "unknown hook 'regsiter'"),
    (naming("import sys; sys.exit(0)"), "SystemExit: it calls sys.exit(0) (bad_plugin.py:6)"),
    (naming("registry.strategy('x', 'a:b')"), "TypeError: "),
]


@pytest.mark.parametrize(("code", "problem"), AT_IMPORT)
def test_whatever_a_plugin_raises_is_its_own_problem(
    code: str, problem: str, strangers: Strangers
) -> None:
    strangers.install("bad", code)
    strangers.install("good", FINE)
    problems = strangers.problems()
    assert list(problems) == ["alframe-bad"]
    assert problem in problems["alframe-bad"]
    assert "\n" not in problems["alframe-bad"]
    assert registry().get("strategies", "fine").package == "alframe-good"


NAMES = ["None", "3", "''", "'a b'", "'a:b'", "'a/b'", "'../x'", "'a\\nb'", "'-x'", "b'x'", "'é'"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("registry.strategy({}, 'a:b', summary='x')", "strategies"),
        ("registry.strategy('x', 'a:b', summary='x', learner={})", "strategies"),
        ("registry.wrapper({}, 'a:b', summary='x')", "strategies"),
        ("registry.learner({}, 'a:b', summary='x')", "learners"),
        ("registry.model({}, 'a:b', summary='x')", "models"),
        ("registry.dataset({}, 'a:b', summary='x')", "datasets"),
        ("registry.suite({}, 'a:b', summary='x')", "suites"),
        ("registry.command({}, 'a:b', summary='x')", "commands"),
    ],
)
def test_what_is_no_name_is_refused(name: str, call: str, kind: str) -> None:
    with pytest.raises(PluginError) as raised:
        eval(call.format(name), {"registry": Registrar("package", "1.2")})
    expected = f"{eval(name)!r} in {kind} is no name: expected letters, digits, dots, _ and -"
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        *(
            (f"registry.command({verb!r}, 'a:b', summary='x')", f"{verb!r} is a command of alfra")
            for verb in sorted(VERBS)
        ),
        ("registry.strategy('x', None, summary='x')", "'x' in strategies is made by None: expec"),
        ("registry.strategy('x', '', summary='x')", "'x' in strategies is made by '': expected"),
        ("registry.strategy('x', 3, summary='x')", "'x' in strategies is made by 3: expected"),
        ("registry.strategy('x', 'a:b', summary=None)", "summary of 'x' in strategies is None"),
        (
            "[registry.strategy('x', 'a:b', summary='x') for _ in range(2)]",
            "'x' in strategies is registered twice",
        ),
        ("registry.strategy(1, 2, summary=3)", "1 in strategies is no name: expected letters, di"),
        ("registry.strategy(1, 2, summary=3)", "the summary of 1 in strategies is 3: expected"),
    ],
)
def test_what_cannot_be_registered_is_refused(
    call: str, problem: str, strangers: Strangers
) -> None:
    strangers.install("bad", naming(call))
    assert problem in strangers.problems()["alframe-bad"]


def test_verbs_of_our_own_are_those_of_the_command_line() -> None:
    assert set(BUILTIN) == VERBS


def test_a_summary_is_one_line(strangers: Strangers) -> None:
    strangers.install(
        "odd", naming(r"registry.strategy('odd', 'a:b', summary='one\n\x1b[31mtwo\t ')")
    )
    assert strangers.registry().get("strategies", "odd").summary == "one [31mtwo"


@pytest.mark.parametrize(
    ("entry_points", "package", "problem"),
    [
        (b"[alframe]\nbad = b\xff\n", "alframe-bad", "its entry_points.txt cannot be read (Uni"),
        (b"\xff\xfe[\x00a\x00", "alframe-bad", "its entry_points.txt cannot be read (Unicode"),
        ("[alframe]\nbad\n", "alframe-bad", "its entry_points.txt cannot be read (TypeError: "),
        ("[console_scripts]\nbad\n", "alframe-bad", "its entry_points.txt cannot be read"),
        ("[alframe]\nbad =\n", "alframe-bad", "it names '': expected a module"),
        ("[alframe]\nbad = a b c\n", "alframe-bad", "it names 'a b c': expected a module"),
        ("[alframe]\nbad = bad_plugin:nothing\n", "alframe-bad", "AttributeError: module 'bad"),
        ("[alframe]\nbad = nowhere_at_all\n", "alframe-bad", "ModuleNotFoundError: No module"),
    ],
)
def test_a_distribution_that_cannot_be_read_hides_no_other(
    entry_points: Any, package: str, problem: str, strangers: Strangers
) -> None:
    strangers.install("bad", entry_points=entry_points)
    strangers.install("good", FINE)
    problems = strangers.problems()
    assert list(problems) == [package]
    assert problem in problems[package]
    assert registry().get("strategies", "fine")


@pytest.mark.parametrize("metadata", ["", "Version: 1.2\n", b"Name: \xff\xfe\n", "\n\n\n"])
def test_a_distribution_without_a_name_goes_by_its_folder(
    metadata: Any, strangers: Strangers
) -> None:
    strangers.install("bare", FINE, metadata=metadata)
    strangers.install("broken", "1/0", metadata=metadata)
    found = {p.package: p.problem for p in strangers.registry().plugins if p.package != "alframe"}
    assert list(found) == ["alframe_bare-1.2.dist-info", "alframe_broken-1.2.dist-info"]
    assert found["alframe_broken-1.2.dist-info"].startswith("ZeroDivisionError: ")
    assert not found["alframe_bare-1.2.dist-info"]


def test_of_a_distribution_that_is_there_twice_the_first_counts(
    strangers: Strangers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers.install("mine", FINE)
    shutil.copytree(strangers.folder, tmp_path / "copy")
    monkeypatch.syspath_prepend(tmp_path / "copy")
    assert strangers.problems() == {}
    assert registry().get("strategies", "fine")


def test_a_plugin_that_is_wanted_and_not_there_is_said(
    strangers: Strangers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers.install("good", FINE)
    monkeypatch.setenv("ALFRAME_PLUGINS", "good, goood,")
    assert call("ls", "plugins") == 0
    shown = capsys.readouterr()
    assert (
        "warning: plugin goood of ALFRAME_PLUGINS is left out: unknown plugin 'goood'; known: "
        "good. Did you mean 'good'?"
    ) in shown.err
    assert "left out: unknown plugin 'goood'" in shown.out
    assert [p.name for p in registry().plugins if p.package == "alframe-good"] == ["good"]


def test_what_a_plugin_changes_for_everyone_is_put_back(
    strangers: Strangers, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = (
        "print('hello'); import os, logging, warnings; os.chdir('/')\n"
        "root = logging.getLogger(); root.addHandler(logging.NullHandler()); root.setLevel(10)\n"
        "warnings.simplefilter('error', ResourceWarning)"
    )
    strangers.install("loud", f"{loud}\n{FINE}", loud_factory=f"{loud}\nclass S: ...")
    strangers.install("later", strategy("later", "loud_factory:S"))
    root, before = logging.getLogger(), Path.cwd()
    level, handlers, filters = root.level, list(root.handlers), list(warnings.filters)
    assert call("ls", "strategies") == 0
    registry().get("strategies", "later").load()
    shown = capsys.readouterr()
    assert "hello" not in shown.out
    assert shown.err.count("hello") == 2
    assert (Path.cwd(), root.level, root.handlers) == (before, level, handlers)
    assert list(warnings.filters) == filters


def test_ctrl_c_while_plugins_are_loaded_says_where(
    strangers: Strangers, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers.install("late", strategy("late", "made:S"), made="raise KeyboardInterrupt")
    assert call("run", "--strategy", "late", *SMALL) == 130
    expected = "interrupted while loading strategy 'late' of alframe-late 1.2"
    assert expected in capsys.readouterr().err
    strangers.install("slow", "raise KeyboardInterrupt")
    registry.cache_clear()
    assert call("ls") == 130
    expected = "interrupted while loading plugin slow of alframe-slow 1.2"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(("wanted", "told"), [("", False), ("good", True), (None, True)])
def test_what_cannot_be_read_is_told_unless_no_plugin_is_wanted(
    wanted: str | None, told: bool, strangers: Strangers, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers.install("bad", entry_points=b"\xff")
    strangers.install("good", FINE)
    if wanted is not None:
        monkeypatch.setenv("ALFRAME_PLUGINS", wanted)
    assert list(strangers.problems()) == (["alframe-bad"] if told else [])


def test_every_command_works_beside_a_plugin_that_exits(strangers: Strangers) -> None:
    strangers.install("bad", "import sys; sys.exit(0)")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(strangers.folder), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "alframe", "ls", "strategies"],
        capture_output=True, text=True, check=False, env=env,
    )  # fmt: skip
    assert done.returncode == 0
    assert "entropy" in done.stdout
    assert "warning: plugin bad of alframe-bad 1.2 is left out: SystemExit: it calls" in done.stderr


FACTORIES = [
    ("def broken(:", "SyntaxError: invalid syntax (made.py, line 1)"),
    ("import sys; sys.exit(0)", "SystemExit: it calls sys.exit(0) (made.py:1)"),
    ("1/0", "ZeroDivisionError: division by zero (made.py:1)"),
    ("class T: ...", "AttributeError: module 'made' has no attribute 'S'"),
    ("S = 3", "strategy 'confident' of alframe-mine 1.2 cannot be called: made:S is 3"),
    ("import json as S", "cannot be called: made:S is <module 'json'"),
    ("raise GeneratorExit", "cannot be loaded from made:S: GeneratorExit:"),
    ("def S(): import sys; sys.exit(0)", "cannot be made: SystemExit: it calls sys.exit(0)"),
    ("S = dict", "its options cannot be read: no signature found"),
    ("def S(a, /): ...", "'a' can only be given by position: expected a keyword"),
    ("def S(_a): ...", "'_a' is private and has no default: expected a name without underscore"),
    ("def S(a=object()): ...", "its option 'a' is <object object at"),
    ("def S(a=lambda: 1): ...", "its option 'a' is <function <lambda>"),
    ("def S(a=b'\\xff'): ...", "its option 'a' is b'\\xff' (bytes): expected a value that config"),
    (
        "def S(a=float('inf')): ...",
        "its option 'a' is inf (float): expected a value that config.yaml keeps as it is",
    ),
    ("def S(a={1: 2}): ...", "config.yaml keeps as it is; it would become {'1': 2}"),
    ("def S(a: int = 'x'): ...", "; its type says otherwise, a: expected a whole number (got 'x')"),
    ("def S(name='x'): ...", "'name' is what users call it by: expected another name for an op"),
    ("def S(_a=1): ...", "makes None (NoneType): expected something with requires, select"),
    ("def S(): ...", "makes None (NoneType): expected something with requires, select"),
    (
        "class S:\n    requires = frozenset()\n    select = 1",
        "select(query) cannot be called: 1 is not a callable object",
    ),
    (
        "class S:\n    requires = frozenset()\n    def select(self, ids, budget): ...",
        "select(query) cannot be called: missing a required argument: 'budget'",
    ),
    (
        "from alframe.strategy import ScoringStrategy\nclass S(ScoringStrategy):\n"
        "    requires = frozenset({'detections'})\n    def score(self): ...",
        "score(batch) cannot be called: too many positional arguments",
    ),
    (
        "class S:\n    requires = frozenset({'detection'})\n    def select(self, query): ...",
        "learners that do: none; models that do: none. Did you mean 'detections'?",
    ),
    ("class S:\n    requires = frozenset()", "(S): expected something with select"),
    (
        "import alframe\nclass S(alframe.ScoringStrategy):\n    requires = frozenset()",
        "has no score: expected a method of its own",
    ),
    (
        "class S:\n    requires = 'entropy'\n    def select(self, query): ...",
        "requires of strategy 'confident' is 'entropy': expected a frozenset of names of signals",
    ),
]


@pytest.mark.parametrize(("code", "message"), FACTORIES)
def test_a_factory_that_cannot_be_used_is_one_error(
    code: str, message: str, strangers: Strangers, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    strangers.install("mine", strategy("confident", "made:S"), made=code)
    args = ("run", "--strategy", "confident", "--output", str(tmp_path / "run"), *SMALL)
    assert call(*args) == 2
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    (error,) = (line for line in shown.splitlines() if line.startswith("error: "))
    assert message in error
    assert "'confident'" in error
    assert not (tmp_path / "run").exists()


SELECTS = "    requires = frozenset()\n    def select(self, query): ...\n"
SIGNATURES = [
    ("class S:\n" + SELECTS, {}),
    ("class S:\n    def __init__(self, a: int = 1): ...\n" + SELECTS, {"a": 1}),
    ("class S:\n    def __init__(self, **more): ...\n" + SELECTS, {}),
    ("class S:\n    def __init__(self, *more, a=2): ...\n" + SELECTS, {"a": 2}),
    ("class S:\n    def __init__(self, a: 'Unknown' = 1): ...\n" + SELECTS, {"a": 1}),
    ("class S:\n    def __init__(self, a: 'not a type(' = 1): ...\n" + SELECTS, {"a": 1}),
    (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from nowhere import Odd\n"
        "class S:\n    def __init__(self, a: Odd | None = None, b: int = 3): ...\n" + SELECTS,
        {"a": None, "b": 3},
    ),
    (
        "import numpy as np\nclass S:\n    def __init__(self, a: np.ndarray | None = None): ...\n"
        + SELECTS,
        {"a": None},
    ),
    ("class S:\n    def __init__(self, copy=1, schema=2, model_x=3): ...\n" + SELECTS,
     {"copy": 1, "schema": 2, "model_x": 3}),
    ("import functools\nclass T:\n    def __init__(self, a, b=2): ...\n" + SELECTS +
     "S = functools.partial(T, a=5)", {"a": 5, "b": 2}),
    ("class T:\n" + SELECTS + "class M:\n    def __call__(self, a: int = 4): return T()\nS = M()",
     {"a": 4}),
    ("import typing\nclass S(typing.NamedTuple):\n    a: int = 6\n" + SELECTS, {"a": 6}),
    ("import dataclasses\n@dataclasses.dataclass\nclass S:\n    a: int = 7\n" + SELECTS, {"a": 7}),
    ("import functools\ndef T(a: 'int' = 8): ...\n@functools.wraps(T)\ndef S(**k): ...", {"a": 8}),
    ("def S(*name, a: int = 1, **k): ...", {"a": 1}),
    ("import typing\ndef S(a: typing.Iterable[int] = (1, 2)): ...", {"a": [1, 2]}),
    ("import pathlib\ndef S(a=pathlib.Path('x'), b=(1, (2,)), c: tuple[int, int] = (1, 2),"
     " d: pathlib.Path = pathlib.Path('y'), e: float = 1): ...",
     {"a": "x", "b": [1, [2]], "c": (1, 2), "d": Path("y"), "e": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "options"), SIGNATURES)
def test_options_follow_from_any_signature(
    code: str, options: dict[str, Any], strangers: Strangers
) -> None:
    strangers.install("mine", strategy("confident", "made:S"), made=code)
    strangers.registry()
    config = resolve([{"strategy": "confident"}])
    assert config.strategy.options == options
    assert "confident" in to_yaml(config)
    again = resolve([yaml.safe_load(to_yaml(config))])
    assert again.strategy.options == options
    with pytest.raises(Exception, match=r"unknown setting 'strategy\.nosuch'"):
        resolve([{"strategy": "confident"}, from_overrides(["strategy.nosuch=1"])])


def test_a_bug_of_a_plugin_shows_its_traceback_and_whose_it_is(
    strangers: Strangers, tmp_path: Path
) -> None:
    made = "class S:\n    requires = frozenset()\n    def select(self, query): return 1 / 0\n"
    made += "def T(): raise ValueError('no')"
    code = naming("[registry.strategy(n, 'made:' + n, summary='') for n in 'ST']")
    strangers.install("mine", code, made=made)
    for name, note in (("T", "raised by strategy 'T' of"), ("S", "this run uses strategy 'S' of")):
        args = ("run", "--strategy", name, "--output", str(tmp_path / name), *SMALL)
        with pytest.raises((ValueError, ZeroDivisionError)) as raised:
            main(args)
        assert raised.value.__notes__ == [f"{note} alframe-mine 1.2"]


def test_a_dataset_of_another_task_than_is_said(
    strangers: Strangers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = "from dataclasses import replace\nfrom alframe.datasets.shapes import shapes\n"
    made += "def D(): return replace(shapes(pool=8, test=2), task='classification')\n"
    strangers.install("mine", naming("registry.dataset('own', 'made:D', summary='')"), made=made)
    for name in ("own", "made:D"):
        assert call("run", "--dataset", name, "--output", str(tmp_path / "run")) == 2
        said = "makes a dataset of classification, and is said to be of detection: expected one"
        assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_plugin_that_exits_while_running_does_not_end_the_command_in_silence(
    strangers: Strangers, tmp_path: Path
) -> None:
    made = "import sys\nclass S:\n    requires = frozenset()\n    def select(self, q): sys.exit(0)"
    strangers.install("mine", strategy("confident", "made:S"), made=made)
    with pytest.raises(RuntimeError, match=r"a plugin calls sys\.exit\(0\): it must not"):
        main(("run", "--strategy", "confident", "--output", str(tmp_path / "run"), *SMALL))


def test_a_command_of_a_plugin_may_exit_and_has_to_be_one(
    strangers: Strangers, capsys: pytest.CaptureFixture[str]
) -> None:
    made = "import click, sys\n@click.command()\ndef leave(): sys.exit(7)\ndef other(): ..."
    code = naming("[registry.command(n, 'made:' + n, summary='') for n in ('leave', 'other')]")
    strangers.install("mine", code, made=made)
    assert call("leave") == 7
    assert call("other") == 2
    assert "command 'other' of alframe-mine 1.2 is <function other" in capsys.readouterr().err


@pytest.mark.parametrize("provides", ["None", "'x'", "['x']", "{'x', 3}", "property(lambda s: 1)"])
def test_signals_that_are_no_names_are_refused(provides: str, strangers: Strangers) -> None:
    from alframe.runs.build import build_strategy

    made = f"class L:\n    provides = {provides}\n    def __init__(self, setup): pass"
    strangers.install("mine", naming("registry.learner('own', 'made:L', summary='')"), made=made)
    strangers.registry()
    with pytest.raises(PluginError, match=r"provides of <class 'made\.L'> is .*: expected a froz"):
        build_strategy(resolve([{"learner": "own", "strategy": "random"}]))

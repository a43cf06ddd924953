"""What README and guides say holds: commands are understood, plugins work, folders are there."""

import functools
import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from alframe.cli import BUILTIN, cli, main
from alframe.cli.flags import layers_from
from alframe.config.resolve import resolve
from alframe.plugins import registered as plugins
from alframe.plugins import registry
from alframe.plugins.discovery import EntryPoint

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "tests" / "plugin_example"


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text(page), re.S)


def commands(page: str) -> Iterator[str]:
    """What is typed: lines that go on are joined, what a shell does with the output is cut off."""
    for block in blocks(page, "bash"):
        for line in re.sub(r"\\\n *", "", block).splitlines():
            for part in line.split(" && "):
                if part.startswith("alframe "):
                    yield part.partition(" > ")[0]


README = text("README.md")
GUIDES = sorted(
    {guide for guide in re.findall(r"\]\(([\w/]+README\.md)", README) if "results" not in guide}
)
COMMANDS = [command for page in ("README.md", *GUIDES) for command in commands(page)]
SMALL = (
    "dataset.pool=12", "dataset.test=4", "training.iterations=2",
    "budget.initial=4", "budget.per_cycle=4", "budget.cycles=2",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _example(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the example's modules are called may be imported from elsewhere by another test."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield
    for module in ("my_strategy", "my_dataset"):
        sys.modules.pop(module, None)


def verbs() -> list[str]:
    return [*BUILTIN, *(e.name for e in registry().all("commands"))]


def command_of(verb: str) -> click.Command:
    command = cli.get_command(None, verb)  # type: ignore[arg-type]
    assert command is not None
    return command


@pytest.mark.parametrize("typed", dict.fromkeys(COMMANDS))
def test_every_command_is_understood(typed: str) -> None:
    _, verb, *args = shlex.split(typed, comments=True)
    flags = command_of(verb).make_context(verb, args).params
    if verb in ("run", "validate") and "--resume" not in args:
        assert resolve(layers_from(flags))


def test_there_are_commands_in_the_readme_and_every_guide_is_linked() -> None:
    assert len(COMMANDS) >= 20
    assert "pip install . && alframe run" in blocks("README.md", "bash")[0]
    assert "pip install '.[test]' && pytest" in blocks("README.md", "bash")[1]
    there = [*ROOT.glob("[a-z]*/README.md"), *ROOT.glob("alframe/*/README.md")]
    own = sorted(str(page.relative_to(ROOT)) for page in there if not page.parent.is_symlink())
    assert own == GUIDES


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *GUIDES])
def test_every_file_that_is_linked_is_there(page: str) -> None:
    linked = re.findall(r"\]\(([^)#\s]+)", text(page))
    local = [link for link in linked if not link.startswith("https:")]
    assert [link for link in local if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_strategy_of_the_readme_is_run_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = blocks("README.md", "python")
    assert block.startswith("# my_strategy.py\n")
    (tmp_path / "my_strategy.py").write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *(p for p in sys.path if p != str(EXAMPLE))])
    (typed,) = (c for c in commands("README.md") if "run --strategy my_strategy" in c)
    run(*shlex.split(typed)[1:], "--output", "run", *SMALL)
    assert "my_strategy:FewestObjects on plain/retina-tiny" in capsys.readouterr().out


def test_the_tutorial_is_the_plugin_of_the_example() -> None:
    page = "strategies/README.md"
    written = [*blocks(page, "python"), *blocks(page, "toml")]
    names = [block.partition("\n")[0].removeprefix("# ") for block in written]
    assert names == ["my_strategy.py", "test_my_strategy.py", "pyproject.toml"]
    for name, block in zip(names, written, strict=True):
        assert block == (EXAMPLE / name).read_text(encoding="utf-8"), name


def test_the_plugin_of_the_tutorial_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loaded without being installed; .ci/smoke installs it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, module),) = project["entry-points"]["alframe"].items()
    load = functools.partial(importlib.import_module, module)
    point = EntryPoint(name, project["name"], project["version"], load)
    monkeypatch.setattr(plugins, "installed", lambda group: [point])
    registry.cache_clear()
    try:
        run("ls")
        shown = capsys.readouterr().out
        assert re.search(r"fewest-objects +strategies +my-strategy +0\.1", shown)
        assert re.search(r"discs +datasets +my-strategy +0\.1", shown)
        output = ("--output", str(tmp_path / "run"))
        named = ("--strategy", "fewest-objects", "--dataset", "discs")
        run("run", *named, "strategy.threshold=0.5", *output, *SMALL)
        assert "fewest-objects on plain/retina-tiny" in capsys.readouterr().out
    finally:
        registry.cache_clear()


def run(*args: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(args)
    assert exit_.value.code == 0


def test_every_folder_and_file_that_it_names_is_there() -> None:
    table = README.split("## Where everything lies")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w/]+/)` \| (.*) \|$", table, re.M)
    assert len(rows) == len(re.findall(r"^\| `", table, re.M)) > 5
    for folder, described in rows:
        assert (ROOT / folder).is_dir()
        for name in re.findall(r"`([\w.]+(?:\.py|/))`", described):
            assert (ROOT / folder / name).exists(), name


def test_every_command_has_a_row_with_its_options() -> None:
    page = text("alframe/cli/README.md")
    rows = dict(re.findall(r"^\| `alframe (\w+)(.*)$", page, re.M))
    assert {*rows} == {*verbs()}
    rows["validate"] += rows["run"]  # whose flags it takes
    for verb, row in rows.items():
        for option in command_of(verb).params:
            if isinstance(option, click.Option):
                names = {*option.opts, *option.secondary_opts}
                assert names & {*re.findall(r"-[\w-]+", row)}, (verb, option.name)

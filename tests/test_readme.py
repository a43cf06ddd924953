"""What the README says holds: its commands resolve, its plugin works, its folders are there."""

import functools
import importlib
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from alframe.cli import BUILTIN, cli, main
from alframe.cli.flags import layers_from
from alframe.config.resolve import resolve
from alframe.plugins import registered as plugins
from alframe.plugins import registry
from alframe.plugins.discovery import EntryPoint

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "tests" / "plugin_example"
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = {
    language: re.findall(rf"```{language}\n(.*?)```", README, re.S)
    for language in ("bash", "python", "toml")
}
COMMANDS = [
    shlex.split(line)[1:]
    for block in BLOCKS["bash"]
    for line in block.splitlines()
    if line.startswith("alframe ")
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_understood(command: list[str]) -> None:
    verb, *args = command
    assert verb in [*BUILTIN, *(e.name for e in registry().all("commands"))]
    if verb in ("run", "validate") and "--resume" not in args:
        click_command = cli.get_command(None, verb)  # type: ignore[arg-type]
        assert click_command is not None
        flags = click_command.make_context(verb, args).params
        assert resolve(layers_from(flags))


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5
    assert "pip install . && alframe run" in BLOCKS["bash"][0]
    assert "pip install '.[test]' && pytest" in BLOCKS["bash"][1]


def test_the_tutorial_is_the_plugin_of_the_example() -> None:
    blocks = [*BLOCKS["python"], *BLOCKS["toml"]]
    names = [block.partition("\n")[0].removeprefix("# ") for block in blocks]
    assert names == ["my_strategy.py", "test_my_strategy.py", "pyproject.toml"]
    for name, block in zip(names, blocks, strict=True):
        assert block == (EXAMPLE / name).read_text(encoding="utf-8"), name


def test_the_plugin_of_the_tutorial_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loaded without being installed; .ci/smoke installs it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, module),) = project["entry-points"]["alframe"].items()
    monkeypatch.syspath_prepend(str(EXAMPLE))
    load = functools.partial(importlib.import_module, module)
    point = EntryPoint(name, project["name"], project["version"], load)
    monkeypatch.setattr(plugins, "installed", lambda group: [point])
    registry.cache_clear()
    try:
        run("ls")
        shown = capsys.readouterr().out
        assert re.search(r"fewest-objects +strategies +my-strategy +0\.1", shown)
        assert re.search(r"discs +datasets +my-strategy +0\.1", shown)
        small = ("dataset.pool=12", "dataset.test=4", "training.iterations=2",
                 "budget.initial=4", "budget.per_cycle=4", "budget.cycles=2")  # fmt: skip
        output = ("--output", str(tmp_path / "run"))
        named = ("--strategy", "fewest-objects", "--dataset", "discs")
        run("run", *named, "strategy.threshold=0.5", *output, *small)
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


def test_every_verb_is_in_the_readme() -> None:
    verbs: list[Any] = [*BUILTIN, *(e.name for e in registry().all("commands"))]
    for verb in verbs:
        assert f"`alframe {verb}" in README

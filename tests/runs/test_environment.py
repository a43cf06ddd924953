import subprocess
from pathlib import Path

import pytest
import torch

from alframe.runs import environment as module
from alframe.runs.environment import PACKAGES, environment, processor_name


def test_a_processor_is_named_by_its_model(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nmodel name : Fast 9000\nmodel name : Fast 9000\n")
    assert processor_name(info).startswith("Fast 9000, ")
    assert processor_name(tmp_path / "missing").endswith(" cores")


def test_the_record_names_versions_and_device() -> None:
    found = environment("cpu")
    assert set(found["versions"]) == set(PACKAGES)
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert (found["device"], found["device_name"]) == ("cpu", processor_name())


def test_the_commit_is_of_this_package_and_not_of_a_project_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        author = ("-c", "user.name=a", "-c", "user.email=a")
        command = ("git", "-C", str(tmp_path), *author, *arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    git("commit", "--allow-empty", "-m", "theirs")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "environment.py"))
    Path(module.__file__).touch()
    assert environment("cpu")["git"] is None
    git("add", ".")
    git("commit", "-m", "ours")
    assert environment("cpu")["git"] == git("rev-parse", "--short", "HEAD")

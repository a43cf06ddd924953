"""``import alframe``: a notebook needs no other module."""

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import alframe
from alframe.config.sections import RunConfig
from alframe.errors import ConfigError, DataError, RunError
from tests.models.classifier import Classifier, colours

SMALL = {
    "dataset": {"name": "shapes", "pool": 8, "test": 2, "size": 64, "classes": 2},
    "training": {"passes": 1, "batch_size": 2},
    "budget": {"initial": 2, "per_cycle": 2, "cycles": 2},
    "model": {"fpn_channels": 16},
    "device": "cpu",
}


def test_every_name_is_there_and_importing_takes_nothing_heavy() -> None:
    assert all(getattr(alframe, name) is not None for name in alframe.__all__)
    assert {*alframe.__all__, "__version__"} <= set(dir(alframe))
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        _ = alframe.rum  # type: ignore[attr-defined]
    code = "import sys, alframe; print({'torch', 'numpy', 'pydantic'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_settings_of_each_kind_make_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("training: {lr: 0.5, optimizer: sgd, momentum: 0.1}\n")
    config = alframe.resolve(str(file), SMALL, "training.lr=0.25", "strategy=entropy")
    assert isinstance(config, RunConfig)
    assert (config.training.lr, config.training.momentum) == (0.25, 0.1)
    assert (config.strategy.name, config.budget.cycles) == ("entropy", 2)
    with pytest.raises(ConfigError, match=r"Did you mean 'training\.lr'"):
        alframe.resolve("lr=0.1")
    swept = tmp_path / "lr=0.5/mine.yaml"
    swept.parent.mkdir()
    file.rename(swept)
    assert alframe.resolve(swept, SMALL).training.lr == 0.5
    with pytest.raises(alframe.AlframeError) as raised:
        alframe.resolve("training.lr=[1,", "gone.yaml")
    assert len(raised.value.problems) == 2
    for wrong in (5, ["seed=1"], None):
        with pytest.raises(ConfigError, match="expected key=value, a file or a mapping, got"):
            alframe.resolve(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"as alframe\.resolve\(\.\.\.\) makes it, got dict"):
        next(alframe.run(SMALL, tmp_path / "run"))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="path: expected that of the run directory, got None"):
        next(alframe.run(config, None))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"path: expected text without a zero byte, got 'a\\x00'"):
        next(alframe.run(config, "a\0"))
    with pytest.raises(RunError, match=r"cannot write to .*: File name too long"):
        next(alframe.run(config, "x" * 300))


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    config = alframe.resolve(SMALL, "strategy=random")
    first = next(alframe.run(config, tmp_path / "run"))
    cycles = list(alframe.run(config, str(tmp_path / "run")))
    assert [c["labelled"] for c in cycles] == [2, 4]
    assert cycles[0] == first


def test_what_a_run_yields_is_the_callers(tmp_path: Path) -> None:
    config = alframe.resolve(SMALL, "strategy=random")
    labelled = []
    for cycle in alframe.run(config, tmp_path / "run"):
        assert isinstance(cycle, dict)
        cycle["selected"].clear()
        cycle["metrics"].clear()
        labelled.append(cycle["labelled"])
    again = list(alframe.run(config, tmp_path / "run"))
    assert labelled == [cycle["labelled"] for cycle in again] == [2, 4]
    assert all("mAP50" in cycle["metrics"] for cycle in again)


def test_a_run_that_is_left_after_a_cycle_did_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for _ in alframe.run(alframe.resolve(SMALL, "strategy=random"), "~/run"):
        break
    log = (tmp_path / "run/run.log").read_text()
    assert ("ERROR" in log, "Traceback" in log) == (False, False)
    assert alframe.resolve("output=~/run").output == str(tmp_path / "run")


def test_a_caller_may_go_elsewhere_between_cycles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    cycles = alframe.run(alframe.resolve(SMALL, "strategy=random"), "run")
    next(cycles)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert [cycle["cycle"] for cycle in cycles] == [1]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_name_that_only_looks_like_a_folder_of_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert alframe.resolve("output=~nobody-of-this-name/x").output == "~nobody-of-this-name/x"
    config = alframe.resolve("dataset=photos", "dataset.root=~no-such-user", "dataset.classes=[a]")
    with pytest.raises(DataError, match="~no-such-user"):
        next(alframe.run(config, "run"))


class Backwards:
    """A strategy of a notebook."""

    requires = frozenset[str]()

    def select(self, query: alframe.Query) -> alframe.Selection:
        return alframe.Selection(query.unlabelled[::-1][: query.budget])


def test_a_strategy_of_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "Backwards", Backwards, raising=False)
    monkeypatch.setattr(Backwards, "__module__", "__main__")
    config = alframe.resolve(SMALL, {"strategy": Backwards})
    assert config.strategy.name == "__main__:Backwards"
    first, second = alframe.run(config, tmp_path / "run")
    assert (first["selected"][0], second["selected"]) == ("pool/000007", [])
    assert alframe.select(Backwards(), 2, ids=["a", "b", "c"]) == ["c", "b"]
    with pytest.raises(ConfigError, match=r"got <class '__main__\.Backwards'>, which is to be ca"):
        alframe.select(Backwards, 2, ids=["a"])  # type: ignore[arg-type]


def test_a_dataset_and_a_model_of_a_notebook() -> None:
    own = {"dataset": colours, "model": Classifier, "training": {"passes": 1}}
    config = alframe.resolve("strategy=random", own)
    assert config.dataset.name == "tests.models.classifier:colours"
    assert config.model
    assert config.model.name == "tests.models.classifier:Classifier"


@pytest.mark.parametrize(
    "value",
    [
        lambda: None,
        functools.partial(dict, p=0.1),
        nn.Linear(1, 1),
        type("Local", (), {"__qualname__": "f.<locals>.Local"}),
        colours(),
    ],
)
def test_what_a_resumed_run_could_not_find_is_refused(value: Any) -> None:
    said = "expected a class or function that a module or notebook has by its name, .* got "
    for where, setting in (
        ("model", {"model": value}),
        ("model.name", {"model": {"name": value}}),
        ("data.cache", {"data": {"cache": [value]}}),
    ):
        with pytest.raises(ConfigError, match=f"^{where}: {said}"):
            alframe.resolve(setting)


def test_every_value_that_could_not_be_found_is_told() -> None:
    with pytest.raises(ConfigError) as told:
        alframe.resolve({"strategy": lambda: None, "oracle": Backwards()})
    assert [problem.split(":")[0] for problem in told.value.problems] == ["strategy", "oracle"]


def test_paths_and_numbers_of_numpy_are_settings(tmp_path: Path) -> None:
    given = {
        "dataset": {"name": "voc", "root": tmp_path},
        "data": {"cache": "disk", "cache_dir": tmp_path},
        "budget": {"initial": np.int64(4)},
        "training": {"lr": np.float64(0.5)},
        "model": {"name": "retina", "strides": np.array([8, 16, 32])},
        "device": torch.device("cpu"),
    }
    config = alframe.resolve(given)
    assert config.dataset.options["root"] == config.data.cache_dir == str(tmp_path)
    assert (config.budget.initial, config.training.lr, config.device) == (4, 0.5, "cpu")
    with pytest.raises(ConfigError, match=r"expected it nested, as budget: \{initial: \.\.\.\}"):
        alframe.resolve({"budget.initial": 4})
    with pytest.raises(ConfigError, match="settings: the name of a setting is text, not 5"):
        alframe.resolve({5: 3})


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_a_run_where_gradients_are_off(off: Any, tmp_path: Path) -> None:
    config = alframe.resolve(SMALL, "strategy=random")
    usual = list(alframe.run(config, tmp_path / "usual"))
    with off():
        cycles = list(alframe.run(config, tmp_path / "run"))
        assert not torch.is_grad_enabled()
    assert [c["metrics"] for c in cycles] == [c["metrics"] for c in usual]

"""Names that tell methods apart."""

from alframe.benchmarks.methods import methods
from alframe.benchmarks.runs import read_runs
from tests.benchmarks.fake_runs import write_run


def names(folder):
    return list(methods(read_runs([folder])))


def test_the_strategy_is_enough_and_seeds_are_one_method(tmp_path):
    write_run(tmp_path / "1", [0.1], seed=0)
    write_run(tmp_path / "2", [0.1], seed=1)
    write_run(tmp_path / "3", [0.1], strategy="miaod", learner="miaod")
    found = methods(read_runs([tmp_path]))
    assert {name: [r.seed for r in runs] for name, runs in found.items()} == {
        "random": [0, 1],
        "miaod": [0],
    }


def test_learner_where_the_strategy_is_not_enough(tmp_path):
    write_run(tmp_path / "1", [0.1], learner="plain")
    write_run(tmp_path / "2", [0.1], learner="miaod", settings={"momentum": 0.9})
    write_run(tmp_path / "3", [0.1], strategy="miaod", learner="miaod")
    assert names(tmp_path) == ["random (learner=plain)", "random (learner=miaod)", "miaod"]


def test_settings_where_the_parts_are_not_enough(tmp_path):
    write_run(tmp_path / "1", [0.1], settings={"lr": 0.1})
    write_run(tmp_path / "2", [0.1], settings={"lr": 0.2, "ema": 0.9})
    assert names(tmp_path) == [
        "random (training.lr=0.1, training.ema=None)",
        "random (training.lr=0.2, training.ema=0.9)",
    ]

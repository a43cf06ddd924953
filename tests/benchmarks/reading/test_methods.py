"""Names that tell methods apart."""

import yaml

from alframe.benchmarks.reading.groups import ProblemRuns, methods
from alframe.benchmarks.reading.rundirs import read_run, read_runs
from tests.benchmarks.fake_runs import write_run


def names(*folders):
    found = [list(problem) for problem in methods([read_runs([folder]) for folder in folders])]
    return found if len(folders) > 1 else found[0]


def test_the_strategy_is_enough_and_seeds_are_one_method(tmp_path):
    write_run(tmp_path / "1", [0.1], seed=0)
    write_run(tmp_path / "2", [0.1], seed=1)
    write_run(tmp_path / "3", [0.1], strategy="miaod", learner="miaod")
    (found,) = methods([read_runs([tmp_path])])
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


def test_a_name_means_one_method_in_all_problems(tmp_path):
    write_run(tmp_path / "voc" / "1", [0.1], learner="plain", dataset="voc")
    write_run(tmp_path / "voc" / "2", [0.1], strategy="entropy", dataset="voc")
    write_run(tmp_path / "coco" / "1", [0.1], learner="miaod", dataset="coco")
    write_run(tmp_path / "coco" / "2", [0.1], strategy="entropy", dataset="coco")
    assert names(tmp_path / "voc", tmp_path / "coco") == [
        ["random (learner=plain)", "entropy"],
        ["random (learner=miaod)", "entropy"],
    ]


def test_problems_may_differ_in_recipe_and_detector(tmp_path):
    write_run(tmp_path / "voc" / "1", [0.1], settings={"lr": 0.1, "ema": 0.9})
    write_run(tmp_path / "coco" / "1", [0.1], settings={"lr": 0.2, "ema": 0.9}, model="ssd")
    assert names(tmp_path / "voc", tmp_path / "coco") == [["random"], ["random"]]
    write_run(tmp_path / "own" / "1", [0.1], settings={"lr": 0.2})
    assert names(tmp_path / "voc", tmp_path / "own") == [["random"], ["random"]]
    write_run(tmp_path / "coco" / "2", [0.1], settings={"lr": 0.3, "ema": 0.9}, model="ssd")
    assert names(tmp_path / "voc", tmp_path / "coco") == [
        ["random (training.lr=0.1)"],
        ["random (training.lr=0.2)", "random (training.lr=0.3)"],
    ]


def test_options_of_a_method_tell_on_one_detector_only(tmp_path):
    def entropy(folder, model, k):
        path = write_run(tmp_path / folder / "1", [0.1], model=model)
        config = yaml.safe_load((path / "config.yaml").read_text())
        config["strategy"] = {"name": "entropy", "k": k}
        (path / "config.yaml").write_text(yaml.safe_dump(config))

    entropy("voc", "retina", 10)
    entropy("coco", "ssd", 20)
    assert names(tmp_path / "voc", tmp_path / "coco") == [["entropy"], ["entropy"]]
    entropy("shapes", "ssd", 30)
    assert names(*(tmp_path / name for name in ("voc", "coco", "shapes"))) == [
        ["entropy (strategy.k=10)"], ["entropy (strategy.k=20)"], ["entropy (strategy.k=30)"],
    ]  # fmt: skip


def test_the_baseline_is_random_selection_with_the_plain_learner_or_that_of_all(tmp_path):
    def baseline_of(found):
        return ProblemRuns("a", found).baseline

    def run(name, **details):
        return [read_run(write_run(tmp_path / name, [0.1], **details))]

    found = {"a": run("a", learner="miaod"), "b": run("b", strategy="entropy"), "not run": []}
    assert baseline_of(found) is None
    assert baseline_of({name: found[name] for name in ("a", "not run")}) == "a"
    assert baseline_of(found | {"c": run("g", learner="miaod", strategy="entropy")}) is None
    assert baseline_of({"b": found["b"]}) is None
    assert baseline_of({"a": found["a"], "random": found["a"]}) is None
    found |= {"c": run("c"), "d": run("d")}
    assert baseline_of(found) == "c"
    assert baseline_of(found | {"random": run("e")}) == "random"
    assert baseline_of(found | {"random": run("f", learner="miaod")}) == "c"

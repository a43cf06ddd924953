"""Whole runs with transformers' DETRs: strategies, what does not fit, a kill, several processes."""

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from alframe.cli import main
from alframe.config.resolve import from_file, from_overrides, resolve
from alframe.detectors import hf
from alframe.errors import ConfigError
from alframe.plugins import registry
from alframe.runs.compatibility import row
from alframe.runs.run import run
from alframe.testing import check_learner, tiny_setup
from alframe.testing.fitting import LearnerUnderTest, Notes
from alframe.training.plain_learner import PlainLearner

pytest.importorskip("transformers")
from tests.detectors.hf_tiny import FAMILIES, folder
from tests.processes import side_by_side

TINY = (
    "model=hf", "model.weights=none", "model.score_threshold=0.01", "data.resize=none",
    "dataset.pool=14", "dataset.test=4", "dataset.size=64", "training.batch_size=4",
    "training.passes=null", "training.iterations=3", "evaluation.coco=false", "budget.initial=4",
    "budget.per_cycle=3", "budget.cycles=2", "device=cpu",
)  # fmt: skip
NAMES = (
    "coreset", "badge", "balanced-random", "cdal", "dedup:entropy", "divproto", "least-confidence",
    "margin", "most-objects", "power:entropy", "ppal", "random", "typiclust",
)  # fmt: skip
slow = pytest.mark.slow


def finished(path: Path, *pairs: str) -> list[dict]:
    list(run(resolve([from_overrides(pairs)]), path))
    return [json.loads(line) for line in (path / "cycles.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("strategy", ["entropy", *(pytest.param(n, marks=slow) for n in NAMES)])
def test_a_run_of_two_cycles(family, strategy, tmp_path):
    place = folder(tmp_path / "model", family)
    first, last = finished(
        tmp_path / "run", f"strategy={strategy}", f"model.architecture={place}", *TINY
    )
    assert len(set(first["selected"])) == 3
    assert (first["labelled"], last["labelled"]) == (4, 7)
    assert 0 <= last["metrics"]["mAP50"] <= 1
    if strategy != "entropy":
        again, _ = finished(
            tmp_path / "again", f"strategy={strategy}", f"model.architecture={place}", *TINY
        )
        assert again["selected"] == first["selected"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_goes_on_from_its_checkpoint_with_the_same_numbers(family, tmp_path):
    """Dropout, denoising queries and BatchNorm's statistics included."""
    place = folder(tmp_path, family)
    setup = tiny_setup(f"model.architecture={place}", "training.batch_size=2", *TINY[:4],
                       "training.passes=2", "training.iterations=null", "model.norm_eval="
                       + ("true" if family in {"detr", "rf-detr"} else "false"))  # fmt: skip
    bench = LearnerUnderTest(PlainLearner, setup)
    whole, notes = bench.fit()
    resumed, _ = bench.fit(Notes(notes.states[:1]))
    expected = whole.state_dict()
    assert notes.states
    assert all(torch.equal(value, expected[n]) for n, value in resumed.state_dict().items())


@slow
@pytest.mark.parametrize("family", ["rtdetr-v2", "dfine"])
def test_the_contract_of_a_learner(family, tmp_path):
    pairs = ("training.lr=0.003", "training.passes=30", "training.clip_norm=1.0")
    place = f"model.architecture={folder(tmp_path, family)}"
    new = ("model.weights=none", "model.norm_eval=false")  # frozen, random values would die out
    setup = tiny_setup("model=hf", place, *new, "training.warmup=5", *pairs)
    check_learner(PlainLearner, setup=setup)


@pytest.mark.parametrize("strategy", ["miaod", "ll4al"])
def test_learners_with_towers_say_what_they_train(strategy, tmp_path):
    config = resolve([from_overrides([f"strategy={strategy}", *TINY])])
    wanted = "trains a .*, which model 'hf' is not.*; models that fit: retina, "
    with pytest.raises(ConfigError, match=wanted):
        next(run(config, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("hf", ("stretch", 640, 640, 32)),
        ("dfine", ("stretch", 640, 640, 32)),
        ("rf-detr", ("stretch", 560, 560, 56)),
        ("detr", ("fit", 1333, 800, 32)),
    ],
)
def test_presets(name, data):
    base = {"dataset": {"name": "voc", "root": "somewhere"}}
    config = resolve([base, {"model": name} if name == "hf" else from_file(name)])
    assert config.model.name == "hf"
    assert (config.data.resize, config.data.long, config.data.short, config.data.pad) == data
    assert config.training.optimizer == "adamw"


def test_without_transformers_all_else_works(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "transformers", None)
    name, task, signals, learners, strategies = row(registry().get("models", "hf"))
    assert (name, task, learners) == ("hf", "detection", "plain")
    assert signals == "augmented, box_features, class_probs, detections, embedding"
    assert {"entropy", "coreset", "power:"} <= set(strategies.split(", "))
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--output", str(tmp_path / "run"), "strategy=entropy", *TINY])
    assert stopped.value.code == 2
    said = "model 'hf' needs transformers: pip install 'alframe[hf]'"
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_transformers_is_imported_for_its_models_alone():
    folder = Path(hf.__file__).parent
    modules = [ast.parse(file.read_text()) for file in folder.glob("*.py")]
    assert len(modules) > 30
    for module in modules:
        imported = [each for each in module.body if isinstance(each, ast.Import | ast.ImportFrom)]
        assert not any("transformers" in ast.unparse(each) for each in imported)


def fitted(path: Path, place: str, accumulate: int) -> None:
    pairs = (f"model.architecture={place}", f"training.accumulate={accumulate}", "strategy=entropy",
             "training.optimizer=sgd", *TINY, "training.batch_size=3")  # fmt: skip
    list(run(resolve([from_overrides(pairs)]), path))


@slow
@pytest.mark.parametrize("family", ["rf-detr", "detr"])
@pytest.mark.parametrize("parts", [1, 2])
def test_processes_compute_the_parts_of_a_batch(family, parts, tmp_path):
    """Of 3 images one process has 2; computed in two parts, the other has no second part."""
    place = str(folder(tmp_path / "model", family, dropout=0.0))
    side_by_side(fitted, tmp_path / "two", place, parts)
    fitted(tmp_path / "one", place, 2 * parts)
    lines = [(tmp_path / n / "cycles.jsonl").read_text().splitlines() for n in ("two", "one")]
    for cycle, other in zip(*(map(json.loads, each) for each in lines), strict=True):
        assert cycle["selected"] == other["selected"]
        means, others = (c["phases"][0]["means"] for c in (cycle, other))
        assert means == pytest.approx(others, rel=1e-4)
    scores = [np.load(tmp_path / n / "scores" / "cycle_00.npz")["scores"] for n in ("two", "one")]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)

"""Every registered strategy on drawn shapes, in tiny runs."""

import json
from pathlib import Path

import pytest

from alframe.config.resolve import from_overrides, resolve
from alframe.errors import ConfigError
from alframe.plugins import registry
from alframe.runs.run import run

NAMES = [
    name
    for entry in registry().all("strategies")
    for name in (
        [f"{entry.name}:entropy", f"{entry.name}:most-objects"] if entry.wraps else [entry.name]
    )
]
NESTED = ["dedup:coreset", "dedup:ll4al", "dedup:power:margin", "power:miaod"]
LEARNERS = [entry.name for entry in registry().all("learners")]
OWN = {e.name: e.learner for e in registry().all("strategies") if e.learner != "plain"}
"""Strategies that read what only their own learner provides."""

FAST = ("training.warmup=0", "training.lr=0.01")
"""After a few steps there are detections, if poor ones."""
SMALL = (
    "dataset.pool=24",
    "dataset.test=6",
    "dataset.size=64",
    "training.batch_size=4",
    "evaluation.coco=false",
    "budget.initial=8",
    "budget.per_cycle=5",
    "budget.cycles=2",
    "device=cpu",
    *FAST,
)
DETECTORS = {
    "retina-tiny": ("model.fpn_channels=16", "model.tower_convs=1"),
    "ssd-lite0": (
        "model.weights=none",
        "model.frozen_stages=-1",
        "model.norm_eval=false",
        "model.size=64",
        "model.strides=[16,32,64]",
        "model.anchor_ratios=[[2,3],[2,3],[2]]",
        "data.resize=none",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("model", DETECTORS)
@pytest.mark.parametrize("name", [*NAMES, *NESTED])
def test_one_seed_one_selection(name: str, model: str, tmp_path: Path) -> None:
    length = 13 if "miaod" in name else 4  # MI-AOD's phases take at least 13
    names = (f"strategy={name}", f"model={model}", f"training.iterations={length}")
    config = resolve([from_overrides([*names, *SMALL, *DETECTORS[model]])])
    chosen = []
    for again in ("first", "second"):
        assert len(list(run(config, tmp_path / again))) == 2
        lines = (tmp_path / again / "cycles.jsonl").read_text().splitlines()
        chosen.append(json.loads(lines[0])["selected"])
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) == 5


@pytest.mark.parametrize(
    ("strategy", "learner"), [(s, lr) for s, own in OWN.items() for lr in LEARNERS if lr != own]
)
def test_a_pair_that_does_not_fit_is_refused_before_data_is_read(
    strategy: str, learner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alframe.runs.run.dataset_of", lambda *_: pytest.fail("data was read"))
    config = resolve([{"strategy": strategy, "learner": learner}])
    with pytest.raises(ConfigError, match=f"learner '{learner}' .* do: .*{OWN[strategy]}"):
        next(run(config, tmp_path / "run"))
    assert not (tmp_path / "run").exists()

"""Every registered strategy in a tiny run on shapes, with the learner that it wants."""

import json
from pathlib import Path

import pytest

from alframe.plugins import registry
from alframe.resolve import from_overrides, resolve
from alframe.run import run

SMALL = (
    "dataset.pool=30",
    "dataset.test=6",
    "dataset.size=64",
    "detector.fpn_channels=16",
    "training.passes=14",
    "training.batch_size=4",
    "evaluation.coco=false",
    "budget.initial=8",
    "budget.per_cycle=5",
    "budget.cycles=2",
    "device=cpu",
)
NAMES = [
    name
    for entry in registry().all("strategies")
    for name in (
        [f"{entry.name}:entropy", f"{entry.name}:most-objects"] if entry.wraps else [entry.name]
    )
]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, "dedup:coreset", "dedup:power:ll4al", "power:miaod"])
def test_one_seed_one_selection(name: str, tmp_path: Path) -> None:
    config = resolve([from_overrides([f"strategy={name}", *SMALL])])
    chosen = []
    for again in ("first", "second"):
        assert len(list(run(config, tmp_path / again))) == 2
        lines = (tmp_path / again / "cycles.jsonl").read_text().splitlines()
        chosen.append(json.loads(lines[0])["selected"])
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) == 5

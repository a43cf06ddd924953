"""Which images have room in a cache that does not hold all."""

from collections import Counter
from pathlib import Path

import pytest

from alframe.config.resolve import from_overrides, resolve
from alframe.datasets import cache
from alframe.runs.journal import Journal
from alframe.runs.records import asked_for
from alframe.runs.run import run

TINY = (
    "strategy=entropy", "dataset.pool=12", "dataset.test=2", "budget.initial=4",
    "budget.per_cycle=2", "training.iterations=2", "training.batch_size=2", "training.warmup=0",
    "data.resize=stretch", "data.long=64", "data.short=64", "model.fpn_channels=8",
)  # fmt: skip
IMAGE = 64 * 64 * 3 / 2**30
"""GiB."""


def test_what_is_trained_on_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: Counter[str] = Counter()
    pixels = cache._pixels

    def counted(source: object, item: str) -> object:
        decoded[item] += 1
        return pixels(source, item)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "_pixels", counted)

    def labelled_after(cycles: int, *, room: int) -> frozenset[str]:
        own = [f"budget.cycles={cycles}", f"data.cache_gb={room * IMAGE}"]
        config = resolve([from_overrides([*TINY, *own])])
        assert len([*run(config, tmp_path / "run", resume=cycles > 2)])
        return asked_for(Journal(tmp_path / "run"))

    then = labelled_after(2, room=4)
    first = frozenset(Journal(tmp_path / "run").of("initial")[0]["ids"])
    assert {item for item, times in decoded.items() if times == 1} == first
    decoded.clear()
    now = labelled_after(3, room=6)
    assert len(then) == 6
    assert len(now) == 8
    assert {item for item, times in decoded.items() if times == 1} == then

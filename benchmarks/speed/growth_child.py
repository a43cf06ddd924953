"""``python -m alframe.benchmarks.speed.growth_child STRATEGY IMAGES DEVICE``: one selection.

Draws image after image, streams their signals from a tiny detector with random weights and chooses.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from alframe.config.resolve import from_overrides, resolve
from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset
from alframe.runs.build import build_dataset, build_learner, build_strategy
from alframe.strategy import Query
from alframe.streams import DeclaredSignals
from alframe.training.plain_learner import PlainLearner

LABELLED, BUDGET = 50, 100
"""Images that are labelled, and images to choose, however large the pool."""


def main(strategy: str, images: int, device: str) -> None:
    """Select once; print the seconds by the clock, those of the processor, and the GiB."""
    config = _config(strategy, images, device)
    dataset, chooser = build_dataset(config), build_strategy(config)
    query = _query(config, dataset, chooser.requires)
    clocks = time.perf_counter(), time.process_time()
    chooser.select(query)
    seconds = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
    print(json.dumps([*seconds, _peak_memory()]))  # noqa: T201 (for the parent)


def _config(strategy: str, images: int, device: str) -> RunConfig:
    small = ("model=retina-tiny", "dataset=shapes", "dataset.size=32", "dataset.test=1")
    own = (f"strategy={strategy}", f"dataset.pool={images}", f"device={device}")
    return resolve([from_overrides([*small, *own])])


def _query(config: RunConfig, dataset: Dataset, requires: frozenset[str]) -> Query:
    learner = build_learner(config, dataset.classes)
    assert isinstance(learner, PlainLearner)
    learner.load_state_dict(learner.build().state_dict())
    labelled = min(LABELLED, len(dataset.pool) // 4)
    return Query(
        learner=DeclaredSignals(learner, dataset.images, requires),
        unlabelled=dataset.pool[labelled:],
        labelled=dataset.pool[:labelled],
        targets={item: dataset.targets[item] for item in dataset.pool[:labelled]},
        classes=dataset.classes,
        budget=min(BUDGET, len(dataset.pool) // 2),
        rng=np.random.default_rng(0),
        cycle=0,
    )


def _peak_memory() -> float:
    """Largest resident memory in GiB; ``getrusage`` counts what the parent had as well."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

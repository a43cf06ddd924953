"""The scoring of a pool, end to end: from files to a selection."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from alframe.benchmarks.speed.cases import Case, Setting
from alframe.benchmarks.speed.contest import Side, contest
from alframe.benchmarks.speed.loading_cases import CACHED, DECODED, cached, jpegs
from alframe.benchmarks.speed.row import RATIO, SECONDS, Timing, ratios
from alframe.config.resolve import from_overrides, resolve
from alframe.config.sections import RunConfig
from alframe.datasets.base import ImageSet, ImageSource
from alframe.datasets.resize import Resize
from alframe.runs.build import build_learner, build_strategy
from alframe.signals import SignalBatch
from alframe.strategies.uncertainty import Entropy
from alframe.strategy import Query, Selection
from alframe.streams import DeclaredSignals
from alframe.training.batch import Batch
from alframe.training.data import inference_batches
from alframe.training.device import autocast
from alframe.training.plain_learner import PlainLearner

CLASSES = ("a", "b", "c", "d", "e")
SMALL = ("model=retina-tiny", "data.resize=fit", "data.long=320", "data.short=320")
LARGE = (
    "model=retina",
    "model.weights=none",
    "model.frozen_stages=-1",
    "model.norm_eval=false",
    "data.resize=fit",
    "evaluation.batch_size=32",
    "training.precision=bf16",
)
WORKERS = 16
"""At most; a machine may show more cores than it has to give."""
BUDGET = 10
DECODING, NETWORK = "decoding alone", "network alone"


def cases(setting: Setting) -> Iterator[Case]:
    """A small detector on a CPU; RetinaNet-R50 on a GPU, fed by several cores."""
    yield Case(f"data/scoring-{'resnet50' if setting.cuda else 'tiny'}", _scoring)


def _scoring(name: str, setting: Setting) -> Sequence[Timing]:
    count = 16 if setting.quick else 2048 if setting.cuda else 160  # whole batches
    scorer = Scorer(_config(setting))
    data = scorer.config.data
    with jpegs(count) as (files, ids):
        resize = Resize("fit", data.long, data.short)
        decoded, kept = cached(files, ids, resize, "none"), cached(files, ids, resize, "ram")
        first = next(scorer.batches(kept, ids)).to(setting.device)
        sides = [
            Side(DECODING, lambda: [batch.ids for batch in scorer.batches(decoded, ids)]),
            Side(DECODED, lambda: scorer.select(decoded, ids)),
            Side(NETWORK, lambda: scorer.network(first, count // len(first))),
            Side(CACHED, lambda: scorer.select(kept, ids), NETWORK),
        ]
        rows = contest(name, sides, setting, items=count, unit="images")
    return against_the_slower(rows, DECODED, (DECODING, NETWORK))


def against_the_slower(rows: Sequence[Timing], side: str, parts: Sequence[str]) -> list[Timing]:
    """The rows, in which ``side`` is compared with that of its parts that takes longer.

    At best they overlap, and the slower one is what the whole takes.
    """
    named = {row.side: row for row in rows}
    whole, known = named[side], [named[part] for part in parts if not named[part].failed]
    if whole.failed or not known:
        return list(rows)
    slower = max(known, key=lambda row: row.measures[SECONDS].median)
    ratio = ratios(whole.measures[SECONDS].values, slower.measures[SECONDS].values)
    measures = {**whole.measures, RATIO: ratio}
    compared = replace(whole, measures=measures, against=slower.side)
    return [compared if row is whole else row for row in rows]


def _config(setting: Setting) -> RunConfig:
    workers = min(os.cpu_count() or 1, WORKERS) if setting.cuda else 0
    changes = [*(LARGE if setting.cuda else SMALL), "strategy=entropy", f"data.workers={workers}"]
    return resolve([from_overrides([*changes, f"device={setting.device}"])])


class Scorer:
    """A detector with random weights, and a strategy that scores by its detections."""

    def __init__(self, config: RunConfig) -> None:
        learner, strategy = build_learner(config, CLASSES), build_strategy(config)
        assert isinstance(learner, PlainLearner)
        assert isinstance(strategy, Entropy)
        learner.load_state_dict(learner.build().state_dict())
        self.config, self._learner, self._strategy = config, learner, strategy

    def batches(self, images: ImageSource, ids: Sequence[str]) -> Iterator[Batch]:
        """What the detector reads."""
        size, pin = self.config.evaluation.batch_size, self._learner.setup.device.type == "cuda"
        return inference_batches(ImageSet(images, tuple(ids)), self.config.data, size, pin=pin)

    def select(self, images: ImageSource, ids: Sequence[str]) -> Selection:
        """A whole selection."""
        reader = DeclaredSignals(self._learner, images, self._strategy.requires)
        rng = np.random.default_rng(0)
        return self._strategy.select(Query(reader, tuple(ids), (), {}, CLASSES, BUDGET, rng, 0))

    def network(self, batch: Batch, times: int) -> None:
        """Score one batch that is on the device already, again and again."""
        setup, names = self._learner.setup, self._strategy.requires
        detector = self._learner.for_inference()
        for _ in range(times):
            with torch.inference_mode(), autocast(setup.device, setup.training.precision):
                values = self._learner.read(batch, detector.features(batch), names)
            self._strategy.score(SignalBatch(batch.ids, values)).tolist()

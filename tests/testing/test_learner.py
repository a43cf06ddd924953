"""One learner that breaks each rule of the conformance kit, and one that breaks none."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from alframe.datasets.base import ImageSet, LabelledSet
from alframe.learner import EMBEDDING, PREDICTED_LOSS, FitContext, Metrics, SignalBatch
from alframe.testing import PoisonedTargets, check_learner, tiny_setup

HIDDEN = PoisonedTargets({}, [f"pool/{n:06d}" for n in range(99)])
"""The annotations of the pool, as a learner must not find them."""

SETUP = replace(tiny_setup(), build_model=torch.nn.Identity)
"""A model without signals of its own: a learner streams those of its model as well."""

OWN = np.random.default_rng(0)
"""A generator that nobody handed over: it goes on from call to call."""


class Line:
    """A learner of one number: the mean of the labelled images, and a little noise."""

    provides = frozenset({PREDICTED_LOSS})

    def __init__(self, setup: Any) -> None:
        self.setup = setup
        self.weight = torch.zeros(1)

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        saved = context.checkpoint.load() or {"epoch": 0, "weight": torch.zeros(1)}
        self.weight = saved["weight"]
        for epoch in range(saved["epoch"], 4):
            noise = context.seeds.rng("noise", epoch).random()
            self.weight = self.weight / 2 + float(np.mean([labelled.boxes(), noise]))
            context.recorder.scalar("weight", float(self.weight), epoch)
            context.checkpoint.save({"epoch": epoch + 1, "weight": self.weight})
        context.phase_finished("label", {})

    def evaluate(self, test: LabelledSet) -> Metrics:
        return {"mAP50": 0.5, "AP50": {"circle": None, "square": 1.0}}

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        if names - self.provides:
            raise ValueError("what is that?")
        for item in images.ids:
            value = self.weight * float(images.images.read(item).mean())
            yield SignalBatch((item,), {PREDICTED_LOSS: value})

    def state_dict(self) -> dict[str, Any]:
        return {"line": {"weight": self.weight}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weight = state["line"]["weight"]


class NoProvides(Line):
    provides = None  # type: ignore[assignment]


class Unseeded(Line):
    def fit(self, *args: Any) -> None:
        super().fit(*args)
        self.weight = self.weight + OWN.random()


class ForgetsItsCheckpoint(Line):
    def fit(self, labelled: Any, unlabelled: Any, context: FitContext) -> None:
        if saved := context.checkpoint.load():
            context.checkpoint.save({**saved, "epoch": 0})
        super().fit(labelled, unlabelled, context)


class NeedsUnlabelled(Line):
    def fit(self, labelled: Any, unlabelled: ImageSet, context: FitContext) -> None:
        assert unlabelled.ids, "nothing to learn from"
        super().fit(labelled, unlabelled, context)


class ReportsNoPhase(Line):
    def fit(self, labelled: Any, unlabelled: Any, context: FitContext) -> None:
        super().fit(labelled, unlabelled, replace(context, phase_finished=lambda *_: None))


class Spies(Line):
    """Reaches for the annotations of the pool through the test's internals."""

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        HIDDEN[unlabelled.ids[0]]
        super().fit(labelled, unlabelled, context)


class Percent(Line):
    def evaluate(self, test: LabelledSet) -> Metrics:
        return {"AP50": {"circle": 73.2}}


class ArrayOfMetrics(Line):
    def evaluate(self, test: LabelledSet) -> Metrics:
        return {"mAP50": np.float32(0.5)}


class LearnsFromTheTest(Line):
    def evaluate(self, test: LabelledSet) -> Metrics:
        self.weight = self.weight + 1
        return {}


class SkipsOne(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        return super().signals(replace(images, ids=images.ids[1:]), names)


class OneComesTwice(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        return super().signals(replace(images, ids=images.ids + images.ids[:1]), names)


class MoreThanAskedFor(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        for batch in super().signals(images, names):
            yield SignalBatch(batch.ids, {**batch.values, EMBEDDING: torch.zeros(1, 4)})


class OneRowTooMany(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        for batch in super().signals(images, names):
            yield SignalBatch(batch.ids, {PREDICTED_LOSS: torch.zeros(2)})


class NotFinite(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        for batch in super().signals(images, names):
            yield SignalBatch(batch.ids, {PREDICTED_LOSS: torch.tensor([torch.inf])})


class DependsOnTheOrder(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        for n, batch in enumerate(super().signals(images, names)):
            yield SignalBatch(batch.ids, {PREDICTED_LOSS: torch.tensor([float(n)])})


class TakesAnything(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        return super().signals(images, self.provides & names)


class LearnsWhileStreaming(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        yield from super().signals(images, names)
        self.weight = self.weight + 1e-6


class PicklesItself(Line):
    def state_dict(self) -> dict[str, Any]:
        return {"weight": self.weight, "setup": SimpleNamespace()}


class LoadsNothing(Line):
    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class SeedsTorch(Line):
    def fit(self, *args: Any) -> None:
        torch.manual_seed(0)
        super().fit(*args)


def test_a_good_learner_passes() -> None:
    check_learner(Line, setup=SETUP)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (NoProvides, "the factory's provides is None: expected a frozenset of names of signals"),
        (Unseeded, "differs fitted a second time from the same seeds: expected the same weights"),
        (ForgetsItsCheckpoint, "differs taken up from a checkpoint of an earlier fit: expected"),
        (
            NeedsUnlabelled,
            "with nothing left unlabelled: expected it to fit, got AssertionError: nothing to",
        ),
        (ReportsNoPhase, "phase_finished was not called: expected a call for each phase"),
        (Spies, "the target of 'pool/000004' was read: expected"),
        (Percent, r"metrics hold .73.2.: expected fractions of 0 to 1"),
        (ArrayOfMetrics, "metrics are .*: expected JSON"),
        (LearnsFromTheTest, "the model differs after evaluate: expected the same weights"),
        (SkipsOne, "predicted_loss came for .*, expected it once for each of"),
        (OneComesTwice, "predicted_loss: .'pool/000000'. came twice, expected each id once"),
        (MoreThanAskedFor, r"it streamed .'embedding', 'predicted_loss'.: expected no more"),
        (OneRowTooMany, r"has the shape \(2,\): expected 1 rows, as many as ids"),
        (NotFinite, "predicted_loss of .'pool/000000'. is not finite: expected finite numbers"),
        (DependsOnTheOrder, "of pool/000000 differs when ids come in another order: expected"),
        (TakesAnything, "it was asked for 'no such signal': expected an exception"),
        (LearnsWhileStreaming, "the model differs after streaming signals: expected the same"),
        (PicklesItself, "cannot be loaded with weights_only=True: expected tensors"),
        (LoadsNothing, "differs from a learner that has loaded its state: expected the same"),
        (SeedsTorch, "the learner, built and fitted, moved the global generator of torch"),
    ],
)
def test_a_learner_that_breaks_a_rule(broken: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_learner(broken, setup=SETUP)

"""One learner that breaks each rule of the conformance kit, and one that breaks none."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from alframe.datasets.base import ImageSet, LabelledSet, Target
from alframe.learner import FitContext, Metrics
from alframe.signals import EMBEDDING, PREDICTED_LOSS, SignalBatch
from alframe.testing import PoisonedTargets, check_learner, tiny_setup
from alframe.testing.fitting import tiny_dataset
from tests.learners.predictions import Predictions

HIDDEN = PoisonedTargets({}, [f"pool/{n:06d}" for n in range(99)])
"""The annotations of the pool, as a learner must not find them."""

SETUP = replace(tiny_setup(), build_model=torch.nn.Identity)
"""A model without signals of its own: a learner streams those of its model as well."""

OWN = np.random.default_rng(0)
"""A generator that nobody handed over: it goes on from call to call."""


class Line:
    """A learner of two numbers: the share of the second class, and one that is little but noise."""

    provides = frozenset({PREDICTED_LOSS})

    def __init__(self, setup: Any) -> None:
        self.setup = setup
        self.weight, self.share = torch.zeros(1), torch.zeros(1)

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        saved = context.checkpoint.load() or {"epoch": 0, "weight": torch.zeros(1)}
        self.weight, self.share = saved["weight"], torch.tensor([share(labelled)])
        for epoch in range(saved["epoch"], 4):
            noise = context.seeds.rng("noise", epoch).random()
            self.weight = self.weight / 2 + float(np.mean([labelled.objects(), noise]))
            context.recorder.scalar("weight", float(self.weight), epoch)
            context.checkpoint.save({"epoch": epoch + 1, "weight": self.weight})
        context.phase_finished("label", {})

    def evaluate(self, test: LabelledSet) -> Metrics:
        return {"mAP50": self.measured(test), "AP50": {"circle": None, "square": 1.0}}

    def measured(self, test: LabelledSet) -> float:
        return 1 - abs(float(self.share) - share(test))

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        if names - self.provides:
            raise ValueError("what is that?")
        for item in images.ids:
            value = self.weight * float(images.images.read(item).mean())
            yield SignalBatch((item,), {PREDICTED_LOSS: value})

    def state_dict(self) -> dict[str, Any]:
        return {"line": {"weight": self.weight, "share": self.share}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weight, self.share = state["line"]["weight"], state["line"]["share"]


def share(images: LabelledSet) -> float:
    return float(np.concatenate([t.labels for t in images.targets.values()]).mean())


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


class PercentOnceLearnt(Line):
    """Whose percent of a model that has not learnt are as small as fractions."""

    def measured(self, test: LabelledSet) -> float:
        return super().measured(test) * (100 if test.ids == self.fitted_to else 0.01)

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        self.fitted_to = labelled.ids
        super().fit(labelled, unlabelled, context)


class ArrayOfMetrics(Line):
    def evaluate(self, test: LabelledSet) -> Metrics:
        return {"mAP50": np.float32(0.5)}


def gives(metrics: Any) -> type[Line]:
    class Gives(Line):
        def evaluate(self, test: LabelledSet) -> Metrics:
            return metrics  # type: ignore[no-any-return]

    return Gives


class Wavers(Line):
    def evaluate(self, test: LabelledSet) -> Metrics:
        return {"mAP50": float(OWN.random())}


class IgnoresLabels(Line):
    """Measures something, but not what it was taught."""

    def measured(self, test: LabelledSet) -> float:
        return 1 - abs(0.4 - share(test))


class PrefersSquares(Line):
    """The more of one class there is, the better, whatever it was taught."""

    def measured(self, test: LabelledSet) -> float:
        return share(test)


class LearnsFromTheTest(Line):
    def evaluate(self, test: LabelledSet) -> Metrics:
        self.weight = self.weight + 1
        return super().evaluate(test)


class LearnsNothing(Line):
    """Its metrics are those of a teacher that it has learnt nothing from."""

    taught: float = 0.0

    def fit(self, labelled: LabelledSet, unlabelled: Any, context: FitContext) -> None:
        type(self).taught = share(labelled)
        context.phase_finished("label", {})
        self.weight = torch.ones(1)

    def measured(self, test: LabelledSet) -> float:
        return 1 - abs(self.taught - share(test))


def rewrites(change: Any) -> type[Line]:
    class Rewrites(Line):
        def fit(self, labelled: LabelledSet, *more: Any) -> None:
            change(labelled)
            super().fit(labelled, *more)

    return Rewrites


def first_image(labelled: LabelledSet) -> Any:
    return labelled.images.read(labelled.ids[0])


def last_target(labelled: LabelledSet) -> Target:
    return labelled.targets[labelled.ids[-1]]


class BeginsAnew(Line):
    """Asks for its checkpoint, and does everything again."""

    def fit(self, labelled: Any, unlabelled: Any, context: FitContext) -> None:
        saved = context.checkpoint.load()
        forgetful = SimpleNamespace(load=lambda: None, save=context.checkpoint.save)
        del saved
        super().fit(labelled, unlabelled, replace(context, checkpoint=forgetful))


class NeverLooks(Line):
    """Saves one checkpoint, at the end, and never asks for it."""

    def fit(self, labelled: Any, unlabelled: Any, context: FitContext) -> None:
        deaf = SimpleNamespace(load=lambda: None, save=lambda state: None)
        super().fit(labelled, unlabelled, replace(context, checkpoint=deaf))
        context.checkpoint.save({})


class SavesNothing(Line):
    """Which is allowed: it only takes longer after a kill."""

    def fit(self, labelled: Any, unlabelled: Any, context: FitContext) -> None:
        deaf = SimpleNamespace(load=lambda: None, save=lambda state: None)
        super().fit(labelled, unlabelled, replace(context, checkpoint=deaf))


def saves(state: Any) -> type[Line]:
    class Saves(Line):
        def fit(self, labelled: Any, unlabelled: Any, context: FitContext) -> None:
            context.checkpoint.save(state)
            super().fit(labelled, unlabelled, context)

    return Saves


def finishes(name: Any, summary: Any) -> type[Line]:
    class Finishes(Line):
        def fit(self, labelled: Any, unlabelled: Any, context: FitContext) -> None:
            super().fit(labelled, unlabelled, context)
            context.phase_finished(name, summary)

    return Finishes


class SaysTheSame(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        for batch in super().signals(images, names):
            yield SignalBatch(batch.ids, {PREDICTED_LOSS: torch.ones(1)})


class LendsItsMemory(Line):
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        kept = self.__dict__.setdefault("kept", {})
        for batch in super().signals(images, names):
            kept.setdefault(batch.ids, batch)
            yield kept[batch.ids]


class HasNoState(Line):
    provides: Any = frozenset()

    def state_dict(self) -> dict[str, Any]:
        return {"line": {}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class LoadsNothingUnseen(Line):
    """No signal shows that it did not load."""

    provides: Any = frozenset()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class BreaksFour(Line):
    def fit(self, labelled: Any, unlabelled: Any, context: FitContext) -> None:
        torch.rand(1)
        super().fit(labelled, unlabelled, replace(context, phase_finished=lambda *_: None))

    def evaluate(self, test: LabelledSet) -> Metrics:
        torch.rand(1)
        return {"mAP50": 50}


def exits(setup: Any) -> Any:
    sys.exit(0)


exits.provides = frozenset()  # type: ignore[attr-defined]


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


class Mirrored(Line):
    """Gives each image what is another one's, in the order that it is asked and in the reverse."""

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        batches = list(super().signals(images, names))
        ids = [item for batch in batches for item in batch.ids][::-1]
        for batch in batches:
            here, ids = tuple(ids[: len(batch.ids)]), ids[len(batch.ids) :]
            yield SignalBatch(here, batch.values)


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


@pytest.mark.parametrize("good", [Line, SavesNothing])
def test_a_good_learner_passes(good: Any) -> None:
    check_learner(good, setup=SETUP)


def test_one_that_does_not_train(tmp_path: Path) -> None:
    data = tiny_dataset()
    rows = {item: [0.3 + n / 99, 0.7 - n / 99] for n, item in enumerate((*data.pool, *data.test))}
    (tmp_path / "cycle_00.json").write_text(json.dumps(rows))
    check_learner(partial(Predictions, root=str(tmp_path)))

    class Forgets(Predictions):
        def state_dict(self) -> dict[str, Any]:
            return {}

    with pytest.raises(AssertionError, match=r"state_dict is \{\}: expected what makes the model"):
        check_learner(partial(Forgets, root=str(tmp_path)))


def test_all_broken_rules_are_told_at_once() -> None:
    with pytest.raises(AssertionError) as raised:
        check_learner(BreaksFour, setup=SETUP)
    first, *lines, last = str(raised.value).splitlines()
    assert first == "4 rules are broken:"
    assert [line.split(":")[0] for line in lines] == [
        "- phase_finished was not called",
        "- metrics are {'mAP50'",
        "- the learner, evaluating, moved the global generator of torch",
        "- the learner, built and fitted, moved the global generator of torch",
    ]
    assert last == "(not tried, as it rests on the above: learns)"


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
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
        (Percent, r"metrics are .*: expected fractions of 0 to 1 by name, .*AP50.circle is 73.2."),
        (gives({"mAP50": 0.0}), "the headline is 0.0, and 0.0 with the labels of the other class"),
        (gives({"mAP50": 0.5}), "the headline is 0.5, and 0.5 with the labels of the other class"),
        (gives({"mAP50": float("nan")}), "metrics are .*: expected .* .mAP50 is nan."),
        (gives({"mAP50": -0.1}), "metrics are .*: expected .* .mAP50 is -0.1."),
        (gives({"mAP50": True}), "metrics are .*: expected .* .mAP50 is a bool."),
        (gives({"mAP50": "0.5"}), "metrics are .*: expected .* .mAP50 is a str."),
        (gives({"mAP50": [0.5]}), "metrics are .*: expected .* .mAP50 is a list."),
        (gives({"mAP50": None}), "the first metric is 'mAP50', None: expected the headline first"),
        (gives({"AP50": {}, "mAP50": 1.0}), "metrics are .* .the first, the headline, is AP50."),
        (gives({}), "metrics are .* .the first, the headline, is missing."),
        (gives(0.5), "metrics are 0.5: expected .* .it is a float."),
        (gives(None), "metrics are None: expected .* .it is a NoneType."),
        (Wavers, "measured twice, metrics are .* and then .*: expected the same"),
        (IgnoresLabels, "and .* with the labels of the other class: expected it to be higher"),
        (PrefersSquares, "with the labels of the other class: expected it to be higher with what"),
        (LearnsNothing, "the model is the same whatever it is fitted to: expected another one"),
        (rewrites(lambda s: first_image(s).fill(0)), "read-only .*: images and annotations are re"),
        (
            rewrites(lambda s: last_target(s).boxes.__imul__(2)),
            "read-only .*: images and annotations are read-only, expected a copy first",
        ),
        (
            rewrites(lambda s: s.targets.pop(s.ids[0])),
            "'mappingproxy' object has no attribute 'pop' .*: images and annotations are read-only",
        ),
        (
            rewrites(lambda s: torch.from_numpy(first_image(s)).fill_(0)),
            r"fitted, changed the images .'pool/000000'.: expected it to copy first; torch.from",
        ),
        (
            rewrites(lambda s: torch.from_numpy(last_target(s).boxes).mul_(2)),
            "the learner, fitted, changed the annotations that it was handed: expected it to copy",
        ),
        (BeginsAnew, "taken up from checkpoint 2 of 4 it began anew and saved 4 more: expected"),
        (NeverLooks, "taken up from checkpoint 1 of 1 it began anew and saved 1 more: expected"),
        (SaysTheSame, "predicted_loss is the same for all of 8 images: expected it to depend on"),
        (LendsItsMemory, "predicted_loss of .* differs when an earlier one was changed: expected"),
        (HasNoState, "state_dict is .'line': ...: expected what makes the model"),
        (LoadsNothingUnseen, "the model differs from a learner that has loaded its state: expec"),
        (
            exits,
            "SystemExit: it calls sys.exit.0. .test_check_learner.py:.*: expected no excep",
        ),
        (ArrayOfMetrics, "metrics are .*: expected .* .mAP50 is a float32."),
        (PercentOnceLearnt, "metrics are .*: expected fractions of 0 to 1 by name.* .mAP50 is "),
        (LearnsFromTheTest, "the model differs after evaluate: expected the same weights"),
        (SkipsOne, "predicted_loss came for .*, expected it once for each of"),
        (OneComesTwice, "predicted_loss: .'pool/000000'. came twice, expected each id once"),
        (MoreThanAskedFor, r"it streamed .'embedding', 'predicted_loss'.: expected no more"),
        (OneRowTooMany, r"has the shape \(2,\): expected 1 rows, as many as ids"),
        (NotFinite, "predicted_loss of .'pool/000000'. is not finite: expected finite numbers"),
        (DependsOnTheOrder, "of pool/000000 differs when ids come in another order: expected"),
        (Mirrored, "of pool/00000[0-9] differs when ids come in another order: expected"),
        (TakesAnything, "it was asked for 'no such signal': expected an exception"),
        (LearnsWhileStreaming, "the model differs after streaming signals: expected the same"),
        (PicklesItself, "state_dict cannot be kept: setup .types.SimpleNamespace.: expected ten"),
        (saves({"weight": np.float64(1)}), "a checkpoint cannot be kept: weight .numpy.float64.:"),
        (saves([1]), "what checkpoint.save is given is a list: expected a dict"),
        (finishes("label", {"loss": torch.ones(1)}), "phase_finished was .*Tensor is not JSON ser"),
        (finishes(3, {}), "phase_finished was called with 3 and {}: .* .the name is a int."),
        (LoadsNothing, "differs from a learner that has loaded its state: expected the same"),
        (SeedsTorch, "the learner, built and fitted, moved the global generator of torch"),
    ],
)
def test_a_learner_that_breaks_a_rule(broken: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_learner(broken, setup=SETUP)

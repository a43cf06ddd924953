"""One strategy that breaks each rule of the conformance kit, and one that breaks none."""

import contextlib
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from alframe.datasets.base import Target
from alframe.signals import CLASS_PROBS, DETECTIONS, EMBEDDING, PREDICTED_LOSS, SignalBatch
from alframe.strategy import Query, ScoringStrategy, Selection, top
from alframe.testing import check_strategy

OWN = np.random.default_rng(0)
"""A generator that nobody handed over: it goes on from call to call."""


class Good(ScoringStrategy):
    requires = frozenset({PREDICTED_LOSS})

    def score(self, batch: SignalBatch) -> Any:
        return batch[PREDICTED_LOSS]


class Adapts(Good):
    """Says what it requires once it is told what there is."""

    def __init__(self) -> None:
        self.requires = frozenset()

    def adapt(self, provided: frozenset[str]) -> None:
        self.requires = frozenset({DETECTIONS if DETECTIONS in provided else CLASS_PROBS})

    def score(self, batch: SignalBatch) -> Any:
        (name,) = self.requires
        values = batch[name].scores if name == DETECTIONS else batch[name].values.flatten(1)
        return values.sum(dim=1)


class AdaptsToDetectionsAlone(Adapts):
    def score(self, batch: SignalBatch) -> Any:
        return batch[DETECTIONS].scores.sum(dim=1)


class FewerThanAsked(Good):
    def select(self, query: Query) -> Selection:
        return replace(super().select(query), ids=super().select(query).ids[:4])


class OneTwice(Good):
    def select(self, query: Query) -> Selection:
        ids = super().select(query).ids
        return Selection((*ids[:1], *ids[:-1]))


class AlreadyLabelled(Good):
    def select(self, query: Query) -> Selection:
        return Selection((query.labelled[0], *super().select(query).ids[1:]))


class OneNumberForAll(Good):
    def score(self, batch: SignalBatch) -> Any:
        return batch[PREDICTED_LOSS].sum()


class OneNumberTooFew(Good):
    def score(self, batch: SignalBatch) -> Any:
        return batch[PREDICTED_LOSS].tolist()[1:]


class NoSelection(Good):
    def select(self, query: Query) -> Selection:
        return list(super().select(query).ids)  # type: ignore[return-value]


class ListOfIds(Good):
    def select(self, query: Query) -> Selection:
        return Selection(list(super().select(query).ids))  # type: ignore[arg-type]


class ScoresOfLabelled(Good):
    def select(self, query: Query) -> Selection:
        chosen = super().select(query)
        return Selection(chosen.ids, {**(chosen.scores or {}), query.labelled[0]: 0.0})


class RandomOfItsOwn(Good):
    requires = frozenset()

    def select(self, query: Query) -> Selection:
        ids = OWN.permutation(query.unlabelled).tolist()
        return Selection(tuple(ids[: query.budget]))


class Remembers(Good):
    calls = 0

    def score(self, batch: SignalBatch) -> Any:
        self.calls += 1
        return batch[PREDICTED_LOSS] * (-1) ** (self.calls // 4)


class FirstToCome(Good):
    def select(self, query: Query) -> Selection:
        batches = query.learner.signals(query.unlabelled, self.requires)
        ids = [i for batch in batches for i in batch.ids]
        return Selection(tuple(ids[: query.budget]))


class RelativeToItsBatch(Good):
    def score(self, batch: SignalBatch) -> Any:
        return batch[PREDICTED_LOSS] - batch[PREDICTED_LOSS].mean()


class Undeclared(Good):
    def select(self, query: Query) -> Selection:
        list(query.learner.signals(query.unlabelled, frozenset({EMBEDDING})))
        return super().select(query)


class RequiresAList(Good):
    requires = [PREDICTED_LOSS]  # type: ignore[assignment]  # noqa: RUF012


class Peeks(Good):
    def select(self, query: Query) -> Selection:
        boxes = {i: float(len(query.targets[i].boxes)) for i in query.unlabelled}
        return Selection(top(boxes, query.budget), boxes)


class PeeksQuietly(Good):
    def select(self, query: Query) -> Selection:
        with contextlib.suppress(AssertionError):
            query.targets[query.unlabelled[0]]
        return super().select(query)


class Trains(Good):
    def select(self, query: Query) -> Selection:
        query.learner.learner.weights[0] += 1  # type: ignore[attr-defined]
        return super().select(query)


class Fits(Good):
    def select(self, query: Query) -> Selection:
        query.learner.learner.fit(None, None, None)  # type: ignore[attr-defined]
        return super().select(query)


class NotANumberFirst(Good):
    def select(self, query: Query) -> Selection:
        scores = {}
        for batch in query.learner.signals(query.unlabelled, self.requires):
            scores |= zip(batch.ids, batch[PREDICTED_LOSS].numpy(), strict=True)
        ids, values = sorted(scores), np.array([scores[i] for i in sorted(scores)])
        order = np.argsort(values, kind="stable")[::-1] if len(ids) else []
        return Selection(tuple(ids[i] for i in order[: query.budget]))


class LeavesItOut(Good):
    def select(self, query: Query) -> Selection:
        scores = {}
        for batch in query.learner.signals(query.unlabelled, self.requires):
            scores |= zip(batch.ids, batch[PREDICTED_LOSS].tolist(), strict=True)
        finite = {i: s for i, s in scores.items() if np.isfinite(s)}
        return Selection(top(finite, query.budget), finite)


class Chokes(Good):
    def score(self, batch: SignalBatch) -> Any:
        return [int(value) for value in batch[PREDICTED_LOSS].tolist()]


def rewrites(change: Callable[[Target], object]) -> type[Good]:
    class Rewrites(Good):
        def select(self, query: Query) -> Selection:
            for target in query.targets.values():
                change(target)
            return super().select(query)

    return Rewrites


class AddsATarget(Good):
    def select(self, query: Query) -> Selection:
        query.targets["x"] = Target.of([], [])  # type: ignore[index]
        return super().select(query)


class RequiresTooMuch(Good):
    requires = frozenset({PREDICTED_LOSS, EMBEDDING})

    def select(self, query: Query) -> Selection:
        scores = {}
        for batch in query.learner.signals(query.unlabelled, frozenset({PREDICTED_LOSS})):
            scores |= zip(batch.ids, batch[PREDICTED_LOSS].tolist(), strict=True)
        return Selection(top(scores, query.budget), scores)


class NeedsALabel(Good):
    def select(self, query: Query) -> Selection:
        query.labelled[0]
        return super().select(query)


class NeedsTwo(Good):
    def select(self, query: Query) -> Selection:
        query.unlabelled[1]
        return super().select(query)


class BreaksFour(Good):
    """And has one rule left that rests on a broken one."""

    requires = frozenset({PREDICTED_LOSS, EMBEDDING})

    def select(self, query: Query) -> Selection:
        random.random()
        for target in query.targets.values():
            torch.from_numpy(target.boxes).add_(1)
        return Selection(query.unlabelled[:1])


def exits() -> Any:
    sys.exit(0)


def draws_from(draw: Callable[[], object]) -> type[Good]:
    class DrawsGlobally(Good):
        def select(self, query: Query) -> Selection:
            draw()
            return super().select(query)

    return DrawsGlobally


def test_a_good_strategy_passes() -> None:
    check_strategy(Good)
    check_strategy(Adapts)


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (FewerThanAsked, "with 12 unlabelled items, budget 5: the strategy chose 4 items"),
        (OneTwice, "the strategy chose an item twice"),
        (AlreadyLabelled, r"chose .'labelled/0'., which are not unlabelled items"),
        (OneNumberForAll, r"score gives values of shape \(\) for 5 images: expected \(5,\)"),
        (OneNumberTooFew, r"score gives values of shape \(4,\) for 5 images: expected \(5,\)"),
        (NoSelection, r"select gives \['pool/.*: expected alframe\.strategy\.Selection"),
        (ListOfIds, r"Selection.ids is \[.*: expected a tuple of ids"),
        (ScoresOfLabelled, "the strategy scored .'labelled/0'., which are not unlabelled items"),
        (RandomOfItsOwn, "another object, the same seed: expected the same selection, got"),
        (Remembers, "the same object once more, the same seed: expected the same selection"),
        (FirstToCome, "signals in another order or other batches: expected the same"),
        (RelativeToItsBatch, "in another order or other batches: expected the same selection"),
        (Undeclared, r"asks for .'embedding'. but does not require it"),
        (RequiresAList, r"requires is .'predicted_loss'.: expected a frozenset"),
        (Peeks, "the target of 'pool/00' was read"),
        (PeeksQuietly, "the target of 'pool/00' was read"),
        (Trains, "the strategy changed the learner: expected it to be left"),
        (Fits, "the learner was fitted: expected only signals to be asked for"),
        (NotANumberFirst, "is chosen whichever it is: expected NaN not to count as the largest"),
        (LeavesItOut, "signals of pool/00 are NaN: expected .* got scores of the others alone"),
        (Chokes, "signals of pool/00 are NaN: expected a SelectionError .* got ValueError"),
        (
            rewrites(lambda t: t.boxes.__imul__(2)),
            r"read-only \(test_check_st.*: images and annotations are",
        ),
        (
            rewrites(lambda t: t.labels.sort()),
            r"read-only \(test_check_strategy.py:\d+\): imag",
        ),
        (
            rewrites(lambda t: torch.from_numpy(t.boxes).mul_(2)),
            "the strategy changed the annotations it was handed: expected it to copy what it",
        ),
        (AddsATarget, "item assignment .*: images and annotations are read-only, expected"),
        (AdaptsToDetectionsAlone, "PluginError: the signal detections is read and was not asked"),
        (RequiresTooMuch, r"requires names .'embedding'., which it never asks for: expected"),
        (NeedsALabel, "with 12 unlabelled items, budget 5, nothing labelled: IndexError"),
        (NeedsTwo, "with 1 unlabelled items, budget 1: IndexError: tuple index out of range"),
        (
            exits,
            "SystemExit: it calls sys.exit.0. .test_check_strategy.py:.*: expected no",
        ),
        (draws_from(random.random), "moved the global generator of random: expected it to draw"),
        (draws_from(np.random.rand), "moved the global generator of numpy"),
        (draws_from(lambda: torch.manual_seed(0)), "moved the global generator of torch"),
        (draws_from(lambda: random.seed(0)), "moved the global generator of random"),
        (draws_from(lambda: torch.rand(1)), "moved the global generator of torch"),
    ],
)
def test_a_strategy_that_breaks_a_rule(broken: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_strategy(broken)


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_all_broken_rules_are_told_at_once() -> None:
    with pytest.raises(AssertionError) as raised:
        check_strategy(BreaksFour)
    first, *lines, last = str(raised.value).splitlines()
    assert first == "4 rules are broken:"
    for line, expected in zip(
        lines,
        (
            "- requires names ['embedding', 'predicted_loss'], which it never asks for",
            "- the strategy moved the global generator of random: expected it to draw",
            "- the strategy changed the annotations it was handed",
            "- with 12 unlabelled items, budget 5: the strategy chose 1 items, the budget is 5",
        ),
        strict=True,
    ):
        assert line.startswith(expected)
    assert last == (
        "(not tried, as it rests on the above: repeats itself, ignores order, refuses what is not "
        "finite)"
    )


def test_scores_of_a_wrong_shape_hide_no_other_broken_rule() -> None:
    class Draws(Good):
        def score(self, batch: SignalBatch) -> Any:
            random.random()
            return torch.zeros(len(batch.ids), 2)

    with pytest.raises(AssertionError) as raised:
        check_strategy(Draws)
    assert "the strategy moved the global generator of random" in str(raised.value)


def test_a_strategy_with_a_signal_of_its_own() -> None:
    class Telepathic(Good):
        requires = frozenset({"telepathy"})

        def score(self, batch: SignalBatch) -> Any:
            return batch["telepathy"]

    check_strategy(
        Telepathic, signals={"telepathy": lambda ids: torch.tensor([float(i[-2:]) for i in ids])}
    )

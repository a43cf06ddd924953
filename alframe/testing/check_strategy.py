"""The conformance check of a strategy."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alframe.datasets.base import Target
from alframe.errors import SelectionError
from alframe.plugins.guests import described
from alframe.runs.labelling import untouched
from alframe.seeds import Seeds
from alframe.signals import OF_IMAGES, SignalBatch
from alframe.strategy import (
    Adaptable,
    Query,
    ScoringStrategy,
    Selection,
    Strategy,
    adapted,
    check_selection,
)
from alframe.streams import DeclaredSignals
from alframe.testing.expect import Rules, expect, expect_names, generators_left_alone, hold
from alframe.testing.poison import PoisonedTargets
from alframe.testing.synthetic import SIDE, Synthesis, SyntheticImages, SyntheticLearner

CLASSES = ("circle", "square", "star")
LABELLED = tuple(f"labelled/{n}" for n in range(4))
SIZES = ((12, 5), (12, 12), (12, 1), (12, 0), (3, 5), (1, 1), (0, 0))
"""Items in the pool, and the budget."""


def check_strategy(
    factory: Callable[[], Strategy], *, signals: Mapping[str, Synthesis] | None = None
) -> None:
    """Hold a strategy to its contract, on a learner of each kind: sigmoid and softmax.

    One that is :class:`~alframe.strategy.Adaptable` is told first what there is; and is held to it
    once more where that is all that a classifier has.

    - ``requires`` is a frozenset of names; it asks for each of them, and for no other signal.
    - A :class:`~alframe.strategy.ScoringStrategy` gives one number an image.
    - It reads no target of an unlabelled item, and changes none of a labelled one.
    - It changes nothing in the learner.
    - It leaves the global generators of numpy, torch and ``random`` alone.
    - It takes exactly the budget, or the pool where that is smaller, of unique unlabelled ids; so
      with budgets of 0, 1 and the whole pool, with pools of 0 and 1, and with nothing labelled.
    - One seed gives one selection, in a new object and in the same once more.
    - The order and the batches in which signals are streamed do not matter.
    - Scores that are not finite are refused, with the image's id.

    Args:
        factory: makes the strategy: a class, or ``functools.partial(MyStrategy, option=3)``.
        signals: values for signals that are not alframe's own; see
            :class:`~alframe.testing.synthetic.SyntheticLearner`.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    rules: Rules[StrategyUnderTest] = {
        _declares_signals: (),
        _scores_each_image: (_declares_signals,),
        _selects: (_declares_signals, _scores_each_image),
        _uses_its_signals: (_selects,),
        _leaves_generators_alone: (_declares_signals,),
        _leaves_the_learner_alone: (_declares_signals,),
        _leaves_annotations_alone: (_declares_signals,),
        _takes_the_budget: (_selects,),
        _repeats_itself: (_takes_the_budget,),
        _ignores_order: (_repeats_itself,),
        _refuses_what_is_not_finite: (_takes_the_budget,),
    }
    own = dict(signals or {})
    hold(rules, *(StrategyUnderTest(factory, own, exclusive) for exclusive in (False, True)))
    classifier = StrategyUnderTest(factory, own, exclusive=True, provides=OF_IMAGES | own.keys())
    made = classifier.make()
    if isinstance(made, Adaptable) and made.requires <= classifier.provides:
        hold(rules, classifier)


@dataclass(frozen=True)
class StrategyUnderTest:
    """Puts queries to strategies.

    Attributes:
        factory: makes the strategy.
        signals: see :func:`check_strategy`.
        exclusive: the kind of learner.
        provides: what a strategy that adapts to it is told.
    """

    factory: Callable[[], Strategy]
    signals: Mapping[str, Synthesis]
    exclusive: bool
    provides: frozenset[str] = SyntheticLearner.provides

    def make(self) -> Strategy:
        """A new strategy, as a run has it."""
        return adapted(self.factory(), self.provides | self.signals.keys())

    def learner(self, **stream: Any) -> SyntheticLearner:
        """What a strategy reads from; ``stream`` says how it streams."""
        return SyntheticLearner(
            len(CLASSES), exclusive=self.exclusive, signals=self.signals, **stream
        )

    def put(
        self,
        pool: int = 12,
        budget: int = 5,
        *,
        strategy: Strategy | None = None,
        learner: SyntheticLearner | None = None,
        targets: Mapping[str, Target] | None = None,
        labelled: tuple[str, ...] = LABELLED,
    ) -> Selection:
        """Whatever a strategy answers.

        Args:
            pool: how many items are unlabelled.
            budget: how many to take.
            strategy: the one to ask; a new one by default.
            learner: the one to read from, likewise.
            targets: the annotations to hand out, likewise.
            labelled: ids of what is labelled.
        """
        strategy = strategy or self.make()
        ids = unlabelled(pool)
        given = PoisonedTargets(targets or annotations(), ids)
        query = Query(
            learner=DeclaredSignals(
                learner or self.learner(), SyntheticImages(), strategy.requires
            ),
            unlabelled=ids,
            labelled=labelled,
            targets=given,
            classes=CLASSES,
            budget=budget,
            rng=Seeds(0).rng("strategy"),
            cycle=0,
        )
        selection = strategy.select(query)
        given.check()
        return selection

    def put_at_every_size(self, **given: Any) -> None:
        """As :meth:`put`; that it fails at some size is for :func:`_takes_the_budget` to tell."""
        for pool, budget in SIZES:
            with contextlib.suppress(Exception):
                self.put(pool, budget, **given)

    def ask(
        self,
        pool: int = 12,
        budget: int = 5,
        *,
        strategy: Strategy | None = None,
        labelled: tuple[str, ...] = LABELLED,
        **stream: Any,
    ) -> Selection:
        """As :meth:`put`, with the selection held to what is asked of any.

        Raises:
            SelectionError: it is refused.
        """
        learner = self.learner(**stream)
        selection = self.put(pool, budget, strategy=strategy, learner=learner, labelled=labelled)
        check_selection(selection, unlabelled(pool), min(budget, pool))
        return selection


def unlabelled(count: int) -> tuple[str, ...]:
    """Ids of a pool."""
    return tuple(f"pool/{n:02d}" for n in range(count))


def annotations() -> dict[str, Target]:
    """Of everything that may be labelled or not: none, one or two objects an image."""
    boxes = [[1, 1, SIDE - 1, SIDE // 2]]
    items = (*LABELLED, *unlabelled(max(pool for pool, _ in SIZES)))
    return {item: Target.of(boxes * (n % 3), range(n % 3)) for n, item in enumerate(items)}


def _declares_signals(bench: StrategyUnderTest) -> None:
    expect_names(getattr(bench.make(), "requires", None), "requires")


def _scores_each_image(bench: StrategyUnderTest) -> None:
    strategy = bench.make()
    if not isinstance(strategy, ScoringStrategy):
        return
    score = strategy.score

    def watched(batch: SignalBatch) -> Any:
        values = score(batch)
        found, count = tuple(np.shape(values)), len(batch.ids)
        expect(
            found == (count,),
            f"score gives values of shape {found} for {count} images: expected ({count},), one "
            "number an image",
        )
        return values

    strategy.score = watched  # type: ignore[method-assign]
    with contextlib.suppress(SelectionError):  # which the next rules tell more of
        bench.put(strategy=strategy)


def _selects(bench: StrategyUnderTest) -> None:
    bench.put()


def _uses_its_signals(bench: StrategyUnderTest) -> None:
    strategy, learner = bench.make(), bench.learner()
    bench.put(strategy=strategy, learner=learner)
    unused = sorted(strategy.requires - learner.asked)
    expect(
        not unused,
        f"requires names {unused}, which it never asks for: expected the signals that it uses, as "
        "learners without the others would be refused",
    )


def _leaves_generators_alone(bench: StrategyUnderTest) -> None:
    with generators_left_alone("the strategy"):
        bench.put_at_every_size()


def _leaves_the_learner_alone(bench: StrategyUnderTest) -> None:
    learner = bench.learner()
    before = learner.state_dict()
    bench.put_at_every_size(learner=learner)
    expect(
        np.array_equal(before["weights"], learner.state_dict()["weights"]),
        "the strategy changed the learner: expected it to be left as it was",
    )


def _leaves_annotations_alone(bench: StrategyUnderTest) -> None:
    targets = annotations()
    with untouched(targets, "the strategy", SelectionError):
        bench.put_at_every_size(targets=targets)


def _takes_the_budget(bench: StrategyUnderTest) -> None:
    sizes = [(*size, LABELLED) for size in SIZES]
    for pool, budget, labelled in (*sizes, (*SIZES[0], ())):
        try:
            selection = bench.ask(pool, budget, labelled=labelled)
        except Exception as error:
            plain = isinstance(error, AssertionError | SelectionError)
            said = error if plain else described(error)
            nothing = "" if labelled else ", nothing labelled"
            raise AssertionError(
                f"with {pool} unlabelled items, budget {budget}{nothing}: {said}"
            ) from error
        expect(
            isinstance(selection.ids, tuple) and all(isinstance(i, str) for i in selection.ids),
            f"Selection.ids is {selection.ids!r:.80}: expected a tuple of ids",
        )


def _repeats_itself(bench: StrategyUnderTest) -> None:
    strategy = bench.make()
    first = bench.ask(strategy=strategy)
    _same(first, bench.ask(), "another object, the same seed")
    _same(first, bench.ask(strategy=strategy), "the same object once more, the same seed")


def _ignores_order(bench: StrategyUnderTest) -> None:
    first = bench.ask()
    for shuffle, size in ((1, 5), (2, 1), (3, 100)):
        other = bench.ask(shuffle=shuffle, batch_size=size)
        _same(first, other, "signals in another order or other batches")


def _refuses_what_is_not_finite(bench: StrategyUnderTest) -> None:
    """An image on which the model has diverged is named, or given a finite score.

    A strategy without scores, which only counts or draws, may come to choose it, but not always.
    """
    if bench.make().requires:
        chosen = [_diverged(bench, item) for item in unlabelled(12)]
        expect(
            not all(chosen),
            "an image whose signals are NaN is chosen whichever it is: expected NaN not to count "
            "as the largest number, but a SelectionError that names the image",
        )


def _diverged(bench: StrategyUnderTest, item: str) -> bool:
    """Whether the item is chosen by the wayside when all of its signals are NaN."""
    wanted = f"the signals of {item} are NaN: expected a SelectionError that names it, got"
    try:
        selection = bench.ask(diverged=item)
    except SelectionError as error:
        expect(item in str(error), f"{wanted} {error}")
        return False
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{wanted} {type(error).__name__}: {error}") from error
    scores = selection.scores
    expect(scores is None or item in scores, f"{wanted} scores of the others alone")
    return scores is None and item in selection.ids


def _same(one: Selection, other: Selection, when: str) -> None:
    expect(
        one.ids == other.ids,
        f"{when}: expected the same selection, got {list(one.ids)} and then {list(other.ids)}",
    )

"""The conformance check of a strategy."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alframe.datasets.base import Target
from alframe.errors import SelectionError
from alframe.learner import SignalBatch
from alframe.loop import DeclaredSignals, check_selection
from alframe.pool import Pool
from alframe.seeds import Seeds
from alframe.strategy import Query, ScoringStrategy, Selection, Strategy
from alframe.testing.expect import expect, generators_left_alone
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

    - It takes exactly the budget, or the pool where that is smaller, of unique unlabelled ids; so
      with budgets of 0, 1 and the whole pool, and with pools of 0 and 1.
    - One seed gives one selection, in a new object and in the same once more.
    - The order of the pool, and that in which signals are streamed, do not matter.
    - A :class:`~alframe.strategy.ScoringStrategy` gives one number an image.
    - It asks for no signal that it does not declare in ``requires``.
    - It reads no target of an unlabelled item.
    - It changes nothing in the learner.
    - It leaves the global generators of numpy, torch and ``random`` alone.
    - Scores that are not finite are refused, with the image's id.

    Args:
        factory: makes the strategy: a class, or ``functools.partial(MyStrategy, option=3)``.
        signals: values for signals that are not alframe's own; see
            :class:`~alframe.testing.synthetic.SyntheticLearner`.

    Raises:
        AssertionError: says what was expected.
    """
    for exclusive in (False, True):
        bench = Bench(factory, signals or {}, exclusive)
        for rule in (
            declares_signals,
            scores_each_image,
            takes_the_budget,
            repeats_itself,
            ignores_order,
            refuses_what_is_not_finite,
        ):
            rule(bench)


@dataclass(frozen=True)
class Bench:
    """Puts queries to strategies and watches them.

    Attributes:
        factory: makes the strategy.
        signals: see :func:`check_strategy`.
        exclusive: the kind of learner.
    """

    factory: Callable[[], Strategy]
    signals: Mapping[str, Synthesis]
    exclusive: bool

    def ask(
        self,
        pool: int = 12,
        budget: int = 5,
        *,
        strategy: Strategy | None = None,
        **stream: Any,
    ) -> Selection:
        """The selection of a strategy, a new one unless given, that has been watched.

        Args:
            pool: how many items are unlabelled.
            budget: how many to take.
            strategy: the one to ask.
            stream: how the learner streams, see :class:`SyntheticLearner`.
        """
        strategy = strategy or self.factory()
        learner = SyntheticLearner(
            len(CLASSES), exclusive=self.exclusive, signals=self.signals, **stream
        )
        ids = unlabelled(pool, order=stream.get("shuffle", 0))
        before = learner.state_dict()
        with generators_left_alone("the strategy"):
            selection = strategy.select(_query(strategy, learner, ids, budget))
        expect(
            np.array_equal(before["weights"], learner.state_dict()["weights"]),
            "the strategy changed the learner: expected it to be left as it was",
        )
        expect(
            isinstance(selection, Selection),
            f"select gives {selection!r:.80}: expected alframe.strategy.Selection(ids), a tuple of "
            "ids, best first",
        )
        check_selection(selection, ids, min(budget, pool))
        expect(
            set(selection.scores or ()) <= set(ids),
            "the strategy scored what is not unlabelled: expected scores of candidates alone",
        )
        return selection

    def held(self, *args: Any, **options: Any) -> Selection:
        """As :meth:`ask`; what the framework refuses is an AssertionError."""
        try:
            return self.ask(*args, **options)
        except SelectionError as error:
            raise AssertionError(str(error)) from error


def unlabelled(count: int, order: int = 0) -> tuple[str, ...]:
    """Ids of a pool that was given them in some order."""
    shuffled = Seeds(order).rng("pool").permutation(count)
    return Pool(f"pool/{n:02d}" for n in shuffled).unlabelled


def _query(
    strategy: Strategy, learner: SyntheticLearner, ids: tuple[str, ...], budget: int
) -> Query:
    boxes = [[1, 1, SIDE - 1, SIDE // 2]]
    targets = {
        item: Target.of(boxes * (n % 3), range(n % 3)) for n, item in enumerate((*LABELLED, *ids))
    }
    return Query(
        learner=DeclaredSignals(learner, SyntheticImages(), strategy.requires),
        unlabelled=ids,
        labelled=LABELLED,
        targets=PoisonedTargets(targets, ids),
        classes=CLASSES,
        budget=budget,
        rng=Seeds(0).rng("strategy"),
        cycle=0,
    )


def declares_signals(bench: Bench) -> None:
    """``requires`` is a frozenset of names."""
    requires: object = getattr(bench.factory(), "requires", None)
    expect(
        isinstance(requires, frozenset) and all(isinstance(name, str) for name in requires),
        f"requires is {requires!r}: expected a frozenset of names of signals",
    )


def scores_each_image(bench: Bench) -> None:
    """One number an image, where the framework ranks them."""
    strategy = bench.factory()
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
        bench.ask(strategy=strategy)


def takes_the_budget(bench: Bench) -> None:
    """Exactly as many as asked for, at every size."""
    for pool, budget in SIZES:
        try:
            selection = bench.held(pool, budget)
        except AssertionError as error:
            raise AssertionError(
                f"with {pool} unlabelled items, budget {budget}: {error}"
            ) from error
        expect(
            isinstance(selection.ids, tuple) and all(isinstance(i, str) for i in selection.ids),
            f"Selection.ids is {selection.ids!r:.80}: expected a tuple of ids",
        )


def repeats_itself(bench: Bench) -> None:
    """The same selection from the same seed."""
    strategy = bench.factory()
    first = bench.held(strategy=strategy)
    _same(first, bench.held(), "another object, the same seed")
    _same(first, bench.held(strategy=strategy), "the same object once more, the same seed")


def ignores_order(bench: Bench) -> None:
    """The same selection whatever comes first."""
    first = bench.held()
    for shuffle, size in ((1, 5), (2, 1), (3, 100)):
        other = bench.held(shuffle=shuffle, batch_size=size)
        _same(first, other, "the pool or its signals in another order or other batches")


def refuses_what_is_not_finite(bench: Bench) -> None:
    """An image on which the model has diverged is named, or given a finite score.

    A strategy without scores, which only counts or draws, may come to choose it, but not always.
    """
    if bench.factory().requires:
        chosen = [_diverged(bench, item) for item in unlabelled(12)]
        expect(
            not all(chosen),
            "an image whose signals are NaN is chosen whichever it is: expected NaN not to count "
            "as the largest number, but a SelectionError that names the image",
        )


def _diverged(bench: Bench, item: str) -> bool:
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

"""The strategy: turns signals into a selection."""

import copy
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from alframe.datasets.base import Target, unchangeable
from alframe.errors import DIVERGED, SelectionError
from alframe.signals import SignalBatch
from alframe.words import named


class SignalReader(Protocol):
    """The part of a learner that a strategy may use."""

    def signals(self, ids: Sequence[str], names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream the named signals of ``ids``, each id exactly once, in batches."""
        ...


@dataclass(frozen=True)
class Query:
    """Everything that a strategy may see. No target of an unlabelled item is reachable from here.

    Nothing in it can be changed: it holds tuples, of ids sorted ones, and a read-only mapping,
    whatever it is made of.

    Attributes:
        learner: streams the signals that the strategy declared in ``requires``, and no others.
        unlabelled: ids to choose from, sorted.
        labelled: ids that have been annotated, sorted.
        targets: annotations of the labelled items.
        classes: names of the classes, in label order.
        budget: how many images to choose, no more than there are.
        rng: the strategy's own generator for this cycle.
        cycle: 0, 1, ...
    """

    learner: SignalReader
    unlabelled: tuple[str, ...]
    labelled: tuple[str, ...]
    targets: Mapping[str, Target]
    classes: tuple[str, ...]
    budget: int
    rng: np.random.Generator
    cycle: int

    def __post_init__(self) -> None:
        for name in ("unlabelled", "labelled"):
            object.__setattr__(self, name, tuple(sorted(getattr(self, name))))
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "budget", min(self.budget, len(self.unlabelled)))
        object.__setattr__(self, "targets", unchangeable(self.targets))


@dataclass(frozen=True)
class Selection:
    """The chosen items, best first.

    Attributes:
        ids: exactly the budget; unique, unlabelled.
        scores: of every candidate that was scored, for reports and for verifying the choice.
    """

    ids: tuple[str, ...]
    scores: Mapping[str, float] | None = None


class Strategy(Protocol):
    """Chooses what to label next."""

    @property
    def requires(self) -> frozenset[str]:
        """Names of the signals that :meth:`select` asks for; a plain attribute will do."""
        ...

    def select(self, query: Query) -> Selection:
        """Choose ``query.budget`` of ``query.unlabelled``."""
        ...


AnyStrategy = TypeVar("AnyStrategy", bound=Strategy)


@runtime_checkable
class Adaptable(Protocol):
    """A strategy that accepts other signals where those that it prefers are not available.

    An image classified as a whole has no detections, but class probabilities of its own.
    """

    def adapt(self, provided: frozenset[str]) -> None:
        """Settle on what ``requires`` names, told what a run can stream; called before all else.

        It is called on a shallow copy: what is bound to ``self`` by then is bound to the original.
        """
        ...


def adapted(strategy: AnyStrategy, provided: frozenset[str]) -> AnyStrategy:
    """A strategy settled on what is provided: a copy, where it is one that adapts itself to that.

    What wraps another adapts that, too.
    """
    if not isinstance(strategy, Adaptable):
        return strategy
    settled = copy.copy(strategy)
    settled.adapt(provided)
    return settled


@runtime_checkable
class Scoring(Protocol):
    """A strategy that gives each image one number on its own, whatever it makes of them.

    Attributes:
        signed: scores may be negative, so whoever takes logarithms of them is told in time.
    """

    signed: ClassVar[bool]

    def scores(self, query: Query) -> Mapping[str, float]:
        """The score of every unlabelled item."""
        ...


@runtime_checkable
class ChoosesByScore(Protocol):
    """A strategy whose choice follows from scores, one for each candidate."""

    def choose(self, scores: Mapping[str, float], query: Query) -> tuple[str, ...]:
        """The choice, best first."""
        ...


class ScoringStrategy(ABC):
    """An acquisition function: gives each image one number, and takes the largest.

    Subclasses write :meth:`score`; streaming, progress, ranking, ties (the smaller id first)
    and the refusal of non-finite scores are done here.

    Attributes:
        requires: names of the signals that are scored.
        signed: scores may be negative, so whoever takes logarithms of them is told in time.
    """

    requires: frozenset[str]
    signed: ClassVar[bool] = False

    @abstractmethod
    def score(self, batch: SignalBatch) -> Any:
        """One number an image, [B], higher is chosen first (a tensor or anything numpy takes)."""

    def select(self, query: Query) -> Selection:
        """Score every unlabelled item and take the ``budget`` largest."""
        scores = self.scores(query)
        return Selection(self.choose(scores, query), scores)

    def choose(self, scores: Mapping[str, float], query: Query) -> tuple[str, ...]:
        """The ``budget`` largest; ``alframe verify`` makes the choice again by it."""
        return top(scores, query.budget)

    def scores(self, query: Query) -> dict[str, float]:
        """The score of every unlabelled item.

        Raises:
            SelectionError: there are not as many scores as images, or one is not finite; the
                message names the image.
        """
        scores: dict[str, float] = {}
        for batch in query.learner.signals(query.unlabelled, self.requires):
            scores.update(zip(batch.ids, self._floats(batch), strict=True))
        check_finite(scores)
        return scores

    def _floats(self, batch: SignalBatch) -> list[float]:
        values = self.score(batch)
        if hasattr(values, "detach") and not values.is_complex():
            values = values.detach().double().cpu()
        try:
            numbers = None if _no_numbers(values) else np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            numbers = None
        if numbers is None or numbers.shape != (len(batch.ids),):
            if values is None or numbers is None:
                got = f"{values!r:.60}"
            else:
                got = f"shape {list(numbers.shape)}"
            raise SelectionError(
                f"{type(self).__name__}.score: expected one number for each of {len(batch.ids)} "
                f"images, got {got}"
            )
        return [float(number) for number in numbers]


def _no_numbers(values: Any) -> bool:
    """Whether values are texts, times or complex, which numpy would make numbers of."""
    return np.asarray(values).dtype.kind not in "biufO"


def check_finite(scores: Mapping[str, float]) -> None:
    """Refuse NaN and infinity, which a ranking would put at an end without a word.

    Raises:
        SelectionError: naming the images.
    """
    bad = sorted(i for i, s in scores.items() if not math.isfinite(s))
    if bad:
        shown = ", ".join(f"{i} ({scores[i]})" for i in bad[:3])
        raise SelectionError(
            f"{len(bad)} of {len(scores)} scores are not finite: {shown}: the strategy divides by "
            f"zero, or {DIVERGED}"
        )


def top(scores: Mapping[str, float], n: int) -> tuple[str, ...]:
    """The ids of the ``n`` largest scores, largest first; equal scores in the order of ids."""
    return tuple(sorted(scores, key=lambda i: (-scores[i], i))[:n])


def tied(ids: Sequence[str], scores: Mapping[str, float]) -> str | None:
    """A sentence where most of a choice follows from names, by which equal scores rank."""
    least = scores.get(ids[-1])
    equal = sum(score == least for score in scores.values())
    chosen = sum(scores.get(item) == least for item in ids)
    if chosen == equal or 4 * chosen < 3 * len(ids) or tuple(ids) != top(scores, len(ids)):
        return None
    return (
        f"{equal:,} images have one score, {least:g}, which does not tell them apart: {chosen:,} "
        f"of the {len(ids):,} chosen are the first of these by name"
    )


def check_selection(selection: Selection, unlabelled: Sequence[str], wanted: int) -> Selection:
    """Hold a strategy to its contract: ``wanted`` unique unlabelled ids and finite scores.

    Returns:
        The selection in plain texts and numbers, which files can keep, whatever numpy or torch
        made of them.

    Raises:
        SelectionError: says what was broken.
    """
    if not isinstance(selection, Selection):
        raise SelectionError(
            f"select gives {selection!r:.80}: expected alframe.strategy.Selection(ids), a tuple of "
            "ids, best first"
        )
    ids, scores = selection.ids, selection.scores
    if not isinstance(ids, tuple | list) or not all(isinstance(item, str) for item in ids):
        raise SelectionError(
            f"ids of a selection are {ids!r:.80}: expected a tuple of ids, texts of the query's"
        )
    ids = tuple(map(str, ids))
    known = frozenset(unlabelled)
    if foreign := sorted(set(ids) - known):
        raise SelectionError(f"the strategy chose {foreign[:3]}, which are not unlabelled items")
    if twice := [item for item, times in Counter(ids).items() if times > 1]:
        raise SelectionError(f"the strategy chose an item twice: {named(twice)}")
    if len(ids) != wanted:
        raise SelectionError(f"the strategy chose {len(ids)} items, the budget is {wanted}")
    if scores is None:
        return Selection(ids)
    numbers = _numbers(scores)
    if scored := [item for item in numbers if item not in known]:
        raise SelectionError(f"the strategy scored {scored[:3]}, which are not unlabelled items")
    check_finite(numbers)
    return Selection(ids, numbers)


def _numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    """Scores as plain numbers, of numpy, of torch with one element, or of whatever has a value.

    Raises:
        SelectionError: one is none.
    """
    try:
        if any(isinstance(score, str | bytes) for score in scores.values()):
            raise TypeError("text")
        return {str(i): float(s.item() if hasattr(s, "item") else s) for i, s in scores.items()}
    except (AttributeError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise SelectionError(
            f"scores are {scores!r:.80}: expected a number by id, or None ({error})"
        ) from error

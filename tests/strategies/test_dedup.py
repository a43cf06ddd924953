from typing import Any

import numpy as np
import pytest

from alframe.errors import ConfigError
from alframe.signals import EMBEDDING
from alframe.strategies.baselines import Random
from alframe.strategies.coreset import CoreSet
from alframe.strategies.dedup import Dedup
from alframe.strategies.power import Power
from alframe.strategy import Query, Selection
from tests.strategies.asking import query, rows
from tests.strategies.test_power import ByNumber

# By score: a, b, c, d, e. b is a longer a; d points where the labelled l does; f is nothing.
SCORES = {"a": 6.0, "b": 5.0, "c": 4.0, "d": 3.0, "e": 2.0, "f": 1.0}
VECTORS = {"a": [1, 0, 0], "b": [3, 0, 0], "c": [0, 1, 0], "d": [0, 0, 1], "e": [1, 1, 0],
           "f": [0, 0, 0], "l": [0, 0, 2]}  # fmt: skip


def asked(budget: int, **more: Any) -> Query:
    makers = {"number": rows(SCORES), EMBEDDING: rows(VECTORS)}
    return query(makers, "abcdef", budget, labelled=["l"], **more)


def test_near_duplicates_of_chosen_and_labelled_are_skipped() -> None:
    strategy = Dedup(ByNumber())
    assert strategy.requires == {"number", EMBEDDING}
    selection = strategy.select(asked(3))
    assert selection.ids == ("a", "c", "e")
    assert selection.scores == SCORES
    assert Dedup(ByNumber(), similarity=0.7).select(asked(3)).ids == ("a", "c", "f")


def test_skipped_images_fill_what_the_pool_lacks(caplog: pytest.LogCaptureFixture) -> None:
    assert Dedup(ByNumber()).select(asked(4)).ids == ("a", "c", "e", "f")
    assert not caplog.messages
    assert Dedup(ByNumber()).select(asked(6)).ids == ("a", "c", "e", "f", "b", "d")
    assert caplog.messages == [
        "near-duplicates among the 6 chosen: 2, for no other image is unlike all that are chosen "
        "or labelled (strategy.similarity)"
    ]


class Asked(ByNumber):
    """Remembers what it was asked for; its choice does not follow from scores unless it may."""

    def __init__(self, *, scored: bool) -> None:
        self.budgets: list[int] = []
        self._scored = scored

    def select(self, query: Query) -> Selection:
        self.budgets.append(query.budget)
        chosen = super().select(query)
        return chosen if self._scored else Selection(chosen.ids)


@pytest.mark.parametrize(("scored", "budgets"), [(True, [4]), (False, [4, 8, 16, 28])])
def test_it_looks_as_far_as_it_has_to(scored: bool, budgets: list[int]) -> None:
    """Of 28 images, best first, the first 20 are alike, as frames of a video."""
    items = [f"{n:02d}" for n in range(28)]
    vectors = {item: [1, 0] if n < 20 else [0, 1] for n, item in enumerate(items)}
    makers = {"number": rows({item: -float(item) for item in items}), EMBEDDING: rows(vectors)}
    other = Asked(scored=scored)
    assert Dedup(other, factor=2).select(query(makers, items, 2)).ids == ("00", "20")
    assert other.budgets == budgets


def test_the_whole_pool_is_looked_at_once() -> None:
    items = [f"{n}" for n in range(8)]
    makers = {"number": rows(dict.fromkeys(items, 1.0)), EMBEDDING: rows({i: [1] for i in items})}
    other = Asked(scored=False)
    assert Dedup(other, factor=2).select(query(makers, items, 2)).ids == ("0", "1")
    assert other.budgets == [4, 8]


def test_scores_are_no_choice_where_the_other_does_not_choose_by_them() -> None:
    """It takes the worst first; what it takes after d is like e."""

    class Backwards:
        requires = frozenset({"number"})

        def select(self, query: Query) -> Selection:
            scores = ByNumber().scores(query)
            return Selection(tuple(sorted(scores, key=scores.__getitem__))[: query.budget], scores)

    assert Dedup(Backwards(), similarity=0.7, factor=1).select(asked(3)).ids == ("f", "e", "d")


def test_further_looks_draw_as_the_first() -> None:
    """Of a strategy that draws, a wider choice begins with the narrow one."""
    items = [f"{n:02d}" for n in range(40)]
    vectors = {item: [1, 0] if n % 10 else [0, 1] for n, item in enumerate(items)}
    makers = {"number": rows(dict.fromkeys(items, 1.0)), EMBEDDING: rows(vectors)}
    for drawing in (Random(), Power(ByNumber())):
        whole = drawing.select(query(makers, items, 40)).ids
        one = next(item for item in whole if vectors[item] == vectors[whole[0]])
        other = next(item for item in whole if vectors[item] != vectors[whole[0]])
        chosen = Dedup(drawing, factor=1).select(query(makers, items, 2)).ids
        assert chosen == (one, other)


def test_only_a_few_embeddings_are_read() -> None:
    question = asked(1)
    assert Dedup(ByNumber(), factor=2).select(question).ids == ("a",)
    assert question.learner.read == 6 + 2 + 1  # type: ignore[attr-defined]
    Dedup(ByNumber()).select(question := asked(1))
    assert question.learner.read == 6 + 4 + 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", [0, 1024])
def test_of_many_labelled_images_each_counts(place: int) -> None:
    """They are compared 1,024 at a time; d is a copy of the first, or the last."""
    labelled = [f"l{n:04d}" for n in range(1025)]
    vectors = VECTORS | {item: [0, 1, 0] for item in labelled} | {labelled[place]: [0, 0, 1]}
    makers = {"number": rows(SCORES), EMBEDDING: rows(vectors)}
    assert Dedup(ByNumber()).select(query(makers, "de", 1, labelled=labelled)).ids == ("e",)


def test_copies_alone() -> None:
    """Of ten directions each stands twice, at another length; one is labelled."""
    vectors = np.random.default_rng(0).standard_normal((10, 64))
    table = {f"{n:02d}": (1 + 2 * (n % 2)) * vectors[n // 2] for n in range(20)}
    makers = {"number": rows({i: -float(i) for i in table}), EMBEDDING: rows(table)}
    asked = query(makers, list(table)[1:], 9, labelled=["00"])
    chosen = Dedup(ByNumber(), similarity=1).select(asked).ids
    assert chosen == tuple(f"{n:02d}" for n in range(2, 20, 2))


def test_around_a_strategy_without_scores() -> None:
    """Farthest from l first; b, of length 3, before a."""
    assert Dedup(CoreSet()).select(asked(2)).ids == ("b", "c")


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match="similarity: expected -1 to 1, got 2"):
        Dedup(ByNumber(), similarity=2)
    with pytest.raises(ConfigError, match="factor: expected at least 1, got 0"):
        Dedup(ByNumber(), factor=0)

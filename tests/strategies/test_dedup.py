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


class Asked:
    """Remembers what it was asked for; takes the worst first, which is no ranking by score."""

    requires = frozenset({"number"})

    def __init__(self) -> None:
        self.queries: list[Query] = []

    def select(self, query: Query) -> Selection:
        self.queries.append(query)
        scores = ByNumber().scores(query)
        return Selection(tuple(sorted(scores, key=scores.__getitem__))[: query.budget], scores)


@pytest.mark.parametrize("frames", [20, 1500])
def test_it_looks_as_far_as_it_has_to(frames: int, caplog: pytest.LogCaptureFixture) -> None:
    """Best first, the first images are alike, as frames of a video: more than one block of them."""
    items = [f"{n:04d}" for n in range(frames + 8)]
    vectors = {item: [1, 0] if n < frames else [0, 1] for n, item in enumerate(items)}
    makers = {"number": rows({item: -float(item) for item in items}), EMBEDDING: rows(vectors)}
    other = items[frames]
    assert Dedup(ByNumber()).select(query(makers, items, 2)).ids == ("0000", other)
    backwards = Dedup(Asked()).select(query(makers, items, 2))
    assert backwards.ids == (other, "0000")
    assert backwards.scores == {"0000": 0.0, other: -float(other)}
    assert not caplog.messages, "that a whole look is alike is what it is for"


def test_another_choice_is_made_of_a_pool_without_near_duplicates() -> None:
    """At its own budget: a choice of four times as many says nothing of one that is spread."""
    strategy = Asked()
    assert Dedup(strategy, similarity=0.7).select(asked(2)).ids == ("f", "c")
    assert [(q.unlabelled, q.budget) for q in strategy.queries] == [(("a", "c", "f"), 2)]


def test_of_a_pool_with_too_few_others_it_chooses_twice(caplog: pytest.LogCaptureFixture) -> None:
    strategy = Asked()
    selection = Dedup(strategy, similarity=0.7).select(asked(5))
    assert (selection.ids, selection.scores) == (("f", "c", "a", "e", "d"), SCORES)
    assert [(q.unlabelled, q.budget) for q in strategy.queries] == [
        (("a", "c", "f"), 3),
        (("b", "d", "e"), 2),
    ]
    assert "near-duplicates among the 5 chosen: 2, " in caplog.text


def test_it_draws_as_the_other_does() -> None:
    items = [f"{n:02d}" for n in range(40)]
    vectors = {item: [1, 0] if n % 10 else [0, 1] for n, item in enumerate(items)}
    makers = {"number": rows(dict.fromkeys(items, 1.0)), EMBEDDING: rows(vectors)}
    whole = Power(ByNumber()).select(query(makers, items, 40)).ids
    one = next(item for item in whole if vectors[item] == vectors[whole[0]])
    other = next(item for item in whole if vectors[item] != vectors[whole[0]])
    assert Dedup(Power(ByNumber())).select(query(makers, items, 2)).ids == (one, other)
    assert sorted(Dedup(Random()).select(query(makers, items, 2)).ids) == ["00", "01"]


def test_only_a_few_embeddings_are_read() -> None:
    question = asked(1)
    assert Dedup(ByNumber()).select(question).ids == ("a",)
    assert question.learner.read == 6 + 1 + 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("place", [0, 1024])
def test_of_many_labelled_images_each_counts(place: int) -> None:
    """They are compared 1,024 at a time; d is a copy of the first, or the last."""
    labelled = [f"l{n:04d}" for n in range(1025)]
    vectors = VECTORS | {item: [0, 1, 0] for item in labelled} | {labelled[place]: [0, 0, 1]}
    makers = {"number": rows(SCORES), EMBEDDING: rows(vectors)}
    assert Dedup(ByNumber()).select(query(makers, "de", 1, labelled=labelled)).ids == ("e",)


@pytest.mark.parametrize("budget", [1, 20, 90])
def test_equal_to_a_walk_that_compares_one_by_one(budget: int) -> None:
    rng = np.random.default_rng(budget)
    table = {f"{n:03d}": rng.standard_normal(4) for n in range(150)}
    labelled, pool = list(table)[:20], list(table)[20:]
    scores = {item: float(rng.random()) for item in table}

    def like(a: str, b: str) -> bool:
        lengths = np.linalg.norm(table[a]) * np.linalg.norm(table[b])
        return bool(table[a] @ table[b] >= 0.9 * lengths)

    def walk(order: list[str]) -> list[str]:
        kept: list[str] = []
        for item in order:
            if not any(like(item, other) for other in labelled + kept):
                kept.append(item)
        return kept

    question = query({"number": rows(scores), EMBEDDING: rows(table)}, pool, budget,
                     labelled=labelled)  # fmt: skip
    best = walk(sorted(pool, key=lambda item: -scores[item]))
    assert 10 < len(best) < 90
    assert list(Dedup(ByNumber(), 0.9).select(question).ids[: len(best)]) == best[:budget]
    Dedup(strategy := Asked(), 0.9).select(question)
    assert list(strategy.queries[0].unlabelled) == walk(pool)


def test_copies_alone() -> None:
    """Of ten directions each stands twice, at another length; one is labelled."""
    vectors = np.random.default_rng(0).standard_normal((10, 64))
    table = {f"{n:02d}": (1 + 2 * (n % 2)) * vectors[n // 2] for n in range(20)}
    makers = {"number": rows({i: -float(i) for i in table}), EMBEDDING: rows(table)}
    asked = query(makers, list(table)[1:], 9, labelled=["00"])
    chosen = Dedup(ByNumber(), similarity=1).select(asked).ids
    assert chosen == tuple(f"{n:02d}" for n in range(2, 20, 2))


def test_around_a_strategy_without_scores() -> None:
    """Farthest from l first; b, of length 3, is like a."""
    assert CoreSet().select(asked(2)).ids == ("b", "c")
    assert Dedup(CoreSet()).select(asked(2)).ids == ("e", "f")


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match="similarity: expected -1 to 1, got 2"):
        Dedup(ByNumber(), similarity=2)

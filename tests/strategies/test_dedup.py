from typing import Any

import numpy as np
import pytest

from alframe.errors import ConfigError
from alframe.signals import EMBEDDING
from alframe.strategies.coreset import CoreSet
from alframe.strategies.dedup import Dedup
from alframe.strategy import Query
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


def test_skipped_images_fill_what_is_missing() -> None:
    assert Dedup(ByNumber()).select(asked(6)).ids == ("a", "c", "e", "f", "b", "d")
    assert Dedup(ByNumber(), factor=1).select(asked(3)).ids == ("a", "c", "b")


def test_only_a_few_embeddings_are_read() -> None:
    question = asked(1)
    assert Dedup(ByNumber(), factor=2).select(question).ids == ("a",)
    assert question.learner.read == 6 + 2 + 1  # type: ignore[attr-defined]
    Dedup(ByNumber()).select(question := asked(1))
    assert question.learner.read == 6 + 4 + 1  # type: ignore[attr-defined]


def test_of_many_labelled_images_each_counts() -> None:
    """They are compared 1,024 at a time; d is a copy of the first."""
    labelled = [f"l{n}" for n in range(1025)]
    vectors = VECTORS | {item: [0, 1, 0] for item in labelled} | {"l0": [0, 0, 1]}
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

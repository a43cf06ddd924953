from typing import Any

import pytest
import torch

from alframe.errors import ConfigError
from alframe.signals import EMBEDDING
from alframe.strategies import clusters
from alframe.strategies.clusters import KMeans
from alframe.strategies.typiclust import TypiClust
from tests.strategies.asking import query, rows

FAN = {item: [1.0, n / 10] for n, item in enumerate("abcde", start=-2)}


def test_the_middle_of_the_only_cluster_is_first_where_nothing_is_labelled() -> None:
    """The mean of five directions that are symmetric about c is that of c."""
    asked = query({EMBEDDING: rows(FAN)}, "abcde", 5)
    assert KMeans(max_clusters=1).select(asked).ids == ("c", "b", "d", "a", "e")


def test_each_cluster_without_a_labelled_image_gives_its_middle_the_largest_first() -> None:
    """x1, x2 and x3 at 90, 85 and 70 degrees have their mean at 81.7; c lies in the middle."""
    vectors = FAN | {"x1": [0.0, 3.0], "x2": [0.0872, 0.9962], "x3": [3.42, 9.397], "l": [-1.0, 0]}
    unlabelled = sorted(set(vectors) - {"l"})
    asked = query({EMBEDDING: rows(vectors)}, unlabelled, 2, labelled=["l"])
    assert KMeans().select(asked).ids == ("c", "x2")


def test_more_are_wanted_than_differ() -> None:
    same = {item: [1.0, 2.0] for item in "abcd"}
    assert sorted(KMeans().select(query({EMBEDDING: rows(same)}, "abcd", 3)).ids) == ["a", "b", "c"]


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match="iterations: expected at least 1, got 0"):
        KMeans(iterations=0)
    with pytest.raises(ConfigError, match="min_size: expected at least 1, got 0"):
        TypiClust(min_size=0)


def test_a_single_image_is_a_cluster_as_any_other() -> None:
    """It has its turn though others have more images left."""
    vectors = {f"x{n}": [1.0, n / 10] for n in range(7)} | {"y": [0.0, 5.0]}
    asked = query({EMBEDDING: rows(vectors)}, sorted(vectors), 2)
    assert KMeans(max_clusters=2).select(asked).ids == ("x3", "y")


def test_labelled_images_count_for_the_size_of_a_cluster() -> None:
    """Once two of the four of y are taken, x, of which two of five are labelled, is larger."""
    vectors = {f"x{n}": [1.0, n / 10] for n in range(5)}
    vectors |= {f"y{n}": [n / 10, 1.0] for n in range(4)}
    labelled = ["x0", "x1"]
    unlabelled = sorted({*vectors} - {*labelled})
    asked = query({EMBEDDING: rows(vectors)}, unlabelled, 3, labelled=labelled)
    assert [item[0] for item in KMeans(max_clusters=2).select(asked).ids] == ["y", "y", "x"]


def test_iterations_are_those_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def noted(points: torch.Tensor, count: int, rng: Any, iterations: int) -> torch.Tensor:
        seen.append(iterations)
        return k_means(points, count, rng, iterations)

    k_means = clusters.k_means
    monkeypatch.setattr(clusters, "k_means", noted)
    asked = query({EMBEDDING: rows(FAN)}, "abcde", 2)
    KMeans(iterations=7).select(asked)
    TypiClust(iterations=9).select(asked)
    assert seen == [7, 9]

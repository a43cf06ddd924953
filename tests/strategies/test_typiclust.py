import pytest
import torch

from alframe.errors import ConfigError
from alframe.signals import EMBEDDING
from alframe.strategies.clusters import Cluster, picks
from alframe.strategies.typiclust import TypiClust, mean_distance
from tests.strategies.asking import query, rows


def test_mean_distance_by_hand() -> None:
    """On a line: the two nearest others of 3 are at 1 and 2."""
    line = torch.tensor([[0.0], [1.0], [3.0], [4.0], [4.0]])
    assert mean_distance(line, 2).tolist() == [(1 + 3) / 2, (1 + 2) / 2, 1.0, 0.5, 0.5]
    assert mean_distance(line, 99).tolist() == [12 / 4, 9 / 4, 7 / 4, 8 / 4, 8 / 4]
    assert mean_distance(line[:1], 20).tolist() == [0.0]


def test_clusters_take_turns() -> None:
    """Rows 0 and 1 are labelled: the largest cluster without them is first, outliers are last."""
    clusters = [
        Cluster(6, [2, 3, 4, 5, 6]),
        Cluster(5, [7, 8, 9, 10]),
        Cluster(5, [11, 12, 13, 14, 15]),
        Cluster(7, [16, 17, 18, 19, 20, 21, 22]),
        Cluster(2, [23, 24]),
    ]
    assert picks(clusters, 6, min_size=5) == [16, 11, 17, 2, 7, 12]
    everything = picks([Cluster(2, [0, 1]), Cluster(5, [2, 3, 4, 5, 6])], 7, min_size=5)
    assert everything == [2, 3, 4, 5, 6, 0, 1]


def test_one_cluster_at_most_gives_its_most_typical_unlabelled_images() -> None:
    """Around c, which is labelled: b and d are next to it, a and e at the ends."""
    vectors = {i: [1.0, n / 10] for n, i in enumerate("abcde", start=-2)}
    asked = query({EMBEDDING: rows(vectors)}, "abde", 3, labelled=["c"])
    assert TypiClust(max_clusters=1).select(asked).ids == ("b", "d", "a")


def test_the_middle_of_each_uncovered_cluster_is_chosen() -> None:
    """Three directions in space, five images around each; one is labelled."""
    vectors: dict[str, list[float]] = {}
    for name, axis in (("x", 0), ("y", 1), ("z", 2)):
        for n, off in enumerate((-0.2, -0.1, 0.0, 0.1, 0.2)):
            vector = [0.0, 0.0, 0.0]
            vector[axis], vector[(axis + 1) % 3] = 1.0, off
            vectors[f"{name}{n}"] = [7.0**n * v for v in vector]  # length does not matter
    unlabelled = sorted(set(vectors) - {"y0"})
    asked = query({EMBEDDING: rows(vectors)}, unlabelled, 2, labelled=["y0"])
    assert sorted(TypiClust().select(asked).ids) == ["x2", "z2"]


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match="neighbours: expected at least 1, got 0"):
        TypiClust(neighbours=0)


def test_a_cluster_of_five_is_an_outlier() -> None:
    """Five around x, in a knot, and six around y: the authors ask for more than five images."""
    vectors = {f"x{n}": [1.0, n / 100] for n in range(5)}
    vectors |= {f"y{n}": [n / 10, 1.0] for n in range(6)}
    asked = query({EMBEDDING: rows(vectors)}, sorted(vectors), 2, labelled=[])
    assert {item[0] for item in TypiClust(max_clusters=2).select(asked).ids} == {"y"}
    chosen = TypiClust(max_clusters=2, min_size=5).select(asked).ids
    assert {item[0] for item in chosen} == {"x", "y"}


def test_as_many_neighbours_count_as_are_set() -> None:
    """d and e are next to each other; c is in the middle of all."""
    vectors = {"a": [1.0, 0.0], "b": [1.0, 0.3], "c": [1.0, 0.6], "d": [1.0, 0.9], "e": [1.0, 0.95]}
    asked = query({EMBEDDING: rows(vectors)}, "abcde", 1)
    assert TypiClust(max_clusters=1, neighbours=1).select(asked).ids == ("d",)
    assert TypiClust(max_clusters=1, neighbours=4).select(asked).ids == ("c",)

from itertools import pairwise

import numpy as np
import pytest
import torch

from alframe.strategies import k_means as module
from alframe.strategies.k_means import _drawn, _means, k_means, seeds


def test_seeds_are_drawn_in_proportion_to_the_squared_distance() -> None:
    """From 0: the others are at 1, 2 and 3, so with probabilities 1/14, 4/14 and 9/14."""
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    counts = np.zeros(4)
    for seed in range(2000):
        first, second = seeds(line, 2, np.random.default_rng(seed), first=0)
        assert first == 0
        counts[second] += 1
    p = np.array([0, 1, 4, 9]) / 14
    assert (abs(counts - 2000 * p) <= 5 * np.sqrt(2000 * p * (1 - p))).all()


def test_the_nearest_of_all_that_are_drawn_counts() -> None:
    """Once 0 and 10 are drawn, 1 and 9 are both at 1, so as likely as each other."""
    line = torch.tensor([[0.0], [10.0], [1.0], [9.0]])
    drawn = [seeds(line, 3, np.random.default_rng(seed), first=0) for seed in range(1000)]
    thirds = [third for _, second, third in drawn if second == 1]
    assert len(thirds) > 400
    assert abs(thirds.count(2) - len(thirds) / 2) < 5 * (len(thirds) / 4) ** 0.5


def test_duplicates_come_last_and_in_order() -> None:
    points = torch.tensor([[1.0], [0.0], [1.0], [0.0], [1.0]])
    assert seeds(points, 5, np.random.default_rng(0), first=2) in ([2, 1, 0, 3, 4], [2, 3, 0, 1, 4])
    assert seeds(points, 1, np.random.default_rng(0), first=4) == [4]
    assert seeds(points, 0, np.random.default_rng(0), first=4) == []
    different = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    rows = seeds(different.repeat(3, 1), 18, np.random.default_rng(0), first=3)
    assert sorted(row % 6 for row in rows[:6]) == list(range(6))
    assert rows[6:] == sorted(rows[6:])


def test_a_row_without_weight_is_not_drawn() -> None:
    assert _drawn(np.array([0.0, 1.0]), np.array([True, True]), where=0.0) == 1


def test_iterations_go_on_until_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means from 0 and 1: 0 and 5; then 1/2 and 19/3; then 4/3 and 8, which change nothing."""
    monkeypatch.setattr(module, "seeds", lambda *_, **__: [0, 1])
    line = torch.tensor([[0.0], [1.0], [3.0], [6.0], [10.0]])
    labels = [k_means(line, 2, np.random.default_rng(0), n).tolist() for n in (1, 10)]
    assert labels == [[0, 0, 1, 1, 1], [0, 0, 0, 1, 1]]


def test_separate_clusters_are_found() -> None:
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.integers(0, 4, 200))
    centres = 20 * torch.eye(4)
    points = centres[truth] + torch.from_numpy(rng.standard_normal((200, 4), dtype=np.float32))
    labels = k_means(points, 4, np.random.default_rng(1), iterations=50)
    table = torch.zeros(4, 4, dtype=torch.long)
    table.index_put_((truth, labels), torch.ones(200, dtype=torch.long), accumulate=True)
    assert (table > 0).sum() == 4, "one label for each cluster"


def test_iterations_do_not_raise_the_sum_of_squares() -> None:
    points = torch.from_numpy(np.random.default_rng(0).standard_normal((300, 3), dtype=np.float32))

    def inertia(iterations: int) -> float:
        labels = k_means(points, 7, np.random.default_rng(0), iterations)
        parts = [points[labels == c] for c in range(7)]
        return sum(float((p - p.mean(dim=0)).square().sum()) for p in parts if len(p))

    sums = [inertia(n) for n in (0, 1, 2, 5, 20)]
    assert all(after <= before + 1e-3 for before, after in pairwise(sums))


def test_more_clusters_than_different_points() -> None:
    points = torch.tensor([[0.0], [0.0], [5.0]])
    labels = k_means(points, 3, np.random.default_rng(0), iterations=10)
    assert labels[0] == labels[1] != labels[2]


def test_a_cluster_without_rows_keeps_its_centre() -> None:
    points, centres = torch.tensor([[1.0], [3.0]]), torch.tensor([[7.0], [8.0]])
    assert _means(points, torch.tensor([1, 1]), centres).tolist() == [[7.0], [2.0]]


@pytest.mark.parametrize("gap", [1e-2, 1e-3, 1e-4])
def test_rows_that_are_nearly_the_same_have_clusters_as_well(gap: float) -> None:
    """Three groups that are small beside the gaps between them, far from 0."""
    rng = np.random.default_rng(0)
    group = np.arange(30) % 3
    points = np.ones((30, 16)) + gap * (np.eye(16)[group] + 0.02 * rng.standard_normal((30, 16)))
    rows = torch.from_numpy(points.astype(np.float32))
    for seed in range(10):
        labels = k_means(rows, 3, np.random.default_rng(seed), 10).numpy()
        assert {len(set(labels[group == each])) for each in range(3)} == {1}


def test_the_first_centre_is_drawn() -> None:
    """Of two rows the one that is drawn first is in cluster 0."""
    points = torch.tensor([[0.0], [1.0]])
    labels = [k_means(points, 2, np.random.default_rng(seed), 5).tolist() for seed in range(20)]
    assert {tuple(each) for each in labels} == {(0, 1), (1, 0)}

"""The lazy search against float64 throughout, most of all where points are nearly as far."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from alframe.strategies import k_center as module
from alframe.strategies.k_center import k_center
from alframe.strategies.points import Euclidean, VectorTable


def reference(vectors: NDArray[np.float32], centres: int, count: int) -> list[int]:
    """One point after the other, by differences in float64."""
    x = vectors.astype(np.float64)
    nearest = np.full(len(x), np.inf)
    nearest[:centres] = -np.inf
    for c in range(centres):
        nearest = np.minimum(nearest, ((x - x[c]) ** 2).sum(axis=1))
    picks: list[int] = []
    for _ in range(count):
        picks.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((x - x[picks[-1]]) ** 2).sum(axis=1))
        nearest[picks[-1]] = -np.inf
    return picks


def picked(vectors: NDArray[np.float32], centres: int, count: int) -> list[int]:
    return k_center(VectorTable(torch.from_numpy(vectors)), centres, count)


def test_an_outlier_widens_no_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs that the bounds do not tell apart are settled in float64, which is slow."""
    vectors = np.random.default_rng(0).normal(size=(2000, 16)).astype(np.float32)
    vectors[900] = 1e9
    settled: list[int] = []
    exact = Euclidean.exact

    def counted(points: Euclidean, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        settled.append(len(a))
        return exact(points, a, b)

    monkeypatch.setattr(Euclidean, "exact", counted)
    assert picked(vectors, 100, 100) == reference(vectors, 100, 100)
    assert sum(settled) < 100_000, "of 400,000 pairs"


def test_a_table_of_float16_is_searched_as_it_is() -> None:
    for kind in ("normal", "far from the origin", "duplicates", "quantised"):
        half = torch.from_numpy(kinds()[kind]).half()
        expected = reference(half.float().numpy(), 75, 200)
        table = VectorTable(half)
        assert k_center(table, 75, 200) == expected
        assert table.take(slice(3, 5)).vectors.dtype == torch.float16


def test_by_hand() -> None:
    """On a line, a centre at 0: 10 is farthest, then 4 (4 from 0), then 7 (3 from both sides)."""
    line = np.array([[0], [1], [4], [10], [7], [9]], dtype=np.float32)
    assert picked(line, 1, 5) == [3, 2, 4, 1, 5]


def test_equally_far_points_are_picked_in_the_order_of_rows() -> None:
    square = np.array([[0, 0], [1, 1], [-1, 1], [1, -1], [-1, -1]], dtype=np.float32)
    assert picked(square, 1, 4) == [1, 2, 3, 4]


def test_without_centres_the_first_row_is_the_first_pick() -> None:
    line = np.array([[5], [0], [9], [4]], dtype=np.float32)
    assert picked(line, 0, 4) == [0, 1, 2, 3]
    assert picked(line, 0, 1) == [0]
    assert picked(line, 0, 0) == []


def kinds() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((1500, 16), dtype=np.float32)
    few = rng.standard_normal((40, 16), dtype=np.float32)
    return {
        "normal": plain,
        "far from the origin": plain + 100,
        "duplicates": few[rng.integers(0, 40, 1500)],
        "near duplicates": few[rng.integers(0, 40, 1500)] + 1e-6 * plain,
        "quantised": np.round(plain),
        "one value": np.ones((1500, 16), dtype=np.float32),
        "corners of a cube": rng.integers(0, 2, (1500, 8)).astype(np.float32),
        "clusters": np.repeat(few, 38, axis=0)[:1500] + np.float32(0.1) * plain,
        "wide range": plain * np.exp(3 * rng.standard_normal((1500, 1))).astype(np.float32),
        "narrow": plain[:, :1],
    }


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("centres", [0, 1, 75, 700])
def test_picks_equal_float64(kind: str, centres: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = kinds()[kind]
    monkeypatch.setattr(module, "BOUNDING", (16, 4))
    monkeypatch.setattr(module, "TABLE", 64)
    for window, count in ((512, 150), (16, 80)):
        monkeypatch.setattr(module, "WINDOW", window)
        monkeypatch.setattr(module, "BLOCK", 2 * window)
        assert picked(vectors, centres, count) == (
            reference(vectors, max(centres, 1), count)
            if centres
            else [0, *reference(vectors, 1, count - 1)]
        )


@pytest.mark.parametrize("kind", ["normal", "duplicates", "one value"])
def test_the_whole_pool(kind: str) -> None:
    vectors = kinds()[kind][:300]
    assert picked(vectors, 20, 280) == reference(vectors, 20, 280)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_picks_equal_float64_at_size(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((8000, 256), dtype=np.float32) @ rng.standard_normal(
        (256, 256), dtype=np.float32
    )
    vectors = np.maximum(mixed, 0)  # as after a ReLU
    assert picked(vectors, 400, 300) == reference(vectors, 400, 300)


@pytest.mark.parametrize("kind", ["far from the origin", "narrow"])
def test_bounds_hold_and_settled_distances_are_those_of_float64(kind: str) -> None:
    vectors = torch.from_numpy(kinds()[kind])
    points = VectorTable(vectors)
    rows, centres = points.take(slice(0, 500)), points.take(slice(500, 600))
    true = torch.cdist(vectors[:500].double(), vectors[500:600].double()).square().amin(dim=1)
    assert (rows.upper(centres) >= true).all()
    settled = rows.nearest(centres, torch.full((500,), torch.inf, dtype=torch.float64))
    torch.testing.assert_close(settled, true, rtol=1e-12, atol=0)
    assert torch.equal(rows.nearest(centres, settled / 2), settled / 2)


def test_the_nearest_may_be_the_centre_of_the_largest_rounding_error() -> None:
    """From 1, 3 is at 2 and so a little nearer than -1 less four times the precision."""
    eps = torch.finfo(torch.float32).eps
    points = VectorTable(torch.tensor([[1.0], [3.0], [-1 - 4 * eps], [-3.0]]))
    infinite = torch.full((1,), torch.inf, dtype=torch.float64)
    assert points.take(slice(0, 1)).nearest(points.take(slice(1, 3)), infinite).tolist() == [4.0]


@pytest.mark.gpu
def test_picks_on_a_gpu_are_the_same() -> None:
    for vectors in kinds().values():
        points = VectorTable(torch.from_numpy(vectors).cuda())
        assert k_center(points, 75, 200) == picked(vectors, 75, 200)

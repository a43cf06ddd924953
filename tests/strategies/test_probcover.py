from typing import Any

import numpy as np
import pytest
import torch

from alframe.errors import ConfigError
from alframe.signals import EMBEDDING
from alframe.strategies import probcover
from alframe.strategies.probcover import ProbCover, covering, pure_cosine
from tests.strategies.asking import query, rows

COMPASS = {"n": [0.0, 1.0], "e": [1.0, 0.1], "s": [0.0, -1.0], "w": [-1.0, 0.1]}


def on_circle(*degrees: float) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float32))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def within(degrees: float) -> float:
    """The cosine of balls that reach as far as that, and no farther."""
    return float(np.cos(np.deg2rad(degrees)))


def test_the_most_uncovered_points_by_hand() -> None:
    """Balls of 12 degrees. The one at 10 covers three, then of 40 and 50 the first covers both."""
    points = on_circle(0, 10, 20, 40, 50, 90)
    assert covering(points, 0, 3, within(12)) == [1, 3, 5]


def test_what_lies_on_the_edge_of_a_ball_is_not_covered() -> None:
    """The second is at 90 degrees from both others, all of which cover themselves alone."""
    points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    assert covering(points, 0, 1, 0.0) == [0]


def test_labelled_points_cover_and_are_not_taken() -> None:
    """Around the labelled one at 10, 0 and 20 are covered: 50 gains two, then 35 itself."""
    points = on_circle(10, 0, 20, 35, 50, 60)
    assert covering(points, 1, 2, within(12)) == [4, 3]


def test_the_radius_is_halved_when_all_is_covered() -> None:
    """The one at 10 covers all; of 6.25 degrees 20 covers 20 and 22, then 0 itself; 10 is twice."""
    points = on_circle(0, 10, 20, 22, 10)
    assert covering(points, 0, 5, within(12.5)) == [1, 2, 0, 3, 4]


def test_the_radius_by_hand() -> None:
    """Nearest of the other label: 30, 20, 20 and 50 degrees. Three balls of four are pure at 20."""
    points, labels = on_circle(0, 10, 30, 80), torch.tensor([0, 0, 1, 0])
    for share, degrees in ((1.0, 20), (0.75, 20), (0.6, 20), (0.5, 30), (0.25, 50), (0.0, 50)):
        found = np.rad2deg(np.arccos(pure_cosine(points, labels, share)))
        assert found == pytest.approx(degrees, abs=1e-2)
        assert found < degrees


def test_a_share_is_of_whole_balls() -> None:
    """28 % of 25 are 7, and a bit more in numbers of Python: the eighth is not wanted."""
    points, labels = on_circle(*range(24), 120), torch.tensor([0] * 24 + [1])
    found = np.rad2deg(np.arccos(pure_cosine(points, labels, 0.28)))
    assert found == pytest.approx(120 - 6, abs=1e-2)


def test_balls_end_at_the_radius_that_is_set() -> None:
    """0.2 is 11.5 degrees: the one at 100 covers two, that at 20 itself alone."""
    table = dict(zip("abcde", on_circle(0, 20, 40, 100, 105).tolist(), strict=True))
    assert ProbCover(delta=0.2).select(query({EMBEDDING: rows(table)}, "abcde", 1)).ids == ("d",)


def test_copies_are_last_however_small_the_balls_are() -> None:
    """``a`` is one of the labelled ``l``, and ``c`` of ``b``."""
    for delta in (1e-9, 1e-3, 0.01, 2.0):
        table = dict(zip("abcl", on_circle(0, 90, 90, 0).tolist(), strict=True))
        asked = query({EMBEDDING: rows(table)}, "abc", 3, labelled="l")
        assert ProbCover(delta=delta).select(asked).ids == ("b", "a", "c")


def greedy(cosines: np.ndarray, known: int, count: int, least: float) -> list[int]:
    """The rule of the paper, looked up in the table of all pairs."""
    done, left = list(range(known)), list(range(known, len(cosines)))
    while len(done) < known + count:
        near = (cosines > least) | np.eye(len(cosines), dtype=bool)
        uncovered = ~near[done].any(axis=0)
        if uncovered.any():
            done.append(left.pop(int(near[left][:, uncovered].sum(axis=1).argmax())))
        else:
            least = 1 - (1 - least) / 4
    return done[known:]


@pytest.mark.parametrize("seed", range(4))
def test_as_the_table_of_all_pairs_says(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probcover, "AT_ONCE", 1000)  # several blocks
    rng = np.random.default_rng(seed)
    points = torch.nn.functional.normalize(torch.from_numpy(rng.normal(size=(90, 3))).float())
    points[17] = 0  # an embedding without length covers itself alone
    labels = torch.from_numpy(rng.integers(0, 3, 90))
    cosines = (points @ points.T).numpy()
    other = np.where(labels[:, None] == labels[None], -np.inf, cosines).max(axis=1)
    for share in (0.5, 0.95):
        least = pure_cosine(points, labels, share)
        assert (other <= least).mean() >= share > (other <= least - 1e-5).mean()
    for least in (-0.5, 0.5, 0.9, 0.99):
        assert covering(points, 7, 60, least) == greedy(cosines, 7, 60, least)


def test_dense_places_come_first_and_covered_ones_last() -> None:
    """Five around x, three around y, one far off; one of x is labelled, so y's middle is first."""
    vectors = {f"x{n}": [1.0, n / 100, 0.0] for n in range(5)}
    vectors |= {f"y{n}": [n / 100, 7.0, 0.0] for n in range(3)} | {"z": [0.0, 0.0, 3.0]}
    unlabelled = sorted(set(vectors) - {"x2"})
    asked = query({EMBEDDING: rows(vectors)}, unlabelled, 2, labelled=["x2"])
    assert ProbCover(delta=0.5).select(asked).ids == ("y0", "z")
    assert ProbCover(clusters=3).select(asked).ids == ("y0", "z")
    assert ProbCover(delta=0.5).select(query({}, unlabelled, 0)).ids == ()


def test_clusters_are_as_many_as_classes_but_two_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def noted(points: torch.Tensor, count: int, rng: Any, iterations: int) -> torch.Tensor:
        seen.append((count, iterations))
        return k_means(points, count, rng, iterations)

    k_means = probcover.k_means
    monkeypatch.setattr(probcover, "k_means", noted)
    for classes, options in (("a", {}), ("abc", {"iterations": 7}), ("abc", {"clusters": 4})):
        asked = query({EMBEDDING: rows(COMPASS)}, list(COMPASS), 1, classes=classes)
        ProbCover(**options).select(asked)
    ProbCover().select(query({EMBEDDING: rows(COMPASS)}, "nes", 1, classes="abcdef"))
    assert seen == [(2, 100), (3, 7), (4, 100), (3, 100)]


def test_equal_embeddings_are_one_ball() -> None:
    asked = query({EMBEDDING: rows({item: [1.0, 2.0] for item in "abcd"})}, "abcd", 3)
    assert ProbCover().select(asked).ids == ("a", "b", "c")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": 0.0}, "delta: expected above 0 and at most 2, got 0"),
        ({"delta": 2.5}, "delta: expected above 0 and at most 2, got 2.5"),
        ({"purity": 1.5}, "purity: expected 0 to 1, got 1.5"),
        ({"clusters": 1}, "clusters: expected at least 2, got 1"),
        ({"iterations": 0}, "iterations: expected at least 1, got 0"),
    ],
)
def test_options_out_of_range(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ProbCover(**options)  # type: ignore[arg-type]

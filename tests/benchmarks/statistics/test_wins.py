import pytest

from alframe.benchmarks.statistics.comparisons import win_matrix
from tests.benchmarks.statistics.curves import curve

SIX = range(6)


def curves(method, *cells, problem="p", seeds=SIX):
    """Runs whose metric is a little larger with every seed, so that only pairs tell."""
    return [curve([v + seed / 100 for v in cells], method, seed, problem) for seed in seeds]


def test_two_methods_with_six_seeds() -> None:
    # size 10: a tie; 20: a ahead in all of 6 seeds, p = 2 / 2^6 < .05; 30: b
    found = win_matrix([*curves("a", 0.1, 0.3, 0.3), *curves("b", 0.1, 0.2, 0.4)])
    assert found is not None
    assert (found.methods, found.cells, found.decidable) == (("a", "b"), 3, True)
    assert found.share == ((0, pytest.approx(1 / 3)), (pytest.approx(1 / 3), 0))


def test_one_cell_that_can_be_decided_is_enough() -> None:
    few = [c for m in "ab" for c in curves(m, 0.1, problem="few", seeds=range(2))]
    found = win_matrix([*few, *curves("a", 0.1), *curves("b", 0.1)])
    assert found is not None
    assert (found.cells, found.decidable) == (2, True)
    alone = [c for m in "ab" for c in curves(m, 0.1, seeds=range(8))]
    found = win_matrix([*alone, *curves("c", 0.1, seeds=[0])])
    assert found is not None
    assert found.decidable, "and one pair of a cell"


def test_five_seeds_decide_nothing() -> None:
    found = win_matrix([*curves("a", 0.3, seeds=range(5)), *curves("b", 0.2, seeds=range(5))])
    assert found is not None
    assert (found.cells, found.decidable) == (1, False)
    assert found.share == ((0, 0), (0, 0))


def test_alpha_is_the_level() -> None:
    six = [*curves("a", 0.3), *curves("b", 0.2)]
    strict, mild = win_matrix(six, alpha=1 / 32), win_matrix(six, alpha=1 / 31)
    assert strict is not None
    assert mild is not None
    assert (strict.share, strict.decidable) == (((0, 0), (0, 0)), False)
    assert (mild.share, mild.decidable) == (((0, 1), (0, 0)), True)


def test_the_pairs_of_a_cell_are_one_family() -> None:
    # three pairs with p = 1 / 32 each, corrected 3 / 32 > .05; with eight seeds 3 / 128
    def three(seeds):
        heights = {"a": 0.1, "b": 0.2, "c": 0.3}
        return win_matrix([c for m, v in heights.items() for c in curves(m, v, seeds=seeds)])

    six, eight = three(range(6)), three(range(8))
    assert six is not None
    assert eight is not None
    assert six.share == ((0, 0, 0),) * 3
    assert not six.decidable
    assert eight.share == ((0, 0, 0), (1, 0, 0), (1, 1, 0))
    assert eight.decidable


def test_cells_are_those_of_all_problems_with_a_common_size_and_seed() -> None:
    found = win_matrix(
        [
            *curves("a", 0.3, 0.3),
            *curves("b", 0.2),  # only the first size
            *curves("b", 0.2, 0.2, problem="q"),
            *curves("c", 0.3, 0.3, problem="q"),
            *curves("a", 0.1, problem="r", seeds=SIX),
            *curves("c", 0.3, problem="r", seeds=range(10, 16)),  # no common seed
        ]
    )
    assert found is not None
    assert (found.methods, found.cells) == (("a", "b", "c"), 3)
    # a beats b in one of the three cells, c beats b in two
    assert found.share[0] == pytest.approx((0, 1 / 3, 0))
    assert found.share[1] == (0, 0, 0)
    assert found.share[2] == pytest.approx((0, 2 / 3, 0))


def test_nothing_to_compare() -> None:
    assert win_matrix([]) is None
    assert win_matrix(curves("a", 0.1, 0.2)) is None
    assert win_matrix([curve([0.1], "a", 0), curve([0.1], "b", 1)]) is None

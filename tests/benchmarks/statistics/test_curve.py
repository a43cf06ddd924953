import numpy as np
import pytest

from alframe.benchmarks.statistics import Costs
from alframe.benchmarks.statistics.curves import by_method, by_problem
from alframe.errors import RunError
from tests.benchmarks.statistics.curves import COSTS, curve


def test_budget_on_each_axis() -> None:
    found = curve([0.1, 0.2], images=[10, 20], objects=[25, 80])
    assert found.budget("images", COSTS) == (10, 20)
    assert found.budget("objects", COSTS) == (25, 80)
    # 10 * 2 + 25 * 3 = 95; 20 * 2 + 80 * 3 = 280
    assert found.budget("seconds", Costs(image=2, object=3)) == (95, 280)


def test_of_cycles_with_one_budget_the_last_counts() -> None:
    found = curve([0.1, 0.2, 0.3, 0.4], images=[10, 10, 20, 30], objects=[5, 5, 9, 9])
    assert found.by_size() == {10: 0.2, 20: 0.3, 30: 0.4}
    budgets, values = found.along("objects", COSTS)
    np.testing.assert_array_equal(budgets, [5, 9])
    np.testing.assert_array_equal(values, [0.2, 0.4])


@pytest.mark.parametrize(
    ("values", "images", "message"),
    [
        ([], [1], "one cycle or more"),
        ([0.1], [1, 2], "images, objects and a value"),
        ([0.1, float("nan")], [1, 2], "finite values"),
    ],
)
def test_what_is_no_curve(values, images, message) -> None:
    with pytest.raises(ValueError, match=message):
        curve(values, images=images)


def test_labels_do_not_become_fewer() -> None:
    with pytest.raises(RunError, match=r"p/random, seed 0: labelled images become .*\(20, 10\)"):
        curve([0.1, 0.2], images=[20, 10], objects=[1, 2])
    with pytest.raises(RunError, match="labelled objects become fewer"):
        curve([0.1, 0.2], images=[10, 20], objects=[2, 1])


def test_groups_keep_the_order_of_first_appearance() -> None:
    found = [curve([0.1], "b", 1), curve([0.2], "a", 1), curve([0.3], "b", 0)]
    groups = by_method(found)
    assert list(groups) == ["b", "a"]
    assert groups["b"] == {1: found[0], 0: found[2]}
    others = [curve([0.1], problem=name) for name in ("q", "p", "q")]
    assert by_problem(others) == {"q": [others[0], others[2]], "p": [others[1]]}


def test_a_seed_twice_is_an_error_and_two_problems_a_bug() -> None:
    with pytest.raises(RunError, match="p/random: expected one run a seed, got two of seed 0"):
        by_method([curve([0.1]), curve([0.2])])
    with pytest.raises(ValueError, match="expected one problem, got p, q"):
        by_method([curve([0.1]), curve([0.2], problem="q", seed=1)])

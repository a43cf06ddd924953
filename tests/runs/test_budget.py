"""Budgets that fit, in place of those that do not."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.config.sections import BudgetConfig, images_of
from alframe.errors import ConfigError
from alframe.runs.budget import Plan, check_budget, planned, smaller_budget
from alframe.seeds import Seeds
from tests.fakes import fake_dataset


def test_a_papers_budget_on_a_smaller_dataset() -> None:
    """MI-AOD on VOC, 827 + 6 x 413 of 16,551, asked of 300 images: 20 % of them, in proportion."""
    paper = BudgetConfig(initial=827, per_cycle=413, cycles=7)
    with pytest.raises(ConfigError) as error:
        check_budget(paper, 300)
    assert str(error.value) == (
        "budget.initial asks for 827 images, the pool has 300: set a share of the pool such as "
        "budget.initial=5% budget.per_cycle=2.4%, or budget.initial=15 budget.per_cycle=7"
    )
    with pytest.raises(ConfigError) as error:
        check_budget(paper, 2000)
    assert str(error.value) == (
        "the budget asks for 3305 images (827 + 6 x 413), the pool has 2000: set a share of the "
        "pool such as budget.initial=5% budget.per_cycle=2.45%, or budget.initial=100 "
        "budget.per_cycle=49; or set budget.cycles=3, or null to go on until none is left"
    )


def test_a_pool_that_is_too_small_for_the_cycles() -> None:
    with pytest.raises(ConfigError, match=r"the pool has 3: lower it and budget\.cycles"):
        check_budget(BudgetConfig(initial=827, per_cycle=413, cycles=7), 3)
    with pytest.raises(ConfigError, match=r"3: set budget\.cycles=2, or null to go on until none"):
        check_budget(BudgetConfig(initial=2, per_cycle=1, cycles=7), 3)


def test_what_is_beside_the_pool_or_in_it_already_is_said() -> None:
    with pytest.raises(ConfigError, match=r"the pool has 22 beside budget\.test=40"):
        check_budget(BudgetConfig(initial=40, per_cycle=30, cycles=None), 22, tested=40)
    with pytest.raises(ConfigError, match=r"\(48 already given \+ 1 x 8\), .*lower budget"):
        check_budget(BudgetConfig(initial=20, per_cycle=8, cycles=2), 49, 48, tested=12, fixed=True)


@pytest.mark.parametrize("known", [0, 5, 9, 10, 11])
@pytest.mark.parametrize("initial", [5, 9, 10, 11])
def test_advice_that_is_followed_helps(known: int, initial: int) -> None:
    """Also where some of the pool is annotated, which is labelled from the start."""
    dataset = fake_dataset(pool=12)

    def plan(**changes: int) -> Plan:
        amounts = {"initial": initial, "per_cycle": 2, "cycles": 5} | changes
        return planned(BudgetConfig(**amounts), dataset, Seeds(0), dataset.pool[:known])

    with pytest.raises(ConfigError) as error:
        plan()
    advice = [
        dict(re.findall(r"budget\.(\w+)=(\d+)\b(?!%|\.)", s))
        for s in str(error.value).split("; or ")
    ]
    for changes in filter(None, advice):
        plan(**{name: int(value) for name, value in changes.items()})


def test_an_initial_set_from_a_file_stays() -> None:
    with pytest.raises(ConfigError) as error:
        check_budget(BudgetConfig(initial=1, per_cycle=50, cycles=3), 60, 10, fixed=True)
    assert "set a share of the pool such as budget.per_cycle=10%, or budget.per_cycle=6" in str(
        error.value
    )


@pytest.mark.parametrize("test", [None, 4])
def test_where_all_is_annotated_there_is_nothing_to_ask(test: int | None) -> None:
    """Which is told first: images to test on would not help."""
    budget = BudgetConfig(initial=2, per_cycle=1, cycles=2, test=test)
    dataset = fake_dataset(pool=12, test=0)
    with pytest.raises(ConfigError, match=r"every image of the pool of .* is annotated, so there"):
        planned(budget, dataset, Seeds(0), dataset.pool)
    if test:
        drawn = planned(budget, dataset, Seeds(0)).test
        others = [item for item in dataset.pool if item not in drawn]
        with pytest.raises(ConfigError, match=r"every image of the pool of .* is annotated"):
            planned(budget, dataset, Seeds(0), others)


@given(
    first=st.integers(1, 10**6), per_cycle=st.integers(1, 10**6),
    selections=st.integers(0, 19), pool=st.integers(1, 10**5),
)  # fmt: skip
def test_what_is_suggested_fits(first: int, per_cycle: int, selections: int, pool: int) -> None:
    text = smaller_budget(first, per_cycle, selections, pool, drawn=True)
    shares, _, images = text.removeprefix("a share of the pool such as ").partition(", or ")
    if not text:
        assert selections >= pool
        return
    both = []
    for settings in (shares, images):
        found = dict(re.findall(r"budget\.(\w+)=(\S+)", settings))
        amounts = BudgetConfig(**({"per_cycle": 1} | found | {"cycles": selections + 1}))
        both.append(check_budget(amounts, pool))
    assert both[0] == both[1], "the share and the number are the same"


def test_candidates_are_drawn_anew_in_each_cycle_and_never_fewer_than_wanted() -> None:
    unlabelled = tuple(f"{n:03d}" for n in range(50))
    seeds = [Seeds(0).within("cycle", cycle) for cycle in range(20)]
    plan = Plan((), 3, None, candidates=10)
    drawn = [plan.choose_from(unlabelled, 3, each) for each in seeds]
    assert {len(ids) for ids in drawn} == {10}
    assert all(list(ids) == sorted(set(ids)) and set(ids) <= set(unlabelled) for ids in drawn)
    assert len(set(drawn)) == 20
    assert drawn == [plan.choose_from(unlabelled, 3, each) for each in seeds]
    assert len(plan.choose_from(unlabelled, 12, seeds[0])) == 12
    assert plan.choose_from(unlabelled[:4], 3, seeds[0]) == unlabelled[:4]
    assert Plan((), 3, None).choose_from(unlabelled, 3, seeds[0]) == unlabelled


def test_what_is_tested_on_is_not_what_would_be_labelled_first() -> None:
    """As many images of one pool, drawn for either."""
    budget, tested = (BudgetConfig(initial=4, per_cycle=1, test=n, cycles=2) for n in (None, 4))
    first = planned(budget, fake_dataset(pool=20), Seeds(0)).initial
    assert planned(tested, fake_dataset(pool=20, test=0), Seeds(0)).test != first


@pytest.mark.parametrize(("given", "expected"), [(None, None), (7, 7), ("25%", 3)])
def test_candidates_are_a_number_or_a_share_of_the_pool(given: Any, expected: int | None) -> None:
    budget = BudgetConfig(initial=2, per_cycle=1, cycles=2, candidates=given)
    assert planned(budget, fake_dataset(pool=12), Seeds(0)).candidates == expected
    tested = budget.model_copy(update={"test": 4})
    assert planned(tested, fake_dataset(pool=16, test=0), Seeds(0)).candidates == expected


def test_shares_are_rounded_as_they_are_written() -> None:
    assert images_of("64.6%", 500) == 323, "322.99999999999994 in floats"

"""Rows that are there twice, against sorting all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from alframe.datasets.objects import repeated


def by_sorting(*columns: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The slow way: equal rows come to lie beside each other, the first of them first."""
    rows = np.column_stack(columns)
    order = np.lexsort(rows.T)
    again = np.zeros(len(rows), np.bool_)
    again[order[1:]] = (rows[order[1:]] == rows[order[:-1]]).all(axis=1)
    return again


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.5, 1.0, 1e9])), max_size=30))
def test_as_sorting_says(rows: list[tuple[int, float]]) -> None:
    numbers = np.array([n for n, _ in rows], np.int32)
    values = np.array([v for _, v in rows], np.float64)
    assert repeated(numbers, values).tolist() == by_sorting(numbers, values).tolist()


@pytest.mark.parametrize("count", [1000, 200_000])
def test_of_many_rows(count: int) -> None:
    rng = np.random.default_rng(0)
    owner, score = rng.integers(0, count // 20, count), np.round(rng.random(count), 4)
    owner[7], score[7] = owner[3], score[3]
    found = repeated(owner, score)
    assert found[7]
    assert found.tolist() == by_sorting(owner, score).tolist()

"""Boxes around the pixels of masks in runs, against the pixels themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.datasets.outlines import pixels


@given(st.lists(st.integers(0, 7), min_size=1, max_size=20), st.integers(1, 9))
def test_a_mask_in_runs_has_the_box_of_its_pixels(runs: list[int], width: int) -> None:
    height = -(-sum(runs) // width)
    mask = np.zeros(width * height, bool)
    mask[: sum(runs)] = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    ys, xs = mask.reshape(height, width).nonzero()
    if len(xs):
        box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert pixels(runs, width, height) == box
    else:
        with pytest.raises(ValueError, match=r".*"):
            pixels(runs, width, height)


@pytest.mark.parametrize("runs", [[], [4], [0, 5], [1, 4], [2, -1, 1, 1]])
def test_runs_that_are_no_mask_of_two_by_two(runs: list[int]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        pixels(runs, 2, 2)

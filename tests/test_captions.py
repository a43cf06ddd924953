"""Captions of boxes that overlap, by hand."""

import pytest

from alframe.captions import apart

HERE = (0.0, 30.0)


@pytest.mark.parametrize(
    ("spans", "tops", "expected"),
    [
        ([HERE, HERE], [40, 40], [40, 50]),
        ([HERE, HERE], [90, 90], [90, 80]),
        ([HERE, HERE], [40, 51], [40, 51]),
        ([HERE, (30.0, 60.0)], [40, 40], [40, 40]),
        ([HERE, (29.0, 60.0)], [40, 45], [40, 50]),
        ([HERE], [95], [90]),
        ([HERE, HERE, HERE], [40, 54.5, 45], [40, 54.5, 30]),
        ([HERE] * 9, [40] * 9, [40, 50, 30, 60, 20, 70, 10, 40, 40]),
        ([], [], []),
    ],
)
def test_they_move_as_little_as_it_takes(
    spans: list[tuple[float, float]], tops: list[float], expected: list[float]
) -> None:
    assert apart(spans, tops, line=10, height=100) == expected

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.datasets.boxes import CORNERS, READINGS, SIDES, misread, written_as

HEIGHT, WIDTH = 300, 500
FRACTIONS = "fractions of the image's width and height (expected pixels)"


def boxes(count=40, seed=0):
    """Boxes in all parts of an image of 500 x 300, x1 y1 x2 y2."""
    rng = np.random.default_rng(seed)
    sides = rng.uniform(10, 60, (count, 2))
    corners = rng.uniform(0, 1, (count, 2)) * ((WIDTH, HEIGHT) - sides)
    return np.hstack([corners, corners + sides])


def as_written(corners, reading):
    x1, y1, x2, y2 = corners.T
    return np.stack(
        {
            CORNERS: (x1, y1, x2, y2),
            SIDES: (x1, y1, x2 - x1, y2 - y1),
            "centre x, centre y, width, height": ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
            "y1 x1 y2 x2": (y1, x1, y2, x2),
            "y x height width": (y1, x1, y2 - y1, x2 - x1),
            "x2 y2 x1 y1": (x2, y2, x1, y1),
            FRACTIONS: (x1 / WIDTH, y1 / HEIGHT, x2 / WIDTH, y2 / HEIGHT),
        }[reading],
        axis=1,
    )


def doubt(numbers, read, areas=None, **options):
    frames = np.tile([float(HEIGHT), float(WIDTH)], (len(numbers), 1))
    unknown = np.full(len(numbers), np.nan)
    return misread(numbers, frames, read, unknown if areas is None else areas, **options)


@pytest.mark.parametrize("reading", READINGS)
def test_readings_give_the_corners_back(reading):
    corners = boxes()
    np.testing.assert_allclose(READINGS[reading](as_written(corners, reading)), corners)


@pytest.mark.parametrize(
    ("meant", "read"),
    [
        (CORNERS, SIDES),
        ("y1 x1 y2 x2", CORNERS),
        ("y x height width", SIDES),
        ("centre x, centre y, width, height", SIDES),
        ("centre x, centre y, width, height", CORNERS),
        (SIDES, CORNERS),
        ("x2 y2 x1 y1", CORNERS),
        (FRACTIONS, CORNERS),
        (FRACTIONS, SIDES),
    ],
)
def test_what_boxes_were_meant_to_be(meant, read):
    said = doubt(as_written(boxes(), meant), read)
    assert said is not None
    assert said.endswith(f"of 40 boxes do not fit their image as {read}: are they {meant}?")


@pytest.mark.parametrize("read", [CORNERS, SIDES])
def test_boxes_of_another_size_of_the_images(read):
    said = doubt(as_written(boxes() * 3, read), read)
    assert said is not None
    assert said.endswith("or of another size of the images?") or said.endswith(
        "are they of another size of the images?"
    )


@pytest.mark.parametrize("read", [CORNERS, SIDES])
@given(seed=st.integers(0, 999), count=st.integers(1, 60), over=st.floats(0, 20))
def test_sound_boxes_raise_no_doubt(read, seed, count, over):
    corners = boxes(count, seed)
    corners[: count // 20, 2:] += over  # some reach out, as real ones do
    assert doubt(as_written(corners, read), read) is None


def test_three_boxes_are_an_accident_unless_they_are_all():
    numbers = as_written(boxes(3), FRACTIONS)
    assert doubt(numbers, CORNERS) is None
    assert doubt(numbers, CORNERS, all_dropped=True) == (
        f"3 of 3 boxes do not fit their image as {CORNERS}: are they {FRACTIONS}?"
    )


def test_areas_tell_corners_that_fit_as_sides():
    numbers = np.array([[20.0, 10, 50, 34]] * 5)
    assert doubt(numbers, SIDES) is None
    assert doubt(numbers, SIDES, np.full(5, 50.0 * 34)) is None
    assert doubt(numbers, SIDES, np.full(5, 30.0 * 24)) == (
        f"the area of 5 of 5 boxes is that of corners, not of {SIDES}: are they {CORNERS}?"
    )
    assert doubt(numbers[:3], SIDES, np.full(3, 30.0 * 24)) is None


def test_numbers_as_written():
    assert written_as(np.array([[1.0, 2, 4, 6]]), SIDES).tolist() == [[1, 2, 3, 4]]
    assert written_as(np.array([[1.0, 2, 4, 6]]), CORNERS).tolist() == [[1, 2, 4, 6]]


@given(
    st.lists(st.tuples(*[st.floats()] * 4), min_size=1, max_size=8),
    st.sampled_from([CORNERS, SIDES]),
    st.booleans(),
)
def test_any_numbers_can_be_judged(rows, read, all_dropped):
    numbers = np.array(rows)
    said = doubt(numbers, read, np.abs(numbers[:, 0]), all_dropped=all_dropped)
    assert said is None or said.endswith("?")

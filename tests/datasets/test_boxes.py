import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alframe.datasets.boxes import clean_boxes

HEIGHT, WIDTH = 80, 100


def test_a_box_inside_stays_as_it_is():
    cleaning = clean_boxes([[1.5, 2, 30, 40.25]], HEIGHT, WIDTH)
    assert cleaning.boxes.tolist() == [[1.5, 2.0, 30.0, 40.25]]
    assert cleaning.boxes.dtype == np.float32
    assert cleaning.keep.all()
    assert cleaning.notes(["a"]) == ()


def test_each_kind_of_bad_box():
    cleaning = clean_boxes(
        [
            [-5, -6, 120, 130],  # clipped on all sides
            [10, 10, 10, 30],  # no width
            [30, 10, 20, 30],  # corners swapped
            [10, 10, 10.9, 30],  # thinner than a pixel
            [99.5, 10, 130, 30],  # half a pixel is left
            [100, 10, 130, 30],  # touches the border from outside
            [-50, 10, -20, 30],
            [np.nan, 0, 10, 10],
            [0, 0, np.inf, 10],
            [10, 10, 11, 11],  # exactly one pixel
        ],
        HEIGHT,
        WIDTH,
    )
    assert cleaning.boxes[0].tolist() == [0, 0, 100, 80]
    assert np.flatnonzero(cleaning.keep).tolist() == [0, 9]
    assert np.flatnonzero(cleaning.clipped).tolist() == [0]
    assert np.flatnonzero(cleaning.outside).tolist() == [5, 6]
    assert np.flatnonzero(cleaning.degenerate).tolist() == [1, 2, 3, 4, 7, 8]


def test_every_box_has_its_own_image():
    cleaning = clean_boxes([[0, 0, 50, 50], [0, 0, 50, 50]], [40, 60], [60, 30])
    assert cleaning.boxes.tolist() == [[0, 0, 50, 40], [0, 0, 30, 50]]


def test_rounding_of_the_annotation_is_not_called_clipping():
    cleaning = clean_boxes([[0, 0, 100.01, 80]], HEIGHT, WIDTH)
    assert cleaning.boxes[0, 2] == 100
    assert not cleaning.clipped.any()


def test_no_boxes():
    cleaning = clean_boxes([], HEIGHT, WIDTH)
    assert cleaning.boxes.shape == (0, 4)
    assert cleaning.keep.shape == (0,)
    assert cleaning.notes([]) == ()


def test_notes_count_and_name():
    boxes = [[5, 5, 5, 9], [5, 5, 5, 9], [5, 5, 5, 9], [200, 0, 210, 9], [0, 0, 105, 9]]
    swapped = [[30, 5, 5, 9], [5, 50, 30, 9], [5, 5, 4.5, 9]]  # the last is a slip of rounding
    notes = clean_boxes([*boxes, *swapped], HEIGHT, WIDTH).notes([*"babcd", *"efg"])
    assert notes == (
        "dropped 4 degenerate boxes: a (1), b (2), g (1)",
        "dropped 2 boxes of swapped corners (x1 > x2 or y1 > y2): e (1), f (1)",
        "dropped 1 box outside the image: c (1)",
        "clipped 1 box to the image: d (1)",
    )


def test_notes_name_only_the_first_few():
    owners = [f"i{n}" for n in range(8)]
    (note,) = clean_boxes([[5, 5, 5, 9]] * 8, HEIGHT, WIDTH).notes(owners)
    assert note == ("dropped 8 degenerate boxes: i0 (1), i1 (1), i2 (1), i3 (1), i4 (1) and 3 more")


@given(
    arrays(np.float64, st.tuples(st.integers(0, 6), st.just(4)), elements=st.floats()),
    st.integers(1, 500),
    st.integers(1, 500),
)
def test_any_numbers_give_usable_boxes(boxes, height, width):
    cleaning = clean_boxes(boxes, height, width)
    kept = cleaning.boxes[cleaning.keep]
    assert len(cleaning.boxes) == len(boxes)
    assert not (cleaning.degenerate & cleaning.outside).any()
    assert not (cleaning.clipped & ~cleaning.keep).any()
    assert (kept >= 0).all()
    assert (kept <= [width, height, width, height]).all()
    assert (kept[:, 2:] - kept[:, :2] >= 1 - 1e-4).all()


@given(arrays(np.float64, (5, 4), elements=st.floats(-50, 150)))
def test_cleaning_twice_changes_nothing(boxes):
    once = clean_boxes(boxes, HEIGHT, WIDTH)
    twice = clean_boxes(once.boxes[once.keep], HEIGHT, WIDTH)
    assert twice.boxes.tolist() == once.boxes[once.keep].tolist()
    assert not twice.clipped.any()

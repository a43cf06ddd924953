import numpy as np
import pytest

from alframe.detectors.painting import heat_map, overlay, with_boxes


def slow_heat(boxes: np.ndarray, values: np.ndarray, height: int, width: int) -> np.ndarray:
    heat = np.zeros((height, width))
    for box, value in zip(boxes, values, strict=True):
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        inside = heat[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
        if inside.size:
            inside += value / inside.size
    return heat


def test_a_box_spreads_its_value_evenly_by_hand() -> None:
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 2]], np.float32)
    heat = heat_map(boxes, np.array([4.0, 8.0]), 2, 3)
    assert heat.tolist() == [[2, 4, 2], [0, 2, 2]]


def test_the_fast_map_is_the_slow_one() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-10, 40, (200, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
    values = rng.random(200)
    expected = slow_heat(boxes, values, 24, 30)
    np.testing.assert_allclose(heat_map(boxes, values, 24, 30), expected, atol=1e-12)


def test_boxes_outside_of_the_image_leave_no_trace() -> None:
    boxes = np.array([[-9, -9, -1, -1], [50, 50, 60, 60], [1, 1, 1, 5]], np.float32)
    assert heat_map(boxes, np.ones(3), 10, 10).sum() == 0


def test_opacity_mixes_image_and_map() -> None:
    image = np.full((2, 2, 3), 200, np.uint8)
    heat = np.array([[0.0, 2.0], [1.0, 0.0]])
    assert (overlay(image, heat, 0.0) == image).all()
    full = overlay(image, heat, 1.0).astype(int)
    assert full[0, 1].tolist() == [252, 255, 164], "the hottest place has the map's last colour"
    half = overlay(image, heat, 0.5).astype(int)
    assert half[0, 1].tolist() == [226, 227, 182], "half the map, half the image"
    for picture in (full, half, overlay(image, np.zeros((2, 2)), 1.0)):
        assert picture[0, 0].tolist() == [200, 200, 200], "no heat, no veil"


def test_boxes_are_drawn_where_they_are() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    box = np.array([[20, 30, 70, 50]], np.float32)
    picture = np.asarray(with_boxes(image, box, [0], ["dog 0.91"]))
    assert picture[40, 20].tolist() == [0, 114, 178]
    assert picture[40, 45].tolist() == [0, 0, 0]
    assert picture[20:30, 20:60].any(), "the caption stands above"
    box[0, 0] += 30
    left = np.asarray(with_boxes(image, box, [0], ["dog 0.91"]))
    assert left[20:28, 36:48].any(), "and is moved where it would be cut off"
    assert with_boxes(image, np.zeros((0, 4), np.float32), [], []).size == (80, 60)


def test_captions_of_boxes_that_overlap_can_both_be_read() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    same = np.array([[10, 20, 70, 50]] * 2, np.float32)
    one = np.asarray(with_boxes(image, same[:1], [0], ["dog 0.91"]))
    both = np.asarray(with_boxes(image, same, [0, 1], ["dog 0.91", "cat 0.50"]))
    assert (both[:20] == one[:20]).all(), "that of the first stays where it is, on top"
    assert both[40, 10].tolist() == [0, 114, 178], "as its box is"
    assert (both[22:30, 14:50] == [213, 94, 0]).all(axis=-1).any(), "the second stands below it"


@pytest.mark.parametrize("size", [(8, 8), (4000, 3000)])
def test_any_size_of_image_will_do(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    assert with_boxes(image, np.array([[0, 0, 5, 5]], np.float32), [99], ["x"]).size == size[::-1]


@pytest.mark.parametrize(
    ("label", "ink"), [(0, 255), (4, 0), (6, 0)], ids=["blue", "orange", "yellow"]
)
def test_captions_are_black_or_white_whichever_is_seen(label: int, ink: int) -> None:
    image = np.full((60, 80, 3), 128, np.uint8)
    box = np.array([[10, 30, 70, 50]], np.float32)
    picture = np.asarray(with_boxes(image, box, [label], ["dog 0.91"]))
    assert (picture == ink).all(axis=-1).any()
    assert not (picture == 255 - ink).all(axis=-1).any()


def test_a_caption_that_is_too_long_keeps_its_score() -> None:
    image, box = np.zeros((60, 80, 3), np.uint8), np.array([[0, 30, 70, 50]], np.float32)
    long = "animal" * 20
    first, second = (with_boxes(image, box, [0], [f"{long} {score}"]) for score in (0.91, 0.12))
    assert first.tobytes() != second.tobytes()
    assert np.asarray(first)[20:30, 79].sum() == 0, "it ends before the picture does"


def test_letters_leave_a_strip_of_a_picture_to_be_seen() -> None:
    strip, box = np.zeros((100, 4000, 3), np.uint8), np.array([[0, 60, 4000, 90]], np.float32)
    picture = np.asarray(with_boxes(strip, box, [0], ["dog 0.91"]))
    assert 5 < picture[:59].any(axis=(1, 2)).sum() < 20
    assert (picture[64:85, 2000] == 0).all()

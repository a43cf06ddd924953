"""Augmentations: geometry worked by hand, against loops, and what they may look at."""

import colorsys
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from alframe.config.sections import Augment
from alframe.training import geometric
from alframe.training import photometric as light
from alframe.training.augment import (
    AUGMENTATIONS,
    Sample,
    padded_crop,
    photometric,
    random_crop,
    zoom_out,
    zoom_out_crop,
)
from alframe.training.geometric import (
    GROUND,
    IGNORED,
    LEAST_IOUS,
    Window,
    crop_boxes,
    resample,
    resample_mask,
)
from alframe.training.photometric import photometric_distort

WHOLE = Window(0.0, 0.0, 60.0, 40.0)
BOXES = np.array([[10, 5, 30, 25], [35, 10, 55, 38]], np.float32)


def picture(height: int = 40, width: int = 60) -> Any:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sample(**changes: Any) -> Sample:
    return replace(Sample("x", picture(), (40, 60), BOXES, np.array([4, 7])), **changes)


def iou(a: Any, b: Any) -> float:
    shared = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


def test_the_configuration_knows_every_name() -> None:
    assert set(get_args(Augment)) == set(AUGMENTATIONS)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_labels_and_source_are_kept(name: str) -> None:
    given = sample()
    pixels, boxes = given.image.copy(), BOXES.copy()
    given.image.flags.writeable = False  # as one that comes from the cache
    for seed in range(20):
        found = AUGMENTATIONS[name](given, np.random.default_rng(seed))
        assert found.image.shape == (40, 60, 3)
        assert found.image.dtype == np.uint8
        assert found.boxes is not None
        assert found.labels is not None
        assert found.boxes.dtype == np.float32
        assert len(found.boxes) == len(found.labels)
        assert set(found.labels) <= {4, 7}
        assert (found.boxes >= 0).all()
        assert (found.boxes <= [60, 40, 60, 40]).all()
        again = AUGMENTATIONS[name](given, np.random.default_rng(seed))
        assert (again.image == found.image).all()
    assert (given.image == pixels).all()
    assert (boxes == BOXES).all()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_unlabelled_and_empty_images(name: str) -> None:
    """The same numbers are drawn for both, as neither has objects to look at."""
    empty = sample(boxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64))
    for seed in range(20):
        hidden, none = (
            AUGMENTATIONS[name](given, np.random.default_rng(seed))
            for given in (sample(boxes=None, labels=None), empty)
        )
        assert hidden.boxes is None
        assert hidden.labels is None
        assert (hidden.image == none.image).all()


def test_expanded_windows_hold_the_old_one() -> None:
    rng = np.random.default_rng(0)
    windows = [geometric.zoom_out(WHOLE, rng) for _ in range(2000)]
    moved = [w for w in windows if w != WHOLE]
    assert 900 < len(moved) < 1100, "half of them"
    ratios = np.array([w.width / WHOLE.width for w in moved])
    assert ratios.min() > 1
    assert ratios.max() < 4
    assert ratios.mean() == pytest.approx(2.5, abs=0.1)
    for window in moved:
        assert window.height / WHOLE.height == pytest.approx(window.width / WHOLE.width)
        assert window.x1 <= 0
        assert window.y1 <= 0
        assert window.x2 >= 60
        assert window.y2 >= 40


@pytest.mark.parametrize("boxes", [BOXES, None])
def test_crops_obey_a_rule(boxes: Any) -> None:
    rng = np.random.default_rng(0)
    windows = [geometric.random_crop(WHOLE, boxes, rng) for _ in range(600)]
    inner = np.array([w for w in windows if w != WHOLE])
    sides = inner[:, 2:] - inner[:, :2]
    assert (inner[:, :2] >= 0).all()
    assert (inner[:, 2:] <= [60, 40]).all()
    assert (sides >= [18, 12]).all()
    ratio = sides[:, 1] / sides[:, 0]
    assert (ratio >= 0.5).all()
    assert (ratio <= 2).all()
    assert 80 / 600 < np.mean([w == WHOLE for w in windows]) < 400 / 600
    if boxes is not None:
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        for window in inner:
            assert any((window[:2] < c).all() and (c < window[2:]).all() for c in centres)


class Rule:
    """A generator that draws one rule first, then goes on as another does."""

    def __init__(self, rule: int, seed: int = 1) -> None:
        self._rules, self._rng = [rule, len(LEAST_IOUS)], np.random.default_rng(seed)

    def integers(self, _: int) -> int:
        return self._rules.pop(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rng, name)


@pytest.mark.parametrize("rule", range(len(LEAST_IOUS)))
def test_every_object_is_overlapped_as_the_rule_says(rule: int) -> None:
    one = np.array([[5, 5, 50, 35]], np.float32)
    window = geometric.random_crop(WHOLE, one, Rule(rule))  # type: ignore[arg-type]
    assert window == WHOLE or iou(np.array(window), one[0]) >= LEAST_IOUS[rule]
    assert rule == len(LEAST_IOUS) - 1 or window != WHOLE


@pytest.mark.parametrize("rule", range(len(LEAST_IOUS)))
def test_of_two_objects_each_is_overlapped_as_the_rule_says(rule: int) -> None:
    two = np.array([[5, 5, 45, 35], [10, 2, 55, 30]], np.float32)
    for seed in range(20):
        window = geometric.random_crop(WHOLE, two, Rule(rule, seed))  # type: ignore[arg-type]
        assert window == WHOLE or min(iou(np.array(window), o) for o in two) >= LEAST_IOUS[rule]


def test_a_rule_that_no_window_obeys_is_drawn_again() -> None:
    corners = np.array([[0, 0, 5, 5], [55, 35, 60, 40]], np.float32)
    assert geometric.random_crop(WHOLE, corners, Rule(4)) == WHOLE  # type: ignore[arg-type]


def test_the_shape_of_a_crop_is_bounded_in_pixels_of_the_original() -> None:
    rng, tall = np.random.default_rng(0), Window(0.0, 0.0, 300.0, 300.0)
    ratios = [
        w.height / w.width
        for w in (geometric.random_crop(tall, None, rng, aspect=3) for _ in range(300))
    ]
    assert max(ratios) <= 1  # the whole window, which is never refused, apart
    assert min(ratios) < 0.4
    ids = sample(image=picture(40, 40), original=(40, 120))  # was three times as wide
    found = {random_crop(ids, np.random.default_rng(i)).image.shape for i in range(5)}
    assert found == {(40, 40, 3)}


def test_a_crop_is_told_how_the_image_was_stretched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 x 200 pixels 50 x 25 were made: one of them is two high and eight wide."""
    told: list[float] = []

    def noted(window: Window, *_: Any, aspect: float) -> Window:
        told.append(aspect)
        return window

    monkeypatch.setattr(geometric, "random_crop", noted)
    random_crop(sample(image=picture(50, 25), original=(100, 200)), np.random.default_rng(0))
    assert told == [2 / 8]


def test_a_window_within_the_image_is_enlarged() -> None:
    image = np.zeros((40, 80, 3), np.uint8)
    image[:20, :40] = 200
    found = resample(image, Window(20, 10, 60, 30))
    assert (found[:18, :38] == 200).all()
    assert (found[22:] == 0).all()
    assert (found[:, 42:] == 0).all()


def test_around_the_image_lies_the_ground() -> None:
    image = np.full((4, 8, 3), 9, np.uint8)
    found = resample(image, Window(-8, 0, 8, 8))
    assert (found[:2, 4:] == 9).all()
    assert (found[2:] == GROUND).all()
    assert (found[:, :4] == GROUND).all()
    assert (resample(image, Window(-20, -20, -10, -10)) == GROUND).all()
    mask = resample_mask(np.full((4, 8), 9, np.uint8), Window(-8, 0, 8, 8))
    assert (mask[:2, 4:] == 9).all()
    assert (mask == IGNORED).sum() == 24


def test_boxes_move_with_the_pixels() -> None:
    """A bright square on black, wherever the window puts it."""
    image = np.zeros((80, 120, 3), np.uint8)
    image[20:60, 40:80] = 255
    boxes = np.array([[40, 20, 80, 60]], np.float32)
    given = Sample("x", image, (80, 120), boxes, np.array([0]))
    for seed in range(30):
        found = zoom_out_crop(given, np.random.default_rng(seed))
        assert found.boxes is not None
        bright = found.image[..., 0] > 190
        if not len(found.boxes):
            continue
        rows, columns = bright.any(axis=1).nonzero()[0], bright.any(axis=0).nonzero()[0]
        box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        assert found.boxes[0].tolist() == pytest.approx(box, abs=2)


def test_boxes_are_cut_and_those_without_a_centre_or_a_side_left_out() -> None:
    boxes = np.array(
        [[10, 10, 20, 20], [18, 10, 40, 20], [0, 0, 4, 4], [12, 12, 12.4, 19]], np.float32
    )
    window = Window(10, 10, 30, 20)  # shown twice as wide and four times as high
    moved, kept = crop_boxes(boxes, window, (40, 40), least=1.0)
    assert kept.tolist() == [True, True, False, False]
    assert moved[kept].tolist() == [[0, 0, 20, 40], [16, 0, 40, 40]]


def test_expanding_and_cropping_at_once_is_sharper_than_in_turn() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    sharp = {}
    for name in ("both", "in turn"):
        contrast = []
        for seed in range(40):
            rng, one = np.random.default_rng(seed), Sample("x", stripes, (64, 64))
            found = (
                zoom_out_crop(one, rng) if name == "both" else random_crop(zoom_out(one, rng), rng)
            )
            contrast.append(found.image.astype(float).std())
        sharp[name] = np.mean(contrast)
    assert sharp["both"] > sharp["in turn"]


class Draws:
    """A generator that gives each of five steps, or none, with fixed amounts."""

    def __init__(self, *steps: int, amount: float, first: bool = True) -> None:
        self._steps, self._amount, self._first = steps, amount, first

    def random(self, size: int | None = None) -> Any:
        if size is None:
            return 0.0 if self._first else 1.0
        return np.array([0.0 if i in self._steps else 1.0 for i in range(size)])

    def uniform(self, low: float, high: float) -> float:
        assert low <= self._amount <= high
        return self._amount

    def permutation(self, count: int) -> Any:
        return np.arange(count)[::-1]


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        (Draws(amount=0), [10, 100, 240]),
        (Draws(0, amount=-20), [0, 80, 220]),
        (Draws(1, amount=1.5), [15, 150, 255]),
        (Draws(1, amount=0.5, first=False), [5, 50, 120]),
        (Draws(1, 2, amount=1.5), [0, 97, 255]),  # saturation after contrast, or before it
        (Draws(1, 2, amount=1.5, first=False), [0, 45, 255]),
        (Draws(4, amount=0), [240, 100, 10]),
    ],
)
def test_light_worked_by_hand(draws: Any, expected: list[int]) -> None:
    image = np.full((1, 1, 3), [10, 100, 240], np.uint8)
    assert photometric_distort(image, draws)[0, 0].tolist() == expected


def test_an_image_is_made_brighter_before_it_has_more_contrast() -> None:
    class Both(Draws):
        def uniform(self, low: float, high: float) -> float:
            return 10.0 if low < 0 else 1.5

    image = np.full((1, 1, 3), [10, 100, 240], np.uint8)
    found = photometric_distort(image, Both(0, 1, amount=0))  # type: ignore[arg-type]
    assert found[0, 0].tolist() == [30, 165, 255]


@pytest.mark.parametrize(("step", "amount"), [(2, 0.6), (2, 1.4), (3, -17.0), (3, 12.0)])
def test_colour_is_that_of_hsv(step: int, amount: float) -> None:
    image = np.clip(picture(8, 8), 60, 190)  # saturations that stay below 1
    found = photometric_distort(image, Draws(step, amount=amount))  # type: ignore[arg-type]
    for pixel, changed in zip(image.reshape(-1, 3) / 255, found.reshape(-1, 3), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*pixel)
        s = min(s * amount, 1) if step == 2 else s
        h = (h + amount / 360) % 1 if step == 3 else h
        expected = 255 * np.array(colorsys.hsv_to_rgb(h, s, v))
        assert np.abs(changed - expected).max() <= 4


def test_each_change_of_light_is_done_half_of_the_time() -> None:
    image, rng = np.array([[[100, 60, 30]]], np.uint8), np.random.default_rng(0)
    found = [tuple(photometric_distort(image, rng)[0, 0].tolist()) for _ in range(3000)]
    assert 70 < found.count((100, 60, 30)) < 150, "one in 32, and what is too little to be seen"
    assert len({each for each in found if sorted(each) == [30, 60, 100]}) == 6, "all orders"


def test_light_leaves_objects_alone() -> None:
    found = photometric(sample(), np.random.default_rng(3))
    assert found.boxes is BOXES
    assert light.BRIGHTNESS == 32
    assert light.HUE == 18


def test_a_padded_crop_shifts_by_whole_pixels_and_loses_none_of_the_rest() -> None:
    image, shifts = picture(32, 32), set()
    given = Sample("x", image, (32, 32), None, np.array([3]))
    for seed in range(200):
        shown = padded_crop(given, np.random.default_rng(seed))
        assert shown.image.shape == image.shape
        assert shown.labels is not None
        assert shown.labels.tolist() == [3]
        padded = np.full((40, 40, 3), GROUND, np.uint8)
        padded[4:36, 4:36] = image
        found = [
            (x, y) for y in range(9) for x in range(9)
            if np.array_equal(padded[y : y + 32, x : x + 32], shown.image)
        ]  # fmt: skip
        assert len(found) == 1
        shifts.update(found)
    assert len(shifts) > 70, "of 9 x 9"
    assert {x for x, _ in shifts} == {y for _, y in shifts} == set(range(9))


def test_boxes_follow_a_padded_crop() -> None:
    for seed in range(20):
        shown = padded_crop(sample(), np.random.default_rng(seed))
        window = geometric.padded_crop(WHOLE, np.random.default_rng(seed))
        moved = BOXES - np.array(window[:2] * 2)
        expected = moved.clip(0, np.array([60, 40] * 2))
        assert shown.boxes is not None
        assert np.allclose(shown.boxes, expected)

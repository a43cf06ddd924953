from dataclasses import replace
from types import SimpleNamespace

import pytest

from alframe.datasets.base import Dataset, Target
from alframe.datasets.resize import Resize
from alframe.datasets.shapes import shapes
from alframe.datasets.suspicions import (
    check_objects,
    crowded,
    enlarged,
    leaving,
    looked_through,
    wrong_targets,
)
from alframe.errors import DataError

BOX = [1, 2, 30, 40]


def dataset(pool, test):
    """Two splits of targets, by id; the images are never read."""
    return Dataset(
        name="made",
        classes=("cat", "dog"),
        images=shapes(pool=1, test=1).images,
        targets={**pool, **test},
        pool=tuple(pool),
        test=tuple(test),
    )


CAT = Target.of([BOX], [0])


def test_nothing_is_said_of_a_sound_dataset():
    sound = dataset({"a": CAT, "b": Target.of([], [])}, {"c": CAT})
    assert looked_through(sound).notes == tuple(crowded(sound, 1)) == ()


def test_a_dataset_that_is_none():
    """As a plugin may make it; every problem."""
    labels = Target.of([BOX, BOX], [2, -1])
    pool = {
        "a": CAT,
        "b": Target.of([BOX, [5, 5, 5, 9]], [0, 0]),
        "e": labels,
        "f": Target.of([[1, 1, 9, float("nan")]], [0]),
        "g": Target.of([BOX], [0], area=[-1]),
    }
    with pytest.raises(DataError) as error:
        looked_through(dataset(pool, {"c": labels}))
    assert error.value.problems == (
        "the dataset made has labels that are none of 0 to 1, in e, c",
        "the dataset made has boxes that are not x1 < x2, y1 < y2 in pixels, in b, f",
        "the dataset made has areas that are no numbers of at least 0, in f, g",
    )
    whole = Target.of(None, [1])
    assert wrong_targets({"x": whole, "y": CAT}, 2) == wrong_targets({}, 2) == []


def test_shares_are_no_pixels() -> None:
    shares = Target.of([[0.2, 0.25, 0.7, 1], [0, 0, 1, 1]], [0, 1])
    said = "boxes in shares of the image: expected pixels, in x, y"
    assert wrong_targets({"x": shares, "y": shares, "z": Target.of([], [])}, 2) == [said]
    assert wrong_targets({"x": shares, "y": CAT}, 2) == [], "some boxes are that small"
    assert wrong_targets({"x": Target.of([[0, 0, 1, 1]], [0])}, 2) == [], "of one pixel"


def test_annotated_again():
    thrice = Target.of([BOX, [1, 2, 30, 41], BOX, BOX], [0, 0, 0, 0])
    twice = Target.of([BOX, BOX, BOX], [0, 1, 1])
    found = looked_through(dataset({"a": thrice, "b": CAT}, {"c": twice}))
    assert found.notes == (
        "3 objects annotated again with the same class and box: a (2), c (1); delete the copies, "
        "which count twice in training and can never be found twice",
        *found.notes[1:],
    )
    assert len(found.notes) == 2  # and the class that the pool has not


def test_a_class_that_the_pool_cannot_teach():
    dog = Target.of([BOX], [1], difficult=[True])
    found = looked_through(dataset({"a": CAT, "b": dog}, {"c": CAT, "d": Target.of([BOX], [1])}))
    assert found.notes == (
        "1 class of the test split has no object in the pool that is trained on (difficult ones "
        "and crowds are not): dog",
    )


def test_more_objects_than_the_detector_finds():
    boxes = [[n, 0, n + 9, 9] for n in range(5)]
    five = dataset({"a": CAT}, {"c": Target.of(boxes, [0] * 5), "d": CAT})
    assert list(crowded(five, 5)) == []
    assert list(crowded(five, 4)) == [
        "1 image of the test split with more objects than model.max_detections=4, so that some "
        "can never be found: c (5); set model.max_detections=5 or more",
    ]
    ignored = Target.of(boxes, [0] * 5, difficult=[True] + [False] * 4)
    assert list(crowded(dataset({"a": CAT}, {"c": ignored}), 4)) == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target.of([], []), "in 1 image: none is annotated; annotate objects in it, or"),
        (Target.of([BOX], [0], difficult=[True]), r"of 1 object none is usable: difficult \(1\)"),
        (
            Target.of([BOX, BOX], [0, 0], difficult=[True, False], crowd=[False, True]),
            r"of 2 objects none is usable: difficult \(1\), crowds \(1\)",
        ),
    ],
)
def test_a_test_split_without_objects(target, message):
    with pytest.raises(DataError, match=f"the test split has no object to measure by.*{message}"):
        looked_through(dataset({"a": CAT}, {"c": target}))
    with pytest.raises(DataError, match=f"the pool has no object to learn from.*{message}"):
        looked_through(dataset({"c": target}, {"a": CAT}))


def test_images_classified_as_a_whole_have_labels_and_no_boxes():
    whole, regions = Target.of(None, [0]), Target.of(None, [0, 0])
    assert looked_through(dataset({"a": whole}, {"c": whole})).notes == ()
    assert looked_through(dataset({"a": regions}, {"c": regions})).notes == ()


def test_boxes_that_leave_their_image():
    """It is 128 x 128 pixels, of which boxes may miss one by rounding."""
    source = shapes(pool=2, test=1)
    first, second = source.pool
    boxes = [[-0.5, 0, 128.5, 9], [0, 0, 129.5, 9], [3, -2, 9, 9], [500, 500, 540, 540]]
    targets = {**source.targets, first: Target.of(boxes, [0] * 4), second: Target.of([], [])}
    assert list(leaving(source)) == []
    assert list(leaving(replace(source, targets=targets))) == [
        f"3 objects with a box that leaves its image: {first} (3); cut boxes at the edges, or "
        "correct them"
    ]
    wide = dataset({"a": Target.of([[0, 0, 19, 9]], [0])}, {})
    assert list(leaving(replace(wide, images=SimpleNamespace(size=lambda _: (10, 20))))) == []


def test_images_that_are_made_many_times_larger():
    """Where they are more than half of all."""
    sizes = {"a": (30, 40), "b": (30, 39), "c": (30, 40), "d": (99, 80), "e": (90, 99)}
    source = dataset(dict.fromkeys("abcd", CAT), {"e": CAT})
    source = replace(source, images=SimpleNamespace(size=sizes.__getitem__))
    assert list(enlarged(source, Resize("fit", 160, 120))) == [
        "images are enlarged, of 40 x 30 pixels to 160 x 120: lower data.long and data.short, or "
        "leave them as they are with data.resize=none"
    ]
    assert list(enlarged(replace(source, pool=tuple("abd")), Resize("fit", 160, 120))) == []
    for leaves in (Resize("fit", 160, 119), Resize("none")):
        assert list(enlarged(source, leaves)) == []


def test_what_was_lost_before_is_counted():
    bare = dataset({"a": CAT}, {"c": Target.of([], [])})
    with pytest.raises(DataError, match=r"of 3 objects none is usable: of other classes \(3\); so"):
        check_objects(bare, test=True, lost={"of other classes": 3, "outside": 0}, why="so it is")


def test_notes_are_added():
    noted = replace(dataset({"a": Target.of([BOX, BOX], [0, 0])}, {"c": CAT}), notes=("before",))
    assert looked_through(noted).notes[0] == "before"
    assert len(looked_through(noted).notes) == 2

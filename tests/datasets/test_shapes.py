import hashlib
import multiprocessing
import pickle

import numpy as np
import pytest
from PIL import Image

from alframe.datasets.shapes import NAMES, _figure, shapes
from alframe.datasets.shapes_drawing import OUTLINES, _paint_figure
from alframe.errors import ConfigError
from tests.datasets.sparse import sparse


@pytest.fixture(scope="module")
def dataset():
    return shapes(pool=300, test=60, classes=10)


def every(dataset):
    return [dataset.targets[item] for item in (*dataset.pool, *dataset.test)]


def digest(images, item):
    return hashlib.sha256(images.read(item).tobytes()).hexdigest()


def test_splits_and_classes():
    dataset = shapes(pool=3, test=2)
    assert dataset.pool == ("pool/000000", "pool/000001", "pool/000002")
    assert dataset.test == ("test/000000", "test/000001")
    assert dataset.classes == ("circle", "square", "triangle", "star", "cross")
    assert len(NAMES) >= 8


def test_images():
    images = shapes(pool=1, test=1, size=96).images
    pixels = images.read("pool/000000")
    assert pixels.shape == (96, 96, 3)
    assert pixels.dtype == np.uint8
    assert images.size("pool/000000") == (96, 96)


def test_an_image_depends_on_its_id_and_the_seed_alone(dataset):
    item = "pool/000007"
    other = shapes(pool=8, test=1, classes=10)
    assert (other.images.read(item) == dataset.images.read(item)).all()
    assert (other.targets[item].boxes == dataset.targets[item].boxes).all()
    again = shapes(pool=8, test=1, classes=10, seed=1)
    assert (again.images.read(item) != dataset.images.read(item)).any()
    assert again.images.stamp(item) != dataset.images.stamp(item)


def test_another_process_draws_the_same(dataset):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        theirs = pool.apply(digest, (dataset.images, "pool/000001"))
    assert theirs == digest(dataset.images, "pool/000001")


def test_the_source_of_images_holds_no_target(dataset):
    assert vars(pickle.loads(pickle.dumps(dataset.images))) == {
        "side": 128, "classes": 10, "max_objects": 5, "seed": 0
    }  # fmt: skip


def test_boxes_lie_in_the_image_and_are_neither_tiny_nor_huge(dataset):
    boxes = np.concatenate([target.boxes for target in every(dataset)])
    sides = boxes[:, 2:] - boxes[:, :2]
    assert boxes.min() >= 0
    assert boxes.max() <= 128
    assert sides.min() > 6
    assert sides.max() <= 58.01
    assert np.median(sides.max(axis=1)) == pytest.approx(32, abs=3)


def test_classes_are_out_of_balance_and_some_images_are_empty(dataset):
    labels = np.concatenate([target.labels for target in every(dataset)])
    counts = np.bincount(labels, minlength=10)
    assert counts.min() > 10
    assert counts[0] > 5 * counts[-1]
    empty = np.mean([len(target.labels) == 0 for target in every(dataset)])
    assert empty == pytest.approx(0.12, abs=0.05)
    assert max(len(target.labels) for target in every(dataset)) == 5


def test_objects_cover_one_another_only_in_part(dataset):
    for target in every(dataset):
        for i, a in enumerate(target.boxes):
            for b in target.boxes[:i]:
                sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
                # Cut boxes are smaller than those whose overlap was limited to a quarter.
                limit = 0.8 * min(np.prod(a[2:] - a[:2]), np.prod(b[2:] - b[:2]))
                assert np.prod(sides.clip(0)) <= limit


@pytest.mark.parametrize("label", range(len(NAMES)), ids=NAMES)
def test_a_box_fits_the_pixels_of_its_object(label):
    rng = np.random.default_rng(label)
    for _ in range(10):
        figure = _figure(label, 128, rng)
        black = Image.new("RGB", (128, 128))
        _paint_figure(black, figure, np.zeros(3), rng)
        rows, columns = np.nonzero(np.asarray(black).max(axis=2))
        painted = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert np.abs(painted - np.clip(figure.box, 0, 128)).max() <= 2


def test_objects_stand_out():
    """The middle of an unoccluded solid object has another colour than what surrounds its box."""
    single = shapes(pool=100, test=1, classes=2, max_objects=1)
    contrasts = []
    for item in single.pool:
        for x1, y1, x2, y2 in single.targets[item].boxes.round().astype(int):
            pixels = single.images.read(item).astype(float)
            x, y = (x1 + x2) // 2, (y1 + y2) // 2
            middle = np.median(pixels[y - 2 : y + 3, x - 2 : x + 3], axis=(0, 1))
            frame = [*pixels[max(y1 - 2, 0), x1:x2], *pixels[min(y2 + 1, 127), x1:x2]]
            contrasts.append(np.linalg.norm(middle - np.median(frame, axis=0)))
    assert len(contrasts) > 70
    assert np.percentile(contrasts, 5) > 60


@pytest.mark.parametrize("name", NAMES)
def test_outlines_are_about_one_unit_large(name):
    outline = OUTLINES[name]
    assert outline.shape[1] == 2
    assert 0.5 < np.abs(outline).max() <= 1.01
    following = np.roll(outline, -1, axis=0)
    area = np.sum(outline[:, 0] * following[:, 1] - outline[:, 1] * following[:, 0]) / 2
    assert abs(area) > 0.5  # the outline does not cross itself


def test_impossible_numbers_are_all_named():
    with pytest.raises(ConfigError) as caught:
        shapes(pool=0, size=8, classes=99, seed=-1)
    assert caught.value.problems == (
        "dataset.pool: expected at least 1, got 0",
        "dataset.size: expected at least 32, got 8",
        "dataset.seed: expected at least 0, got -1",
        "dataset.classes: expected at most 10, got 99",
    )
    with pytest.raises(ConfigError, match="expected at most 1,000,000, got 999,999,999,999"):
        shapes(pool=999_999_999_999)


def test_of_sparse_images_one_in_ten_shows_something():
    dataset = sparse(pool=100, test=40)
    shown = {item for item, target in dataset.targets.items() if len(target.labels)}
    for split, count in ((dataset.pool, 100), (dataset.test, 40)):
        assert (len(split), len(shown.intersection(split))) == (count, count // 10)

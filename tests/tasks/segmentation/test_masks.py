"""Masks on their way from a file to a batch."""

import pickle
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from alframe.datasets.base import IGNORED, Dataset, ImageSet, LabelledSet, Target
from alframe.datasets.cache import CachedImages
from alframe.datasets.masks import mask_of, masked, regions, relabelled, resized
from alframe.datasets.resize import Resize
from alframe.errors import DataError
from alframe.seeds import Seeds
from alframe.tasks.segmentation.shapes_seg import DrawnMask, shapes_seg
from alframe.training.augment import AUGMENTATIONS, Sample
from alframe.training.data import Collate, TrainingStream, read_sample
from alframe.training.geometric import Window, resample_mask


def test_regions_by_hand() -> None:
    mask = np.array([[0, 0, 2, 2], [1, 0, 0, 2], [0, 1, 255, 0], [2, 2, 255, 1]], np.uint8)
    labels, areas = regions(mask)
    # Class 0: its pixels above hang together by corners with the one at the left and the right.
    assert labels == [0, 1, 1, 2, 2]
    assert areas == [6, 2, 1, 3, 2]
    target = masked(mask, mask.copy)
    assert target.labels.tolist() == labels
    assert target.area.tolist() == areas
    assert target.trainable().all()


def test_nothing_but_ignored_pixels_is_no_region() -> None:
    assert regions(np.full((3, 3), IGNORED, np.uint8)) == ([], [])
    assert regions(np.full((3, 3), 254, np.uint8)) == ([254], [9])


def test_a_mask_is_one_of_its_image() -> None:
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    target = masked(mask, mask.copy)
    assert mask_of(target, "x", (2, 2)).tolist() == mask.tolist()
    wrong: list[Any] = [mask[:1], mask.astype(np.int64), mask[..., None], mask.tolist(), None]
    for each in wrong:
        with pytest.raises(DataError, match=r"the mask of x is .*: expected uint8 \(2, 2\), as"):
            mask_of(replace(target, mask=lambda each=each: each), "x", (2, 2))
    with pytest.raises(DataError, match="the mask of x shows the class 7, of which it has no obj"):
        mask_of(replace(target, mask=lambda: np.where(mask == 2, 7, mask)), "x", (2, 2))


def test_a_mask_with_the_labels_of_other_classes() -> None:
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    target = relabelled(masked(mask, mask.copy), np.array([3, -1, 0]))
    assert target.mask
    assert target.mask().tolist() == [[3, 255], [0, 255]]
    assert target.labels.tolist() == [3, 0]
    again = pickle.loads(pickle.dumps(target))
    assert again.mask().tolist() == target.mask().tolist()


def test_the_fingerprint_is_over_every_pixel() -> None:
    mask = np.zeros((4, 4), np.uint8)
    other = mask.copy()
    other[2, 2] = IGNORED  # the same region, one pixel less
    found = []
    for each in (mask, mask, other):
        dataset = Dataset("x", ("a",), None, {"0": masked(each, each.copy)}, ("0",), ())  # type: ignore[arg-type]
        found.append(dataset.fingerprint())
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(("shape", "to"), [((4, 6), (8, 12)), ((9, 9), (3, 3)), ((5, 7), (5, 7))])
def test_nearest_pixels_make_no_new_class(shape: tuple[int, int], to: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).choice([0, 7, 255], shape).astype(np.uint8)
    small = resized(mask, to)
    assert small.shape == to
    rows, columns = ((np.arange(n) + 0.5) * m // n for n, m in zip(to, shape, strict=True))
    expected = mask[rows.astype(int)[:, None], columns.astype(int)[None]]
    assert small.tolist() == expected.tolist()


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_a_mask_goes_where_its_image_goes(name: str) -> None:
    """The mask is the image's own brightness, so that both must stay the same."""
    rng = np.random.default_rng(1)
    mask = np.kron(rng.integers(0, 2, (6, 8)), np.ones((8, 8))).astype(np.uint8)
    image = np.repeat(200 * mask[..., None], 3, axis=2)
    moved = 0
    for seed in range(20):
        sample = Sample("x", image, (48, 64), None, np.array([0, 1]), mask)
        found = AUGMENTATIONS[name](sample, np.random.default_rng(seed))
        assert found.mask is not None
        assert found.mask.shape == found.image.shape[:2] == (48, 64)
        moved += not np.array_equal(found.mask, mask)
        if name == "photometric":
            assert np.array_equal(found.mask, mask)
            continue
        shown = found.mask != IGNORED
        bright = found.image[..., 0] > 100
        wrong = (bright != (found.mask == 1)) & shown
        assert wrong.mean() < 0.06, "but for borders, which are mixed in images"
    assert moved or name == "photometric"


def test_around_an_image_pixels_are_ignored() -> None:
    mask = np.ones((4, 4), np.uint8)
    shown = resample_mask(mask, Window(-4, -4, 4, 4))
    assert shown.tolist() == [[255] * 4] * 2 + [[255, 255, 1, 1]] * 2


def test_batches_have_masks_of_the_resized_images() -> None:
    drawn = shapes_seg(pool=3, test=1, size=48)
    cached = CachedImages(drawn.images, Resize("stretch", 40, 24), limit_bytes=0)
    cached.prepare(drawn.pool, workers=1)
    sample = read_sample(LabelledSet(cached, drawn.pool, drawn.targets), drawn.pool[0])
    assert sample.mask is not None
    assert sample.mask.shape == sample.image.shape[:2] == (24, 40)
    batch = Collate(32)([sample])
    assert batch.masks is not None
    assert batch.masks.shape == (1, 32, 64)
    assert (batch.masks[0, 24:] == IGNORED).all()
    assert (batch.masks[0, :, 40:] == IGNORED).all()
    assert batch.masks[0, :24, :40].numpy().tolist() == sample.mask.tolist()
    assert batch.chunk(1)[0].masks is not None
    unlabelled = Collate(32)([read_sample(ImageSet(cached, drawn.pool), drawn.pool[0])])
    assert unlabelled.masks is None


def test_masks_are_read_when_a_batch_is_made_and_not_before() -> None:
    drawn = shapes_seg(pool=6, test=1, size=32)
    read: list[str] = []

    def reading(item: str, mask: DrawnMask) -> np.ndarray:
        read.append(item)
        return mask()

    targets = {
        item: Target.of(None, t.labels, mask=partial(reading, item, t.mask))  # type: ignore[arg-type]
        for item, t in drawn.targets.items()
    }
    labelled = LabelledSet(drawn.images, drawn.pool, targets)
    stream = TrainingStream(labelled, batch_size=2, pad=32, augment=(), seeds=Seeds(0))
    assert read == []
    (batch,) = stream.batches(0, 1)
    assert sorted(read) == sorted(batch.ids)


def test_drawn_masks_are_where_the_shapes_are() -> None:
    drawn = shapes_seg(pool=20, test=1, size=64, classes=4)
    assert drawn.classes[0] == "background"
    plain = shapes_seg(pool=20, test=1, size=64, classes=4, seed=1)
    assert drawn.fingerprint() != plain.fingerprint()
    from alframe.datasets.shapes import shapes

    boxes = shapes(pool=20, test=1, size=64, classes=4, max_objects=3)
    for item in drawn.pool:
        mask = drawn.targets[item].mask
        assert mask
        shown, target = mask(), boxes.targets[item]
        inside = np.zeros_like(shown, dtype=bool)
        for (x1, y1, x2, y2), label in zip(
            target.require_boxes().round().astype(int).tolist(), target.labels.tolist(), strict=True
        ):
            part = shown[max(0, y1 - 1) : y2 + 1, max(0, x1 - 1) : x2 + 1]
            inside[max(0, y1 - 1) : y2 + 1, max(0, x1 - 1) : x2 + 1] = True
            assert (part == label + 1).mean() > 0.2
        assert not shown[~inside].any()

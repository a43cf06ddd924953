from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from alframe.config.sections import DataConfig
from alframe.datasets.base import ImageSet, LabelledSet, Target
from alframe.seeds import Seeds
from alframe.training.augment import Sample, hflip
from alframe.training.batch import Batch
from alframe.training.data import Collate, TrainingStream, inference_batches, read_sample, shard
from tests.fakes import FakeImages


class Mixed(FakeImages):
    """Wide and tall images: 20 x 30, 30 x 20 by the first letter; original twice as large."""

    def read(self, item: str) -> Any:
        shape = (20, 30, 3) if item.startswith("w") else (30, 20, 3)
        return np.full(shape, 7, np.uint8)

    def size(self, item: str) -> tuple[int, int]:
        return (40, 60) if item.startswith("w") else (60, 40)


HALF = DataConfig(resize="fit", long=30, short=20, pad=8)
IDS = (*(f"w{i}" for i in range(5)), *(f"t{i}" for i in range(3)))


def stream(ids: tuple[str, ...] = IDS, **more: Any) -> TrainingStream:
    settings = {"batch_size": 2, "pad": 8, "augment": (), "seeds": Seeds(0), **more}
    return TrainingStream(ImageSet(Mixed(), ids), **settings)


def ids_of(batches: Any) -> list[tuple[str, ...]]:
    return [b.ids for b in batches]


def test_a_pass_visits_every_image_and_fills_groups_to_whole_batches() -> None:
    s = stream()
    assert s.batches_per_pass() == 5  # 5 wide -> 3 batches, 3 tall -> 2
    batches = ids_of(s.batches(0, 5))
    counts = Counter(i for b in batches for i in b)
    assert set(counts) == set(IDS)
    assert sum(counts.values()) == 10
    assert all(len({i[0] for i in b}) == 1 for b in batches), "one orientation in a batch"
    firsts = {ids[0][0] for n in range(20) for ids in ids_of(s.batches(5 * n, 5 * n + 1))}
    assert firsts == {"w", "t"}, "batches of both come in any order"


@pytest.mark.parametrize(
    ("batch_size", "mixed", "most"), [(1, False, 1), (2, False, 2), (6, False, 2), (8, True, 1)]
)
def test_a_group_far_smaller_than_a_batch_joins_the_others(
    batch_size: int, mixed: bool, most: int
) -> None:
    """3 tall images are half a batch of 6, and fewer than half of one of 8."""
    s = stream(batch_size=batch_size)
    batches = ids_of(s.batches(0, s.batches_per_pass()))
    assert any(len({i[0] for i in batch}) == 2 for batch in batches) is mixed
    counts = Counter(i for batch in batches for i in batch)
    assert (set(counts), max(counts.values())) == (set(IDS), most)


def test_a_small_set_is_repeated_to_fill_a_batch() -> None:
    (batch,) = stream(("w0",), batch_size=4).batches(0, 1)
    assert batch.ids == ("w0",) * 4


def test_what_is_repeated_is_augmented_anew() -> None:
    class Ramp(Mixed):
        def read(self, item: str) -> Any:
            columns = np.arange(30, dtype=np.uint8)[:, None]
            return np.broadcast_to(columns, (20, 30, 3)).copy()

    ids, settings = ("w0", "w1"), {"batch_size": 8, "pad": 8, "augment": ("hflip",)}
    repeated = TrainingStream(ImageSet(Ramp(), ids), seeds=Seeds(0), **settings)
    (batch,) = repeated.batches(0, 1)
    assert Counter(batch.ids) == {"w0": 4, "w1": 4}
    for item in ids:
        of = [image for image, i in zip(batch.images, batch.ids, strict=True) if i == item]
        flipped = {bool(image[0, 0, 0]) for image in of}
        assert flipped == {True, False}, item
    (again,) = repeated.batches(0, 1)
    assert torch.equal(batch.images, again.images)


def test_a_stream_taken_up_in_the_middle_goes_on_the_same() -> None:
    whole = ids_of(stream().batches(0, 12))
    assert ids_of(stream().batches(7, 12)) == whole[7:]
    assert whole[:5] != whole[5:10], "passes are shuffled differently"
    assert ids_of(stream(seeds=Seeds(1)).batches(0, 12)) != whole


def test_workers_make_the_same_batches() -> None:
    alone, helped = (list(stream(augment=("hflip",), workers=w).batches(0, 3)) for w in (0, 2))
    assert ids_of(alone) == ids_of(helped)
    assert all(torch.equal(a.images, b.images) for a, b in zip(alone, helped, strict=True))


def test_inference_visits_each_image_once_whatever_the_order_of_ids() -> None:
    images = ImageSet(Mixed(), IDS)
    batches = ids_of(inference_batches(images, HALF, 2))
    assert sorted(i for b in batches for i in b) == sorted(IDS)
    shuffled = ImageSet(Mixed(), IDS[::-1])
    assert ids_of(inference_batches(shuffled, HALF, 2)) == batches


@pytest.mark.parametrize("size", [1, 2, 3])
def test_shards_in_turn_are_the_batches_of_the_whole(size: int) -> None:
    images = ImageSet(Mixed(), IDS)
    whole = ids_of(inference_batches(images, HALF, 2))
    parts = [shard(images, HALF, 2, rank, size) for rank in range(size)]
    shards = [ids_of(inference_batches(part, HALF, 2)) for part in parts]
    assert [shards[n % size][n // size] for n in range(len(whole))] == whole
    assert sum(map(len, shards)) == len(whole)


def test_the_shape_of_most_pixels_is_inferred_first() -> None:
    class Long(FakeImages):
        def size(self, item: str) -> tuple[int, int]:
            return {"high": (2000, 100), "wide": (1000, 4000), "square": (500, 500)}[item]

        def read(self, item: str) -> Any:
            return np.zeros((*self.size(item), 3), np.uint8)

    images = ImageSet(Long(), ("high", "square", "wide"))
    batches = inference_batches(images, DataConfig(resize="none", pad=1), 2)
    assert ids_of(batches) == [("wide",), ("square",), ("high",)]


class Many(FakeImages):
    """As high as their number, and twice as wide."""

    def read(self, item: str) -> Any:
        return np.zeros((*self.size(item), 3), np.uint8)

    def size(self, item: str) -> tuple[int, int]:
        return int(item), 2 * int(item)


def test_images_are_batched_for_inference_only_with_those_padded_to_one_shape() -> None:
    images = ImageSet(Many(), ("9", "16", "5", "8", "24", "17"))
    batches = list(inference_batches(images, DataConfig(resize="none", pad=8), 2))
    assert ids_of(batches) == [("24",), ("17",), ("16",), ("9",), ("5", "8")]
    wider = list(inference_batches(images, DataConfig(resize="none", pad=16), 2))
    assert ids_of(wider) == [("17", "24"), ("16", "9"), ("5", "8")]
    assert [tuple(b.images.shape[2:]) for b in wider] == [(32, 48), (16, 32), (16, 16)]


def test_boxes_are_scaled_with_the_image_and_untrainable_ones_left_out() -> None:
    target = Target.of(
        [[10, 20, 30, 40], [0, 0, 9, 9], [0, 0, 9, 9], [5, 5, 6, 20], [4, 6, 6, 20]],
        [1, 0, 0, 0, 2],
        difficult=[0, 1, 0, 0, 0],
        crowd=[0, 0, 1, 0, 0],
    )
    sample = read_sample(LabelledSet(Mixed(), ("w0",), {"w0": target}), "w0")
    # 60 x 40 became 30 x 20; difficult, crowd, and the one that is now half a pixel wide are out.
    assert sample.boxes is not None
    assert sample.boxes.tolist() == [[5, 10, 15, 20], [2, 3, 3, 10]], "a whole pixel is enough"
    assert sample.labels is not None
    assert sample.labels.tolist() == [1, 2]


def test_collate_pads_to_a_multiple_and_marks_missing_rows() -> None:
    def sample(h: int, w: int, n: int) -> Sample:
        boxes = np.arange(4 * n, dtype=np.float32).reshape(n, 4)
        return Sample("x", np.full((h, w, 3), 9, np.uint8), (h, w), boxes, np.arange(n))

    batch = Collate(pad=8)([sample(9, 16, 2), sample(8, 3, 0)])
    assert batch.images.shape == (2, 3, 16, 16)
    assert int(batch.images[0].sum()) == 9 * 9 * 16 * 3
    assert int(batch.images[1, :, :8, :3].sum()) == 9 * 8 * 3 * 3 == int(batch.images[1].sum())
    assert batch.sizes.tolist() == [[9, 16], [8, 3]]
    assert batch.labels is not None
    assert batch.labels.tolist() == [[0, 1], [-1, -1]]


def test_unlabelled_batches_have_no_targets() -> None:
    (batch,) = stream(("w0", "w1")).batches(0, 1)
    assert batch.boxes is None
    assert batch.labels is None


def test_hflip_mirrors_pixels_and_boxes() -> None:
    image = np.arange(2 * 10 * 3, dtype=np.uint8).reshape(2, 10, 3)
    sample = Sample("x", image, (2, 10), np.array([[1, 0, 4, 2]], np.float32), np.array([0]))

    class Low:
        def random(self) -> float:
            return 0.49

    class High:
        def random(self) -> float:
            return 0.5

    flipped = hflip(sample, Low())  # type: ignore[arg-type]
    assert flipped.boxes is not None
    assert flipped.boxes.tolist() == [[6, 0, 9, 2]]
    assert (flipped.image == image[:, ::-1]).all()
    assert hflip(sample, High()) is sample  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "lengths"), [(1, [5]), (2, [3, 2]), (3, [2, 2, 1]), (9, [1] * 5)]
)
def test_a_batch_is_split_into_nearly_equal_parts(parts: int, lengths: list[int]) -> None:
    batch = Batch(tuple("abcde"), torch.zeros(5, 3, 8, 8), torch.ones(5, 2), torch.ones(5, 2))
    split = batch.chunk(parts)
    assert [len(b) for b in split] == lengths
    assert "".join(i for b in split for i in b.ids) == "abcde"
    assert [len(b.images) for b in split] == lengths

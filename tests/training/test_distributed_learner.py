"""A learner that several processes share, without a detector."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alframe.config.resolve import from_overrides, resolve
from alframe.config.sections import DataConfig
from alframe.datasets.base import ImageSet, LabelledSet
from alframe.errors import DataError
from alframe.learner import FitContext, Metrics
from alframe.seeds import Seeds
from alframe.signals import SignalBatch
from alframe.training import distributed
from alframe.training.data import inference_batches, shard
from alframe.training.device import to_device
from alframe.training.distributed_learner import DistributedLearner, distribute
from tests.fakes import FakeImages, FakeLearner, MemoryCheckpoint, Numbers, fake_dataset
from tests.processes import side_by_side

NUMBER = frozenset({"number"})
BATCH = 4


class Batching(FakeLearner):
    """Streams batches, as detectors do, and says which process computed them."""

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        for batch in inference_batches(images, DataConfig(), BATCH):
            numbers = torch.tensor([float(len(item)) for item in batch.ids])
            yield SignalBatch(batch.ids, {"number": numbers, "by": distributed.rank()})


class Measured(Batching):
    measured = NUMBER

    def measure(self, test: LabelledSet, stream: Iterator[SignalBatch]) -> Metrics:
        return {"by": [batch["by"] for batch in stream], "weights": float(self.weights)}


CONFIG = resolve([from_overrides([f"evaluation.batch_size={BATCH}"])])


def streamed(stream: Iterator[SignalBatch]) -> list[tuple[tuple[str, ...], int]]:
    return [(batch.ids, batch["by"]) for batch in stream]


def scattered(pool: int) -> Any:
    dataset = fake_dataset(pool)
    with distribute(Batching(), dataset, CONFIG) as whole:
        return whole and streamed(whole.signals(ImageSet(dataset.images, dataset.pool), NUMBER))


@pytest.mark.parametrize("pool", [0, 1, 4, 17])
def test_any_pool_is_streamed_by_any_number_of_processes_in_the_order_of_one(pool: int) -> None:
    ids = fake_dataset(pool).pool
    expected = [tuple(ids[i : i + BATCH]) for i in range(0, pool, BATCH)]
    first, *others = side_by_side(scattered, pool, processes=3)
    assert first == [(batch, number % 3) for number, batch in enumerate(expected)]
    assert others == [None, None]


def interleaved() -> Any:
    dataset = fake_dataset(17)
    images = ImageSet(dataset.images, dataset.pool)
    with distribute(Batching(), dataset, CONFIG) as whole:
        if whole is None:
            return None
        next(whole.signals(images, NUMBER))  # and never again
        one, two = whole.signals(images, NUMBER), whole.signals(images, NUMBER)
        pairs = list(zip(streamed(one), streamed(two), strict=True))
        held = whole.signals(images, NUMBER)
        next(held)
        held.close()
        last = streamed(whole.signals(images, NUMBER))
        assert len(whole._replica._streams) == 1, "those that were left are forgotten"
        return pairs, last


def test_streams_may_be_left_and_read_in_turn() -> None:
    (pairs, last), _ = side_by_side(interleaved)
    assert [one for one, _ in pairs] == [two for _, two in pairs] == last
    assert len(last) == 5


def fitted(learner_class: type[Batching]) -> Any:
    dataset, learner = fake_dataset(12), learner_class()
    # A learner that is not careful: each process would end in other weights.
    learner.epochs = 3 + distributed.rank()
    checkpoint = MemoryCheckpoint()
    checkpoint.save({"epoch": 2, "weights": torch.tensor([5.0])})
    with distribute(learner, dataset, CONFIG) as whole:
        if whole is not None:
            labelled = LabelledSet(dataset.images, dataset.pool[:3], dataset.targets)
            rest = ImageSet(dataset.images, dataset.pool[3:])
            context = FitContext(0, Seeds(0), checkpoint, Numbers(), lambda name, summary: None)
            whole.fit(labelled, rest, context)
            test = LabelledSet(dataset.images, dataset.pool, dataset.targets)
            return (
                whole.evaluate(test),
                float(learner.weights),
                learner.fits,
                checkpoint.states,
            )
    return None, float(learner.weights), learner.fits, checkpoint.states


def test_all_end_with_the_first_ones_model_and_only_it_saves() -> None:
    (metrics, *first), (_, *second) = side_by_side(fitted, Batching)
    assert (first[0], first[1]) == (second[0], second[1])
    assert 5.0 / 2 + 3 + 3 <= first[0] <= 5.0 / 2 + 3 + 3 + 1, "from the checkpoint"
    assert len(first[2]) == 2
    assert len(second[2]) == 1
    assert metrics == {"mAP50": first[0] / 1000, "AP50": {"a": 0.5, "b": None}}


def test_all_evaluate_where_the_learner_can_measure_a_stream() -> None:
    (metrics, weights, *_), _ = side_by_side(fitted, Measured)
    assert metrics == {"by": [0, 1, 0], "weights": weights}


def restored() -> Any:
    dataset, learner = fake_dataset(12), Batching()
    with distribute(learner, dataset, CONFIG) as whole:
        if whole is not None:
            whole.load_state_dict({"weights": torch.tensor([3.0])})
    return float(learner.weights)


def test_all_take_a_restored_model() -> None:
    assert side_by_side(restored) == [3.0, 3.0]


def disagreeing() -> None:
    with distribute(Batching(), fake_dataset(12 + distributed.rank()), CONFIG):
        raise AssertionError("not reached")


def test_another_dataset_is_refused() -> None:
    answers = side_by_side(disagreeing)
    (error,) = (a for a in answers if isinstance(a, DataError))
    assert str(error).startswith("processes [1] read another fake than process 0: put the same")


DATA = DataConfig(resize="none", pad=8)


class Sides(FakeImages):
    """Wide and tall images."""

    def size(self, item: str) -> tuple[int, int]:
        return (8, 9) if item.startswith("w") else (9, 8)


@settings(max_examples=60, deadline=None)
@given(
    wide=st.integers(0, 12),
    tall=st.integers(0, 12),
    size=st.integers(1, 5),
    parts=st.integers(1, 4),
)
def test_dealt_batches_in_turn_are_those_of_one_process(
    wide: int, tall: int, size: int, parts: int
) -> None:
    images = ImageSet(
        Sides(), tuple(f"w{i}" for i in range(wide)) + tuple("t" * i for i in range(1, tall + 1))
    )

    def ids(of: ImageSet) -> list[tuple[str, ...]]:
        return [b.ids for b in inference_batches(of, DATA, size)]

    hands = [ids(shard(images, DATA, size, part, parts)) for part in range(parts)]
    rounds = itertools.zip_longest(*hands)
    assert [batch for each in rounds for batch in each if batch is not None] == ids(images)


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass(frozen=True)
class Holder:
    value: Any
    name: str = "n"


def test_tensors_are_moved_wherever_they_are() -> None:
    here = torch.ones(2)
    nested = {"a": [here, (here, 3)], "b": Holder(Pair(here, None)), "c": "text"}
    there = to_device(nested, torch.device("meta"))
    assert there["a"][0].is_meta
    assert there["a"][1][0].is_meta
    assert there["b"].value.left.is_meta
    assert (there["a"][1][1], there["b"].value.right, there["b"].name) == (3, None, "n")
    assert there["c"] == "text"


def test_alone_it_is_its_learner() -> None:
    dataset = fake_dataset(5)
    with distribute(Measured(), dataset, CONFIG) as whole:
        assert isinstance(whole, DistributedLearner)
        images = ImageSet(dataset.images, dataset.pool)
        assert streamed(whole.signals(images, NUMBER)) == [
            (dataset.pool[:4], 0),
            (dataset.pool[4:], 0),
        ]

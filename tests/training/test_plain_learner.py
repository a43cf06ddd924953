"""The plain detection learner on a tiny RetinaNet and drawn shapes."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from alframe.config.resolve import from_overrides, resolve
from alframe.datasets.base import ImageSet, LabelledSet, Target
from alframe.errors import ConfigError, PluginError, TrainingError
from alframe.learner import FitContext, WarmStart
from alframe.runs.build import build_dataset, build_learner, build_strategy, prepare_images
from alframe.seeds import Seeds
from alframe.signals import CLASS_PROBS, DETECTIONS, EMBEDDING, SignalBatch
from alframe.strategy import Query, Selection
from alframe.training.plain_learner import PlainLearner, model_loss
from tests.fakes import FakeImages, MemoryCheckpoint, Numbers

ALL = frozenset({DETECTIONS, CLASS_PROBS, EMBEDDING})
SMALL = (
    "strategy=entropy",
    "dataset.pool=24",
    "dataset.test=6",
    "dataset.size=64",
    "model.fpn_channels=16",
    "model.tower_convs=1",
    "training.iterations=6",
    "training.batch_size=4",
    "evaluation.batch_size=4",
)


def made(*pairs: str) -> tuple[PlainLearner, Any]:
    config = resolve([from_overrides((*SMALL, *pairs))])
    dataset = prepare_images(build_dataset(config), config)
    learner = build_learner(config, dataset.classes)
    assert isinstance(learner, PlainLearner)
    return learner, dataset


def context(seed: int = 0) -> FitContext:
    return FitContext(0, Seeds(seed), MemoryCheckpoint(), Numbers(), lambda name, summary: None)


def fitted(*pairs: str, targets: Any = None) -> tuple[PlainLearner, Any]:
    learner, dataset = made(*pairs)
    ids = dataset.pool[:8]
    labelled = LabelledSet(dataset.images, ids, targets or dataset.targets)
    learner.fit(labelled, ImageSet(dataset.images, dataset.pool[8:]), context())
    return learner, dataset


def collected(learner: PlainLearner, images: ImageSet) -> dict[str, tuple[torch.Tensor, ...]]:
    found = {}
    for batch in learner.signals(images, ALL):
        detections, probs = batch[DETECTIONS], batch[CLASS_PROBS]
        for row, item in enumerate(batch.ids):
            kept = detections.valid[row]
            found[item] = (
                batch[EMBEDDING][row],
                probs.values[row],
                detections.boxes[row][kept],
                detections.scores[row][kept],
                detections.probs[row][kept],
            )
    return found


def test_a_compiled_graph_cannot_be_watched() -> None:
    with pytest.raises(ConfigError, match=r"watch_gradients=true needs training\.compile=false"):
        made("learner.watch_gradients=true", "training.compile=true")


def test_signals_have_the_shapes_that_they_promise() -> None:
    learner, dataset = fitted("model.score_threshold=0.001")
    found = collected(learner, ImageSet(dataset.images, dataset.pool))
    assert sorted(found) == sorted(dataset.pool)
    anchors = 2 * (8 * 8 + 4 * 4 + 2 * 2)  # 64 px at strides 8, 16, 32; two anchors a cell
    for embedding, probs, boxes, scores, of_boxes in found.values():
        assert embedding.shape == (160,)
        assert probs.shape == (anchors, 5)
        assert boxes.shape == (len(scores), 4)
        assert ((boxes >= 0) & (boxes <= 64)).all()
        assert (scores[:-1] >= scores[1:]).all()
        torch.testing.assert_close(of_boxes.amax(dim=1) >= scores, scores > -1)


class Cut(FakeImages):
    """Images of another source, of five sizes."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    def read(self, item: str) -> Any:
        height, width = self.size(item)
        return self._whole.read(item)[:height, :width]

    def size(self, item: str) -> tuple[int, int]:
        number = int(item.rpartition("/")[2]) % 5
        return 64 - 9 * number, 20 + 10 * number


def test_signals_depend_neither_on_the_batch_nor_on_the_order_of_ids() -> None:
    """Of images of unlike sizes, each is padded as if it were alone."""
    learner, dataset = fitted("data.resize=none", "model.score_threshold=0.001")
    images = Cut(dataset.images)
    whole = collected(learner, ImageSet(images, dataset.pool))
    single = learner.setup.evaluation.model_copy(update={"batch_size": 1})
    learner.setup = replace(learner.setup, evaluation=single)
    alone = collected(learner, ImageSet(images, dataset.pool[::-1]))
    assert len({probs.shape for _, probs, *_ in alone.values()}) > 1
    for item, values in whole.items():
        for a, b in zip(values, alone[item], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_only_what_is_asked_for_is_streamed() -> None:
    learner, dataset = fitted()
    (batch, *_) = learner.signals(ImageSet(dataset.images, dataset.pool), frozenset({EMBEDDING}))
    assert set(batch.values) == {EMBEDDING}
    with pytest.raises(ValueError, match="does not provide"):
        next(learner.signals(ImageSet(dataset.images, ()), frozenset({"disagreement"})))


def test_a_restored_model_gives_the_same_numbers() -> None:
    learner, dataset = fitted("training.ema=0.5")
    other, _ = made("training.ema=0.5")
    other.load_state_dict(learner.state_dict())
    images = ImageSet(dataset.images, dataset.pool)
    a, b = collected(learner, images), collected(other, images)
    assert all(torch.equal(x, y) for i in a for x, y in zip(a[i], b[i], strict=True))
    test = LabelledSet(dataset.images, dataset.test, dataset.targets)
    assert learner.evaluate(test) == other.evaluate(test)


def test_no_gradient_and_no_earlier_network_stays_in_memory() -> None:
    learner, dataset = fitted("training.iterations=1")
    network = weakref.ref(learner.network)
    assert all(p.grad is None for p in learner.network.parameters())
    seen: list[Any] = []

    def look() -> None:
        gc.collect()
        seen.append(network())

    labelled = LabelledSet(dataset.images, dataset.pool[:4], dataset.targets)
    rest = ImageSet(dataset.images, dataset.pool[4:])
    learner.fit(labelled, rest, replace(context(), tick=look))
    assert seen
    assert seen == [None] * len(seen)


def test_a_warm_start_goes_on_from_the_cycle_before() -> None:
    """A step of no length leaves the weights that a fit began with."""
    still = ("training.warm_start=true", "training.iterations=1", "training.lr=1e-30")
    learner, dataset = fitted(*still, "training.weight_decay=0")
    first = {k: v.clone() for k, v in learner.network.named_parameters()}
    labelled = LabelledSet(dataset.images, dataset.pool[:8], dataset.targets)
    rest, seeds = ImageSet(dataset.images, dataset.pool[8:]), Seeds(5)
    start = WarmStart({k: v.clone() for k, v in learner.state_dict().items()}, len(dataset.classes))
    for warm_start, same in ((start, True), (None, False)):
        learner.fit(labelled, rest, replace(context(), seeds=seeds, warm_start=warm_start))
        after = dict(learner.network.named_parameters())
        assert all(torch.allclose(first[k], after[k]) for k in first) == same


@pytest.mark.slow  # by default tests/test_conformance.py: each learner tells what it was taught
def test_training_lowers_the_loss_and_finds_the_shapes() -> None:
    """Eight images learnt by heart: most objects of them are found."""
    easy = ("dataset.classes=2", "dataset.size=96")
    learner, dataset = fitted("training.iterations=150", *easy)
    metrics = learner.evaluate(LabelledSet(dataset.images, dataset.pool[:8], dataset.targets))
    assert metrics["mAP50"] > 0.6
    untrained, _ = fitted("training.iterations=1", *easy)
    before = untrained.evaluate(LabelledSet(dataset.images, dataset.pool[:8], dataset.targets))
    assert (before["mAP50"] or 0) < 0.1


def test_one_class_and_images_without_objects_train() -> None:
    learner, dataset = made("dataset.classes=1")
    empty = Target.of([], [])
    ids = dataset.pool[:6]
    targets = {i: empty if n < 5 else dataset.targets[i] for n, i in enumerate(ids)}
    learner.fit(LabelledSet(dataset.images, ids, targets), ImageSet(dataset.images, ()), context())
    assert all(torch.isfinite(v).all() for v in learner.state_dict().values())


def test_bf16_trains_as_well() -> None:
    exact, rounded = (fitted(f"training.precision={p}")[0].state_dict() for p in ("fp32", "bf16"))
    distance = [(exact[k].float() - rounded[k].float()).abs().max() for k in exact]
    assert 0 < max(distance) < 0.05


def test_a_model_that_has_diverged_is_neither_measured_nor_asked() -> None:
    learner, dataset = fitted()
    broken = dict(learner.state_dict())
    for name in [n for n in broken if n.startswith("class_tower.output.")]:
        broken[name] = torch.full_like(broken[name], torch.nan)
    learner.load_state_dict(broken)
    test = LabelledSet(dataset.images, dataset.test, dataset.targets)
    with pytest.raises(TrainingError, match=r"detections of test/0+ are not finite.*training\.lr"):
        learner.evaluate(test)
    (batch, *_) = learner.signals(ImageSet(dataset.images, dataset.pool), ALL)
    assert batch[DETECTIONS].valid.any(dim=1).all()


@pytest.mark.parametrize(
    ("images", "remedy"),
    [(4, r"4 images at a time.*resume with evaluation\.batch_size=2"), (1, "lower data.long")],
)
def test_memory_that_does_not_suffice_for_scoring_is_said_with_the_remedy(
    images: int, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(PlainLearner, "read", read)
    learner, data = fitted("training.iterations=1", f"evaluation.batch_size={images}")
    with pytest.raises(TrainingError, match=remedy):
        next(learner.signals(ImageSet(data.images, data.pool), frozenset({DETECTIONS})))


class Lossy(PlainLearner):
    """Streams all batches but the last."""

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        yield from list(super().signals(images, names))[:-1]


def test_an_evaluation_without_some_images_is_refused() -> None:
    learner, data = fitted("training.iterations=1")
    lossy = Lossy(learner.setup)
    lossy.load_state_dict(learner.state_dict())
    with pytest.raises(TrainingError, match="signals of 4 images, asked for those of 6: expected"):
        lossy.evaluate(LabelledSet(data.images, data.test, data.targets))


@pytest.mark.parametrize("terms", [{}, 1.0, {"a": 1.0}, {"a": torch.ones(2)}, torch.ones(())])
def test_a_loss_that_is_none_is_told(terms: Any) -> None:
    model = nn.Linear(1, 1)
    model.loss = lambda _: terms  # type: ignore[assignment]
    with pytest.raises(PluginError, match=r"Linear\.loss gives .*: expected a dict of scalar tens"):
        model_loss(model, None)  # type: ignore[arg-type]


class Demanding:
    requires = frozenset({"telepathy", EMBEDDING})

    def select(self, query: Query) -> Selection:
        raise NotImplementedError


def test_a_learner_that_lacks_a_signal_is_named_with_one_that_has_it() -> None:
    assert build_strategy(resolve([from_overrides(SMALL)])).requires == {DETECTIONS}
    config = resolve([from_overrides((*SMALL, f"strategy={__name__}:Demanding"))])
    with pytest.raises(
        ConfigError, match=r"requires the signal telepathy, which neither learner 'plain'"
    ):
        build_strategy(config)

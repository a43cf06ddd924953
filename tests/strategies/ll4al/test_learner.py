"""What the loss module learns, from what, and when it leaves the detector alone."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alframe.config.sections import DataConfig, EvaluationConfig, TrainingConfig
from alframe.datasets.base import ImageSet, LabelledSet, Target
from alframe.datasets.shapes import DrawnImages
from alframe.errors import ConfigError, PluginError
from alframe.learner import FitContext, LearnerSetup, Recorder
from alframe.seeds import Seeds
from alframe.signals import CLASS_PROBS, PREDICTED_LOSS
from alframe.strategies.ll4al.learner import LL4ALLearner
from alframe.strategies.ll4al.module import LL4ALModel, LossModule, map_widths, ranking_loss
from alframe.training.batch import Batch
from alframe.training.phases import Losses
from tests.detectors.drawing import drawing, small_retinanet, small_ssd
from tests.fakes import MemoryCheckpoint, Numbers

IMAGES = DrawnImages(side=64, classes=2, max_objects=3, seed=0)
LABELLED, POOL = ("l0", "l1", "l2", "l3"), ("u0", "u1", "u2")
CANCELS = "loss_module.output.bias"
"""It plays no part in a difference of predictions, so only weight decay would move it."""
TARGETS = {
    "l0": Target.of([[8, 8, 40, 40]], [0]),
    "l1": Target.of([[8, 8, 40, 40], [30, 2, 60, 20]], [1, 0]),
    "l2": Target.of([], []),
    "l3": Target.of([[2, 2, 20, 60]], [1]),
}
small_retina = partial(small_retinanet, fpn_channels=16, tower_convs=1)
both = pytest.mark.parametrize("make", [small_retina, small_ssd])


def setup(make: Any = small_retina, **training: Any) -> LearnerSetup:
    settings = {"batch_size": 4, "lr": 1e-2, "weight_decay": 0, "channels_last": False}
    return LearnerSetup(
        classes=("a", "b"),
        device=torch.device("cpu"),
        build_model=partial(make, 2),
        data=DataConfig(resize="none"),
        training=TrainingConfig(**settings | {"passes": 10} | training),  # type: ignore[arg-type]
        evaluation=EvaluationConfig(batch_size=2),
    )


class Spied(LL4ALLearner):
    """Notes the module's gradient into the trunk, and its weights, before each step."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.joint: list[bool] = []
        super().__init__(*args, **options)

    def loss(self, model: nn.Module, batch: Batch, *, detached: bool) -> Losses:
        losses = super().loss(model, batch, detached=detached)
        assert isinstance(model, LL4ALModel)
        trunk = [p for p in model.of.backbone.parameters() if p.requires_grad]  # type: ignore[union-attr]
        ranking = losses.terms["ranking"]
        grads = torch.autograd.grad(ranking, trunk, retain_graph=True, allow_unused=True)
        self.joint.append(any(g is not None for g in grads))
        return losses


class Noted:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def scalar(self, name: str, value: float, step: int) -> None:
        self.values.setdefault(name.rpartition("/")[2], []).append(value)


def fit(
    learner: LL4ALLearner,
    checkpoint: MemoryCheckpoint | None = None,
    recorder: Recorder | None = None,
) -> tuple[Mapping[str, Tensor], Mapping[str, float]]:
    means: dict[str, float] = {}
    context = FitContext(
        0,
        Seeds(0),
        checkpoint or MemoryCheckpoint(),
        recorder or Numbers(),
        lambda _, summary: means.update(summary["means"]),
    )
    learner.fit(LabelledSet(IMAGES, LABELLED, TARGETS), ImageSet(IMAGES, POOL), context)
    return learner.state_dict(), means


@both
def test_widths_are_those_of_the_levels_and_nothing_is_changed(make: Any) -> None:
    model = make()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    levels = model.features(drawing()).levels
    assert map_widths(model) == [level.shape[1] for level in levels]
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert LL4ALModel(model).loss_module(levels).shape == (2,)


class PerImage(nn.Module):
    """A model of one's own, for images of one size alone if it is given a side."""

    provides = measured = frozenset[str]()
    loss = read = measure = None

    def __init__(self, side: int = 0) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4 * side * side, 2) if side else None

    def features(self, batch: Batch) -> Tensor:
        found: Tensor = self.body(batch.images.float() / 255)
        if self.head is not None:
            self.head(found.flatten(1))
        return found

    def maps(self, features: Tensor) -> Any:
        return (features,)

    def image_losses(self, batch: Batch, features: Tensor) -> Any:
        return {"ce": features.mean(dim=(1, 2, 3))}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: {n: v[:, None] for n, v in values.items()}, r"'ce': \(2, 1\)"),
        (lambda values: {n: v.mean() for n, v in values.items()}, r"'ce': \(\)"),
        (lambda values: values | {"box": values["ce"][:1]}, r"'box': \(1,\)"),
        (lambda values: {}, "{}"),
    ],
)
def test_losses_are_one_number_an_image(change: Any, said: str) -> None:
    """[B, 1] would be compared with [B] by broadcasting, each image with each other's pair."""

    class Careless(PerImage):
        def image_losses(self, batch: Batch, features: Tensor) -> Any:
            return change(super().image_losses(batch, features))

    batch = drawing()
    model, careless = LL4ALModel(PerImage()), LL4ALModel(Careless())
    assert model.image_losses(batch, model.of.features(batch))["ce"].shape == (2,)
    with pytest.raises(PluginError, match=f"image_losses gives the shapes .*{said}.* of 2 images"):
        careless.image_losses(batch, careless.of.features(batch))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda maps: maps[0], r"gives Tensor \(2, 4, 1024, 1024\): expected a tuple of maps"),
        (lambda maps: (maps[0].mean(dim=(2, 3)),), r"gives tuple \(2, 4\): expected a tuple of m"),
        (lambda maps: maps[0].sum().item(), "without values .* by which the widths .* fails"),
    ],
)
def test_maps_are_found_without_values(change: Any, said: str) -> None:
    class Careless(PerImage):
        def maps(self, features: Tensor) -> Any:
            return change(super().maps(features))

    assert map_widths(PerImage()) == [4]
    with pytest.raises(PluginError, match=said):
        map_widths(Careless())


def test_a_model_for_images_of_one_size() -> None:
    stretched = DataConfig(resize="stretch", long=30, short=32, pad=32)
    sized = replace(setup(), build_model=partial(PerImage, 32), data=stretched)
    assert LL4ALLearner(sized).build().loss_module.branches[0][0].in_features == 4  # type: ignore[index]
    with pytest.raises(PluginError, match=r"of 1024 x 1024 .* set data\.resize=stretch"):
        LL4ALLearner(replace(sized, data=DataConfig(resize="none"))).build()


def test_the_module_by_hand() -> None:
    """Two levels of one and two channels, two hidden numbers each."""
    module = LossModule([1, 2], hidden=2)
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    first = torch.tensor([[[[1.0, 3.0]]]])  # mean 2, so both hidden numbers are 2 + 1
    second = torch.tensor([[[[-5.0]], [[1.0]]]])  # -5 + 1 + 1 < 0, so both are 0
    assert module([first, second]).tolist() == [3 + 3 + 0 + 0 + 1]


def test_the_module_is_as_exact_under_autocast() -> None:
    """In bfloat16 the predictions of many images would be equal, and the id would decide."""
    torch.manual_seed(0)
    module, level = LossModule([8]), torch.rand(400, 8, 2, 2)
    expected = module([level])
    with torch.autocast("cpu", torch.bfloat16):
        found = module([level])
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    assert len(found.unique()) > 390 > len(found.bfloat16().unique())


@both
def test_the_target_of_an_image_does_not_depend_on_the_others(make: Any) -> None:
    detector, batch = make().eval(), drawing(3)
    whole = detector.image_losses(batch, detector.features(batch))
    for row, part in enumerate(batch.chunk(3)):
        alone = detector.image_losses(part, detector.features(part))
        for name, values in alone.items():
            torch.testing.assert_close(whole[name][row : row + 1], values)


@both
def test_the_target_of_an_image_is_over_its_own_positives(make: Any) -> None:
    detector, batch = make().eval(), drawing(3)
    features = detector.features(batch)
    anchors = detector.anchors(features)
    assignment = detector.assign(anchors, batch)
    sums = detector.class_loss(detector.class_tower(features.levels), assignment)
    found = detector.image_losses(batch, features)["cls"].tolist()
    counts = assignment.positives.tolist()
    expected = [s / max(1, n) for s, n in zip(sums.tolist(), counts, strict=True)]
    assert found == pytest.approx(expected)
    assert max(counts) > 1


def test_one_step_by_its_definition() -> None:
    learner = LL4ALLearner(setup(), weight=0.5, margin=2.0)
    model, batch = learner.build(), drawing(4, classes=2)
    features = model.of.features(batch)
    each = model.of.image_losses(batch, features)
    predicted = model.loss_module(features.levels)
    losses = learner.loss(model, batch, detached=False)
    expected = ranking_loss(predicted, each["cls"] + each["box"], margin=2.0)
    torch.testing.assert_close(losses.terms["ranking"], 0.5 * expected)
    torch.testing.assert_close(losses.terms["cls"], each["cls"].mean())
    torch.testing.assert_close(losses.terms["box"], each["box"].mean())


@pytest.mark.parametrize(
    ("length", "joint", "expected"),
    [
        ({"passes": 10}, 0.8, 8),
        ({"passes": None, "iterations": 7}, 0.5, 4),
        ({}, 1.0, 10),
        ({}, 0.0, 0),
        ({"accumulate": 2}, 0.8, 16),
    ],
)
def test_the_detector_is_left_alone_after_its_share(
    length: Any, joint: float, expected: int
) -> None:
    learner = Spied(setup(**length), joint=joint)
    fit(learner)
    steps = len(learner.joint)
    assert learner.joint == [True] * expected + [False] * (steps - expected)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_break_does_not_disturb_the_detector(optimizer: str) -> None:
    """Without a ranking loss there is nothing that a second phase may change."""
    given = setup(optimizer=optimizer, warmup=3, schedule="cosine")
    whole, parted = (fit(LL4ALLearner(given, joint=j, weight=0.0))[0] for j in (1.0, 0.5))
    assert all(torch.equal(value, parted[name]) for name, value in whole.items())


def test_without_joint_training_the_detector_is_as_without_the_module() -> None:
    alone, with_module = (fit(LL4ALLearner(setup(), joint=0, weight=w))[0] for w in (0.0, 1.0))
    changed = {k for k in alone if not torch.equal(alone[k], with_module[k])}
    assert changed == {k for k in alone if k.startswith("loss_module.")} - {CANCELS}


@both
def test_every_parameter_of_the_module_is_trained(make: Any) -> None:
    learner = LL4ALLearner(setup(make))
    before = {
        k: v.clone() for k, v in learner._fresh(Seeds(0).integer("weights")).state_dict().items()
    }
    after, means = fit(learner)
    module = {k for k in after if k.startswith("loss_module.")}
    assert len(module) == 2 * (len(map_widths(learner.inner(learner.network))) + 1)
    assert {k for k in module if torch.equal(before[k], after[k])} == {CANCELS}
    assert set(means) == {"cls", "box", "ranking", "total"}


def test_a_batch_is_learnt_by_heart() -> None:
    noted = Noted()
    settings = {"optimizer": "adamw", "lr": 3e-3, "schedule": "cosine", "augment": ()}
    fit(LL4ALLearner(setup(passes=40, **settings)), recorder=noted)
    assert noted.values["ranking"][0] > 0.8
    assert sum(noted.values["ranking"][-5:]) / 5 < 0.3


def test_killed_after_any_epoch_it_ends_in_the_same_weights() -> None:
    whole = MemoryCheckpoint()
    expected, _ = fit(LL4ALLearner(setup(), joint=0.5), whole)
    assert len(whole.states) == 9
    for number in (2, 4, 7):
        resumed = MemoryCheckpoint()
        resumed.states = whole.states[: number + 1]
        learner = Spied(setup(), joint=0.5)
        found, _ = fit(learner, resumed)
        assert all(torch.equal(found[k], expected[k]) for k in expected), number
        assert learner.joint == [n < 5 for n in range(number + 1, 10)]


def test_the_signal_takes_no_tower() -> None:
    learner = LL4ALLearner(setup(passes=1))
    fit(learner)
    assert isinstance(learner.network, LL4ALModel)
    ran: list[str] = []
    for name in ("class_tower", "box_tower"):
        tower = getattr(learner.network.of, name)
        tower.register_forward_hook(lambda *_, name=name: ran.append(name))
    images = ImageSet(IMAGES, POOL)
    batches = list(learner.signals(images, frozenset({PREDICTED_LOSS})))
    assert ran == []
    assert [b[PREDICTED_LOSS].shape for b in batches] == [(2,), (1,)]
    again = learner.signals(images, frozenset({PREDICTED_LOSS, CLASS_PROBS}))
    for one, other in zip(batches, again, strict=True):
        assert torch.equal(one[PREDICTED_LOSS], other[PREDICTED_LOSS])


@pytest.mark.parametrize(
    ("options", "training", "message"),
    [
        ({"weight": -1.0}, {}, "weight: expected at least 0, got -1"),
        ({"joint": 1.5}, {}, "joint: expected 0 to 1, got 1.5"),
        ({"hidden": 0}, {}, "hidden: expected at least 1, got 0"),
        ({}, {"batch_size": 1}, "learns from pairs; give at least 2"),
        ({}, {"batch_size": 4, "accumulate": 4}, "batch_size=4 in 4 parts: .* at least 8"),
    ],
)
def test_options_that_cannot_work(options: Any, training: Any, message: str) -> None:
    given = setup()
    given = replace(given, training=given.training.model_copy(update=training))
    with pytest.raises(ConfigError, match=message):
        LL4ALLearner(given, **options)


def test_every_process_needs_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alframe.training.distributed.world_size", lambda: 3)
    given = setup()
    training = given.training.model_copy(update={"batch_size": 5})
    with pytest.raises(ConfigError, match=r"batch_size=5 in 3 parts: .* at least 6, lower"):
        LL4ALLearner(replace(given, training=training))

"""What each phase trains, on what, for how long (specs/miaod.md 3 and 9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alframe.config.sections import DataConfig, EvaluationConfig, TrainingConfig
from alframe.datasets.base import ImageSet, LabelledSet, Target
from alframe.detectors.retinanet import RetinaNet
from alframe.detectors.ssd import SSD
from alframe.errors import ConfigError
from alframe.learner import FitContext, LearnerSetup
from alframe.seeds import Seeds
from alframe.signals import CLASS_PROBS, DETECTIONS, DISAGREEMENT, EMBEDDING
from alframe.strategies.miaod.learner import (
    MIAODLearner,
    drawn,
    phase_lengths,
    phase_names,
    warn_if_vanished,
)
from alframe.training.batch import Batch
from alframe.training.phases import Losses, Phase, Step
from tests.detectors.drawing import TINY
from tests.fakes import FakeImages, MemoryCheckpoint, Numbers

IMAGES = FakeImages(64, 64)
LABELLED, POOL = ("l0", "l1"), tuple(f"u{i}" for i in range(7))
RESNET = {"backbone": "resnet10t", "frozen_stages": 1, "norm_eval": True, "tower_norm": "none"}
SETTINGS: dict[str, Any] = {
    "batch_size": 2,
    "lr": 1e-3,
    "weight_decay": 5e-4,
    "milestones": (24,),
    "channels_last": False,
}
State = dict[str, Tensor]


def labelled(*labels: int) -> LabelledSet:
    """Two images with an object of each of these classes, or with none."""
    target = Target.of([[8, 8, 40, 40]] * len(labels), labels)
    return LabelledSet(IMAGES, LABELLED, dict.fromkeys(LABELLED, target))


def setup(
    classes: int = 2, model: Mapping[str, Any] | None = None, **training: Any
) -> LearnerSetup:
    settings = TINY | {"fpn_channels": 16, "tower_convs": 1} | dict(model or {})
    return LearnerSetup(
        classes=tuple("abcd"[:classes]),
        device=torch.device("cpu"),
        build_model=partial(RetinaNet, classes, **settings),
        data=DataConfig(resize="none"),
        training=TrainingConfig(**SETTINGS | training),
        evaluation=EvaluationConfig(batch_size=4),
    )


class Spied(MIAODLearner):
    """Notes the batches of each phase and step."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.seen: list[tuple[str, str, Batch]] = []
        super().__init__(*args, **options)

    def build(self) -> Any:
        self.built = super().build()
        return self.built

    def phases(self, unlabelled: ImageSet) -> tuple[Phase, ...]:
        return tuple(
            Phase(p.name, p.length, tuple(self._noted(p, s) for s in p.steps), p.trains)
            for p in super().phases(unlabelled)
        )

    def _noted(self, phase: Phase, step: Step) -> Step:
        def loss(model: nn.Module, batch: Batch) -> Losses:
            self.seen.append((phase.name, step.stream, batch))
            return step.loss(model, batch)

        return Step(step.stream, loss)


@dataclass
class Fit:
    """One fit, and what became of it.

    Attributes:
        learner: fitted.
        names: of the phases.
        means: their means.
        states: the weights before the first and after each phase.
        rates: learning rates, (phase number and name, rate) an iteration.
    """

    learner: Spied
    names: list[str] = field(default_factory=list)
    means: list[Mapping[str, float]] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    rates: list[tuple[str, float]] = field(default_factory=list)

    def run(
        self,
        given: LabelledSet | None = None,
        pool: Sequence[str] = POOL,
        checkpoint: MemoryCheckpoint | None = None,
        cycle: int = 0,
    ) -> "Fit":
        context = FitContext(
            cycle, Seeds(0).within(cycle), checkpoint or MemoryCheckpoint(), self, self._finished
        )
        unlabelled = ImageSet(IMAGES, tuple(pool))
        self.learner.fit(given or labelled(0, 1), unlabelled, context)
        return self

    def scalar(self, name: str, value: float, step: int) -> None:
        if name.endswith("/lr"):
            self.rates.append((name.split("/")[1], value))

    def _finished(self, name: str, summary: Mapping[str, Any]) -> None:
        self.names.append(name)
        self.means.append(summary["means"])
        self.states.append({k: v.clone() for k, v in self.learner.built.state_dict().items()})

    def changed(self, phase: int) -> set[str]:
        """Names of what phase number ``phase`` changed."""
        before, after = self.states[phase - 1 : phase + 1]
        return {k for k in after if not torch.equal(before[k], after[k])}

    def batches(self, stream: str, phase: str = "") -> list[Batch]:
        return [b for p, s, b in self.learner.seen if s == stream and phase in ("", p)]


@pytest.fixture(scope="module")
def published() -> Fit:
    """The phases of the paper's benchmark, on two images."""
    with pytest.MonkeyPatch.context() as patch:
        made: list[tuple[int, float, float]] = []

        class Noted(torch.optim.SGD):
            def __init__(self, params: Any, lr: float, **more: Any) -> None:
                count = sum(len(group["params"]) for group in params)
                made.append((count, more["momentum"], more["weight_decay"]))
                super().__init__(params, lr, **more)

        patch.setattr(torch.optim, "SGD", Noted)
        fit = Fit(Spied(setup(passes=26), mode="parity")).run()
    fit.optimizers = made  # type: ignore[attr-defined]
    return fit


def test_passes_over_labelled_and_unlabelled_images(published: Fit) -> None:
    assert published.names == ["label", "min", "max", "label", "min", "max", "label"]
    assert len(published.batches("labelled")) == 26, "one batch a pass"
    assert len(published.batches("unlabelled")) == 8
    assert len(published.batches("labelled", "label")) == 18
    assert {p for p, s, _ in published.learner.seen if s == "unlabelled"} == {"min", "max"}
    streams = [s for p, s, _ in published.learner.seen if p == "min"]
    assert streams == ["labelled", "unlabelled"] * 4


def test_learning_rates_of_each_phase(published: Fit) -> None:
    expected = [("0_label", 6), ("1_min", 2), ("2_max", 2), ("3_label", 6), ("4_min", 2)]
    before = [name for name, count in [*expected, ("5_max", 2)] for _ in range(count)]
    last = [("6_label", 1e-3)] * 4 + [("6_label", 1e-4)] * 2
    expected_rates = [(name, 1e-3) for name in before] + last
    assert [n for n, _ in published.rates] == [n for n, _ in expected_rates]
    assert [r for _, r in published.rates] == pytest.approx([r for _, r in expected_rates])


def test_every_phase_has_an_optimiser_of_its_own(published: Fit) -> None:
    made = published.optimizers  # type: ignore[attr-defined]
    everything = sum(1 for _ in published.learner.built.parameters())
    two = sum(n.startswith(("detector.class_tower.", "second.")) for n in published.states[0])
    counts = [everything, everything - two, two] * 2 + [everything]
    assert made == [(count, 0.9, 5e-4) for count in counts]


def test_unlabelled_batches_carry_no_targets(published: Fit) -> None:
    assert all(b.boxes is None and b.labels is None for b in published.batches("unlabelled"))
    assert all(b.boxes is not None for b in published.batches("labelled"))
    assert len({i for b in published.batches("unlabelled") for i in b.ids}) == len(LABELLED)


def test_stats_are_reported_of_min_and_max_phases(published: Fit) -> None:
    for name, means in zip(published.names, published.means, strict=True):
        assert {"disagreement", "pseudo_label_rate"} & means.keys() == (
            set() if name == "label" else {"disagreement", "pseudo_label_rate"}
        )


def groups(names: set[str]) -> set[str]:
    """Towers and trunk by their first names."""
    return {".".join(n.split(".")[: 1 + n.startswith("detector")]) for n in names}


TRUNK = {"detector.backbone", "detector.fpn"}
TWO = {"detector.class_tower", "second"}
HEADS = {"detector.box_tower", "mil"}


@pytest.mark.parametrize(
    ("mode", "label", "first", "second"),
    [
        ("parity", TRUNK | TWO | HEADS, TRUNK | HEADS, TWO),
        ("paper", TRUNK | TWO | HEADS, TWO | HEADS, TRUNK | {"mil"}),
    ],
)
def test_what_each_phase_trains(mode: Any, label: Any, first: Any, second: Any) -> None:
    learner = Spied(setup(model=RESNET, passes=5), mode=mode, label_ratio=1, rounds=1)
    fit = Fit(learner).run()
    order = ["label", "min", "max", "label"]
    assert fit.names == (order if mode == "parity" else ["label", "max", "min", "label"])
    assert [groups(fit.changed(i)) for i in (1, 2, 3)] == [first, second, label]
    trained = {n for n, p in learner.built.named_parameters() if p.requires_grad}
    frozen = {n for n, _ in learner.built.named_parameters()} - trained
    stages = {n.removeprefix("detector.backbone.body.").split(".")[0] for n in frozen}
    assert stages == {"conv1", "bn1", "layer1"}
    for number, names in enumerate((first, second, label), start=1):
        assert fit.changed(number) == {n for n in trained if groups({n}) <= names}
    statistics = {n for n in fit.states[0] if "running" in n or "tracked" in n}
    assert statistics, "BatchNorm has some, and none of it changed"


def test_a_fresh_model_goes_into_each_fit() -> None:
    learner = Spied(setup(passes=4), label_ratio=1, rounds=1)
    one, other = Fit(learner).run(), Fit(learner).run()
    for name, value in one.states[-1].items():
        assert torch.equal(value, other.states[-1][name]), name
    assert learner.network is learner.built
    assert not learner.network.training


@pytest.mark.parametrize(
    ("mode", "given", "same"),
    [
        ("sound", None, False),
        ("paper", None, False),
        ("parity", None, True),
        ("parity", False, False),
        ("sound", True, True),
    ],
)
def test_the_code_begins_every_cycle_with_the_same_weights(
    mode: Any, given: bool | None, same: bool
) -> None:
    class Kept(MIAODLearner):
        def _fresh(self, seed: int) -> nn.Module:
            network = super()._fresh(seed)
            drawn.append({k: v.clone() for k, v in network.state_dict().items()})
            return network

    drawn: list[State] = []
    learner = Kept(setup(passes=1, same_weights=given), mode=mode, rounds=0)
    for cycle in (0, 1):
        seeds, numbers = Seeds(5).within("cycle", cycle), Numbers()
        context = FitContext(cycle, seeds, MemoryCheckpoint(), numbers, lambda *_: None)
        learner.fit(labelled(0, 1), ImageSet(IMAGES, POOL), context)
    _, first, second = drawn  # the first of all found out that a model can be built
    assert all(torch.equal(first[k], second[k]) for k in first) is same


def test_killed_after_any_epoch_it_ends_in_the_same_weights() -> None:
    def fit(checkpoint: MemoryCheckpoint) -> State:
        learner = Spied(setup(passes=8), label_ratio=1, rounds=1, skip="image")
        return Fit(learner).run(checkpoint=checkpoint).states[-1]

    whole = MemoryCheckpoint()
    expected = fit(whole)
    assert len(whole.states) == 7
    for number in range(7):
        resumed = MemoryCheckpoint()
        resumed.states = whole.states[: number + 1]
        found = fit(resumed)
        assert all(torch.equal(found[k], expected[k]) for k in expected), number


@pytest.mark.parametrize("mode", ["sound", "parity", "paper"])
@pytest.mark.parametrize("labels", [(), (0,)], ids=["no boxes", "one class"])
def test_one_class_and_images_without_boxes(mode: Any, labels: tuple[int, ...]) -> None:
    learner = Spied(setup(classes=1, passes=4), mode=mode, label_ratio=1, rounds=1)
    fit = Fit(learner).run(labelled(*labels))
    assert len(fit.names) == 4
    if mode == "parity":  # there is one channel, as in the code
        only_present = pytest.approx(1e-5, rel=0.02) if labels else pytest.approx(11.5, rel=0.01)
        assert fit.means[0]["image"] == only_present
    else:
        assert "mil" in groups(fit.changed(3)), "the image loss trains"
        assert fit.means[0]["image"] > 0.1


@pytest.mark.parametrize("mode", ["sound", "parity", "paper"])
def test_a_detector_with_exclusive_classes(mode: Any) -> None:
    settings = {"backbone": "tiny", "weights": "none", "size": 64, "strides": (16, 32, 64)}
    ratios = ((2,), (2, 3), (2,))
    given = setup(passes=4)
    given = replace(given, build_model=partial(SSD, 2, anchor_ratios=ratios, **settings))
    fit = Fit(Spied(given, mode=mode, label_ratio=1, rounds=1)).run()
    trained = [groups(fit.changed(i)) for i in (1, 2)]
    assert trained[mode != "paper"] == (TWO | HEADS if mode == "paper" else TWO)
    (batch,) = fit.learner.signals(ImageSet(IMAGES, POOL[:3]), frozenset({DISAGREEMENT}))
    assert batch[DISAGREEMENT].shape == (3, 4 * 4 * 4 + 2 * 2 * 6 + 4)
    assert (batch[DISAGREEMENT] > 0).all()


def test_an_empty_pool_leaves_the_label_phases(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    learner = Spied(setup(passes=14))
    fit = Fit(learner).run(pool=())
    assert fit.names == ["label"] * 3
    assert len(fit.batches("labelled")) == 14
    assert "cycle 0: nothing is unlabelled, so no min and max phases" in caplog.text


@pytest.mark.parametrize("mode", ["sound", "paper"])
def test_without_rounds_nothing_unlabelled_is_read(
    mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fit = Fit(Spied(setup(passes=2), mode=mode, rounds=0)).run()
    assert fit.names == ["label"]
    assert len(fit.learner.seen) == len(fit.batches("labelled")) == 2
    assert set(fit.means[0]) == {"cls", "box", "image", "total"}
    assert "unlabelled" not in caplog.text


def test_without_image_weight_the_mil_head_rests() -> None:
    learner = Spied(setup(passes=4), label_ratio=1, rounds=1, image_weight=0)
    fit = Fit(learner).run()
    assert not any("image" in name for means in fit.means for name in means)
    changed = set().union(*(groups(fit.changed(i)) for i in (1, 2, 3)))
    assert changed == TRUNK | TWO | {"detector.box_tower"}


def test_image_weight_is_a_factor() -> None:
    once, thrice = (Fit(Spied(setup(passes=1), rounds=0, image_weight=w)).run() for w in (1, 3))
    assert thrice.means[0]["image"] == pytest.approx(3 * once.means[0]["image"])
    assert thrice.means[0]["cls"] == once.means[0]["cls"]


def test_gradients_of_every_tower_are_watched() -> None:
    fit = Fit(Spied(setup(passes=4), label_ratio=1, rounds=1, watch_gradients=True)).run()
    parts = ("backbone", "fpn", "class_tower", "box_tower", "second", "mil")
    found = {k for k in fit.means[0] if k.startswith("gradient/")}
    assert found == {f"gradient/{t}/{p}" for t in ("cls", "box", "image") for p in parts}
    norms = {k.removeprefix("gradient/"): v for k, v in fit.means[0].items() if k in found}
    for name in ("image/mil", "image/fpn", "image/backbone", "cls/class_tower", "box/box_tower"):
        assert norms[name] > 0, name
    for name in ("image/class_tower", "image/second", "image/box_tower", "cls/mil", "box/second"):
        assert norms[name] == 0, name


@pytest.mark.parametrize("mode", ["sound", "paper"])
def test_a_pool_smaller_than_the_labelled_set_comes_round_again(mode: Any) -> None:
    fit = Fit(Spied(setup(passes=8), mode=mode, label_ratio=1, rounds=1)).run(pool=("u0",))
    assert [b.ids for b in fit.batches("unlabelled")] == [("u0", "u0")] * 4


def test_the_paper_trains_on_the_whole_pool() -> None:
    fit = Fit(Spied(setup(passes=16), mode="paper", label_ratio=1, rounds=1)).run()
    assert {i for b in fit.batches("unlabelled") for i in b.ids} == set(POOL)


def test_unlabelled_images_are_drawn_anew_in_each_cycle() -> None:
    images = ImageSet(IMAGES, tuple(f"u{i:03d}" for i in range(100)))
    parts = [drawn(images, 20, Seeds(0).within("cycle", c)).ids for c in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]
    assert len(set(parts[2])) == 20
    assert list(parts[2]) == sorted(parts[2])
    assert drawn(images, 200, Seeds(0)).ids == images.ids


@pytest.fixture(scope="module")
def fitted() -> Spied:
    return Fit(Spied(setup(passes=4), label_ratio=1, rounds=1)).run().learner


def test_disagreement_takes_two_towers_and_no_more(fitted: Spied) -> None:
    towers = {"f1": fitted.network.detector.class_tower, "f2": fitted.network.second}
    towers |= {"fr": fitted.network.detector.box_tower, "fmil": fitted.network.mil}
    towers["trunk"] = fitted.network.detector.fpn
    ran: list[str] = []
    hooks = [
        tower.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, tower in towers.items()
    ]
    (batch,) = fitted.signals(ImageSet(IMAGES, POOL[:3]), frozenset({DISAGREEMENT}))
    for hook in hooks:
        hook.remove()
    assert sorted(ran) == ["f1", "f2", "trunk"]
    each = batch[DISAGREEMENT]
    assert each.shape == (3, 168)
    names = frozenset({DISAGREEMENT, CLASS_PROBS, DETECTIONS, EMBEDDING})
    (everything,) = fitted.signals(ImageSet(IMAGES, POOL[:3]), names)
    assert everything.values.keys() == names
    assert torch.equal(everything[DISAGREEMENT], each)


def test_disagreement_by_its_definition(fitted: Spied) -> None:
    (batch,) = fitted.signals(ImageSet(IMAGES, POOL[:2]), frozenset({DISAGREEMENT}))
    pixels = np.stack([IMAGES.read(i) for i in POOL[:2]])
    sizes = torch.tensor([[64, 64]] * 2)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    with torch.no_grad():
        levels = fitted.network.detector.features(Batch(POOL[:2], images, sizes, sizes)).levels
        first, second = fitted.network.detector.class_tower(levels), fitted.network.second(levels)
    expected = (first.sigmoid() - second.sigmoid()).square().mean(dim=2)
    torch.testing.assert_close(batch[DISAGREEMENT], expected)


@pytest.mark.parametrize(
    ("length", "ratio", "rounds", "expected"),
    [
        (26, 3, 2, (6, 2, 2, 6, 2, 2, 6)),
        (304, 5, 2, (80, 16, 16, 80, 16, 16, 80)),
        (13, 3, 2, (3, 1, 1, 3, 1, 1, 3)),
        (4, 1, 1, (1, 1, 1, 1)),
        (400, 3, 2, (92, 31, 30, 93, 30, 31, 93)),
    ],
)
def test_lengths_of_phases(length: int, ratio: int, rounds: int, expected: Any) -> None:
    names = phase_names(("min", "max"), rounds)
    assert phase_lengths(names, length, ratio) == expected


def test_lengths_always_sum_to_the_whole() -> None:
    names = phase_names(("max", "min"), 2)
    for length in range(13, 500):
        lengths = phase_lengths(names, length, 3)
        assert sum(lengths) == length
        for name, found in zip(names, lengths, strict=True):
            assert abs(found - length * (3 if name == "label" else 1) / 13) < 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "exact"}, "mode: expected one of"),
        ({"skip": "none"}, "skip: expected one of"),
        ({"rounds": -1}, "rounds: expected at least 0, got -1"),
        ({"image_weight": -0.5}, "image_weight: expected at least 0, got -0.5"),
        ({"label_ratio": 0}, "label_ratio: expected at least 1, got 0"),
        ({"discrepancy_weight": -1.0}, "discrepancy_weight: expected at least 0"),
        ({}, "is 5: too little for the 7 phases .* give 13 or more, or lower learner.rounds"),
    ],
)
def test_options_that_cannot_work(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MIAODLearner(setup(passes=5), **options)


def test_lengths_are_not_blamed_for_what_is_out_of_range() -> None:
    with pytest.raises(ConfigError) as raised:
        MIAODLearner(setup(passes=50), label_ratio=0, rounds=-1)
    options = [problem.partition(":")[0] for problem in raised.value.problems]
    assert options == ["label_ratio", "rounds"]


def test_a_warning_when_there_is_nothing_to_learn_from(caplog: pytest.LogCaptureFixture) -> None:
    warn_if_vanished(0, "label", {"cls": 1.0})
    warn_if_vanished(0, "min", {"disagreement": 1e-9, "pseudo_label_rate": 0.1})
    warn_if_vanished(0, "min", {"disagreement": 0.01, "pseudo_label_rate": 0.0})
    assert not caplog.text
    warn_if_vanished(3, "max", {"disagreement": 1e-9, "pseudo_label_rate": 0.0})
    assert "cycle 3, max phase: both classifiers say that unlabelled images show" in caplog.text

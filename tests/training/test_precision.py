"""The choice between fp32 and bf16, by clocks that say what they are told."""

import json

import pytest
import torch

from alframe.build import build_learner
from alframe.config import DataConfig
from alframe.datasets.base import ImageSet
from alframe.errors import RunError
from alframe.resolve import from_overrides, resolve
from alframe.run import run
from alframe.rundir import stored_layer
from alframe.settled import as_settled
from alframe.training import precision as module
from alframe.training.device import autocast
from alframe.training.precision import Choice, choose, faster, made_up
from tests.fakes import FakeImages, FakeLearner

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
IMAGES = ImageSet(FakeImages(), ("a", "b"))
SMALL = (
    "strategy=entropy",
    "dataset.pool=8",
    "dataset.test=2",
    "dataset.size=64",
    "training.iterations=1",
    "training.batch_size=2",
    "training.precision=auto",
    "budget.initial=2",
    "budget.per_cycle=2",
    "budget.cycles=2",
)


def timed(fp32, bf16):
    """What :func:`faster` says where each call of ``fp32`` and ``bf16`` takes these seconds."""
    calls, now = [], [0.0]
    left = {"fp32": list(fp32), "bf16": list(bf16)}

    def once(precision):
        calls.append(precision)
        now[0] += left[precision].pop(0)

    return faster(once, lambda: now[0]), calls


def test_bf16_has_to_be_clearly_faster():
    """The first of each is not counted; the best of the others is: 1.0 against 0.89 and 0.91."""
    choice, calls = timed([1, 1.5, 1.0, 2.0], [1, 0.9, 1.1, 0.89])
    assert choice == Choice("bf16", pytest.approx(1.0), pytest.approx(0.89))
    assert calls == ["fp32", "bf16"] * 4
    assert timed([1, 1.5, 1.0, 2.0], [1, 0.92, 1.1, 0.91])[0].chosen == "fp32"


def test_slow_steps_are_timed_once():
    choice, calls = timed([5, 4, 0], [1, 1, 0])
    assert (choice.chosen, len(calls)) == ("bf16", 4)


class Quick(FakeLearner):
    """A learner that can be tried, and says which precisions were."""

    def rehearsal(self, images):
        self.tried = set()
        return self.tried.add


@pytest.mark.parametrize(
    ("device", "bf16", "learner", "chosen", "tried"),
    [
        (CUDA, True, Quick, "bf16", False),
        (CUDA, False, Quick, "fp32", False),
        (CPU, False, Quick, "fp32", False),
        (CPU, True, FakeLearner, "fp32", False),
        (CPU, True, Quick, None, True),
    ],
)
def test_only_a_cpu_with_bf16_and_a_learner_that_can_be_tried_are_timed(
    device, bf16, learner, chosen, tried, monkeypatch
):
    monkeypatch.setattr(module, "has_bf16", lambda device: bf16)
    own = learner()
    choice = choose(own, IMAGES, device)
    assert getattr(own, "tried", set()) == ({"fp32", "bf16"} if tried else set())
    assert (choice.fp32 is not None) == tried
    assert chosen in (choice.chosen, None)


def test_the_batch_is_of_the_pools_images():
    batch = made_up(IMAGES, DataConfig(pad=32), batch_size=3)
    height, width = FakeImages().read("a").shape[:2]
    assert batch.ids == ("a",) * 3
    assert batch.sizes.tolist() == [[height, width]] * 3
    expected = [[width / 4, height / 4, 3 * width / 4, 3 * height / 4]]
    assert batch.boxes.tolist() == [expected] * 3
    assert batch.labels.tolist() == [[0]] * 3
    assert len(made_up(IMAGES, DataConfig(), batch_size=1)) == 2, "BatchNorm wants two"
    assert len(made_up(IMAGES, DataConfig(), batch_size=99)) == module.MOST_IMAGES


@pytest.mark.parametrize("strategy", ["entropy", "miaod", "ll4al"])
def test_learners_rehearse_without_being_fitted(strategy):
    config = resolve([from_overrides([*SMALL[1:4], f"strategy={strategy}"])])
    learner = build_learner(config, ("a", "b"))
    once = learner.rehearsal(IMAGES)
    for precision in ("fp32", "bf16"):
        once(precision)
    with pytest.raises(RuntimeError, match="not been fitted"):
        _ = learner.model


def test_without_a_choice_auto_is_fp32_on_a_cpu():
    with autocast(CPU, "auto"):
        assert not torch.is_autocast_enabled("cpu")
    with autocast(CPU, "bf16"):
        assert torch.is_autocast_enabled("cpu")


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A run of one cycle of two, and the precisions that were tried."""
    tried = []

    def choice(learner, images, device):
        tried.append(images.ids[0])
        return Choice("bf16", 2.0, 1.0)

    monkeypatch.setattr(module, "choose", choice)
    config = resolve([from_overrides(SMALL)])
    next(iter(run(config, tmp_path / "run")))
    return config, tmp_path / "run", tried


def test_a_run_records_the_choice_and_keeps_it(started):
    config, path, tried = started
    stored = resolve([stored_layer(path)])
    assert stored.training.precision == "bf16"
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["precision"] == {"chosen": "bf16", "fp32": 2.0, "bf16": 1.0}
    assert len(list(run(config, path, resume=True))) == 2
    assert len(tried) == 1
    with pytest.raises(RunError, match=r"precision = 'bf16', now it is 'fp32'"):
        list(run(resolve([from_overrides([*SMALL, "training.precision=fp32"])]), path, resume=True))


def test_a_run_that_takes_over_a_first_cycle_takes_over_its_precision(started, tmp_path):
    config, path, _ = started
    follower = config.model_copy(update={"first_cycle": str(path)})
    assert as_settled(follower, tmp_path / "new").training.precision == "bf16"
    assert as_settled(config, tmp_path / "new").training.precision == "auto"
    fixed = resolve([from_overrides([*SMALL, "training.precision=fp32"])])
    assert as_settled(fixed, path).training.precision == "fp32"


def test_the_manifest_says_what_was_asked_for(tmp_path):
    config = resolve([from_overrides([*SMALL, "training.precision=fp32", "budget.cycles=1"])])
    list(run(config, tmp_path / "run"))
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["precision"] == {
        "chosen": "fp32"
    }

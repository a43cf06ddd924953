"""The made-up learner and the poison of the conformance kit."""

import subprocess
import sys

import pytest
import torch

from alframe import signals as names_of_signals
from alframe.datasets.base import ImageSet, LabelledSet
from alframe.signals import CLASS_PROBS, DETECTIONS, PREDICTED_LOSS
from alframe.testing import PoisonedTargets, SyntheticImages, SyntheticLearner, poisoned
from tests.fakes import fake_dataset


def test_the_kit_itself_imports_no_torch() -> None:
    code = "import alframe.testing, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_signal_that_alframe_names_is_made_up() -> None:
    named = {v for k, v in vars(names_of_signals).items() if k.isupper() and isinstance(v, str)}
    assert SyntheticLearner.provides == named


@pytest.mark.parametrize("exclusive", [True, False])
def test_made_up_signals_keep_their_contract(exclusive: bool) -> None:
    images = ImageSet(SyntheticImages(), tuple(f"i{n}" for n in range(20)))
    (batch,) = SyntheticLearner(exclusive=exclusive, batch_size=20).signals(
        images, SyntheticLearner.provides
    )
    found, probs = batch[DETECTIONS], batch[CLASS_PROBS]
    assert probs.values.shape == (20, 12, 3 + exclusive)
    assert {int(n) for n in found.valid.sum(dim=1)} == {0, 1, 2, 3, 4}
    own = found.probs.gather(2, found.labels[..., None])[..., 0]
    assert torch.equal(own[found.valid], found.scores[found.valid])
    assert (found.scores.diff(dim=1) <= 0).all()
    if exclusive:
        torch.testing.assert_close(probs.values.sum(dim=2), torch.ones(20, 12))
    torch.testing.assert_close(batch["anchor_weight"].sum(dim=1), torch.full((20,), 2.0))


def test_made_up_signals_do_not_depend_on_batch_and_order() -> None:
    images = ImageSet(SyntheticImages(), tuple(f"i{n}" for n in range(7)))
    found: list[dict[str, float]] = []
    for options in ({}, {"batch_size": 2, "shuffle": 3}):
        values: dict[str, float] = {}
        learner = SyntheticLearner(**options)  # type: ignore[arg-type]
        for batch in learner.signals(images, frozenset({PREDICTED_LOSS})):
            values |= zip(batch.ids, batch[PREDICTED_LOSS].tolist(), strict=True)
        found.append(values)
    assert found[0] == found[1]
    assert list(found[0]) != list(found[1])


def test_signals_of_ones_own_can_be_made_up() -> None:
    learner = SyntheticLearner(signals={"telepathy": len})
    images = ImageSet(SyntheticImages(), ("a", "b"))
    (batch,) = learner.signals(images, frozenset({"telepathy"}))
    assert batch["telepathy"] == 2
    with pytest.raises(AssertionError, match=r"requires .'clairvoyance'.*signals={name: maker}"):
        next(learner.signals(images, frozenset({"clairvoyance"})))


def test_poisoned_targets_are_read_by_nobody() -> None:
    data = poisoned(fake_dataset(pool=3, test=2))
    assert list(data.targets) == ["t000", "t001"] != list(data.pool)
    assert "p000" not in data.targets
    assert len(data.targets["t000"].labels) == 1
    for read in (data.targets.__getitem__, data.targets.get):
        with pytest.raises(AssertionError, match=r"the target of 'p001' was read: expected"):
            read("p001")
    with pytest.raises(AssertionError, match="'p000' was read"):
        LabelledSet(data.images, data.pool, data.targets)
    with pytest.raises(KeyError):
        PoisonedTargets({}, ())["x"]

"""Our losses, gradients and scores are those of the authors' code (shared/golden)."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from alframe.detectors.towers import flatten_anchors
from alframe.signals import DISAGREEMENT, SignalBatch
from alframe.strategies.miaod.formulas import (
    agreement,
    disagreement,
    discrepancy,
    image_loss,
    image_scores,
    image_uncertainty,
    mil_weights,
    present_classes,
    pseudo_labels,
    trusted,
)
from alframe.strategies.miaod.strategy import MIAOD
from alframe.strategies.miaod.variants import OBJECTIVES
from tests.strategies.miaod.golden import Golden

FILES = ("dev_retina", "dev_retina_confident", "dev_ssd")
PARITY = OBJECTIVES["parity"](batch_size=2)


@pytest.fixture(scope="module", params=FILES)
def golden(request: pytest.FixtureRequest, shared_golden: Path) -> Golden:
    return Golden.read(shared_golden / f"{request.param}.npz")


def flat(maps: list[Tensor], channels: int) -> Tensor:
    return torch.cat([flatten_anchors(each, channels) for each in maps], dim=1)


def check_losses(golden: Golden, phase: str, ours: dict[str, Tensor]) -> None:
    for term, value in ours.items():
        assert value.item() == pytest.approx(golden.loss(phase, term), rel=1e-5, abs=1e-9), term


def check_gradients(golden: Golden, phase: str, total: Tensor) -> None:
    """Within 1e-4 of each gradient; where the reference has none, neither have we."""
    ours, expected = golden.backward(total), golden.gradients(phase)
    assert len(expected) >= 23
    for name, found in ours.items():
        reference = expected.get(name, torch.zeros_like(found))
        tolerance = 1e-4 * reference.abs().max().item()
        torch.testing.assert_close(found, reference, rtol=1e-4, atol=tolerance, msg=name)


@pytest.mark.parametrize("phase", ["label/labelled", "min/labelled"])
def test_labelled_batches_of_label_and_min_phases(golden: Golden, phase: str) -> None:
    found = PARITY.label(golden.model, golden.labelled)
    terms = {"l_det_cls": "cls", "l_det_loc": "box", "l_imgcls": "image"}
    check_losses(golden, phase, {k: found.terms[v] for k, v in terms.items()})
    check_losses(golden, phase, {"total": found.total()})
    check_gradients(golden, phase, found.total())


def test_unlabelled_batches_of_min_phases(golden: Golden) -> None:
    found = PARITY.minimise(golden.model, golden.unlabelled)
    terms = {"l_wave_dis": "discrepancy", "l_imgcls": "pseudo_image"}
    check_losses(golden, "min/unlabelled", {k: found.terms[v] for k, v in terms.items()})
    check_losses(golden, "min/unlabelled", {"total": found.total()})
    check_gradients(golden, "min/unlabelled", found.total())


def test_labelled_batches_of_max_phases(golden: Golden) -> None:
    """The box loss, which trains nothing in a max phase, is added here."""
    classification = PARITY.maximise_labelled(golden.model, golden.labelled).total()
    box = golden.model.detector.loss(golden.labelled)["box"]
    terms = {"l_det_cls": classification, "l_det_loc": box, "total": classification + box}
    check_losses(golden, "max/labelled", terms)
    check_gradients(golden, "max/labelled", classification + box)


def test_unlabelled_batches_of_max_phases(golden: Golden) -> None:
    found = PARITY.maximise(golden.model, golden.unlabelled)
    terms = {"l_wave_dis_minus": found.terms["agreement"], "total": found.total()}
    check_losses(golden, "max/unlabelled", terms)
    check_gradients(golden, "max/unlabelled", found.total())


@pytest.mark.parametrize("k", [10000, 50])
def test_uncertainty(golden: Golden, k: int) -> None:
    with torch.no_grad():
        features = golden.model.detector.features(golden.unlabelled)
        each = PARITY.disagreement(golden.model, features, golden.unlabelled)
        found = MIAOD(k=k).score(SignalBatch(("a", "b"), {DISAGREEMENT: each}))
    expected = golden.numbers[f"uncertainty/k{k}"].tolist()
    assert found.tolist() == pytest.approx(expected, rel=1e-6)


def test_formulas_on_the_raw_maps_of_the_reference(golden: Golden) -> None:
    """As the docstring of ``losses`` tells; the model and its towers are left out."""
    expected = torch.cat(golden.outputs("mil_weight"), dim=1)
    k = expected.shape[2]
    first, second = (flat(golden.outputs(name), k) for name in ("f1", "f2"))
    per_level = [len(golden.tensor(f"anchors/{i}")) for i in range(len(golden.levels))]
    with torch.no_grad():
        mil = golden.model.mil(golden.levels)
    weights = mil_weights(((first + second) / 2).sigmoid(), mil, per_level)
    # Of a softmax of a convolution in fp32: processors sum in other orders, up to 1e-5 apart.
    torch.testing.assert_close(weights, expected, rtol=5e-5, atol=0)

    scores = image_scores(weights, per_level)
    labels = golden.labelled.labels
    assert labels is not None
    p1, p2 = first.sigmoid(), second.sigmoid()
    pseudo = pseudo_labels(p1, p2)
    uncertainty = image_uncertainty(disagreement(p1, p2), 10000)
    if golden.model.detector.exclusive:
        p1, p2 = first.softmax(dim=2), second.softmax(dim=2)
    present = present_classes(labels, k)
    unlabelled = (image_loss(scores, pseudo) * trusted(pseudo, "batch")).mean()
    check_losses(golden, "label/labelled", {"l_imgcls": image_loss(scores, present).mean()})
    dis = 0.5 * discrepancy(p1, p2, weights).sum()
    check_losses(golden, "min/unlabelled", {"l_imgcls": unlabelled, "l_wave_dis": dis})
    agree = 0.5 * agreement(p1, p2, weights).sum()
    check_losses(golden, "max/unlabelled", {"l_wave_dis_minus": agree})
    expected_scores = golden.numbers["uncertainty/k10000"].tolist()
    assert uncertainty.tolist() == pytest.approx(expected_scores, rel=1e-6)


def test_sound_and_parity_are_one_where_classes_do_not_exclude_each_other(golden: Golden) -> None:
    sound = OBJECTIVES["sound"](batch_size=2)
    if golden.model.detector.exclusive:
        pytest.skip("they differ here")
    for name in ("minimise", "maximise"):
        terms = [getattr(o, name)(golden.model, golden.unlabelled).terms for o in (sound, PARITY)]
        assert terms[0] == terms[1]

"""The formulas by hand and against slow ones; which gradients they give (specs/miaod.md 9)."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alframe.detectors.retinanet import RetinaNet
from alframe.detectors.towers import Tower
from alframe.strategies.miaod import formulas
from alframe.strategies.miaod.model import MIAODModel, inside
from alframe.strategies.miaod.objectives import Objective
from alframe.strategies.miaod.variants import OBJECTIVES
from tests.detectors.drawing import TINY, drawing, padded
from tests.detectors.drawing import small_retinanet as tiny
from tests.detectors.test_retinanet import Softmax

LEVELS = (6, 3, 1)
SMALL = json.loads((Path(__file__).parent / "golden_small.json").read_text(encoding="utf-8"))


def some(*shape: int, seed: int = 0, scale: float = 2.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def model(classes: int = 3, **settings: Any) -> MIAODModel:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        detector = tiny(classes, **settings)
        return MIAODModel(detector, Objective(batch_size=2).mil_classes(detector))


def slow_weights(probabilities: Tensor, mil: Tensor) -> Tensor:
    """mil_weights of one image, one number at a time."""
    weights, start = torch.zeros_like(probabilities), 0
    for count in LEVELS:
        rows = range(start, start + count)
        best = {i: max(probabilities[i].tolist()) for i in rows}
        for i in rows:
            anchor = math.exp(best[i]) / sum(math.exp(m) for m in best.values())
            scores = [math.exp(s) for s in mil[i].tolist()]
            for c in range(probabilities.shape[1]):
                weights[i, c] = anchor * scores[c] / sum(scores)
        start += count
    return weights


def test_weights_against_loops() -> None:
    probabilities, mil = some(2, 10, 4).sigmoid(), some(2, 10, 4, seed=1)
    found = formulas.mil_weights(probabilities, mil, LEVELS)
    for image in range(2):
        torch.testing.assert_close(found[image], slow_weights(probabilities[image], mil[image]))


def test_weights_of_a_level_sum_to_one_and_anchors_differ_by_e_at_most() -> None:
    weights = formulas.mil_weights(some(2, 10, 4, scale=9).sigmoid(), some(2, 10, 4), LEVELS)
    for level in torch.split(weights, LEVELS, dim=1):
        torch.testing.assert_close(level.sum(dim=(1, 2)), torch.ones(2))
        anchors = level.sum(dim=2)
        assert (anchors.amax(dim=1) / anchors.amin(dim=1) <= math.e + 1e-5).all()


def test_a_background_channel_is_dropped_after_the_softmax() -> None:
    mil = torch.tensor([[[math.log(3.0), 0.0]]])
    weights = formulas.mil_weights(torch.tensor([[[0.2]]]), mil, [1])
    torch.testing.assert_close(weights, torch.tensor([[[0.75]]]))


def test_masked_anchors_weigh_nothing_and_the_others_more() -> None:
    probabilities, mil = some(1, 10, 2).sigmoid(), some(1, 10, 2, seed=1)
    valid = torch.ones(1, 10, dtype=torch.bool)
    valid[0, [1, 4, 9]] = False  # 9 is all of the last level
    found = formulas.mil_weights(probabilities, mil, LEVELS, valid)
    kept = valid[0].nonzero().flatten()
    alone = formulas.mil_weights(probabilities[:, kept], mil[:, kept], (4, 3))
    torch.testing.assert_close(found[:, kept], alone)
    assert (found[~valid] == 0).all()
    everything = formulas.mil_weights(probabilities, mil, LEVELS, torch.ones_like(valid))
    assert torch.equal(everything, formulas.mil_weights(probabilities, mil, LEVELS))


def test_weights_of_the_paper_sum_to_one_over_anchors_before_the_classes_share_them() -> None:
    logits, mil = some(2, 5, 3), some(2, 5, 3, seed=1)
    expected = (logits.exp() / logits.exp().sum(dim=1, keepdim=True)) * mil.softmax(dim=2)
    torch.testing.assert_close(formulas.paper_weights(logits, mil), expected)
    torch.testing.assert_close(
        formulas.paper_weights(logits, torch.zeros_like(mil)).sum(dim=1), torch.full((2, 3), 1 / 3)
    )


def test_scores_are_the_largest_sum_of_a_level() -> None:
    weights = torch.tensor([[[0.1, 0.0], [0.2, 0.1], [0.25, 0.5]]])
    assert formulas.image_scores(weights, [2, 1])[0].tolist() == pytest.approx([0.3, 0.5])


def test_image_loss_by_hand() -> None:
    scores = torch.tensor([[0.8, 0.5], [0.0, 1.0]], requires_grad=True)
    present = torch.tensor([[True, False], [True, True]])
    found = formulas.image_loss(scores, present)
    expected = [-(math.log(0.8) + math.log(0.5)) / 2, -(math.log(1e-5) + math.log(1 - 1e-5)) / 2]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    found.sum().backward()
    assert scores.grad is not None
    assert scores.grad[0].tolist() == pytest.approx([-0.5 / 0.8, 0.5 / 0.5])
    assert scores.grad[1].tolist() == [0, 0], "what is clamped is not pushed on"


def test_present_classes_leave_padding_out() -> None:
    labels = torch.tensor([[2, 0, 2], [-1, -1, -1], [1, -1, -1]])
    expected = [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert formulas.present_classes(labels, 3).int().tolist() == expected
    assert formulas.present_classes(labels[:, :0], 3).sum() == 0


def test_pseudo_labels_are_of_one_anchor_that_both_classifiers_see() -> None:
    first = torch.tensor([[[0.9, 0.2, 0.6], [0.0, 0.9, 0.0]]])
    second = torch.tensor([[[0.2, 0.0, 0.4], [0.0, 0.0, 0.9]]])
    assert formulas.pseudo_labels(first, second).tolist() == [[True, False, True]]
    valid = torch.tensor([[False, True]])
    assert formulas.pseudo_labels(first, second, valid).tolist() == [[False, False, False]]


def test_an_image_without_pseudo_label_takes_its_batch_along_or_not() -> None:
    pseudo = torch.tensor([[True, False], [False, False], [True, True]])
    assert formulas.trusted(pseudo, "batch").tolist() == [0, 0, 0]
    assert formulas.trusted(pseudo, "image").tolist() == [1, 0, 1]
    assert formulas.trusted(pseudo[::2], "batch").tolist() == [1, 1]


def test_discrepancy_and_agreement_by_hand() -> None:
    first, second = torch.tensor([[[0.9, 0.2], [0.5, 0.5]]]), torch.tensor([[[0.4, 0.3], [0.5, 1]]])
    weights = torch.tensor([[[0.1, 0.2], [0.3, 0.4]]])
    expected = (0.5 * 0.1 + 0.1 * 0.2 + 0.5 * 0.4) / 2
    assert formulas.discrepancy(first, second, weights).item() == pytest.approx(expected)
    total = weights.sum().item() / 2
    assert formulas.agreement(first, second, weights).item() == pytest.approx(total - expected)
    assert formulas.disagreement(first, second)[0].tolist() == pytest.approx([0.13, 0.125])


def test_the_gradient_of_agreement_is_that_of_minus_discrepancy() -> None:
    first, second = (some(2, 10, 3, seed=s).sigmoid().requires_grad_() for s in (0, 1))
    weights = some(2, 10, 3, seed=2).sigmoid().requires_grad_()
    gradients = [
        torch.autograd.grad(f(first, second, weights).sum(), [first, second])
        for f in (formulas.discrepancy, formulas.agreement)
    ]
    for less, more in zip(*gradients, strict=True):
        torch.testing.assert_close(less, -more)
    assert not torch.autograd.grad(
        formulas.discrepancy(first, second, weights).sum(), weights, allow_unused=True
    )[0]


def test_uncertainty_is_the_maximum_for_one_and_the_mean_for_all() -> None:
    values = some(3, 20).square()
    assert torch.equal(formulas.image_uncertainty(values, 1), values.amax(dim=1))
    for k in (20, 21, 10000):
        torch.testing.assert_close(formulas.image_uncertainty(values, k), values.mean(dim=1))
    for k in (7, 19):
        expected = values.sort(dim=1, descending=True).values[:, :k].mean(dim=1)
        torch.testing.assert_close(formulas.image_uncertainty(values, k), expected)


def test_anchors_inside_the_image() -> None:
    anchors = torch.tensor([[-4.0, -4, 4, 4], [12, 4, 20, 12], [4, 12, 12, 20], [15, 7, 16, 8]])
    sizes = torch.tensor([[8, 16], [64, 64]])
    assert inside(anchors, sizes).int().tolist() == [[1, 0, 0, 1], [1, 1, 1, 1]]


def small(key: str) -> Tensor:
    return torch.tensor(SMALL[key])


def test_numbers_of_the_reference() -> None:
    """A few of shared/golden/dev_retina_confident.npz, for where that folder is missing."""
    logits = (small("f1") + small("f2")) / 2
    weights = formulas.mil_weights(logits.sigmoid(), small("mil"), [18])
    torch.testing.assert_close(weights, small("weights"), rtol=1e-6, atol=0)
    scores = formulas.image_scores(small("level_sums"), [1] * 5)  # as if a level were one anchor
    labelled = formulas.image_loss(scores, formulas.present_classes(small("labels"), 5)).mean()
    assert labelled.item() == pytest.approx(SMALL["l_imgcls"], rel=1e-5)
    pseudo = formulas.pseudo_labels(small("p1"), small("p2"))
    trusted = formulas.trusted(pseudo, "batch")
    unlabelled = (formulas.image_loss(scores, pseudo) * trusted).mean()
    assert unlabelled.item() == pytest.approx(SMALL["l_imgcls_unlabelled"], rel=1e-5)


# The same, of a model.


def test_a_fresh_model_on_voc() -> None:
    """B = 2, 5 levels, 20 classes: lambda * 5 * 2 / 20 to be lowered by max, nothing by min."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        settings = TINY | {"tower_norm": "none", "strides": (8, 16, 32, 64, 128)}
        fresh = MIAODModel(RetinaNet(20, **settings), 20)
    batch, objective = drawing(side=128), Objective(batch_size=2)
    agreement = objective.maximise(fresh, batch).terms["agreement"].item()
    assert 0.2499 < agreement < 0.25
    least = objective.minimise(fresh, batch)
    assert 0 < least.terms["discrepancy"].item() < 1e-4
    assert least.terms["pseudo_image"].item() == 0
    assert least.stats["pseudo_label_rate"].item() == 0
    assert objective.label(fresh, batch).terms["image"].item() == pytest.approx(0.20, abs=0.005)


def trained_by(total: Tensor, of: MIAODModel) -> set[str]:
    """First names of the parameters that get a gradient other than zero."""
    named = list(of.named_parameters())
    found = torch.autograd.grad(total, [p for _, p in named], allow_unused=True, retain_graph=True)
    moved = [n for (n, _), g in zip(named, found, strict=True) if g is not None and g.any()]
    return {".".join(n.split(".")[: 1 + n.startswith("detector")]) for n in moved}


TRUNK = {"detector.backbone", "detector.fpn"}
TWO = {"detector.class_tower", "second"}


@pytest.mark.parametrize("mode", ["sound", "parity", "paper"])
def test_what_each_term_trains(mode: Any) -> None:
    of, batch = model(), drawing()
    for tower in (of.detector.class_tower, of.second):
        nn.init.constant_(tower.output.bias, 1.0)  # type: ignore[arg-type]
    objective = OBJECTIVES[mode](batch_size=2)
    label, least = objective.label(of, batch).terms, objective.minimise(of, batch).terms
    assert trained_by(label["cls"], of) == TRUNK | TWO
    assert trained_by(label["box"], of) == TRUNK | {"detector.box_tower"}
    assert trained_by(label["image"], of) == TRUNK | {"mil"}
    assert trained_by(least["discrepancy"], of) == TRUNK | TWO
    assert trained_by(least["pseudo_image"], of) == TRUNK | {"mil"}
    assert trained_by(objective.maximise(of, batch).total(), of) == TWO
    heads = {"detector.box_tower", "mil"} if mode == "paper" else set()
    assert trained_by(objective.maximise_labelled(of, batch).total(), of) == TWO | heads


def test_image_weight_is_a_factor_of_what_pseudo_labels_say() -> None:
    of, batch = model(), drawing()
    for tower in (of.detector.class_tower, of.second):
        nn.init.constant_(tower.output.bias, 1.0)  # type: ignore[arg-type]
    once, thrice = (Objective(2, image_weight=w).minimise(of, batch).terms for w in (1, 3))
    assert once["pseudo_image"] > 0
    torch.testing.assert_close(thrice["pseudo_image"], 3 * once["pseudo_image"])
    assert torch.equal(thrice["discrepancy"], once["discrepancy"])


def test_the_paper_sums_where_the_code_averages() -> None:
    of, batch = model(), drawing()
    code, paper = (OBJECTIVES[m](batch_size=2) for m in ("sound", "paper"))
    ours, theirs = (o.label(of, batch).terms for o in (code, paper))
    torch.testing.assert_close(theirs["cls"], 2 * ours["cls"])
    torch.testing.assert_close(theirs["box"], ours["box"])
    least, most = paper.minimise(of, batch).terms, paper.maximise(of, batch).terms
    torch.testing.assert_close(most["agreement"], -least["discrepancy"])
    view = paper.view(of, batch)
    p1, p2 = view.first.sigmoid(), view.second.sigmoid()
    expected = 0.5 * ((p1 - p2).abs() * paper.weights(view)).sum()
    torch.testing.assert_close(least["discrepancy"], expected)
    weights = paper.weights(view)
    bce = nn.functional.binary_cross_entropy(
        weights.sum(dim=1), torch.tensor([[1.0, 0, 0], [0, 1, 0]]), reduction="sum"
    )
    torch.testing.assert_close(theirs["image"], bce / 2)


def test_one_class_learns_from_the_image_loss() -> None:
    of, batch = model(1), drawing(classes=1)
    assert of.mil.channels == 2
    objective = Objective(batch_size=2)
    assert "mil" in trained_by(objective.label(of, batch).terms["image"], of)
    empty = replace(batch, labels=torch.full_like(batch.labels, -1))
    losses_of = [objective.label(of, b).terms["image"].item() for b in (batch, empty)]
    assert losses_of == pytest.approx([math.log(2)] * 2, rel=0.05), "half, before it has learnt"
    assert torch.isfinite(objective.minimise(of, batch).total())


def test_one_class_is_nothing_to_learn_for_the_code_to_the_letter() -> None:
    """specs/miaod.md 2.4: S = 1 identically, the loss is 1e-5 and has no gradient."""
    objective, detector = OBJECTIVES["parity"](batch_size=2), tiny(1)
    of = MIAODModel(detector, objective.mil_classes(detector))
    assert of.mil.channels == 1
    batch = drawing(classes=1)
    image = objective.label(of, batch).terms["image"]
    assert image.item() == pytest.approx(1e-5, rel=0.02)
    gradients = torch.autograd.grad(image, [*of.parameters()], allow_unused=True)
    assert not any(g.abs().max() for g in gradients if g is not None)
    view = objective.view(of, batch)
    for weights in objective.weights(view).split(list(view.anchors.per_level), dim=1):
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(2, 1))


@pytest.mark.parametrize("mode", ["sound", "parity", "paper"])
@pytest.mark.parametrize("rows", [0, 2])
def test_images_without_boxes(mode: Any, rows: int) -> None:
    of, objective = model(), OBJECTIVES[mode](batch_size=2)
    batch = replace(drawing(), boxes=torch.zeros(2, rows, 4), labels=torch.full((2, rows), -1))
    for step in (objective.label, objective.maximise_labelled):
        assert torch.isfinite(step(of, batch).total())


def exclusive(mode: Any, classes: int = 3) -> tuple[MIAODModel, Objective]:
    objective = OBJECTIVES[mode](batch_size=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        detector = Softmax(tiny(classes))
        return MIAODModel(detector, objective.mil_classes(detector)), objective


@pytest.mark.parametrize("mode", ["sound", "paper"])
def test_background_has_no_part_in_it(mode: Any) -> None:
    """Logits that agree that everything is background: nothing to see, nothing to dispute."""
    of, objective = exclusive(mode)
    assert of.mil.channels == 3
    for tower in (of.detector.class_tower, of.second):
        bias = tower.output.bias.detach().view(-1, 4)  # type: ignore[union-attr]
        bias[:, :3], bias[:, 3] = some(3, seed=1), 12.0
    found = objective.minimise(of, drawing())
    assert found.stats["pseudo_label_rate"].item() == 0
    assert found.terms["discrepancy"].item() < 1e-3
    view = objective.view(of, drawing())
    assert objective.weights(view).shape == (2, 168, 3)
    each = objective.disagreement(of, view.features, drawing())
    p1, p2 = (x.softmax(dim=2)[..., :3] for x in (view.first, view.second))
    torch.testing.assert_close(each, (p1 - p2).square().mean(dim=2))


def test_parity_takes_the_sigmoid_of_softmax_logits_and_background_for_a_class() -> None:
    of, objective = exclusive("parity")
    assert of.mil.channels == 4
    view = objective.view(of, drawing())
    assert objective.weights(view).shape == (2, 168, 4)
    each = objective.disagreement(of, view.features, drawing())
    p1, p2 = view.first.sigmoid(), view.second.sigmoid()
    torch.testing.assert_close(each, (p1 - p2).square().mean(dim=2))


def test_exclusive_classes_with_one_class() -> None:
    for mode in ("sound", "parity", "paper"):
        of, objective = exclusive(mode, classes=1)
        assert of.mil.channels == 2
        assert torch.isfinite(objective.label(of, drawing(classes=1)).total())
        assert "mil" in trained_by(objective.label(of, drawing(classes=1)).terms["image"], of)


class Given(nn.Module):
    """A tower that says what it is told to."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, levels: Any) -> Tensor:
        return self.logits


@pytest.mark.parametrize("mode", ["sound", "paper"])
def test_masked_padding_changes_nothing_however_much_there_is(mode: Any) -> None:
    of, batch = model(), drawing()
    objective = OBJECTIVES[mode](batch_size=2, mask_padding=True)
    larger = padded(batch, 96, 96)
    anchors = of.detector.anchors(of.detector.features(larger))
    valid = inside(anchors.boxes, larger.sizes)
    assert anchors.per_level == (288, 72, 18)
    assert valid.sum(dim=1).tolist() == [168, 168]
    heads = [some(2, 168, 3, seed=s) for s in range(3)]
    scattered = [_scattered(h, valid, seed) for seed, h in enumerate(heads, start=9)]
    found = []
    for seen, given in ((batch, heads), (larger, scattered)):
        of.detector.class_tower, of.second, of.mil = map(Given, given)
        terms = (objective.minimise(of, seen), objective.maximise(of, seen))
        each = objective.disagreement(of, of.detector.features(seen), seen)
        found.append([t.total() for t in terms] + [t.stats["pseudo_label_rate"] for t in terms])
        found[-1].append(each.sum(dim=1))
    for small_frame, large_frame in zip(*found, strict=True):
        torch.testing.assert_close(small_frame, large_frame)


def _scattered(values: Tensor, valid: Tensor, seed: int) -> Tensor:
    """The rows of ``values`` where it is valid, and loud noise elsewhere."""
    noise = some(2, valid.shape[1], values.shape[2], seed=seed, scale=9)
    noise[valid] = values.flatten(0, 1)
    return noise


def test_parts_of_a_batch_weigh_what_the_whole_does() -> None:
    of, batch = model(), drawing(4)
    objective = Objective(batch_size=4, skip="image")
    for step in (objective.minimise, objective.maximise):
        whole = step(of, batch).total()
        parts = sum(step(of, part).total() / 2 for part in batch.chunk(2))
        torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize("mode", ["sound", "parity", "paper"])
def test_mixed_precision_gives_single_losses(mode: Any) -> None:
    of, batch, objective = model(), drawing(), OBJECTIVES[mode](batch_size=2)
    steps = (objective.label, objective.minimise, objective.maximise_labelled, objective.maximise)
    for step in steps:
        exact = step(of, batch).terms
        with torch.autocast("cpu", torch.bfloat16):
            terms = step(of, batch).terms
        assert {v.dtype for v in terms.values()} == {torch.float32}
        for name, value in terms.items():
            assert value.item() == pytest.approx(exact[name].item(), rel=0.05, abs=1e-3), name


def test_initial_weights() -> None:
    """Second classifier and outputs as RetinaNet's; hidden layers of the MIL head Kaiming."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        of = MIAODModel(RetinaNet(20, weights="none"), 20)
    assert isinstance(of.second, Tower)
    assert isinstance(of.mil, Tower)
    deviations = {"second": 0.01, "mil": math.sqrt(2 / (256 * 9))}
    for name, expected in deviations.items():
        tower = of.get_submodule(name)
        hidden = [m for m in tower.get_submodule("convs").modules() if isinstance(m, nn.Conv2d)]
        assert len(hidden) == 4
        for conv in hidden:
            assert conv.weight.std().item() == pytest.approx(expected, rel=0.02)
            assert conv.bias is not None
            assert not conv.bias.any()
        output = tower.get_submodule("output")
        assert output.weight.std().item() == pytest.approx(0.01, rel=0.02)
        torch.testing.assert_close(output.bias, torch.full((180,), -math.log(99)))
    first = of.detector.class_tower.state_dict()
    assert not torch.equal(first["output.weight"], of.second.output.weight)

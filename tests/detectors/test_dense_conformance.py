"""What every dense detector promises, on every one that there is."""

from dataclasses import replace

import pytest
import torch

from alframe.testing import check_dense
from tests.detectors.drawing import drawing, padded, small_retinanet, small_ssd

pytestmark = pytest.mark.parametrize("make", [small_retinanet, small_ssd])


def gradients(model, batch):
    sum(model.loss(batch).values()).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}


def found_by(model, batch):
    with torch.no_grad():
        return model.eval().detect(*model(batch), batch)


def test_it_keeps_the_contract(make):
    check_dense(make)


def test_classes_that_exclude_each_other_sum_to_one(make):
    model = make()
    logits = model(drawing()).class_logits
    assert model.exclusive == (logits.shape[2] == 4)
    if model.exclusive:
        sums = model.probabilities(logits).sum(dim=2)
        torch.testing.assert_close(sums, torch.ones_like(sums))


def test_there_is_room_for_as_many_detections_as_are_asked_for(make):
    model = make()
    model.postprocess = replace(model.postprocess, score_threshold=0.005, max_detections=30)
    found = found_by(model, drawing())
    assert found.exclusive == model.exclusive
    assert found.boxes.shape == (2, 30, 4)
    assert found.probs.shape == (2, 30, model.score_channels)
    assert found.valid.any(dim=1).all()
    assert (found.scores[found.valid] > 0.005).all()


def test_a_new_tower_is_of_the_type_of_the_model(make):
    model = make().double()
    levels = [level.double() for level in make().features(drawing()).levels]
    assert model.new_class_tower()(levels).dtype == torch.float64


@pytest.mark.parametrize("rows", [0, 2])
def test_images_without_boxes_train(make, rows):
    batch = replace(drawing(), boxes=torch.zeros(2, rows, 4), labels=torch.full((2, rows), -1))
    model = make()
    losses = model.loss(batch)
    assert losses["box"].item() == 0
    assert torch.isfinite(losses["cls"])
    assert all(g is not None and g.isfinite().all() for g in gradients(model, batch).values())


@pytest.mark.parametrize(
    "box", [[6, 20, 36, 50], [10, 10, 10, 30], [0, 0, 0, 0], [0, 0, 64, 64], [3, 3, 4, 4]]
)
def test_gradients_are_finite_everywhere(make, box):
    batch = drawing()
    batch.boxes[0, 0] = torch.tensor(box)
    batch.images[1] = 0  # nothing to see: maps of zeros, where a norm has no direction
    found = gradients(make(), batch)
    assert all(g is not None and g.isfinite().all() for g in found.values())
    assert any(g.abs().sum() > 0 for g in found.values())


def test_the_order_of_a_batch_does_not_matter(make):
    model, batch = make().eval(), drawing(3)
    order = torch.tensor([2, 0, 1])
    turned = replace(
        batch,
        ids=tuple(batch.ids[i] for i in order),
        images=batch.images[order],
        boxes=batch.boxes[order],
        labels=batch.labels[order],
    )

    def sums(part):
        logits, deltas, anchors = model(part)
        assignment = model.assign(anchors, part)
        return model.class_loss(logits, assignment), model.box_loss(deltas, anchors, assignment)

    for one, other in zip(sums(batch), sums(turned), strict=True):
        torch.testing.assert_close(one[order], other)
    one, other = found_by(model, batch), found_by(model, turned)
    torch.testing.assert_close(one.scores[order], other.scores)


def test_what_lies_in_the_padding_does_not_matter(make):
    model, batch = make().eval(), replace(drawing(), sizes=torch.tensor([[52, 60], [64, 64]]))
    noisy = replace(batch, images=batch.images.clone())
    noisy.images[0, :, 52:] = 200
    noisy.images[0, :, :, 60:] = 90
    for one, other in zip(model(batch)[:2], model(noisy)[:2], strict=True):
        assert torch.equal(one, other)
    found = found_by(model, replace(noisy, originals=noisy.sizes))
    assert (found.boxes[0] <= torch.tensor([60, 52, 60, 52])).all()


def test_a_larger_frame_only_adds_anchors(make):
    model, batch = make(), drawing()
    small = model.anchors(model.features(batch))
    large = model.anchors(model.features(padded(batch, 128, 128)))
    few, many = (each.boxes.split(each.per_level) for each in (small, large))
    for level, wide in zip(few, many, strict=True):
        assert {tuple(box) for box in level.tolist()} <= {tuple(box) for box in wide.tolist()}


def test_the_state_is_all_there_is(make):
    model, other, batch = make(), make(seed=1), drawing()
    assert not torch.equal(model(batch).class_logits, other(batch).class_logits)
    other.load_state_dict(model.state_dict())
    for one, another in zip(model.eval()(batch)[:2], other.eval()(batch)[:2], strict=True):
        assert torch.equal(one, another)


def test_trains_after_inference_on_the_same_shape(make):
    model, batch = make(), drawing()
    with torch.inference_mode():
        model.detect(*model(batch), batch)
    assert gradients(model, batch)


def test_mixed_precision_gives_single_losses_and_detections(make):
    model, batch = make(), drawing()
    with torch.autocast("cpu", torch.bfloat16):
        losses, predictions = model.loss(batch), model(batch)
        found = model.detect(*predictions, batch)
    assert predictions.class_logits.dtype == torch.bfloat16
    assert {v.dtype for v in losses.values()} == {torch.float32}
    assert found.boxes.dtype == found.probs.dtype == torch.float32


def test_learns_to_find_squares(make):
    model, batch = make(), drawing(4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        sum(model.loss(batch).values()).backward()
        optimizer.step()
    found = found_by(model, batch)
    assert torch.equal(found.labels[:, 0], batch.labels[:, 0])
    assert (found.scores[:, 0] > 0.5).all()
    assert (found.boxes[:, 0] - batch.boxes[:, 0]).abs().max() < 5

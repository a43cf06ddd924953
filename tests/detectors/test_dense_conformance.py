"""What every dense detector promises, on every one that there is."""

from dataclasses import replace

import pytest
import torch

from tests.detectors.drawing import drawing, padded, small_retinanet, small_ssd

pytestmark = pytest.mark.parametrize("make", [small_retinanet, small_ssd])


def gradients(model, batch):
    sum(model.loss(batch).values()).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.requires_grad}


def found_by(model, batch):
    with torch.no_grad():
        return model.eval().detect(*model(batch), batch)


def test_shapes_of_every_part(make):
    model, batch = make(), drawing()
    features = model.features(batch)
    anchors = model.anchors(features)
    count, channels = len(anchors.boxes), model.score_channels
    assert sum(anchors.per_level) == count
    assert len(anchors.per_level) == len(features.levels)
    assert features.input_shape == (64, 64)
    assert features.deepest.shape[0] == 2
    logits, deltas = model.class_tower(features.levels), model.box_tower(features.levels)
    assert logits.shape == (2, count, channels)
    assert deltas.shape == (2, count, 4)
    assignment = model.assign(anchors, batch)
    assert model.class_loss(logits, assignment).shape == (2,)
    assert model.box_loss(deltas, anchors, assignment).shape == (2,)
    probs = model.probabilities(logits)
    assert probs.shape == (2, count, channels)
    assert model.foreground(probs).shape == (2, count, 3)
    assert model.exclusive == (channels == 4)
    if model.exclusive:
        torch.testing.assert_close(probs.sum(dim=-1), torch.ones(2, count))


@pytest.mark.parametrize("rows", [0, 2])
def test_images_without_boxes_train(make, rows):
    batch = replace(drawing(), boxes=torch.zeros(2, rows, 4), labels=torch.full((2, rows), -1))
    model = make()
    losses = model.loss(batch)
    assert losses["box"].item() == 0
    assert torch.isfinite(losses["cls"])
    assert all(g is not None and g.isfinite().all() for g in gradients(model, batch).values())


def test_unlabelled_images_have_no_loss_but_predictions(make):
    model, batch = make(), replace(drawing(), boxes=None, labels=None)
    with pytest.raises(ValueError, match="images im0, im1 are unlabelled"):
        model.loss(batch)
    assert len(found_by(model, batch).boxes) == 2


def test_one_class(make):
    model, batch = make(1), drawing(classes=1)
    assert all(g.isfinite().all() for g in gradients(model, batch).values())
    assert found_by(model, batch).probs.shape[-1] == model.score_channels
    assert (found_by(model, batch).labels == 0).all()


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


def test_detections_keep_the_contract(make):
    model, batch = make(), replace(drawing(), originals=torch.tensor([[128, 32], [64, 64]]))
    model.postprocess = replace(model.postprocess, score_threshold=0.005, max_detections=30)
    found = found_by(model, batch)
    assert found.exclusive == model.exclusive
    assert found.boxes.shape == (2, 30, 4)
    assert found.probs.shape == (2, 30, model.score_channels)
    assert (found.valid.int().diff() <= 0).all(), "padding comes last"
    height, width = batch.originals[:, :1], batch.originals[:, 1:]
    for boxes, valid, h, w in zip(found.boxes, found.valid, height, width, strict=True):
        kept = boxes[valid]
        assert len(kept)
        assert (kept >= 0).all()
        assert (kept[:, [0, 2]] <= w).all()
        assert (kept[:, [1, 3]] <= h).all()
        assert (kept[:, :2] <= kept[:, 2:]).all()
    for scores, labels, probs, valid in zip(
        found.scores, found.labels, found.probs, found.valid, strict=True
    ):
        assert (scores[valid] > 0.005).all()
        assert (scores[valid].diff() <= 0).all()
        assert ((labels >= 0) & (labels < 3)).all()
        own = probs.gather(1, labels[:, None])[:, 0]
        assert torch.equal(own[valid], scores[valid])


def test_a_new_tower_is_like_the_classifier_but_fresh(make):
    model = make()
    levels = model.features(drawing()).levels
    tower, wider = model.new_class_tower(), model.new_class_tower(channels=7)
    own = model.class_tower.state_dict()
    assert {k: v.shape for k, v in tower.state_dict().items()} == {
        k: v.shape for k, v in own.items()
    }
    assert any(not torch.equal(v, own[k]) for k, v in tower.state_dict().items())
    assert tower(levels).shape == model.class_tower(levels).shape
    assert wider(levels).shape == (*tower(levels).shape[:2], 7)
    assert (
        model.double().new_class_tower()([level.double() for level in levels]).dtype
        == torch.float64
    )


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

"""One detector that breaks each rule of the conformance kit, and one that breaks none."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from alframe.testing import check_dense
from tests.detectors.drawing import small_retinanet

OWN = np.random.default_rng(0)
"""A generator that nobody handed over: it goes on from call to call."""


def altered(**methods: Any) -> Callable[[int], nn.Module]:
    """A detector of which some methods are others: each is given the original and its arguments."""

    def factory(classes: int) -> nn.Module:
        model: Any = made(classes)
        for name, method in methods.items():
            setattr(model, name, partial(method, getattr(model, name)))
        return model

    return factory


def made(classes: int) -> nn.Module:
    """A detector whose weights follow from torch's generator, and its anchors from it alone."""
    seed = int(torch.randint(2**31, ()))
    return small_retinanet(classes, seed=seed, fpn_channels=16, tower_convs=1)


def unseeded(classes: int) -> nn.Module:
    return small_retinanet(classes, seed=int(OWN.integers(2**31)))


def drawing_globally(classes: int) -> nn.Module:
    np.random.rand()  # noqa: NPY002
    return made(classes)


def batch_normed(classes: int) -> nn.Module:
    model: Any = made(classes)
    model.eval = lambda: model
    features = model.features

    def mixed(batch: Any) -> Any:
        found = features(batch)
        return replace(found, levels=tuple(x - x.mean(dim=0) for x in found.levels))

    model.features = mixed
    return model


def untrained(classes: int) -> nn.Module:
    model = made(classes)
    model.register_parameter("spare", nn.Parameter(torch.zeros(1)))
    return model


def scaled_boxes(detect: Any, logits: Any, deltas: Any, anchors: Any, batch: Any) -> Any:
    found = detect(logits, deltas, anchors, batch)
    return replace(found, boxes=found.boxes * 3)


def raised_scores(detect: Any, logits: Any, deltas: Any, anchors: Any, batch: Any) -> Any:
    found = detect(logits, deltas, anchors, batch)
    return replace(found, scores=found.scores + 0.1)


def worst_first(detect: Any, logits: Any, deltas: Any, anchors: Any, batch: Any) -> Any:
    found = detect(logits, deltas, anchors, batch)
    return replace(found, scores=found.scores.flip(1), valid=found.valid | True)


def zero_loss(loss: Any, batch: Any) -> Any:
    return {name: value * 0 for name, value in loss(batch).items()}


def infinite_loss(loss: Any, batch: Any) -> Any:
    return {name: value / 0 for name, value in loss(batch).items()}


def without_labels(loss: Any, batch: Any) -> Any:
    if batch.labels is None:
        return loss(batch)
    return loss(replace(batch, labels=batch.labels.clamp(max=0)))


def without_boxes(loss: Any, batch: Any) -> Any:
    if batch.boxes is None:
        return loss(batch)
    boxes = torch.tensor([8.0, 8, 40, 40]).expand_as(batch.boxes)
    return loss(replace(batch, boxes=boxes.where(batch.labels[..., None] >= 0, batch.boxes)))


def blind(features: Any, batch: Any) -> Any:
    return features(replace(batch, images=torch.zeros_like(batch.images)))


def loss_of_anything(loss: Any, batch: Any) -> Any:
    if batch.boxes is None:
        return {"cls": torch.zeros(())}
    return loss(batch)


def loss_without_names(loss: Any, batch: Any) -> Any:
    if batch.boxes is None:
        raise ValueError("no")
    return loss(batch)


def test_a_good_detector_passes() -> None:
    check_dense(made)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (unseeded, "made twice under one torch.manual_seed, the model has other weights"),
        (drawing_globally, "the model, being made, moved the global generator of numpy"),
        (altered(class_loss=lambda f, *a: f(*a).sum()), r"class_loss: \(\), expected \(3,\)"),
        (altered(loss=infinite_loss), "loss 'cls' is inf: expected a finite number"),
        (altered(loss=zero_loss), "all gradients are 0: expected it to learn"),
        (untrained, r".'spare'. got no gradient: expected one, or requires_grad=False"),
        (altered(loss=without_labels), "whatever the labels are: expected it to depend on them"),
        (altered(loss=without_boxes), "whatever the boxes are: expected it to depend on them"),
        (altered(features=blind), "the features of 3 different images are the same: expected"),
        (lambda classes: 1 / 0, "ZeroDivisionError: division by zero .test_check_dense.py:.*: exp"),
        (altered(loss=loss_of_anything), "unlabelled images have a loss: expected a ValueError"),
        (altered(loss=loss_without_names), "is refused with 'no': expected their ids"),
        (altered(detect=scaled_boxes), "boxes lie outside of their .* image: expected pixels"),
        (altered(detect=raised_scores), "a score is not the probability of its label"),
        (altered(detect=worst_first), "scores are not descending: expected the best first"),
        (batch_normed, r"predicting, put itself, .* into train mode: expected eval mode"),
        (
            altered(new_class_tower=lambda new, channels=None: new(5)),
            "new_class_tower has other parameters than class_tower",
        ),
    ],
)
def test_a_detector_that_breaks_a_rule(broken: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_dense(broken)


def test_all_broken_rules_are_told_at_once() -> None:
    broken = altered(loss=loss_without_names, detect=raised_scores, features=blind)
    with pytest.raises(AssertionError) as raised:
        check_dense(broken)
    first, *lines = str(raised.value).splitlines()
    assert first == "3 rules are broken:"
    assert [line.split(":")[0] for line in lines] == [
        "- the loss of unlabelled images is refused with 'no'",
        "- the features of 3 different images are the same",
        "- a score is not the probability of its label",
    ]

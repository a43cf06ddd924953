"""One model that breaks each rule of the conformance kit, and two of strangers that break none."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alframe.signals import BOX_FEATURES, CLASS_PROBS, DETECTIONS, EMBEDDING
from alframe.testing import check_model
from alframe.testing.check_model import dummy_batch
from alframe.training.batch import Batch
from tests.models.boxed import Boxed, Doubled, Fewer, Tied, Unpaired
from tests.models.classifier import Classifier
from tests.models.faster_rcnn import FasterRCNN

OWN = np.random.default_rng(0)
"""A generator that nobody handed over: it goes on from call to call."""


def images() -> Batch:
    """Three images with a class each, and no boxes."""
    return replace(dummy_batch(16), boxes=None, labels=torch.tensor([[0], [2], [1]]))


def altered(**methods: Any) -> Callable[[int], nn.Module]:
    """A classifier of which some methods are others: each is given the original first."""

    def factory(classes: int) -> nn.Module:
        model: Any = Classifier(classes)
        for name, method in methods.items():
            setattr(model, name, partial(method, getattr(model, name)))
        return model

    return factory


def unseeded(classes: int) -> nn.Module:
    model = Classifier(classes)
    nn.init.constant_(model.head.bias, float(OWN.random()))
    return model


def erasing(loss: Any, batch: Batch) -> Any:
    values = loss(batch)
    if batch.labels is not None:
        batch.labels.fill_(-1)
    return values


def blackening(features: Any, batch: Batch) -> Any:
    return features(replace(batch, images=batch.images.zero_()))


def counting(features: Any, batch: Batch) -> Any:
    if not torch.is_grad_enabled():
        features.__self__.head.bias += 1
    return features(batch)


class Undeclared(Classifier):
    provides = {EMBEDDING}  # type: ignore[assignment]  # noqa: RUF012


class Unread(Classifier):
    read = property(lambda self: getattr(self, "no such"))  # type: ignore[assignment]


class MeasuresMore(Classifier):
    provides = frozenset({EMBEDDING})


def test_a_classifier_passes() -> None:
    check_model(Classifier, batch=images())


@pytest.mark.parametrize("model", [Boxed, Tied, Doubled])
def test_detectors_pass_however_they_pad_and_order_equals(model: type[nn.Module]) -> None:
    check_model(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Unpaired, "^box_features depends on the other images"),
        (Fewer, "^expected as many of each, got 6 of box_features, 7 of detections"),
    ],
)
def test_vectors_belong_to_the_detections(model: type[nn.Module], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_model(model)


class InInput(Boxed):
    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        values = super().read(batch, features, names)
        if DETECTIONS in values:
            back = (batch.sizes / batch.originals).flip(1).repeat(1, 2)[:, None]
            values[DETECTIONS].boxes.mul_(back)
        return values


class Silent(Boxed):
    def read(self, batch: Batch, features: Tensor, names: frozenset[str]) -> dict[str, Any]:
        values = super().read(batch, features, names)
        if DETECTIONS in values:
            values[DETECTIONS].valid[:] = False
            values.pop(BOX_FEATURES, None)
        return values

    provides = frozenset({DETECTIONS})


def test_boxes_are_in_pixels_of_the_original_image() -> None:
    with pytest.raises(AssertionError, match=r"^boxes do not become smaller with their images"):
        check_model(InInput)


def test_a_model_that_finds_nothing_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="finds nothing in the images that it is checked with"):
        check_model(Silent)


@pytest.mark.slow
def test_a_detector_of_another_library_passes() -> None:
    check_model(partial(FasterRCNN, side=64))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Undeclared, r"provides is .'embedding'.: expected a frozenset of names of signals"),
        (MeasuresMore, r"measured names .'class_probs'., which the model does not provide"),
        (Unread, "model Unread lacks read: expected an alframe.model.Model"),
        (unseeded, "made twice under one torch.manual_seed, the model has other weights"),
        (
            altered(loss=lambda loss, batch: {"cls": loss(batch)["cls"] / 0}),
            "loss 'cls' is inf: expected a finite number",
        ),
        (altered(loss=lambda loss, batch: loss(batch)["cls"]), "loss gives .*: expected a dict of"),
        (
            altered(loss=lambda loss, batch: {"cls": loss(batch)["cls"].detach()}),
            "the loss has no gradient: expected one of the parameters",
        ),
        (altered(loss=erasing), "computing its loss, changed labels in place: expected a copy"),
        (altered(features=blackening), "predicting, changed images in place: expected a copy"),
        (altered(features=counting), "predicting, changed head.bias in place"),
        (
            altered(loss=lambda loss, batch: {"cls": loss(batch)["cls"] * 0}),
            "all gradients are 0: expected it to learn",
        ),
        (
            altered(loss=lambda loss, batch: loss(replace(batch, labels=images().labels))),
            "unlabelled images have a loss: expected a ValueError that names them",
        ),
        (
            altered(read=lambda read, b, f, names: read(b, f, frozenset({EMBEDDING, CLASS_PROBS}))),
            "asked for .*, it read .*: expected no more and no less",
        ),
        (
            altered(features=lambda features, batch: features(batch) - features(batch).mean(0)),
            "depends on the other images of a batch: expected not to",
        ),
        (
            altered(measure=lambda measure, *a: {"accuracy": 73.2}),
            r"metrics are .*: expected .* .accuracy is 73.2.",
        ),
        (altered(measure=lambda measure, *a: {}), "metrics are .* is missing."),
        (altered(measure=lambda measure, *a: {"x": OWN}), "metrics are .*: expected .*x is a"),
    ],
)
def test_a_model_that_breaks_a_rule(broken: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_model(broken, batch=images())

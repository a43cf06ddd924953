"""The conformance check of a model."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.datasets.base import IGNORED, LabelledSet, Target
from alframe.datasets.masks import masked
from alframe.seeds import Seeds
from alframe.signals import BOX_FEATURES, DETECTIONS, SignalBatch
from alframe.streams import as_asked
from alframe.testing.expect import (
    Rules,
    as_assertion,
    check_metrics,
    expect,
    expect_names,
    generators_left_alone,
    hold,
)
from alframe.testing.fitting import tiny_setup
from alframe.testing.states import differing, unchanged
from alframe.testing.synthetic import SyntheticImages, rows_of
from alframe.words import named

if TYPE_CHECKING:
    from torch import Tensor, nn

    from alframe.training.batch import Batch

CLASSES = 3


def check_model(factory: "Callable[[int], nn.Module]", *, batch: "Batch | None" = None) -> None:
    """Hold a model of any task to its contract (:class:`alframe.model.Model`).

    - ``provides`` and ``measured`` are frozensets of names, and it measures what it provides.
    - Its first weights follow from torch's global generator, and from no other.
    - What it is given stays as it is; predicting, so do its own state and its modes.
    - The terms of its loss and all gradients are finite; unlabelled images have no loss, but an
      error that names them.
    - Each signal has a row an image, finite, and comes alone where it is asked for alone; it does
      not depend on the others in the batch, and moves no global generator.
    - Boxes are in pixels of the original image; of a model that finds nothing, pytest warns.
    - What it measures is JSON: fractions of 0 to 1, or None; the first one a number.

    Args:
        factory: ``factory(num_classes)`` makes the model.
        batch: labelled images, of at least two classes of three; drawn ones with boxes and
            masks by default.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    import torch

    with torch.random.fork_rng(), torch.enable_grad():
        hold(RULES, ModelUnderTest(factory, dummy_batch(64) if batch is None else batch))


@dataclass(frozen=True)
class ModelUnderTest:
    """A model, and the images that it is given."""

    factory: "Callable[[int], nn.Module]"
    batch: "Batch"

    @functools.cached_property
    def model(self) -> Any:
        """The one that all rules look at."""
        import torch

        from alframe.training.plain_learner import check_trainable

        torch.manual_seed(0)
        with generators_left_alone("the model, being made,", torch_too=False):
            model: Any = self.factory(CLASSES)
        with as_assertion():
            check_trainable(model, model)
        return model

    @contextlib.contextmanager
    def predicting(self) -> Iterator[Any]:
        """The model as it is used for predictions."""
        import torch

        whose, model = "the model, predicting,", self.model.eval()
        states = self.batch.tensors | model.state_dict()
        with torch.no_grad(), generators_left_alone(whose), unchanged(states, whose):
            yield model
        trained = [name or "itself" for name, part in model.named_modules() if part.training]
        expect(not trained, f"{whose} put {named(trained)} into train mode: expected eval mode")


def dummy_batch(side: int) -> "Batch":
    """Three noisy images: with two objects, with one and with none; and masks of two parts."""
    import torch

    from alframe.training.batch import Batch

    dummy = Seeds(0).rng("noise").integers(0, 256, (3, 3, side, side), np.uint8)
    share = side / 8
    boxes = torch.zeros(3, 2, 4)
    boxes[0] = torch.tensor([[1, 1, 5, 4], [3, 2, 7.5, 7]]) * share
    boxes[1, 0] = torch.tensor([2, 2, 6, 6]) * share
    sizes = torch.tensor([[side, side]] * 3)
    labels = torch.tensor([[0, CLASSES - 1], [1, -1], [-1, -1]])
    masks = torch.full((3, side, side), IGNORED, dtype=torch.uint8)
    masks[0, : side // 2], masks[1, side // 2 :], masks[2, :, 1:] = 0, CLASSES - 1, 1
    images = torch.from_numpy(dummy)
    return Batch(("two", "one", "none"), images, sizes, sizes, boxes, labels, masks)


def _declares_signals(bench: ModelUnderTest) -> None:
    for name in ("provides", "measured"):
        expect_names(getattr(bench.model, name, None), name, ", on the class")
    lacking = sorted(bench.model.measured - bench.model.provides)
    expect(not lacking, f"measured names {lacking}, which the model does not provide")


def draws_from_torch(bench: ModelUnderTest) -> None:
    """The same weights from the same seed."""
    import torch

    one = bench.model.state_dict()
    torch.manual_seed(0)
    other = bench.factory(CLASSES).state_dict()
    expect(
        all(torch.equal(one[name], other[name]) for name in one),
        "made twice under one torch.manual_seed, the model has other weights: expected the same",
    )


def trains(bench: ModelUnderTest) -> None:
    """A finite loss, and a finite gradient for every parameter that is trained."""
    train(bench.model, bench.batch)


def train(model: Any, batch: "Batch") -> None:
    """One step without an optimiser: what it has to leave behind."""
    from alframe.training.plain_learner import model_loss

    model.train()
    model.zero_grad()
    with as_assertion(), unchanged(batch.tensors, "the model, computing its loss,"):
        losses = model_loss(model, batch)
    for name, value in losses.terms.items():
        expect(value.isfinite(), f"loss {name!r} is {value.item()}: expected a finite number")
    total: Any = losses.total()
    expect(total.requires_grad, "the loss has no gradient: expected one of the parameters")
    total.backward()
    trained = [(name, p.grad) for name, p in model.named_parameters() if p.requires_grad]
    without = [name for name, grad in trained if grad is None]
    expect(not without, f"{without[:3]} got no gradient: expected one, or requires_grad=False")
    wrong = [name for name, grad in trained if not grad.isfinite().all()]
    expect(not wrong, f"the gradient of {wrong[:3]} is not finite: expected finite numbers")
    learns = any(grad.any() for _, grad in trained)
    expect(learns or (batch.labels == -1).all(), "all gradients are 0: expected it to learn")  # type: ignore[union-attr]


def _knows_unlabelled(bench: ModelUnderTest) -> None:
    unlabelled = replace(bench.batch, boxes=None, labels=None, masks=None)
    try:
        bench.model.loss(unlabelled)
    except ValueError as error:
        expect(
            bench.batch.ids[0] in str(error),
            f"the loss of unlabelled images is refused with {str(error)!r}: expected their ids",
        )
        return
    raise AssertionError("unlabelled images have a loss: expected a ValueError that names them")


def _reads(bench: ModelUnderTest) -> None:
    with bench.predicting() as model:
        for name in sorted(model.provides):
            rows_of(name, _read(model, bench.batch, frozenset({name})))


def boxes_are_of_the_original(bench: ModelUnderTest) -> None:
    """Of originals half as large as what the model is given, boxes are half as large, too."""
    if DETECTIONS not in bench.model.provides or bench.batch.boxes is None:
        return
    sizes = bench.batch.sizes
    with bench.predicting() as model:
        whole, half = (
            _read(model, replace(bench.batch, originals=each), frozenset({DETECTIONS}))[DETECTIONS]
            for each in (sizes, sizes // 2)
        )
    both = whole.valid & half.valid if whole.valid.shape == half.valid.shape else whole.valid[:, :0]
    if not whole.valid.any():
        warnings.warn(
            "the model finds nothing in the images that it is checked with, so that boxes, scores "
            "and labels of detections are not: make it with a lower threshold as well",
            stacklevel=2,
        )
    if not both.any():
        return
    off = (whole.boxes[both] / 2 - half.boxes[both]).abs().amax(dim=-1) > 1
    expect(
        float(off.double().mean()) <= 0.5,  # equal ones may swap places
        "boxes do not become smaller with their images: expected pixels of the original image "
        "(batch.originals), not of what the model was given (batch.sizes)",
    )


def _reads_each_image_alone(bench: ModelUnderTest) -> None:
    with bench.predicting() as model:
        for name in sorted(model.provides):
            beside = {DETECTIONS} & model.provides if name == BOX_FEATURES else set()
            whole = _rows(model, bench.batch, {name, *beside})
            for part in bench.batch.chunk(len(bench.batch)):
                for item, alone in _rows(model, part, {name, *beside}).items():
                    same = name not in differing(whole[item], alone)
                    expect(same, f"{name} depends on the other images of a batch: expected not to")


def _measures(bench: ModelUnderTest) -> None:
    labels: Any = bench.batch.labels
    boxes: Any = bench.batch.boxes
    masks: Any = bench.batch.masks
    targets = {}
    for row, item in enumerate(bench.batch.ids):
        if masks is not None and getattr(bench.model, "task", None) == "segmentation":
            mask = masks[row].numpy()
            targets[item] = masked(mask, mask.copy)
            continue
        real = labels[row] >= 0
        own = None if boxes is None else boxes[row][real].numpy()
        targets[item] = Target.of(own, labels[row][real].numpy())
    setup = replace(tiny_setup(), classes=tuple(f"class {n}" for n in range(CLASSES)))
    with bench.predicting() as model, as_assertion():
        read = [_read(model, bench.batch, model.measured)]
        stream = as_asked(read, bench.batch.ids, model.measured, CLASSES)
        test = LabelledSet(SyntheticImages(), bench.batch.ids, targets)
        metrics = model.measure(test, stream, setup)
    check_metrics(metrics)


RULES: Rules[ModelUnderTest] = {
    _declares_signals: (),
    draws_from_torch: (),
    trains: (draws_from_torch,),
    _knows_unlabelled: (draws_from_torch,),
    _reads: (_declares_signals, draws_from_torch),
    boxes_are_of_the_original: (_reads,),
    _reads_each_image_alone: (_reads,),
    _measures: (_reads,),
}
"""The cheap ones first."""


def _rows(model: Any, batch: "Batch", names: set[str]) -> "dict[str, dict[str, list[Tensor]]]":
    """The tensors of some signals, by id and name."""
    read = _read(model, batch, frozenset(names))
    rows = {name: rows_of(name, read) for name in names}
    return {item: {name: rows[name][item] for name in names} for item in batch.ids}


def _read(model: Any, batch: "Batch", names: frozenset[str]) -> SignalBatch:
    unlabelled = replace(batch, boxes=None, labels=None, masks=None)
    values = model.read(unlabelled, model.features(unlabelled), names)
    expect(
        set(values) == names,
        f"asked for {sorted(names)}, it read {sorted(values)}: expected no more and no less",
    )
    return SignalBatch(batch.ids, values)

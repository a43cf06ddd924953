"""The conformance check of a model."""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.datasets.base import LabelledSet, Target
from alframe.learner import SignalBatch
from alframe.seeds import Seeds
from alframe.testing.expect import expect, generators_left_alone
from alframe.testing.fitting import tiny_setup
from alframe.testing.rules import Rule, held
from alframe.testing.synthetic import SyntheticImages, rows_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from alframe.training.batch import Batch

CLASSES = 3
TOLERANCE = 1e-4
"""By how much predictions may differ that were computed in other batches."""


def check_model(factory: "Callable[[int], nn.Module]", *, batch: "Batch | None" = None) -> None:
    """Hold a model of any task to its contract (:class:`alframe.model.Model`).

    - ``provides`` and ``measured`` are frozensets of names, and it measures what it provides.
    - Its first weights follow from torch's global generator, and from no other.
    - The terms of its loss and all gradients are finite; unlabelled images have no loss, but an
      error that names them.
    - Each signal has a row an image, finite, and comes alone where it is asked for alone; it does
      not depend on the others in the batch, and moves no global generator.
    - What it measures is JSON: fractions of 0 to 1, or None.

    Args:
        factory: ``factory(num_classes)`` makes the model.
        batch: labelled images, of at least two classes of three; drawn ones with boxes by default.

    Raises:
        AssertionError: says what was expected, for every rule that is broken.
    """
    import torch

    with torch.random.fork_rng():
        held(RULES, ModelUnderTest(factory, dummy_batch(64) if batch is None else batch))


@dataclass(frozen=True)
class ModelUnderTest:
    """A model, and the images that it is given.

    Attributes:
        factory: makes the model.
        batch: labelled images.
    """

    factory: "Callable[[int], nn.Module]"
    batch: "Batch"

    @functools.cached_property
    def model(self) -> Any:
        """The one that all rules look at."""
        import torch

        torch.manual_seed(0)
        with generators_left_alone("the model, being made,", torch_too=False):
            return self.factory(CLASSES)

    @contextlib.contextmanager
    def predicting(self) -> Iterator[Any]:
        """The model as it is used for predictions."""
        import torch

        model = self.model.eval()
        with torch.no_grad(), generators_left_alone("the model, predicting,"):
            yield model


def dummy_batch(side: int) -> "Batch":
    """Three noisy images: with two objects, with one and with none."""
    import torch

    from alframe.training.batch import Batch

    dummy = Seeds(0).rng("noise").integers(0, 256, (3, 3, side, side), np.uint8)
    share = side / 8
    boxes = torch.zeros(3, 2, 4)
    boxes[0] = torch.tensor([[1, 1, 5, 4], [3, 2, 7.5, 7]]) * share
    boxes[1, 0] = torch.tensor([2, 2, 6, 6]) * share
    sizes = torch.tensor([[side, side]] * 3)
    labels = torch.tensor([[0, CLASSES - 1], [1, -1], [-1, -1]])
    return Batch(("two", "one", "none"), torch.from_numpy(dummy), sizes, sizes, boxes, labels)


def declares_signals(bench: ModelUnderTest) -> None:
    """Names of signals, on the class."""
    found = {name: getattr(bench.model, name, None) for name in ("provides", "measured")}
    for name, value in found.items():
        expect(
            isinstance(value, frozenset) and all(isinstance(n, str) for n in value),
            f"{name} is {value!r:.60}: expected a frozenset of names of signals, on the class",
        )
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
    model.train()
    model.zero_grad()
    losses = model.loss(batch)
    for name, value in losses.items():
        expect(value.shape == (), f"loss {name!r} has the shape {tuple(value.shape)}: expected ()")
        expect(value.isfinite(), f"loss {name!r} is {value.item()}: expected a finite number")
    total: Any = sum(losses.values())
    total.backward()
    trained = [(name, p.grad) for name, p in model.named_parameters() if p.requires_grad]
    without = [name for name, grad in trained if grad is None]
    expect(not without, f"{without[:3]} got no gradient: expected one, or requires_grad=False")
    wrong = [name for name, grad in trained if not grad.isfinite().all()]
    expect(not wrong, f"the gradient of {wrong[:3]} is not finite: expected finite numbers")
    learns = any(grad.any() for _, grad in trained)
    expect(learns or (batch.labels == -1).all(), "all gradients are 0: expected it to learn")  # type: ignore[union-attr]


def knows_unlabelled(bench: ModelUnderTest) -> None:
    """No loss without targets."""
    unlabelled = replace(bench.batch, boxes=None, labels=None)
    try:
        bench.model.loss(unlabelled)
    except ValueError as error:
        expect(
            bench.batch.ids[0] in str(error),
            f"the loss of unlabelled images is refused with {str(error)!r}: expected their ids",
        )
        return
    raise AssertionError("unlabelled images have a loss: expected a ValueError that names them")


def reads(bench: ModelUnderTest) -> None:
    """A row an image and a signal, nothing that was not asked for."""
    with bench.predicting() as model:
        for name in sorted(model.provides):
            rows_of(name, _read(model, bench.batch, frozenset({name})))


def reads_each_image_alone(bench: ModelUnderTest) -> None:
    """The same signals of an image whatever it is batched with."""
    with bench.predicting() as model:
        for name in sorted(model.provides):
            names = frozenset({name})
            whole = rows_of(name, _read(model, bench.batch, names))
            for part in bench.batch.chunk(len(bench.batch)):
                for item, alone in rows_of(name, _read(model, part, names)).items():
                    same = all(map(_alike, whole[item], alone))
                    expect(same, f"{name} depends on the other images of a batch: expected not to")


def measures(bench: ModelUnderTest) -> None:
    """Metrics that can be written down."""
    labels: Any = bench.batch.labels
    boxes: Any = bench.batch.boxes
    rows = range(len(bench.batch))
    targets = {
        item: Target.of(
            None if boxes is None else boxes[row][labels[row] >= 0].numpy(),
            labels[row][labels[row] >= 0].numpy(),
        )
        for row, item in zip(rows, bench.batch.ids, strict=True)
    }
    setup = replace(tiny_setup(), classes=tuple(f"class {n}" for n in range(CLASSES)))
    with bench.predicting() as model:
        stream = [_read(model, bench.batch, model.measured)]
        test = LabelledSet(SyntheticImages(), bench.batch.ids, targets)
        metrics = model.measure(test, iter(stream), setup)
    expect(
        isinstance(metrics, Mapping) and metrics,
        f"metrics are {metrics!r:.80}: expected a mapping, the headline first",
    )
    try:
        text = json.dumps(dict(metrics))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"metrics are {metrics!r:.80}: expected JSON ({error})") from error
    wrong = [n for n in _numbers(json.loads(text)) if not 0 <= n <= 1]
    expect(not wrong, f"metrics hold {wrong}: expected fractions of 0 to 1, or None for none")


RULES: tuple[Rule[ModelUnderTest], ...] = (
    Rule(declares_signals),
    Rule(draws_from_torch),
    Rule(trains, after=(draws_from_torch,)),
    Rule(knows_unlabelled, after=(draws_from_torch,)),
    Rule(reads, after=(declares_signals, draws_from_torch)),
    Rule(reads_each_image_alone, after=(reads,)),
    Rule(measures, after=(reads,)),
)
"""The cheap ones first."""


def _read(model: Any, batch: "Batch", names: frozenset[str]) -> SignalBatch:
    unlabelled = replace(batch, boxes=None, labels=None)
    values = model.read(unlabelled, model.features(unlabelled), names)
    expect(
        set(values) == names,
        f"asked for {sorted(names)}, it read {sorted(values)}: expected no more and no less",
    )
    return SignalBatch(batch.ids, values)


def _alike(one: "Tensor", other: "Tensor") -> bool:
    return one.shape == other.shape and close(one.double(), other.double())


def _numbers(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _numbers(value)
    elif isinstance(tree, int | float):
        yield tree


def close(one: "Tensor", other: "Tensor") -> bool:
    """Whether two tensors are the same but for rounding."""
    import torch

    return torch.allclose(one, other, TOLERANCE, TOLERANCE)

"""Queries over signals that a test writes down."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from alframe.datasets.base import Target
from alframe.signals import Detections, SignalBatch
from alframe.strategy import Query

Maker = Callable[[Sequence[str]], Any]


class Signals:
    """Streams three images at a time, the last id first; counts the images that it read."""

    def __init__(self, makers: Mapping[str, Maker]) -> None:
        self.makers, self.read = makers, 0

    def signals(self, ids: Sequence[str], names: frozenset[str]) -> Iterator[SignalBatch]:
        backwards = tuple(reversed(ids))
        for begin in range(0, len(ids), 3):
            part = backwards[begin : begin + 3]
            self.read += len(part)
            yield SignalBatch(part, {name: self.makers[name](part) for name in names})


def query(
    makers: Mapping[str, Maker],
    unlabelled: Sequence[str],
    budget: int,
    *,
    labelled: Sequence[str] = (),
    targets: Mapping[str, Target] | None = None,
    classes: Sequence[str] = ("a", "b"),
    seed: int = 0,
) -> Query:
    return Query(
        learner=Signals(makers),
        unlabelled=tuple(unlabelled),
        labelled=tuple(labelled),
        targets=targets or {},
        classes=tuple(classes),
        budget=budget,
        rng=np.random.default_rng(seed),
        cycle=0,
    )


def rows(table: Mapping[str, Any]) -> Maker:
    """One number or row an image, shorter ones padded with zeros at the end."""

    def make(ids: Sequence[str]) -> torch.Tensor:
        values = [torch.as_tensor(table[i], dtype=torch.float32) for i in ids]
        if not values[0].ndim:
            return torch.stack(values)
        return torch.nn.utils.rnn.pad_sequence(values, batch_first=True)

    return make


def detections(
    images: Mapping[str, Sequence[Sequence[float]]],
    *,
    classes: int = 2,
    exclusive: bool = False,
    boxes: Mapping[str, Any] | None = None,
) -> Maker:
    """Detections with these class probabilities; the label is the likeliest foreground class."""

    def make(ids: Sequence[str]) -> Detections:
        width = classes + exclusive
        probs = [torch.tensor(images[i], dtype=torch.float32).reshape(-1, width) for i in ids]
        padded = torch.nn.utils.rnn.pad_sequence(probs, batch_first=True)
        scores, labels = torch.nn.functional.pad(padded[..., :classes], (0, 0, 0, 1)).max(dim=-1)
        count = torch.tensor([[len(p)] for p in probs])
        where = torch.zeros(*padded.shape[:2], 4) if boxes is None else rows(boxes)(ids)
        return Detections(
            boxes=where,
            scores=scores[:, :-1],
            labels=labels[:, :-1],
            valid=torch.arange(padded.shape[1]) < count,
            probs=padded,
            exclusive=exclusive,
        )

    return make

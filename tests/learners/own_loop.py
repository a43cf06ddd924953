"""A learner with a network and a training loop of its own: pixels and annotations are given."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import nn

from alframe.datasets.base import ImageSet, ImageSource, LabelledSet, batched
from alframe.learner import FitContext, InferenceSetup
from alframe.signals import CLASS_PROBS, EMBEDDING, ClassProbs, SignalBatch
from alframe.training.device import seeded


class OwnLoop:
    """Classifies images of one size.

    Args:
        setup: classes and device.
        epochs: passes over the labelled images.
    """

    provides: ClassVar[frozenset[str]] = frozenset({CLASS_PROBS, EMBEDDING})
    task = "classification"
    trains = False  # by alframe: no section ``training``, no model

    def __init__(self, setup: InferenceSetup, epochs: int = 30) -> None:
        self._setup, self._epochs = setup, epochs
        self._network = self._fresh(seed=0)

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        del unlabelled
        network = self._network = self._fresh(context.seeds.integer("weights")).train()
        optimizer = torch.optim.Adam(network.parameters(), 0.01)
        pixels = self._pixels(labelled.images, labelled.ids)
        labels = [int(labelled.targets[item].labels[0]) for item in labelled.ids]
        wanted = torch.tensor(labels, device=self._setup.device)
        for epoch in range(self._epochs):
            order = context.seeds.rng("order", epoch).permutation(len(labels))
            for rows in torch.from_numpy(order).split(16):
                loss = nn.functional.cross_entropy(network(pixels[rows]), wanted[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        network.eval()

    def evaluate(self, test: LabelledSet) -> dict[str, float]:
        found = {}
        for batch in self.signals(test, frozenset({CLASS_PROBS})):
            likeliest = batch[CLASS_PROBS].values[:, 0].argmax(dim=1)
            found |= dict(zip(batch.ids, likeliest.tolist(), strict=True))
        right = sum(found[item] == test.targets[item].labels[0] for item in test.ids)
        return {"accuracy": float(right / len(test))}

    @torch.no_grad()
    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        if unknown := names - self.provides:
            raise ValueError(f"no such signals: {sorted(unknown)}")
        for ids in batched(images.ids, 64):
            vectors = self._network[:-1](self._pixels(images.images, ids))
            probs = self._network[-1](vectors).softmax(dim=1)[:, None]  # one prediction an image
            values = {CLASS_PROBS: ClassProbs(probs, exclusive=True), EMBEDDING: vectors}
            yield SignalBatch(tuple(ids), {name: values[name] for name in names})

    def state_dict(self) -> dict[str, Any]:
        return self._network.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._network.load_state_dict(state)

    def _fresh(self, seed: int) -> nn.Sequential:
        with seeded(seed, self._setup.device):
            network = nn.Sequential(
                nn.Conv2d(3, 16, 3, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(),
                nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, len(self._setup.classes)),
            )  # fmt: skip
        return network.to(self._setup.device)

    def _pixels(self, images: ImageSource, ids: Sequence[str]) -> torch.Tensor:
        """Images [B, 3, H, W], 0..1."""
        arrays = [torch.tensor(images.read(item)) for item in ids]  # uint8 [H, W, 3]
        return torch.stack(arrays).to(self._setup.device).permute(0, 3, 1, 2) / 255

"""The reference's head in our parts, with its weights, on its features and targets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alframe.detectors.anchors import AnchorGrid, Anchors
from alframe.detectors.dense import BoxRegression, DenseDetector, Features
from alframe.detectors.losses import focal_loss, mined_cross_entropy
from alframe.detectors.matching import Assignment, Matching
from alframe.detectors.postprocess import PostProcess
from alframe.detectors.ssd_levels import LevelTower
from alframe.detectors.towers import Tower
from alframe.strategies.miaod.model import MIAODModel
from alframe.training.batch import Batch

TOWERS = {"f_1": "detector.class_tower", "f_2": "second", "f_r": "detector.box_tower"} | {
    "f_mil": "mil"
}
"""The reference's towers and ours."""


class Head(DenseDetector):
    """A detector whose features are given. ``exclusive`` is SSD's head, else RetinaNet's."""

    def __init__(self, levels: list[Tensor], anchors: list[Tensor], classes: int, exclusive: bool):
        super().__init__(
            classes,
            exclusive=exclusive,
            grid=AnchorGrid((), ()),
            matching=Matching(0.5, 0.5, "one") if exclusive else Matching(0.5, 0.4, "ties"),
            regression=(
                BoxRegression((0.1, 0.1, 0.2, 0.2), beta=1.0) if exclusive else BoxRegression()
            ),
            normalizer="batch",
            postprocess=PostProcess(),
        )
        self.levels = levels
        self.given = Anchors(torch.cat(anchors), tuple(len(a) for a in anchors))
        self.class_tower = self.new_class_tower()
        self.box_tower = self.new_class_tower(4)

    def features(self, batch: Batch) -> Features:
        return Features(tuple(self.levels), self.levels[-1], (0, 0))

    def anchors(self, features: Features) -> Anchors:
        return self.given

    def new_class_tower(self, channels: int | None = None) -> nn.Module:
        channels = self.score_channels if channels is None else channels
        widths = [level.shape[1] for level in self.levels]
        if not self.exclusive:
            return Tower(widths[0], 2, 9, channels)
        cells = [level.shape[2] * level.shape[3] for level in self.levels]
        each = [n // c for n, c in zip(self.given.per_level, cells, strict=True)]
        return LevelTower(widths, each, channels)

    def class_loss(self, logits: Tensor, assignment: Assignment) -> Tensor:
        loss = mined_cross_entropy if self.exclusive else focal_loss
        return loss(logits, assignment.labels)


class Golden:
    """One file of golden numbers, and our model of it.

    Attributes:
        numbers: the file.
        model: with the reference's weights.
        labelled: its images and targets.
        unlabelled: the same without targets.
    """

    def __init__(self, numbers: Mapping[str, Any]) -> None:
        self.numbers = numbers
        self.levels = [v.requires_grad_() for v in self._series("feat")]
        exclusive = "param/f_1_retina.weight" not in numbers
        anchors = self._series("anchors")
        channels = self._series("out/mil_weight")[0].shape[2]
        head = Head(self.levels, anchors, channels - exclusive, exclusive)
        self.model = MIAODModel(head, channels)
        self.model.load_state_dict({k: self.tensor(f"param/{v}") for k, v in self.names.items()})
        sizes = torch.tensor([[300, 300]] * 2)
        boxes, labels = (
            nn.utils.rnn.pad_sequence(self._series(key), batch_first=True, padding_value=fill)
            for key, fill in (("gt_boxes", 0), ("gt_labels", -1))
        )
        images = torch.zeros(2, 3, 1, 1, dtype=torch.uint8)
        self.labelled = Batch(("a", "b"), images, sizes, sizes, boxes, labels)
        self.unlabelled = Batch(("a", "b"), images, sizes, sizes)

    @classmethod
    def read(cls, path: Path) -> "Golden":
        with np.load(path) as file:
            return cls(dict(file))

    @property
    def names(self) -> dict[str, str]:
        """Our names of all parameters -> the reference's."""
        found = {}
        for key in self.numbers:
            kind, _, name = key.partition("/")
            if kind == "param":
                tower, part = self._tower_and_part(name)
                found[f"{TOWERS[tower]}.{part}"] = name
        return found

    @staticmethod
    def _tower_and_part(name: str) -> tuple[str, str]:
        tower, _, rest = name.replace("_retina", "_convs.output").rpartition("_convs.")
        if rest.startswith("output"):
            return tower, rest
        if ".conv." in rest:
            return tower, "convs." + rest.replace(".conv.", ".0.")
        return tower, f"outputs.{rest}"

    def tensor(self, key: str) -> Tensor:
        return torch.from_numpy(self.numbers[key])

    def _series(self, key: str) -> list[Tensor]:
        found = []
        while f"{key}/{len(found)}" in self.numbers:
            found.append(self.tensor(f"{key}/{len(found)}"))
        return found

    def outputs(self, key: str) -> list[Tensor]:
        """Raw maps of the reference's head, [B, A * K, H, W] for each level."""
        return self._series(f"out/{key}")

    def loss(self, phase: str, term: str) -> float:
        return float(self.numbers[f"loss/{phase}/{term}"])

    def gradients(self, phase: str) -> dict[str, Tensor]:
        """The reference's gradients, by our names; features are ``feat/i``."""
        ours = {v: k for k, v in self.names.items()}
        prefix = f"grad/{phase}/"
        found = {k.removeprefix(prefix): k for k in self.numbers if k.startswith(prefix)}
        return {ours.get(name, name): self.tensor(key) for name, key in found.items()}

    def backward(self, total: Tensor) -> dict[str, Tensor]:
        """Our gradients of ``total``; zeros where there is none."""
        leaves = dict(self.model.named_parameters())
        leaves |= {f"feat/{i}": level for i, level in enumerate(self.levels)}
        values = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
        return {
            name: torch.zeros_like(leaf) if value is None else value
            for (name, leaf), value in zip(leaves.items(), values, strict=True)
        }

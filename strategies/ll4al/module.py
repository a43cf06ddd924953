"""The loss prediction module: what loss to expect of an image, from the features of its levels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from alframe.detectors.dense import DenseDetector
from alframe.training.batch import Batch

if TYPE_CHECKING:
    from jaxtyping import Float

DUMMY_SIDE = 1024
"""Side of the image on which widths are found: one that any detector takes."""


class LossModule(nn.Module):
    """Predicts one number an image (Learning Loss, section 3.2 and figure 2).

    Each level is averaged over its cells (those of the padding as well), brought to ``hidden``
    numbers by a linear layer and ReLU; all of them together make the prediction.

    Args:
        widths: channels of each level.
        hidden: numbers that stand for a level; 128 in the paper.
    """

    def __init__(self, widths: Sequence[int], hidden: int = 128) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Linear(width, hidden), nn.ReLU()) for width in widths
        )
        self.output = nn.Linear(hidden * len(widths), 1)

    def forward(self, levels: "Sequence[Float[Tensor, 'B F H W']]") -> "Float[Tensor, ' B']":
        """The predicted loss of each image; its gradient goes into the levels.

        In float32 also under autocast: bfloat16 has a few dozen values in the range of a pool's
        predictions, and among equals the id would decide.
        """
        with torch.autocast(levels[0].device.type, enabled=False):
            pooled = [level.float().mean(dim=(2, 3)) for level in levels]  # [B, F, H, W] -> [B, F]
            parts = [branch(x) for branch, x in zip(self.branches, pooled, strict=True)]
            predicted: Tensor = self.output(torch.cat(parts, dim=1))
        return predicted.squeeze(1)  # [B, 1] -> [B]


class LL4ALModel(nn.Module):
    """Any dense detector, and a loss module on its levels.

    Args:
        detector: is trained, and makes the detections.
        hidden: see :class:`LossModule`.

    Attributes:
        detector: the detector.
        loss_module: levels -> predicted loss [B].
    """

    def __init__(self, detector: DenseDetector, hidden: int = 128) -> None:
        super().__init__()
        self.detector = detector
        self.loss_module = LossModule(level_widths(detector), hidden)


def level_widths(detector: DenseDetector) -> list[int]:
    """Channels of each level, found by a pass of one image on the meta device: shapes alone.

    The detector computes nothing and keeps its weights and its statistics.
    """
    trunk = _Trunk(detector)
    named = (*trunk.named_parameters(), *trunk.named_buffers())
    shapes = {name: tensor.to("meta") for name, tensor in named}
    image = torch.zeros(1, 3, DUMMY_SIDE, DUMMY_SIDE, dtype=torch.uint8, device="meta")
    size = torch.zeros(1, 2, dtype=torch.int64, device="meta")
    with torch.no_grad():
        levels = functional_call(trunk, shapes, Batch(("dummy",), image, size, size))
    return [level.shape[1] for level in levels]


class _Trunk(nn.Module):
    def __init__(self, detector: DenseDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        return self.detector.features(batch).levels

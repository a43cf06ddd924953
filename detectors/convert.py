"""Weights of other libraries' detectors, under our names."""

from collections.abc import Mapping

import torch
from torch import Tensor

PREFIXES = {
    "backbone.body.": "backbone.body.",
    "backbone.fpn.inner_blocks.": "fpn.laterals.",
    "backbone.fpn.layer_blocks.": "fpn.outputs.",
    "backbone.fpn.extra_blocks.p6.": "fpn.extras.0.",
    "backbone.fpn.extra_blocks.p7.": "fpn.extras.1.",
    "head.classification_head.conv.": "class_tower.convs.",
    "head.classification_head.cls_logits.": "class_tower.output.",
    "head.regression_head.conv.": "box_tower.convs.",
    "head.regression_head.bbox_reg.": "box_tower.output.",
}


def from_torchvision_retinanet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of :class:`alframe.detectors.retinanet.RetinaNet` from torchvision's.

    The detector that it fits is made with ``extra_levels="p5"``, ``relu_before_p7=True``,
    ``anchor_rounding=True``, ``claim="own"``, ``normalizer="image"``, ``candidates="pairs"`` and
    ``max_detections=300``, and has as many classes as torchvision counts (91 in its published
    weights, background included).

    torchvision spaces the anchors of a level by ``input side // map side``, we by its stride:
    the same for sides that the coarsest stride divides.

    Args:
        state: of ``torchvision.models.detection.retinanet_resnet50_fpn``.

    Raises:
        KeyError: a name that this detector does not have.
    """
    ours = {_rename(key): value for key, value in state.items()}
    means = [key for key in ours if key.endswith("running_mean")]  # FrozenBatchNorm does not count
    counts = {key.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for key in means}
    return counts | ours


def _rename(key: str) -> str:
    for theirs, ours in PREFIXES.items():
        if key.startswith(theirs):
            rest = key.removeprefix(theirs)
            return ours + (rest.replace(".0.", ".", 1) if ours.startswith("fpn.") else rest)
    raise KeyError(f"{key!r} is no weight of torchvision's retinanet_resnet50_fpn")

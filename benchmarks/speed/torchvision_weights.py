"""Weights of other libraries' detectors, under our names."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

RETINANET = {
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
SSD = {
    "backbone.scale_weight": "norms.0.scale",
    "backbone.features.": "backbone.body.features.",
    "backbone.extra.0.7.1.": "backbone.body.fc6.",
    "backbone.extra.0.7.3.": "backbone.body.fc7.",
    **{f"backbone.extra.0.{i}.": f"backbone.body.features.{23 + i}." for i in (1, 3, 5)},
    **{f"backbone.extra.{i}.": f"extras.blocks.{i - 1}." for i in range(1, 5)},
    "head.classification_head.module_list.": "class_tower.outputs.",
    "head.regression_head.module_list.": "box_tower.outputs.",
}
RETINANET_OPTIONS: dict[str, Any] = {
    "extra_levels": "p5",
    "relu_before_p7": True,
    "anchor_rounding": True,
    "claim": "own",
    "normalizer": "image",
    "candidates": "pairs",
    "max_detections": 300,
}
"""What makes our RetinaNet the one of torchvision."""
SSD_OPTIONS: dict[str, Any] = {
    "first_anchor": 0.07,
    "anchor_range": (0.15, 0.9),
    "anchor_clipping": True,
    "score_threshold": 0.01,
}
"""What makes our SSD the one of torchvision."""


def from_torchvision_retinanet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of :class:`alframe.detectors.retinanet.RetinaNet` from torchvision's.

    The detector that it fits is made with :data:`RETINANET_OPTIONS`, and has as many classes as
    torchvision counts (91 in its published weights, background included).

    torchvision spaces the anchors of a level by ``input side // map side``, we by its stride:
    the same for sides that the coarsest stride divides.

    Raises:
        KeyError: a name that this detector does not have.
    """
    ours = _renamed(state, RETINANET, "retinanet_resnet50_fpn")
    means = [key for key in ours if key.endswith("running_mean")]  # FrozenBatchNorm does not count
    counts = {key.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for key in means}
    return counts | ours


def from_torchvision_ssd(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of :class:`alframe.detectors.ssd.SSD` from torchvision's.

    The detector that it fits is made with :data:`SSD_OPTIONS`, and has one class fewer than
    torchvision counts (90 with its published weights). Class c of ours is c + 1 of theirs: their
    background comes first, ours last.

    torchvision divides by the positives of the batch and by 1 where there are none; we count 1
    for each image without any. It keeps 400 candidates of each class, we
    ``candidates_per_image`` of all together.

    Raises:
        KeyError: a name that this detector does not have.
    """
    ours = _renamed(state, SSD, "ssd300_vgg16")
    for key in [key for key in ours if key.startswith("class_tower.")]:
        anchors = len(ours[key.replace("class_tower", "box_tower")]) // 4
        by_anchor = ours[key].view(anchors, -1, *ours[key].shape[1:])  # [n * K, ...] -> [n, K, ...]
        ours[key] = by_anchor.roll(-1, dims=1).flatten(0, 1)
    return ours


def _renamed(
    state: Mapping[str, Tensor], prefixes: Mapping[str, str], model: str
) -> dict[str, Tensor]:
    return {_rename(key, prefixes, model): value for key, value in state.items()}


def _rename(key: str, prefixes: Mapping[str, str], model: str) -> str:
    for theirs, ours in prefixes.items():
        if key.startswith(theirs):
            rest = key.removeprefix(theirs)
            return ours + (rest.replace(".0.", ".", 1) if ours.startswith("fpn.") else rest)
    raise KeyError(f"{key!r} is no weight of torchvision's {model}")

"""Non-maximum suppression as one operation of an exported graph, whatever it then becomes."""

import torch
from torch import Tensor
from torchvision.ops import nms

NAME = "alframe::suppress"
"""Of the operation: boxes [B, N, 4], scores, labels and candidates [B, N], an overlap."""


@torch.library.custom_op(NAME, mutates_args=())
def suppress_op(
    boxes: Tensor, scores: Tensor, labels: Tensor, candidate: Tensor, iou: float
) -> Tensor:
    """Which boxes remain, bool [B, N]; see :func:`alframe.detectors.suppression.suppress`."""
    return in_torchvision(boxes, scores, labels, candidate, iou)


@suppress_op.register_fake
def _(boxes: Tensor, scores: Tensor, labels: Tensor, candidate: Tensor, iou: float) -> Tensor:
    return torch.empty_like(candidate)


def in_torchvision(
    boxes: Tensor, scores: Tensor, labels: Tensor, candidate: Tensor, iou: float
) -> Tensor:
    """The same by torchvision's operation, where nobody knows how many candidates there are.

    Groups are moved apart in double precision, which has enough of it for images x classes. Two
    boxes that always remain are added, as ``torch.export`` takes it that at least two do.
    """
    image, place = candidate.nonzero(as_tuple=True)
    group = image * (labels.amax() + 1) + labels[image, place]
    step = boxes.amax().double() + 1
    apart = boxes[image, place].double() + (group * step).unsqueeze(1)
    alone = -torch.arange(3, 7, dtype=torch.float64, device=boxes.device).view(2, 2).repeat(1, 2)
    own = scores[image, place].double()
    kept = nms(torch.cat([apart, alone]), torch.cat([own, own.new_zeros(2)]), iou)
    remains = torch.zeros_like(own, dtype=torch.bool)
    remains = torch.cat([remains, remains.new_zeros(2)])
    remains = remains.index_put((kept,), torch.ones_like(kept, dtype=torch.bool))
    return torch.zeros_like(candidate).index_put((image, place), remains[:-2])

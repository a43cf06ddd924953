"""Which anchor has to find which object: matching by overlap, for a whole batch at once."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from alframe.config.checks import Checks
from alframe.detectors.box_ops import box_iou
from alframe.shaped import Bool, Float, Int

BACKGROUND = -1
"""The label of an anchor that has to find nothing."""
LEFT_OUT = -2
"""The label of an anchor that takes no part in the loss."""

Claim = Literal["ties", "own", "one", "none"]


@dataclass(frozen=True)
class Matching:
    """The rule of matching.

    Attributes:
        positive: an anchor is positive, for the object that it overlaps most, from this IoU on.
        negative: an anchor is background below this IoU; between the two it is ignored.
        claim: what an object gets besides, so that none goes without an anchor:
            ``"ties"``: every anchor that ties the object's best IoU; where two objects claim the
            same anchor, the later one has it (mmdet, RetinaNet; MI-AOD);
            ``"own"``: the same anchors become positive, but each for the object that *it*
            overlaps most (torchvision, RetinaNet);
            ``"one"``: the first of its best anchors (SSD);
            ``"none"``: nothing.
    """

    positive: float = 0.5
    negative: float = 0.4
    claim: Claim = "ties"

    def __post_init__(self) -> None:
        with Checks() as check:
            check.one_of("claim", self.claim, get_args(Claim))
            if not 0 < self.negative <= self.positive <= 1:
                check.problems.append(
                    "positive_iou, negative_iou: expected 0 < negative <= positive <= 1, got "
                    f"{self.positive} and {self.negative}"
                )


@dataclass(frozen=True)
class Assignment:
    """What each anchor of each image has to predict.

    Attributes:
        index: int64 [B, A], row of the matched object in the image's boxes; :data:`BACKGROUND`
            or :data:`LEFT_OUT` where there is none.
        labels: int64 [B, A], class of that object; else :data:`BACKGROUND` or :data:`LEFT_OUT`.
        boxes: [B, A, 4], x1 y1 x2 y2 of that object; the anchor itself where there is none, so
            that coding it gives zeros and never a NaN.
    """

    index: "Int[Tensor, 'B A']"
    labels: "Int[Tensor, 'B A']"
    boxes: "Float[Tensor, 'B A 4']"

    @property
    def positive(self) -> "Bool[Tensor, 'B A']":
        """Which anchors have to find an object."""
        return self.index >= 0

    @property
    def positives(self) -> "Int[Tensor, ' B']":
        """How many anchors of each image have to find an object."""
        return self.positive.sum(dim=1)  # [B, A] -> [B]


@torch.no_grad()
def match(
    anchors: "Float[Tensor, 'A 4']",
    boxes: "Float[Tensor, 'B M 4']",
    labels: "Int[Tensor, 'B M']",
    rule: Matching = Matching(),
) -> Assignment:
    """Assign objects to anchors by IoU (RetinaNet, section 4; mmdet's MaxIoUAssigner).

    # Deviation: an object claims anchors only where its best IoU is above 0. In mmdet and
    # torchvision an object that no anchor overlaps (a box without area) claims every anchor.

    Args:
        anchors: x1 y1 x2 y2, the same for every image.
        boxes: x1 y1 x2 y2 of the objects, in pixels of the network's input.
        labels: class indices; -1 marks rows of padding.
        rule: thresholds and claims.
    """
    if boxes.shape[1] == 0:
        return _gather(boxes.new_full((len(boxes), len(anchors)), BACKGROUND), anchors, None, None)
    real = boxes * (labels >= 0).unsqueeze(-1)  # padding has no area, hence IoU 0
    overlaps = box_iou(real, anchors)  # [B, M, A]
    best, own = overlaps.max(dim=1)  # [B, M, A] -> [B, A]
    unmatched = torch.where(best < rule.negative, BACKGROUND, LEFT_OUT)
    index = torch.where(best >= rule.positive, own, unmatched)
    return _gather(_claimed(overlaps, index, own, rule.claim), anchors, boxes, labels)


def _claimed(overlaps: Tensor, index: Tensor, own: Tensor, claim: Claim) -> Tensor:
    """``index`` [B, A] with what the objects claim besides."""
    if claim == "none":
        return index
    claimant = _single_claimant(overlaps) if claim == "one" else _last_claimant(overlaps)
    return torch.where(claimant >= 0, own if claim == "own" else claimant, index)


def _last_claimant(overlaps: Tensor) -> Tensor:
    """The last object whose best IoU each anchor has, or -1: [B, M, A] -> [B, A]."""
    best = overlaps.amax(dim=2, keepdim=True)  # [B, M, A] -> [B, M, 1]
    rows = torch.arange(overlaps.shape[1], dtype=torch.int32, device=overlaps.device)[:, None]
    claims = torch.where((overlaps == best) & (best > 0), rows, -1)
    return claims.amax(dim=1).long()  # [B, M, A] -> [B, A]


def _single_claimant(overlaps: Tensor) -> Tensor:
    """The last object whose first best anchor each anchor is, or -1: [B, M, A] -> [B, A]."""
    best, anchor = overlaps.max(dim=2)  # [B, M, A] -> [B, M]
    rows = torch.arange(overlaps.shape[1], device=overlaps.device)
    claims = torch.where(best > 0, rows, -1)
    nobody = torch.full_like(overlaps[:, 0], -1, dtype=torch.int64)
    return nobody.scatter_reduce(1, anchor, claims, "amax")


def _gather(
    index: Tensor, anchors: Tensor, boxes: Tensor | None, labels: Tensor | None
) -> Assignment:
    """Labels and boxes of the objects behind ``index`` [B, A]."""
    everywhere = anchors.expand(len(index), -1, -1)  # [A, 4] -> [B, A, 4]
    if boxes is None or labels is None:
        index = index.long()
        return Assignment(index, index, everywhere)
    row = index.clamp(min=0)
    matched = boxes.gather(1, row.unsqueeze(-1).expand(-1, -1, 4))  # [B, M, 4] -> [B, A, 4]
    positive = index >= 0
    return Assignment(
        index=index,
        labels=torch.where(positive, labels.gather(1, row), index),
        boxes=torch.where(positive.unsqueeze(-1), matched, everywhere),
    )

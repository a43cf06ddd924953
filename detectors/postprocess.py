"""From scores and deltas of every anchor to a few boxes an image: fixed shapes, whole batches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torchvision.ops import roi_align

from alframe.config.checks import Checks
from alframe.detectors.anchors import Anchors
from alframe.detectors.box_ops import UNIT_STDS, clip_boxes, decode, rescale_boxes
from alframe.detectors.suppression import suppress
from alframe.shaped import Float, Int
from alframe.signals import Detections
from alframe.training.batch import Batch

Candidates = Literal["anchors", "pairs"]


ANY = -1.0
"""A threshold that every score is above."""


@dataclass(frozen=True)
class PostProcess:
    """How detections are made of predictions.

    Attributes:
        score_threshold: a class is a candidate above this probability; :data:`ANY` takes all.
        nms_iou: of two candidates of one class that overlap more, the weaker is dropped; infinity
            drops none.
        max_detections: at most so many an image.
        candidates: what is counted in the pre-selection of each level: ``"anchors"``, by their
            best class, each then with all of its classes (mmdet; MI-AOD); ``"pairs"`` of an anchor
            and a class (torchvision, RetinaNet's section 4).
        per_level: size of the pre-selection of each level; None keeps everything.
        per_image: at most so many pairs of an image, the best, go into the suppression; None keeps
            everything.
            # Deviation: mmdet and torchvision have no such bound. The result is the same unless
            fewer than ``max_detections`` survive out of so many while weaker ones are left.
    """

    score_threshold: float = 0.05
    nms_iou: float = 0.5
    max_detections: int = 100
    candidates: Candidates = "anchors"
    per_level: int | None = 1000
    per_image: int | None = 2000

    def __post_init__(self) -> None:
        with Checks() as check:
            check.one_of("candidates", self.candidates, get_args(Candidates))
            if self.nms_iou != math.inf:
                check.in_range("nms_iou", self.nms_iou, 0, 1)
            check.at_least("max_detections", self.max_detections, 1)
            if self.score_threshold != ANY:
                check.in_range("score_threshold", self.score_threshold, 0, 1)
            for name, most in (("level", self.per_level), ("image", self.per_image)):
                if most is not None:
                    check.at_least(f"candidates_per_{name}", most, 1)


class Pairs(NamedTuple):
    """Pairs of an anchor and a class, a fixed number an image; descending scores.

    Attributes:
        scores: [B, N]; not above the threshold in places of padding.
        anchors: [B, N], indices of anchors.
        labels: [B, N], indices of classes.
    """

    scores: "Float[Tensor, 'B N']"
    anchors: "Int[Tensor, 'B N']"
    labels: "Int[Tensor, 'B N']"


@torch.no_grad()
def detect(
    probs: "Float[Tensor, 'B A K']",
    deltas: "Float[Tensor, 'B A 4']",
    anchors: Anchors,
    batch: Batch,
    *,
    exclusive: bool,
    stds: Sequence[float] = UNIT_STDS,
    options: PostProcess = PostProcess(),
) -> Detections:
    """Select, decode, clip, suppress; boxes come back in pixels of the original images.

    Shapes depend on the options and the number of anchors only. The host waits for the device twice
    a batch, or a few times more where many boxes overlap, in
    :func:`~alframe.detectors.suppression.suppress`.

    Args:
        probs: class probabilities of every anchor, background last if ``exclusive``.
        deltas: box deltas of every anchor.
        anchors: the anchors.
        batch: for the sizes of its images, before and after resizing.
        exclusive: whether the last class is background.
        stds: see :func:`alframe.detectors.box_ops.decode`.
        options: thresholds and limits.
    """
    scores = probs[..., :-1] if exclusive else probs
    pairs = best_pairs(scores, anchors.per_level, options)
    boxes = decode(gathered(deltas, pairs.anchors), anchors.boxes[pairs.anchors], stds)
    return strongest(boxes, pairs, probs, batch, exclusive=exclusive, options=options)[0]


def strongest(
    boxes: "Float[Tensor, 'B N 4']",
    pairs: Pairs,
    probs: "Float[Tensor, 'B A K']",
    batch: Batch,
    *,
    exclusive: bool,
    options: PostProcess,
    least_side: float = 0.0,
) -> "tuple[Detections, Int[Tensor, 'B N']]":
    """Clip and suppress the pre-selection; the detections, and the anchor behind each.

    Args:
        boxes: of the pairs.
        pairs: the pre-selection, best first.
        probs: class probabilities of every anchor, background last if ``exclusive``.
        batch: for the sizes of its images, before and after resizing.
        exclusive: whether the last class is background.
        options: thresholds and limits.
        least_side: a box with a shorter one is none, in pixels.
    """
    boxes = clip_boxes(boxes, batch.sizes)
    candidate = ~(pairs.scores <= options.score_threshold)  # NaN stays, to be refused
    if least_side:
        candidate &= ~((boxes[..., 2:] - boxes[..., :2]).amin(dim=2) < least_side)
    kept = suppress(boxes, pairs.scores, pairs.labels, candidate, options.nms_iou)
    first = kept.sort(dim=1, descending=True, stable=True).indices[:, : options.max_detections]
    behind = pairs.anchors.gather(1, first)
    found = Detections(
        boxes=gathered(rescale_boxes(boxes, batch.sizes, batch.originals), first),
        scores=pairs.scores.gather(1, first),
        labels=pairs.labels.gather(1, first),
        valid=kept.gather(1, first),
        probs=gathered(probs, behind),
        exclusive=exclusive,
    )
    return found, behind


def best_pairs(
    scores: "Float[Tensor, 'B A C']", per_level: Sequence[int], options: PostProcess
) -> Pairs:
    """The pre-selection of every level, together, best first.

    Args:
        scores: foreground probabilities.
        per_level: how many of the A anchors each level has.
        options: rule and limits; its threshold is not applied.
    """
    limit = options.per_level
    select = _pairs_of_best_anchors if options.candidates == "anchors" else _best_pairs
    levels, first = [], 0
    for level in torch.split(scores, list(per_level), dim=1):
        pairs = select(level, level.shape[1] * level.shape[2] if limit is None else limit)
        levels.append(pairs._replace(anchors=pairs.anchors + first))
        first += level.shape[1]
    return _top(Pairs(*(torch.cat(parts, dim=1) for parts in zip(*levels, strict=True))), options)


def _pairs_of_best_anchors(scores: Tensor, limit: int) -> Pairs:
    """Every class of the ``limit`` anchors with the best classes: [B, A, C] -> [B, limit * C]."""
    batch, anchors, classes = scores.shape
    best = scores.amax(dim=2)  # [B, A, C] -> [B, A]
    rows = best.topk(torch.sym_min(limit, anchors), dim=1, sorted=False).indices
    labels = torch.arange(classes, device=scores.device).expand(batch, rows.shape[1], -1)
    return Pairs(
        gathered(scores, rows).flatten(1),
        rows.unsqueeze(-1).expand_as(labels).flatten(1),
        labels.flatten(1),
    )


def _best_pairs(scores: Tensor, limit: int) -> Pairs:
    """The ``limit`` best pairs: [B, A, C] -> [B, limit]."""
    flat = scores.flatten(1)  # [B, A, C] -> [B, A * C]
    classes = scores.shape[2]
    if not torch.compiler.is_exporting() and limit >= flat.shape[1]:
        values, rows = flat, torch.arange(flat.shape[1], device=flat.device).expand_as(flat)
    else:
        values, rows = flat.topk(torch.sym_min(limit, flat.shape[1]), dim=1, sorted=False)
    return Pairs(values, rows // classes, rows % classes)


def _top(pairs: Pairs, options: PostProcess) -> Pairs:
    if options.per_image is None:  # in their order where scores are equal
        values, order = pairs.scores.sort(dim=1, descending=True, stable=True)
    else:
        most = torch.sym_min(options.per_image, pairs.scores.shape[1])
        values, order = pairs.scores.topk(most, dim=1)
    return Pairs(values, *(part.gather(1, order) for part in pairs[1:]))


def gathered(
    values: "Float[Tensor, 'B A D']", rows: "Int[Tensor, 'B N']"
) -> "Float[Tensor, 'B N D']":
    """Rows of each image: [B, A, D], [B, N] -> [B, N, D]."""
    return values.gather(1, rows.unsqueeze(-1).expand(-1, -1, values.shape[2]))


def box_features(
    boxes: "Float[Tensor, 'B N 4']",
    deepest: "Float[Tensor, 'B F H W']",
    frame: tuple[int, int],
    batch: Batch,
) -> "Float[Tensor, 'B N F']":
    """RoIAlign to a single cell (He et al., Mask R-CNN, 2017, section 3) on the deepest map.

    Every detector has that map, and it is as wide for all boxes; levels of SSD differ in width.

    Args:
        boxes: x1 y1 x2 y2, in pixels of the original images.
        deepest: the backbone's last map.
        frame: height and width of the padded input, in pixels.
        batch: for the sizes of its images.
    """
    deepest = deepest.float()
    (height, width), (rows, columns) = frame, deepest.shape[-2:]
    inputs = rescale_boxes(boxes.float(), batch.originals, batch.sizes)
    cells = inputs * inputs.new_tensor([columns / width, rows / height]).repeat(2)
    pooled: Tensor = roi_align(deepest, list(cells), output_size=1, aligned=True)
    return pooled.view(*boxes.shape[:2], deepest.shape[1])  # [B * N, F, 1, 1] -> [B, N, F]

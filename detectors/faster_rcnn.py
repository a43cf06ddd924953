"""Faster R-CNN (Ren et al., 2015), torchvision's: proposals, then a class and a box for each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN as Stock
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, TwoMLPHead
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, roi_align
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from alframe.config.checks import Checks
from alframe.detectors.backbones import Backbone, build_backbone
from alframe.detectors.detector import KnownBoxes
from alframe.detectors.losses import at_least_float32
from alframe.detectors.mobilenet import MOBILENET, mobilenet_backbone
from alframe.detectors.postprocess import ANY, Pairs, PostProcess, best_pairs, gathered, strongest
from alframe.detectors.stock import StockDetector, StockFeatures, in_single_precision, stock_targets
from alframe.detectors.timm_body import Style
from alframe.detectors.towers import flatten_anchors
from alframe.shaped import Bool, Float
from alframe.signals import Detections
from alframe.training.batch import Batch
from alframe.training.warm_start import ClassRows, lay_out

Heads = Literal["v2", "light"]
RATIOS = (0.5, 1.0, 2.0)
"""Heights / widths of anchors."""
MOBILENET_SIDES = (32, 64, 128, 256, 512)
"""Of the square anchors at every cell."""
CELLS = 7
"""Along a side of a pooled box."""
WIDTH = 1024
"""Of the vector that class and box are read from."""
LEAST_SIDE = 0.01
"""A box with a shorter one is none, in pixels."""


class FasterRCNN(StockDetector):
    """A proposal network on a feature pyramid, and a head that reads each proposal.

    The defaults are torchvision's ResNet-50 FPN v2; with ``backbone="mobilenet_v3_large"`` its
    MobileNetV3-Large 320 FPN. Class probabilities are those of the proposals, as many for each
    image: those that are missing are background for sure. A box's feature is the vector that its
    class is read from.

    # Deviation: torchvision's MobileNet drops proposals below 0.05, in training as well, where an
    image without objects may have none left and no loss.

    Args:
        num_classes: number of classes, without background.
        backbone: ``"mobilenet_v3_large"`` (torchvision's), ``"tiny"`` or a timm model.
        weights: of the backbone: ``"pretrained"``, ``"none"`` or the path of a state dict.
        style: ``"caffe"`` for ResNet weights that came from Caffe.
        frozen_stages: freeze the backbone up to this map; -1 freezes nothing.
        norm_eval: keep the statistics of the backbone's BatchNorm.
        heads: ``"v2"``: two convolutions before proposals, four before the vector, BatchNorm;
            ``"light"``: one, and linear layers only, at most 150 proposals in inference; None: as
            torchvision has it, light for ``mobilenet_v3_large``.
        fpn_channels: width of the pyramid and of the heads' convolutions.
        score_threshold: detections have a probability above it.
        nms_iou: detections of a class that overlap more exclude each other.
        max_detections: most detections of an image.

    Raises:
        ConfigError: a setting is not among its choices, or does not fit the backbone.
    """

    exclusive = True
    least_side = LEAST_SIDE

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet50.tv_in1k",
        weights: str = "pretrained",
        style: Style = "pytorch",
        frozen_stages: int = 1,
        norm_eval: bool = True,
        heads: Heads | None = None,
        fpn_channels: int = 256,
        score_threshold: float = 0.05,
        nms_iou: float = 0.5,
        max_detections: int = 100,
    ) -> None:
        with Checks() as check:
            check.one_of("heads", heads, (None, "v2", "light"))
            check.at_least("fpn_channels", fpn_channels, 1)
            options = PostProcess(
                score_threshold, nms_iou, max_detections, "pairs", per_level=None, per_image=None
            )
        body = _backbone(backbone, weights, style, frozen_stages, norm_eval)
        super().__init__(body, 4, options)
        sides = [(8 * stride,) for stride in (*self.strides, 2 * self.strides[-1])]
        mobile = backbone == MOBILENET
        anchors = [MOBILENET_SIDES] * len(sides) if mobile else sides
        light = heads == "light" or (heads is None and mobile)
        self.stock = _stock(
            num_classes, self.channels, self.strides, fpn_channels, anchors, light=light
        )
        rpn, second = self.stock.rpn.head, self.stock.roi_heads.box_predictor
        in_single_precision(rpn.cls_logits, rpn.bbox_pred, second.cls_score, second.bbox_pred)
        lay_out(second.cls_score, ClassRows(before=1))
        lay_out(second.bbox_pred, ClassRows(before=1, each=4))

    def loss(self, batch: Batch) -> "dict[str, Float[Tensor, '']]":
        """``cls`` and ``box`` of the second stage, ``objectness`` and ``proposal`` of the first."""
        targets = stock_targets(batch, first=1)
        features = self.features(batch)
        proposals, first = self.stock.rpn(features.images, features.levels, targets)
        frames = [features.frame] * len(batch)
        _, second = self.stock.roi_heads(features.levels, proposals, frames, targets)
        return {
            "cls": second["loss_classifier"],
            "box": second["loss_box_reg"],
            "objectness": first["loss_objectness"],
            "proposal": first["loss_rpn_box_reg"],
        }

    def predict(self, features: StockFeatures) -> KnownBoxes:
        """Classes and boxes of the proposals, best first; what is missing is background."""
        second, proposals = self.stock.roi_heads, self._proposals(features)
        at = _places(proposals.valid)  # of P proposals of all images
        boxes = proposals.boxes[at]
        rois = torch.cat([at[0].unsqueeze(1).to(boxes.dtype), boxes], dim=1)  # [P, 5]
        pooled = _pooled(second.box_roi_pool, list(features.levels.values()), rois)
        vectors = second.box_head(pooled)  # [P, 1024]
        logits, deltas = second.box_predictor(vectors)
        probs = logits.softmax(dim=1)
        probs = torch.cat([probs[:, 1:], probs[:, :1]], dim=1)  # background last
        refined = second.box_coder.decode_single(deltas, boxes).unflatten(1, (-1, 4))[:, 1:]
        values, *others = (
            _put(rows, at, proposals.valid)
            for rows in (probs, refined, at_least_float32(vectors))  # [P, ...] -> [B, N, ...]
        )
        values[..., -1].masked_fill_(~proposals.valid, 1)
        return KnownBoxes(
            values, values[..., :-1], others[0], (values.shape[1],), vectors=others[1]
        )

    def _proposals(self, features: StockFeatures) -> Detections:
        """Boxes in which there may be an object, from the first stage."""
        rpn, levels = self.stock.rpn, list(features.levels.values())
        objectness, deltas = rpn.head(levels)
        anchors = features.anchors(rpn.anchor_generator)
        scores = torch.cat([flatten_anchors(level, 1) for level in objectness], dim=1)
        deltas = torch.cat([flatten_anchors(level, 4) for level in deltas], dim=1)
        counts = [level.shape[1] * level.shape[2] * level.shape[3] for level in objectness]
        most = rpn.post_nms_top_n()
        options = PostProcess(
            ANY, rpn.nms_thresh, most, "pairs", rpn.pre_nms_top_n(), per_image=None
        )
        pairs = best_pairs(scores, counts, options)
        numbers = [torch.full((n,), i, device=scores.device) for i, n in enumerate(counts)]
        level = torch.cat(numbers)[pairs.anchors]  # each is suppressed on its own
        chosen = gathered(deltas, pairs.anchors).flatten(0, 1)
        boxes = rpn.box_coder.decode_single(chosen, anchors[pairs.anchors].flatten(0, 1))
        batch = replace(features.batch, originals=features.batch.sizes)
        return strongest(
            boxes.unflatten(0, pairs.scores.shape),
            Pairs(pairs.scores.sigmoid(), pairs.anchors, level),
            scores,
            batch,
            exclusive=False,
            options=options,
            least_side=rpn.min_size,
        )[0]


def _backbone(
    name: str, weights: str, style: Style, frozen_stages: int, norm_eval: bool
) -> Backbone:
    if name != MOBILENET:
        return build_backbone(
            name, weights=weights, style=style, frozen_stages=frozen_stages, norm_eval=norm_eval
        )
    with Checks() as check:
        check.one_of("style", style, ("pytorch",))
    return mobilenet_backbone(weights, frozen_stages, norm_eval)


def _stock(
    num_classes: int,
    channels: Sequence[int],
    strides: Sequence[int],
    width: int,
    sides: Sequence[Sequence[int]],
    *,
    light: bool,
) -> Stock:
    """Torchvision's model on maps of these channels and strides."""
    norm = None if light else nn.BatchNorm2d
    pyramid = FeaturePyramidNetwork(list(channels), width, LastLevelMaxPool(), norm_layer=norm)
    pyramid.out_channels = width  # pyright: ignore[reportArgumentType]
    anchors = AnchorGenerator(tuple(map(tuple, sides)), (RATIOS,) * len(sides))
    per_cell = anchors.num_anchors_per_location()[0]
    most = 150 if light else 1000
    return Stock(
        pyramid,
        num_classes + 1,
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(width, per_cell, conv_depth=1 if light else 2),
        rpn_pre_nms_top_n_test=most,
        rpn_post_nms_top_n_test=most,
        box_roi_pool=_pool(strides),
        box_head=TwoMLPHead(width * CELLS**2, WIDTH)
        if light
        else FastRCNNConvFCHead((width, CELLS, CELLS), [width] * 4, [WIDTH], norm_layer=norm),
    )


def _pool(strides: Sequence[int]) -> MultiScaleRoIAlign:
    """RoIAlign on maps of these strides, in the order of torchvision's names.

    It infers its scales from the first batch that it sees, where padding may mislead it: so it is
    shown one without.
    """
    pool = MultiScaleRoIAlign([str(place) for place in range(len(strides))], CELLS, 2)
    side = max(strides)
    maps = {str(n): torch.zeros(1, 1, side // s, side // s) for n, s in enumerate(strides)}
    pool(maps, [torch.tensor([[0.0, 0.0, side, side]])], [(side, side)])
    return pool


def _pooled(
    pool: MultiScaleRoIAlign, levels: list[Tensor], rois: "Float[Tensor, 'P 5']"
) -> "Float[Tensor, 'P F h w']":
    """What ``pool`` makes of boxes with the number of their image before them.

    An exported graph, whose shapes are fixed, pools each box on all levels and takes one.
    """
    assert pool.scales is not None
    assert pool.map_levels is not None
    wanted = pool.map_levels([rois[:, 1:]])
    size = pool.output_size
    pooled = levels[0].new_zeros(rois.shape[0], levels[0].shape[1], *size)
    for number, (level, scale) in enumerate(zip(levels, pool.scales, strict=False)):
        if torch.compiler.is_exporting():
            every = roi_align(level, rois, size, scale, pool.sampling_ratio)
            pooled = torch.where((wanted == number)[:, None, None, None], every, pooled)
            continue
        (own,) = (wanted == number).nonzero(as_tuple=True)  # synchronises
        pooled[own] = roi_align(level, rois[own], size, scale, pool.sampling_ratio)
    return pooled


def _places(valid: "Bool[Tensor, 'B N']") -> tuple[Tensor, Tensor]:
    """Image and place of what is valid; in an exported graph of everything, as shapes are fixed."""
    if torch.compiler.is_exporting():
        rows, columns = (torch.arange(n, device=valid.device) for n in valid.shape)
        return rows[:, None].expand_as(valid).flatten(), columns.expand_as(valid).flatten()
    image, place = valid.nonzero(as_tuple=True)  # synchronises
    return image, place


def _put(rows: Tensor, at: tuple[Tensor, ...], valid: "Bool[Tensor, 'B N']") -> Tensor:
    """Rows of all images in their places, zeros elsewhere: [P, ...] -> [B, N, ...]."""
    placed = rows.new_zeros(*valid.shape, *rows.shape[1:]).index_put(at, rows)
    return placed.masked_fill(~valid[(..., *[None] * (rows.dim() - 1))], 0)

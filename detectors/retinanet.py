"""RetinaNet (Lin et al., "Focal Loss for Dense Object Detection", 2017)."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

from torch import Tensor

from alframe.config.checks import Checks
from alframe.detectors.anchors import AnchorGrid, octave_scales, retina_cell
from alframe.detectors.backbones import Backbone, build_backbone
from alframe.detectors.dense import BoxRegression, DenseDetector, Features
from alframe.detectors.fpn import ExtraSource, FeaturePyramid
from alframe.detectors.losses import Normalizer, focal_loss
from alframe.detectors.matching import Assignment, Claim, Matching
from alframe.detectors.postprocess import Candidates, PostProcess
from alframe.detectors.timm_body import Style
from alframe.detectors.towers import Tower, TowerNorm
from alframe.errors import ConfigError, together
from alframe.shaped import Float
from alframe.training.batch import Batch


class RetinaNet(DenseDetector):
    """A feature pyramid, a tower of focal-loss classifiers and a tower of box deltas.

    # Deviation: the defaults are RetinaNet-R50 as in mmdetection 2.3, which MI-AOD builds on. The
    paper has smooth L1 for boxes, a ReLU before P7, no claims of objects whose best anchor is
    below the threshold, and pre-selects pairs of anchor and class rather than anchors.

    Args:
        num_classes: number of classes, without background.
        backbone: ``"tiny"`` or a timm model.
        weights: of the backbone: ``"pretrained"``, ``"none"`` or the path of a state dict.
        style: ``"caffe"`` for ResNet weights that came from Caffe.
        frozen_stages: freeze the backbone up to this map; -1 freezes nothing.
        norm_eval: keep the statistics of the backbone's BatchNorm.
        strides: of the levels; the first is a stride of the backbone, each is twice the one before.
        fpn_channels: width of the pyramid and of the towers.
        extra_levels: what levels beyond the backbone's strides are made of: ``"c5"`` or ``"p5"``.
        relu_before_p7: ReLU between these levels.
        tower_convs: hidden convolutions of each tower.
        tower_norm: ``"none"`` or ``"group"``.
        anchor_size: side of the smallest square anchor, in strides.
        scales_per_octave: sizes of anchors at a cell, from ``anchor_size`` to below twice that.
        anchor_ratios: heights / widths.
        anchor_rounding: round anchors as torchvision does.
        positive_iou: an anchor is positive from this overlap on.
        negative_iou: an anchor is background below this overlap.
        claim: what an object gets besides: ``ties``, every anchor that ties its best overlap
            (mmdet); ``own``, the same, but each for the object that *it* overlaps most
            (torchvision); ``one``, the first of its best anchors (SSD); ``none``, nothing.
        focal_alpha: weight of the true class in the focal loss; the others weigh 1 - alpha.
        focal_gamma: how much easy examples are played down; 0 is cross-entropy.
        class_loss_weight: of the classification loss beside that of boxes.
        box_loss: ``"l1"`` or ``"smooth_l1"``.
        beta: of smooth L1: smaller errors are squared.
        normalizer: ``batch``, the sum of all losses over all positive anchors (mmdet);
            ``image``, the mean over images of each one's own (torchvision).
        score_threshold: detections have a probability above it.
        nms_iou: detections of a class that overlap more exclude each other.
        candidates: what is counted in the pre-selection of each level: ``anchors``, by their best
            class (mmdet), or ``pairs`` of an anchor and a class (torchvision).
        candidates_per_level: size of that pre-selection.
        candidates_per_image: pairs of an image, the best, that go into the suppression.
        max_detections: most detections of an image.

    Raises:
        ConfigError: a setting is not among its choices, or does not fit the backbone.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet50.tv_in1k",
        weights: str = "pretrained",
        style: Style = "pytorch",
        frozen_stages: int = 1,
        norm_eval: bool = True,
        strides: Sequence[int] = (8, 16, 32, 64, 128),
        fpn_channels: int = 256,
        extra_levels: ExtraSource = "c5",
        relu_before_p7: bool = False,
        tower_convs: int = 4,
        tower_norm: TowerNorm = "none",
        anchor_size: float = 4.0,
        scales_per_octave: int = 3,
        anchor_ratios: Sequence[float] = (0.5, 1.0, 2.0),
        anchor_rounding: bool = False,
        positive_iou: float = 0.5,
        negative_iou: float = 0.4,
        claim: Claim = "ties",
        focal_alpha: float = 0.25,
        focal_gamma: float = 2.0,
        class_loss_weight: float = 1.0,
        box_loss: Literal["l1", "smooth_l1"] = "l1",
        beta: float = 1 / 9,
        normalizer: Normalizer = "batch",
        score_threshold: float = 0.05,
        nms_iou: float = 0.5,
        candidates: Candidates = "anchors",
        candidates_per_level: int = 1000,
        candidates_per_image: int = 2000,
        max_detections: int = 100,
    ) -> None:
        with Checks() as check:
            check.one_of("extra_levels", extra_levels, ("c5", "p5"))
            check.one_of("tower_norm", tower_norm, ("none", "group"))
            check.one_of("box_loss", box_loss, ("l1", "smooth_l1"))
            check.in_range("focal_alpha", focal_alpha, 0, 1)
            check.at_least("focal_gamma", focal_gamma, 0)
            check.at_least("class_loss_weight", class_loss_weight, 0)
            check.at_least("beta", beta, 0)
            check.at_least("tower_convs", tower_convs, 0)
            check.at_least("fpn_channels", fpn_channels, 1)
            check.at_least("scales_per_octave", scales_per_octave, 1)
            scales = octave_scales(scales_per_octave)
            grid, matching, postprocess = together(
                lambda: _grid(strides, anchor_size, scales, anchor_ratios, rounded=anchor_rounding),
                lambda: Matching(positive_iou, negative_iou, claim),
                lambda: PostProcess(
                    score_threshold,
                    nms_iou,
                    max_detections,
                    candidates,
                    candidates_per_level,
                    candidates_per_image,
                ),
            )
        super().__init__(
            num_classes,
            exclusive=False,
            grid=grid,
            matching=matching,
            regression=BoxRegression(beta=beta if box_loss == "smooth_l1" else 0.0),
            normalizer=normalizer,
            postprocess=postprocess,
        )
        self.focal_alpha, self.focal_gamma = focal_alpha, focal_gamma
        self.class_loss_weight = class_loss_weight
        self.backbone = build_backbone(
            backbone, weights=weights, style=style, frozen_stages=frozen_stages, norm_eval=norm_eval
        )
        self._read = _maps_read(self.backbone, strides)
        self.fpn = FeaturePyramid(
            [self.backbone.channels[i] for i in self._read],
            fpn_channels,
            extra_levels=len(strides) - len(self._read),
            extra_source=extra_levels,
            relu_between_extras=relu_before_p7,
        )
        anchors = len(grid.cells[0])
        self.make_tower = partial(Tower, fpn_channels, tower_convs, anchors, norm=tower_norm)
        self.class_tower = self.make_tower(num_classes, classes=True)
        self.box_tower = self.make_tower(4, prior=0.5)

    def features(self, batch: Batch) -> Features:
        """Scale the pixels, run backbone and pyramid."""
        maps = self.backbone(batch.images, batch.sizes)
        height, width = batch.images.shape[-2:]
        return Features(self.fpn([maps[i] for i in self._read]), maps[-1], (height, width))

    def class_loss(
        self, logits: "Float[Tensor, 'B A K']", assignment: Assignment
    ) -> "Float[Tensor, ' B']":
        """Weighted focal loss of each image, summed over its anchors and classes."""
        loss = focal_loss(logits, assignment.labels, self.focal_alpha, self.focal_gamma)
        return self.class_loss_weight * loss


def _grid(
    strides: Sequence[int],
    anchor_size: float,
    scales: Sequence[float],
    ratios: Sequence[float],
    *,
    rounded: bool,
) -> AnchorGrid:
    if not ratios or min(ratios) <= 0 or anchor_size <= 0:
        raise ConfigError(
            "anchor_size, anchor_ratios: expected a size and one ratio or more above 0, got "
            f"{anchor_size} and {list(ratios)}"
        )
    sides = [stride * anchor_size for stride in strides]
    cells = tuple(retina_cell(side, scales, ratios, rounded=rounded) for side in sides)
    return AnchorGrid(cells, tuple(strides))


def _maps_read(backbone: Backbone, strides: Sequence[int]) -> list[int]:
    """Positions of the backbone's maps that the levels of these strides read."""
    if any(after != 2 * before for before, after in pairwise(strides)):
        raise ConfigError(f"strides: each must be twice the one before, got {list(strides)}")
    known = dict(zip(backbone.strides, range(len(backbone.strides)), strict=True))
    read = [known[stride] for stride in strides if stride in known]
    if not strides or strides[0] not in known or strides[-1] < max(known):
        raise ConfigError(
            f"strides: expected to begin at one of the backbone's {sorted(known)} and to go to "
            f"{max(known)} or beyond, got {list(strides)}"
        )
    return read

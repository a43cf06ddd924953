"""SSD (Liu et al., "SSD: Single Shot MultiBox Detector", 2016)."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import chain, pairwise

from torch import Tensor, nn

from alframe.config.checks import Checks
from alframe.detectors.anchors import AnchorGrid, Anchors, ssd_cell, ssd_sides
from alframe.detectors.backbones import Backbone, build_backbone
from alframe.detectors.dense import BoxRegression, DenseDetector, Features
from alframe.detectors.losses import Normalizer, mined_cross_entropy
from alframe.detectors.matching import Assignment, Claim, Matching
from alframe.detectors.postprocess import PostProcess
from alframe.detectors.ssd_levels import ChannelNorm, ExtraLevels, LevelTower
from alframe.detectors.ssd_vgg import VGG, vgg_backbone
from alframe.detectors.timm_body import Style
from alframe.errors import ConfigError, together
from alframe.shaped import Float
from alframe.training.batch import Batch


class SSD(DenseDetector):
    """Maps of a backbone, further levels on top, and one convolution a level for each tower.

    The defaults are SSD300-VGG16 on Pascal VOC as in mmdetection 2.3, which MI-AOD builds on:
    six levels, 8,732 anchors.

    # Deviation: fc6 and fc7 start from Xavier values where the weights bring none; mmdetection's
    come from its own copy of the reduced VGG-16.

    Args:
        num_classes: number of classes, without background.
        backbone: ``"vgg16"``, as SSD has it, or a timm model or ``"tiny"``. Of VGG-16 the first
            map is brought to a fixed length, of the others every one.
        weights: of the backbone: ``"pretrained"``, ``"none"`` or the path of a state dict.
        style: of the weights: ``"caffe"`` or ``"pytorch"``; None: that of the pretrained ones,
            ``"caffe"`` for VGG-16.
        frozen_stages: freeze the backbone up to this map; -1 freezes nothing. Not for VGG-16.
        norm_eval: keep the statistics of the backbone's BatchNorm.
        size: side of the input in pixels, which anchors and levels are made for. Give the data
            section the same: ``resize: stretch`` to this size, ``pad: 1``.
        strides: of the cells of each level, in pixels. The first ones are strides of the
            backbone; the other levels have ``size / stride`` cells along a side, rounded up.
        first_anchor: side of the smaller square anchor of the first level, as a share of
            ``size``; 0.07 for COCO.
        anchor_range: the same of the second and the last level; (0.15, 0.9) for COCO.
        anchor_ratios: longer / shorter side of the other anchors, for each level.
        anchor_clipping: cut sides of anchors to ``size``, as torchvision does.
        box_stds: by which box deltas are divided.
        positive_iou: an anchor is positive from this overlap on.
        negative_iou: an anchor is background below this overlap.
        claim: what an object gets besides: ``ties``, every anchor that ties its best overlap
            (mmdet); ``own``, the same, but each for the object that *it* overlaps most
            (torchvision); ``one``, the first of its best anchors (SSD); ``none``, nothing.
        negatives: anchors of background that count for each positive one, the hardest.
        beta: of the smooth L1 loss of boxes: smaller errors are squared; 0 is plain L1.
        normalizer: ``batch``, the sum of all losses over all positive anchors (mmdet);
            ``image``, the mean over images of each one's own (torchvision).
        score_threshold: least probability of a detection.
        nms_iou: detections of a class that overlap more exclude each other.
        candidates_per_image: pairs of an anchor and a class of an image, the best, that go into
            the suppression.
        max_detections: most detections of an image.

    Raises:
        ConfigError: a setting is not among its choices, or does not fit the others.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = VGG,
        weights: str = "pretrained",
        style: Style | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        size: int = 300,
        strides: Sequence[int] = (8, 16, 32, 64, 100, 300),
        first_anchor: float = 0.1,
        anchor_range: tuple[float, float] = (0.2, 0.9),
        anchor_ratios: Sequence[Sequence[float]] = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
        anchor_clipping: bool = False,
        box_stds: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2),
        positive_iou: float = 0.5,
        negative_iou: float = 0.5,
        claim: Claim = "one",
        negatives: float = 3.0,
        beta: float = 1.0,
        normalizer: Normalizer = "batch",
        score_threshold: float = 0.02,
        nms_iou: float = 0.45,
        candidates_per_image: int = 2000,
        max_detections: int = 200,
    ) -> None:
        with Checks() as check:
            check.above_zero("box_stds", *box_stds)
            check.at_least("negatives", negatives, 0)
            check.at_least("beta", beta, 0)
            _, sides, matching, postprocess = together(
                lambda: _check(size, strides, anchor_ratios),
                lambda: _sides(size, first_anchor, anchor_range, len(strides)),
                lambda: Matching(positive_iou, negative_iou, claim),
                lambda: PostProcess(
                    score_threshold,
                    nms_iou,
                    max_detections,
                    candidates="pairs",
                    per_level=None,
                    per_image=candidates_per_image,
                ),
            )
        longest = size if anchor_clipping else math.inf
        super().__init__(
            num_classes,
            exclusive=True,
            grid=_grid(strides, sides, anchor_ratios, longest),
            matching=matching,
            regression=BoxRegression(box_stds, beta),
            normalizer=normalizer,
            postprocess=postprocess,
        )
        self.size, self.negatives = size, negatives
        self.backbone = _backbone(backbone, weights, style, frozen_stages, norm_eval)
        self._read = _maps_read(self.backbone, strides)
        last = len(self._read) - 1
        channels = [self.backbone.channels[i] for i in self._read]
        self.extras = ExtraLevels(channels[-1], [-(-size // s) for s in strides[last:]])
        same = len(channels) - 1 if backbone == VGG else 0
        self.norms = nn.ModuleList(
            [*map(ChannelNorm, channels[: len(channels) - same]), *[nn.Identity()] * same]
        )
        anchors = [len(cell) for cell in self.grid.cells]
        self.make_tower = partial(LevelTower, (*channels, *self.extras.widths), anchors)
        self.class_tower = self.make_tower(self.score_channels, classes=True)
        self.box_tower = self.make_tower(4)

    def features(self, batch: Batch) -> Features:
        """Scale the pixels, run the backbone and the levels on top.

        Raises:
            ConfigError: the images are too small for the coarsest level.
        """
        height, width = batch.images.shape[-2:]
        if min(height, width) < self.size:
            raise _wrong_size(self.size, height, width)
        maps = self.backbone(batch.images, batch.sizes)
        levels = [norm(maps[i]) for i, norm in zip(self._read, self.norms, strict=True)]
        levels += self.extras(levels[-1])
        return Features(tuple(levels), maps[-1], (height, width))

    def anchors(self, features: Features) -> Anchors:
        """The anchors of these levels; see :meth:`.DenseDetector.anchors`.

        Raises:
            ConfigError: a level has other cells than the image has strides, as those on top have
                of images larger than those that they were made for.
        """
        if features.frame != (self.size, self.size) and self.misfit(features):
            raise _wrong_size(self.size, *features.frame)
        return super().anchors(features)

    def class_loss(
        self, logits: "Float[Tensor, 'B A K']", assignment: Assignment
    ) -> "Float[Tensor, ' B']":
        """Cross-entropy of each image, summed over its positives and its hardest negatives."""
        return mined_cross_entropy(logits, assignment.labels, self.negatives)


def _check(size: int, strides: Sequence[int], ratios: Sequence[Sequence[float]]) -> None:
    with Checks() as check:
        if not strides or min(strides) < 1 or size < max(strides):
            check.problems.append(
                f"strides: expected some between 1 and size={size}, got {list(strides)}"
            )
        if len(ratios) != len(strides):
            check.problems.append(
                f"anchor_ratios: expected a list for each of the {len(strides)} levels, got "
                f"{len(ratios)}"
            )
        check.above_zero("anchor_ratios", *chain.from_iterable(ratios))


def _sides(size: int, first: float, span: tuple[float, float], levels: int) -> tuple[int, ...]:
    with Checks() as check:
        check.above_zero("first_anchor", first)
        if not 0 < span[0] < span[1]:
            check.problems.append(
                f"anchor_range: expected two shares above 0, the smaller first, got {list(span)}"
            )
    sides = ssd_sides(size, first, span, levels)
    if min(sides) < 1:
        raise ConfigError(
            f"first_anchor, anchor_range: expected shares of size={size} that make a pixel or "
            f"more, in whole percents, got sides of {list(sides)}"
        )
    return sides


def _grid(
    strides: Sequence[int], sides: Sequence[int], ratios: Sequence[Sequence[float]], longest: float
) -> AnchorGrid:
    cells = tuple(
        ssd_cell(side, after, own, longest)
        for (side, after), own in zip(pairwise(sides), ratios, strict=True)
    )
    return AnchorGrid(cells, tuple(strides), offset=0.5)


def _wrong_size(size: int, height: int, width: int) -> ConfigError:
    return ConfigError(
        f"data: expected images of {size} x {size} pixels, got {width} x {height}: set "
        f"data.resize=stretch data.long={size} data.short={size} data.pad=1"
    )


def _backbone(
    name: str, weights: str, style: Style | None, frozen_stages: int, norm_eval: bool
) -> Backbone:
    if name != VGG:
        return build_backbone(
            name,
            weights=weights,
            style=style or "pytorch",
            frozen_stages=frozen_stages,
            norm_eval=norm_eval,
        )
    with Checks() as check:
        check.one_of("style", style, (None, "caffe", "pytorch"))
        if frozen_stages != -1:
            check.problems.append(f"frozen_stages: {VGG!r} is trained as a whole: expected -1")
    return vgg_backbone(weights, style or "caffe")


def _maps_read(backbone: Backbone, strides: Sequence[int]) -> list[int]:
    """Positions of the backbone's maps that the first levels read."""
    known = {stride: i for i, stride in enumerate(backbone.strides)}
    read = [known[stride] for stride in strides if stride in known]
    if not read or any(stride not in known for stride in strides[: len(read)]):
        raise ConfigError(
            f"strides: expected to begin with some of the backbone's {sorted(known)}, got "
            f"{list(strides)}"
        )
    return read

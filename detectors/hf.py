"""DETRs of transformers: RT-DETR v2, D-FINE, RF-DETR and DETR; objects are queries of a decoder."""

import contextlib
import logging
import math
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from alframe.config.checks import Checks
from alframe.detectors.detector import BoxDetector, KnownBoxes
from alframe.detectors.hf_families import FAMILIES
from alframe.detectors.hf_loss import loss_terms, of_one_process
from alframe.detectors.hf_network import build_network
from alframe.detectors.hf_tracing import free_sizes
from alframe.detectors.losses import at_least_float32
from alframe.detectors.pixels import PixelScaling, inside
from alframe.detectors.postprocess import PostProcess
from alframe.detectors.stock import in_single_precision, stock_targets
from alframe.errors import ConfigError
from alframe.shaped import Float, Int
from alframe.training.batch import Batch
from alframe.training.warm_start import ClassRows, lay_out

logger = logging.getLogger(__name__)

HEADS = ("class_embed", "bbox_embed", "class_labels_classifier", "bbox_predictor", "enc_out_class",
         "enc_out_bbox", "enc_score_head", "enc_bbox_head")  # fmt: skip
"""Modules that give logits and coordinates, in every family."""
OF_CLASSES = ("class", "score")
"""Parts of the names of layers that have a row for each class, and maybe a last one for none."""


class Decoded(NamedTuple):
    """What the network makes of a batch: Q queries an image.

    Attributes:
        logits: [B, Q, K], of each class, and background, last, where classes exclude each other.
        boxes: [B, Q, 4], centre x, centre y, width, height, as shares of the image.
        vectors: [B, Q, F], the decoder's last hidden state.
        deepest: the backbone's last map [B, D, h, w].
        frames: [B, 2], height and width that boxes are shares of, in pixels.
    """

    logits: "Float[Tensor, 'B Q K']"
    boxes: "Float[Tensor, 'B Q 4']"
    vectors: "Float[Tensor, 'B Q F']"
    deepest: "Float[Tensor, 'B D h w']"
    frames: "Int[Tensor, 'B 2']"


class HFDetector(BoxDetector):
    """A detector of transformers (``AutoModelForObjectDetection``), its loss and its own outputs.

    There is no suppression: as in the library, detections are the best pairs of a query and a
    class, in DETR the best class of each query. Denoising queries and dropout draw from torch's
    global generator. N processes equal ``training.accumulate=N`` up to these draws, and up to the
    statistics of BatchNorm, which are those of the main process's part.

    Args:
        num_classes: number of classes, without background.
        architecture: a folder that ``save_pretrained()`` wrote (a ``config.json`` suffices for
            ``weights="none"``); a name on the Hugging Face hub; or a preset, the configuration that
            transformers has for ``"rtdetr-v2"``, ``"dfine"``, ``"rf-detr"`` or ``"detr"``, without
            weights.
        weights: ``"pretrained"``, those that ``architecture`` has, or ``"none"``. Layers for
            another number of classes are fresh. What the library freezes, the first layers of
            DETR's ResNet, is trained where it is random.
        norm_eval: keep the statistics of the backbone's BatchNorm; always so in DETR.
        backbone_lr_factor: the backbone's rate is ``training.lr``, as scheduled, times this.
        score_threshold: detections have a probability above it.
        max_detections: most detections of an image.

    Raises:
        ConfigError: no transformers; a setting is not among its choices; no such weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        architecture: str = FAMILIES["rt_detr_v2"].example,
        weights: Literal["pretrained", "none"] = "pretrained",
        norm_eval: bool = True,
        backbone_lr_factor: float = 0.1,
        score_threshold: float = 0.05,
        max_detections: int = 100,
    ) -> None:
        super().__init__()
        with Checks() as check:
            check.one_of("weights", weights, ("pretrained", "none"))
            if not 0 < backbone_lr_factor < math.inf:
                check.problems.append(
                    f"backbone_lr_factor: expected a factor above 0, got {backbone_lr_factor}"
                )
            self.postprocess = PostProcess(
                score_threshold, math.inf, max_detections, "pairs", max_detections, per_image=None
            )
        self.network: Any
        self.network, self.sizes = build_network(
            architecture, weights, num_classes, norm_eval=norm_eval
        )
        self.family = FAMILIES[self.network.config.model_type]
        self.exclusive = self.family.exclusive
        self.scaling = PixelScaling(self.family.pixels)
        self.backbone_lr_factor = backbone_lr_factor
        for name, layer in self.network.named_modules():
            if isinstance(layer, nn.Linear) and any(head in name for head in HEADS):
                in_single_precision(layer)
            if _is_of_classes(name, layer, num_classes):
                lay_out(layer, ClassRows())
        frozen = norm_eval and any("FrozenBatchNorm" in type(m).__name__ for m in self.modules())
        self._warning = weights == "none" and frozen

    @property
    def backbone(self) -> nn.Module:
        """The part that was trained on images of classes, without what projects its maps."""
        encoder = self.network.model.backbone
        inner: nn.Module = encoder.backbone if hasattr(encoder, "backbone") else encoder.model
        return inner

    def parameter_groups(self) -> "Iterable[tuple[float, Iterable[nn.Parameter]]]":
        """The backbone, at its own rate."""
        return [(self.backbone_lr_factor, self.backbone.parameters())]

    def train(self, mode: bool = True) -> Self:
        """As ever; says so when a backbone of random values has its statistics kept."""
        super().train(mode)
        if mode and self._warning:
            self._warning = False
            logger.warning(
                "weights=none with a backbone whose BatchNorm keeps its statistics: random values "
                "are not normalised; norm_eval=false trains them, where the family can"
            )
        return self

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """As ever.

        Raises:
            ConfigError: the weights are those of another network.
        """
        try:
            return super().load_state_dict(state_dict, strict, assign)
        except RuntimeError as error:
            raise ConfigError(
                "architecture: the trained weights are of another network than this config.json "
                "describes: give model.architecture the folder as it was when training began"
            ) from error

    def loss(self, batch: Batch) -> "dict[str, Float[Tensor, '']]":
        """The library's terms, weighted, each summed over decoder layers and denoising queries.

        Boxes without area are left out.

        Raises:
            ValueError: the batch is unlabelled.
            TrainingError: images of a size that the network cannot take.
        """
        rows = zip(stock_targets(batch), self._frames(batch), strict=True)
        labels = [
            {"class_labels": t["labels"], "boxes": _as_shares(t["boxes"], frame)}
            for t, frame in rows
        ]
        with of_one_process():
            output = self.network(**self._inputs(batch), labels=labels)
        return loss_terms(output.loss_dict, self.network.config)

    def features(self, batch: Batch) -> Decoded:
        """Run the whole network. Targets are not looked at.

        Raises:
            TrainingError: images of a size that the network cannot take.
        """
        exporting = torch.compiler.is_exporting()
        free = free_sizes(self.network) if exporting else contextlib.nullcontext()
        with _last_map(self.backbone) as maps, free:
            output = self.network(**self._inputs(batch))
        found = (output.logits, output.pred_boxes, output.last_hidden_state, maps[-1])
        logits, boxes, vectors, deepest = map(at_least_float32, found)
        return Decoded(logits, boxes, vectors, deepest, self._frames(batch))

    def predict(self, features: Decoded) -> KnownBoxes:
        """Classes and boxes of the queries."""
        logits, exclusive = features.logits, self.exclusive
        probs = logits.softmax(dim=2) if exclusive else logits.sigmoid()
        scores = _best_class(probs[..., :-1]) if exclusive else probs
        centre, half = features.boxes[..., :2], features.boxes[..., 2:] / 2
        boxes = torch.cat([centre - half, centre + half], dim=2)
        boxes = boxes * features.frames.flip(1).repeat(1, 2).unsqueeze(1)  # [B, 1, 4]
        return KnownBoxes(probs, scores, boxes.unsqueeze(2), (scores.shape[1],), features.vectors)

    def _frames(self, batch: Batch) -> Tensor:
        """Height and width that boxes are shares of: [B, 2], in pixels."""
        if self.family.masked:
            return batch.sizes
        sides = [batch.sizes.new_full((), side) for side in batch.images.shape[2:]]
        return torch.stack(sides).expand_as(batch.sizes)

    def _inputs(self, batch: Batch) -> dict[str, Tensor]:
        height, width = batch.images.shape[2:]
        self.sizes.check(height, width)
        inputs = {"pixel_values": self.scaling(batch.images, batch.sizes)}
        if self.family.masked:
            inputs["pixel_mask"] = inside(batch.sizes, height, width)[:, 0].long()
        return inputs


def _is_of_classes(name: str, layer: nn.Module, classes: int) -> bool:
    """Whether a layer has a row for each class, and maybe one for none."""
    named = any(part in name for part in OF_CLASSES)
    rows = len(layer.weight) if named and isinstance(layer, nn.Linear | nn.Embedding) else None
    return rows in (classes, classes + 1)


@contextlib.contextmanager
def _last_map(backbone: nn.Module) -> Iterator[list[Tensor]]:
    """A list that the backbone's maps are put into."""
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        del module, inputs
        maps.extend(getattr(output, "feature_maps", output))

    handle = backbone.register_forward_hook(keep)
    try:
        yield maps
    finally:
        handle.remove()


def _best_class(scores: Tensor) -> Tensor:
    """The scores with all but the best of each query set to 0: [B, Q, C]."""
    best, place = scores.max(dim=2, keepdim=True)
    return torch.zeros_like(scores).scatter(2, place, best)


def _as_shares(boxes: "Float[Tensor, 'M 4']", frame: Tensor) -> "Float[Tensor, 'M 4']":
    """From x1 y1 x2 y2 in pixels to centre x, centre y, width, height as shares of the frame."""
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, high - low], dim=1) / frame.flip(0).repeat(2)

"""torchvision's Faster R-CNN as a model: all that it takes to bring a detector of one's own."""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torchvision.models.detection import FasterRCNN as Stock
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from alframe.datasets.base import LabelledSet
from alframe.detectors.box_ops import rescale_boxes
from alframe.detectors.evaluation import detection_metrics
from alframe.learner import LearnerSetup, Metrics
from alframe.signals import DETECTIONS, EMBEDDING, Detections, SignalBatch
from alframe.training.batch import Batch

padded = partial(pad_sequence, batch_first=True)


class FasterRCNN(nn.Module):
    """Faster R-CNN on a ResNet-18 FPN.

    Args:
        num_classes: C; torchvision counts from 1, and calls the background 0.
        side: of the images that it sees, in pixels.
    """

    provides: ClassVar[frozenset[str]] = frozenset({DETECTIONS, EMBEDDING})
    measured: ClassVar[frozenset[str]] = frozenset({DETECTIONS})

    def __init__(self, num_classes: int, side: int = 128) -> None:
        super().__init__()
        backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5)
        proposals = dict.fromkeys(("rpn_post_nms_top_n_train", "rpn_post_nms_top_n_test"), 100)
        self.stock = Stock(backbone, num_classes + 1, side, 2 * side, **proposals)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Of the proposals and of the boxes, torchvision's four terms."""
        if batch.boxes is None or batch.labels is None:
            raise ValueError(f"images {', '.join(batch.ids)} are unlabelled")
        rows = zip(batch.boxes, batch.labels, strict=True)
        targets = [{"boxes": b[y >= 0], "labels": y[y >= 0] + 1} for b, y in rows]
        losses: dict[str, Tensor] = self.stock(self._images(batch), targets)
        return losses

    def features(self, batch: Batch) -> Any:
        """Resized images, and the maps of the pyramid."""
        images, _ = self.stock.transform(self._images(batch))
        return images, self.stock.backbone(images.tensors)

    def read(self, batch: Batch, features: Any, names: frozenset[str]) -> dict[str, Any]:
        """Detections, and the coarsest map's mean."""
        (images, maps), values = features, dict[str, Any]()
        if EMBEDDING in names:
            values[EMBEDDING] = maps["3"].float().mean(dim=(2, 3))  # [B, F, H, W] -> [B, F]
        if DETECTIONS in names:
            values[DETECTIONS] = self._detections(batch, images, maps)
        return values

    def measure(
        self, test: LabelledSet, stream: Iterable[SignalBatch], setup: LearnerSetup
    ) -> Metrics:
        """Average precision, as of every detector."""
        return detection_metrics(test, stream, setup)

    def _detections(self, batch: Batch, images: Any, maps: Any) -> Detections:
        heads, sizes = self.stock.roi_heads, images.image_sizes
        found, _ = heads(maps, self.stock.rpn(images, maps)[0], sizes)
        boxes, scores, labels = ([f[k] for f in found] for k in ("boxes", "scores", "labels"))
        # The probabilities of all classes at the boxes that were found, background last.
        pooled = heads.box_head(heads.box_roi_pool(maps, boxes, sizes))
        probs = heads.box_predictor(pooled)[0].float().softmax(dim=1).roll(-1, dims=1)
        counts = [len(s) for s in scores]
        valid = [torch.ones(n, dtype=torch.bool, device=probs.device) for n in counts]
        frames = torch.tensor(sizes, device=probs.device)
        return Detections(
            rescale_boxes(padded(boxes).float(), frames, batch.originals),
            padded(scores).float(),
            padded([y - 1 for y in labels]),
            padded(valid),
            padded(list(probs.split(counts))),
            exclusive=True,
        )

    @staticmethod
    def _images(batch: Batch) -> list[Tensor]:
        sized = zip(batch.images.float() / 255, batch.sizes.tolist(), strict=True)
        return [image[:, :height, :width] for image, (height, width) in sized]

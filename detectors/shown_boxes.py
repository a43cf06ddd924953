"""What a detector found in an image: as JSON, in lines and painted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alframe.detectors.painting import heat_map, overlay, with_boxes
from alframe.model import Display, ShownPrediction
from alframe.signals import ANCHOR_WEIGHT, ANCHORS, DETECTIONS, DISAGREEMENT, SignalBatch

THRESHOLD = 0.3
"""Least score of a box that is shown, unless told otherwise."""


@dataclass(frozen=True, eq=False)
class Heat:
    """Where two classifiers disagree.

    Attributes:
        anchors: float32 [A, 4], x1 y1 x2 y2 in pixels of the original image.
        uncertainty: float64 [A], squared disagreement.
    """

    anchors: NDArray[np.float32]
    uncertainty: NDArray[np.float64]


class DetectionsShowing:
    """Shows boxes; where there are two classifiers, the picture has a heat map of disagreement."""

    def __init__(self, display: Display) -> None:
        self._display = display
        disagreeing = {ANCHORS, DISAGREEMENT, *([ANCHOR_WEIGHT] if display.weighted else [])}
        heated = disagreeing if DISAGREEMENT in display.signals else set()
        self.requires = frozenset({DETECTIONS, *heated})

    def show(self, batch: SignalBatch) -> ShownPrediction:
        """What was found in the one image of a batch."""
        display, found = self._display, batch[DETECTIONS]
        least = THRESHOLD if display.threshold is None else display.threshold
        kept = found.valid[0] & (found.scores[0] >= least)
        boxes = found.boxes[0][kept].float().cpu().numpy()
        scores, labels = (each[0][kept].tolist() for each in (found.scores.float(), found.labels))
        names = [display.classes[label] for label in labels]
        rows = list(zip(names, scores, boxes.tolist(), strict=True))
        captions = [f"{name} {score:.2f}" for name, score, _ in rows]
        return ShownPrediction(
            json={"detections": [{"class": c, "score": s, "box": b} for c, s, b in rows]},
            lines=tuple(_line(*row) for row in rows),
            paint=partial(painted, boxes, labels, captions, self._heat(batch), display.opacity),
        )

    def _heat(self, batch: SignalBatch) -> Heat | None:
        if DISAGREEMENT not in batch.values:
            return None
        each = batch[DISAGREEMENT][0] * (batch[ANCHOR_WEIGHT][0] if self._display.weighted else 1)
        return Heat(batch[ANCHORS][0].float().cpu().numpy(), each.double().cpu().numpy())


def painted(
    boxes: NDArray[np.float32],
    labels: Sequence[int],
    captions: Sequence[str],
    heat: Heat | None,
    opacity: float,
    image: NDArray[np.uint8],
) -> Image.Image:
    """The image with its heat map, where there is one, and its boxes.

    Args:
        boxes: float32 [N, 4], x1 y1 x2 y2 in pixels of the image, the surest first.
        labels: of each box, for the colours.
        captions: of each box.
        heat: what to make a map of.
        opacity: of the map.
        image: RGB, uint8 [H, W, 3].
    """
    if heat is not None:
        spread = heat_map(heat.anchors, heat.uncertainty, *image.shape[:2])
        image = overlay(image, spread, opacity)
    return with_boxes(image, boxes, labels, captions)


def _line(name: str, score: float, box: Sequence[float]) -> str:
    corners = "  ".join(f"{v:.1f}" for v in box)
    return f"{name}  {score:.2f}  [{corners}]"

"""Whether an exported model finds what the model finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.errors import RunError

PIXELS, SCORES = 1e-2, 1e-4
"""By so much boxes and scores may differ."""
SHARE = 0.01
"""Of the detections may have no counterpart: two boxes overlap by just the limit, and rounding
decides whether the weaker one stays."""

Arrays = list[NDArray[Any]]


@dataclass
class Agreement:
    """What was seen in all batches.

    Attributes:
        floor: least score of a detection; rounding decides about those that have just this one.
        images: how many.
        compared: detections, or raw numbers.
        unmatched: detections of either side without a counterpart, and raw ones that differ.
        boxes: the largest difference, in pixels.
        scores: the largest difference.
    """

    floor: float = 0.0
    images: int = 0
    compared: int = 0
    unmatched: int = 0
    boxes: float = 0.0
    scores: float = 0.0

    def add(self, expected: Arrays, found: Arrays) -> None:
        """Compare the outputs of one batch.

        Raises:
            RunError: they are of other shapes.
        """
        if [each.shape for each in expected] != [each.shape for each in found]:
            shapes = " and ".join(str([list(e.shape) for e in each]) for each in (expected, found))
            raise RunError(f"the exported model gives other shapes than the model: {shapes}")
        self.images += len(expected[0])
        if len(expected) == 2:
            self._raw(expected, found)
            return
        for own, other in zip(zip(*expected, strict=True), zip(*found, strict=True), strict=True):
            self._image(own, other)

    def settle(self) -> str:
        """What is to be said.

        Raises:
            RunError: the two do not find the same.
        """
        if self.unmatched > SHARE * self.compared or not self.images:
            raise RunError(
                f"the exported model does not find what the model finds: of {self.compared:,} "
                f"{self.unmatched:,} have no counterpart within {PIXELS} pixels and {SCORES} of "
                "the score; nothing was written"
            )
        if not self.compared:
            return f"nothing compared in {self.images} images: neither finds anything there"
        said = (
            f"{self.compared:,} compared in {self.images} images: boxes within {self.boxes:.1e} "
            f"pixels, scores within {self.scores:.1e}"
        )
        return f"{said}, {self.unmatched} without a counterpart" if self.unmatched else said

    def _raw(self, expected: Arrays, found: Arrays) -> None:
        boxes, scores = (np.abs(a - b) for a, b in zip(expected, found, strict=True))
        near = (boxes <= PIXELS).all(axis=(2, 3)) & (scores <= SCORES).all(axis=2)
        self.compared += near.size
        self.unmatched += int((~near).sum())
        self._note(boxes[near], scores[near])

    def _image(self, own: Sequence[Any], other: Sequence[Any]) -> None:
        (box, score, label), (box2, score2, label2) = (
            [column[columns[2] >= 0] for column in columns] for columns in (own, other)
        )
        self.compared += len(box)
        boxes = np.abs(box[:, None] - box2).max(axis=2, initial=0)
        scores = np.abs(score[:, None] - score2)
        near = (boxes <= PIXELS) & (scores <= SCORES) & (label[:, None] == label2)
        full = len(score) == len(score2) == len(own[2]) > 1  # so the weakest may be another
        least = (min(*score, *score2) if full else self.floor) + SCORES
        alone = ~near.any(axis=1) & ~(score <= least), ~near.any(axis=0) & ~(score2 <= least)
        self.unmatched += sum(int(each.sum()) for each in alone)
        self._note(boxes[near], scores[near])

    def _note(self, boxes: NDArray[Any], scores: NDArray[Any]) -> None:
        self.boxes = max(self.boxes, float(boxes.max(initial=0)))
        self.scores = max(self.scores, float(scores.max(initial=0)))

"""The class of an image as JSON, in lines and beneath the picture."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alframe.detectors.painting import COLOURS, with_legend
from alframe.errors import RunError
from alframe.model import Display, ShownPrediction
from alframe.signals import CLASS_PROBS, SignalBatch
from alframe.tasks.classification.metrics import image_probs

MOST = 5
"""Classes that are shown, the likeliest."""
THRESHOLD = 0.01
"""Least probability of a class that is shown beside the likeliest, unless told otherwise."""


class ClassesShowing:
    """Shows the likeliest classes of an image.

    Args:
        display: how it is to be shown; the threshold is of probabilities.

    Raises:
        RunError: anchors are to be weighed.
    """

    requires = frozenset({CLASS_PROBS})

    def __init__(self, display: Display) -> None:
        if display.weighted:
            raise RunError("a classifier has no anchors to weigh: leave out --weighted")
        self._display = display

    def show(self, batch: SignalBatch) -> ShownPrediction:
        """The classes of the one image of a batch."""
        classes, least = self._display.classes, self._display.threshold
        probs = image_probs(batch)[0].double().cpu().numpy()
        order = np.argsort(-probs, kind="stable")[:MOST].tolist()
        least = THRESHOLD if least is None else least
        shown = [n for place, n in enumerate(order) if place == 0 or probs[n] >= least]
        rows = {classes[n]: float(probs[n]) for n in shown}
        lines = tuple(f"{name}  {share:.2f}" for name, share in rows.items())
        return ShownPrediction(
            json={"classes": rows}, lines=lines, paint=partial(captioned, lines, shown)
        )


def captioned(
    captions: Sequence[str], labels: Sequence[int], image: NDArray[np.uint8]
) -> Image.Image:
    """The image above the names of its classes.

    Args:
        captions: of each class.
        labels: of each class, for the colours.
        image: RGB, uint8 [H, W, 3].
    """
    colours = [COLOURS[label % len(COLOURS)] for label in labels]
    return with_legend(Image.fromarray(image), list(zip(captions, colours, strict=True)))

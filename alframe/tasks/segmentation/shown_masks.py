"""Masks as JSON, in lines and painted over their image."""

from collections.abc import Sequence
from colorsys import hls_to_rgb
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from alframe.detectors.painting import COLOURS, overlay, with_legend
from alframe.errors import RunError
from alframe.model import Display, ShownPrediction
from alframe.signals import SignalBatch
from alframe.tasks.segmentation.class_maps import (
    CLASS_MAPS,
    ClassMaps,
    decided_classes,
    maps_of,
    probabilities,
)

GOLDEN = 0.618034
"""Of a turn, by the golden ratio: of many hues this far apart, few come close."""
LIGHTNESSES = (0.25, 0.4, 0.55, 0.7, 0.85)
BACKGROUND = "background"
"""A class of this name is black."""


@dataclass(frozen=True, eq=False)
class DecidedMask:
    """What is painted of one image, in its original size.

    Attributes:
        mask: uint8 [H, W], the class of each pixel.
        entropy: float32 [H, W], of its class probabilities; 1 where all classes are alike.
    """

    mask: NDArray[np.uint8]
    entropy: NDArray[np.float32]


class MasksShowing:
    """Shows masks: the share of each class, and a picture of the mask and of its entropy.

    Args:
        display: how it is to be shown; a threshold replaces that of a model of one channel.
    """

    requires = frozenset({CLASS_MAPS})

    def __init__(self, display: Display) -> None:
        self._display = display

    def show(self, batch: SignalBatch) -> ShownPrediction:
        """The mask of the one image of a batch."""
        classes = self._display.classes
        decided = decided_mask(maps_of(batch, len(classes)), self._display.threshold)
        counts = np.bincount(decided.mask.ravel(), minlength=len(classes)) / decided.mask.size
        shares = {classes[n]: float(counts[n]) for n in np.argsort(-counts, kind="stable")}
        found = {name: share for name, share in shares.items() if share}
        return ShownPrediction(
            json={"classes": found, "entropy": float(decided.entropy.mean())},
            lines=tuple(f"{name}  {100 * share:.1f} %" for name, share in found.items()),
            paint=partial(painted_mask, decided, classes, self._display.opacity),
        )


def decided_mask(maps: ClassMaps, threshold: float | None) -> DecidedMask:
    """The mask of the one image in some maps, and how sure each pixel of it is.

    Raises:
        RunError: a threshold for a model that decides by the likeliest class.
    """
    if threshold is not None and maps.logits.shape[1] > 1:
        raise RunError(
            "the model decides by the likeliest class: leave out --threshold, which is for models "
            "of one channel (model.one_channel=true)"
        )
    wanted = maps.threshold if threshold is None else threshold
    masks, entropies = [], []
    for logits in maps.at_original_size(0):
        masks.append(decided_classes(logits, wanted))
        probs = probabilities(logits, dim=0)
        entropy = -(probs * probs.clamp(min=1e-12).log()).sum(0) / np.log(len(probs))
        entropies.append(entropy.float().clamp(0, 1))
    return DecidedMask(*(torch.cat(bands).cpu().numpy() for bands in (masks, entropies)))


def painted_mask(
    decided: DecidedMask, classes: Sequence[str], opacity: float, image: NDArray[np.uint8]
) -> Image.Image:
    """The image under its mask, beside it under its entropy, and below the names of the colours.

    Args:
        decided: what to paint.
        classes: names, in label order.
        opacity: 0..1; 1 shows the mask alone.
        image: RGB, uint8 [H, W, 3].
    """
    palette = colours(classes)
    mixed = (1 - opacity) * image + opacity * palette[decided.mask]
    under = np.asarray(np.rint(mixed), np.uint8)
    beside = overlay(image, decided.entropy.astype(np.float64), opacity, hottest=1.0)
    both = Image.fromarray(np.concatenate([under, beside], axis=1))
    present: list[int] = np.unique(decided.mask).tolist()
    return with_legend(both, [(classes[n], tuple(palette[n].tolist())) for n in present])


def colours(classes: Sequence[str]) -> NDArray[np.uint8]:
    """A colour for each class, uint8 [K, 3].

    Those of boxes, darker ones, and then hues far apart in five lightnesses.
    """
    named = [*COLOURS, *(tuple(0.6 * part for part in colour) for colour in COLOURS)]
    hues = ((n * GOLDEN % 1, LIGHTNESSES[n % len(LIGHTNESSES)]) for n in range(len(classes)))
    others = (tuple(255 * part for part in hls_to_rgb(h, light, 0.8)) for h, light in hues)
    rows = [*named, *others][: len(classes)]
    black = np.array([[name == BACKGROUND] for name in classes])
    return np.where(black, 0, np.array(rows)).astype(np.uint8)

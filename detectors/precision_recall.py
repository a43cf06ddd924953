"""Precision-recall curves as a picture."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle, product

from alframe.colours import LINE_STYLES, ON_WHITE
from alframe.datasets.base import Target
from alframe.detectors.evaluation_results import DetectionResults
from alframe.detectors.evaluation_voc import precision_recall
from alframe.fonts import to_bytes
from alframe.text import plot_text

MOST = 20
"""Classes that have a colour and a place in the legend; of more, all are drawn in grey."""


def curves_png(
    results: DetectionResults, targets: Mapping[str, Target], classes: Sequence[str]
) -> bytes:
    """A curve a class that has objects, at an overlap of .5, by Pascal VOC's rules.

    Args:
        results: the detections.
        targets: the annotations of every test image, by id.
        classes: names, in label order.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5.0), facecolor="white", layout="constrained")
    axes = figure.subplots()
    curves = precision_recall(results, targets, len(classes))
    many = sum(curve is not None for curve in curves) > MOST
    looks = product(LINE_STYLES, ON_WHITE)
    for name, curve, (style, colour) in zip(classes, curves, cycle(looks), strict=False):
        if curve is None:
            continue
        recall = [0.0, *curve[:, 0], curve[-1, 0] if len(curve) else 0.0]
        precision = [*curve[:1, 1], *curve[:, 1], 0.0] if len(curve) else [0.0, 0.0]
        shade, style = ("#999999", "-") if many else (colour, style)
        label = None if many else plot_text(textwrap.fill(name, 30))
        axes.step(recall, precision, style, where="pre", color=shade, linewidth=1.2, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title("Precision by recall, overlap .5")
    if not many and any(curve is not None for curve in curves):
        figure.legend(loc="outside right upper", frameon=False)
    return to_bytes(figure, "png")

"""Drawn shapes, one an image, to be told apart."""

from alframe.datasets.shapes import shapes
from alframe.tasks.classification.figures import NOTHING, figures


def test_an_image_without_a_shape_shows_nothing() -> None:
    found = figures(pool=60, test=10, classes=3)
    drawn = shapes(pool=60, test=10, size=32, classes=3, max_objects=1)
    shown = {item: [found.classes[n] for n in t.labels] for item, t in found.targets.items()}
    assert shown == {
        item: [drawn.classes[n] for n in t.labels] or [NOTHING] for item, t in drawn.targets.items()
    }
    assert [NOTHING] in shown.values()

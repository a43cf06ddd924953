"""Predictions in the order in which a strategy would choose their images."""

from collections.abc import Callable, Iterator, Sequence

from alframe.runs.predicting import Prediction

Predict = Callable[[Sequence[int]], Iterator[Prediction]]
"""Predicts the images at some positions, in the order given."""


def ranked(
    predict: Predict,
    count: int,
    top: int | None = None,
    draw: Callable[[int, Prediction], None] | None = None,
) -> list[tuple[int, Prediction]]:
    """Predictions by descending score, equal ones and those without one in the order of images.

    Maps of all images would not fit memory: pictures are drawn in passing, or, of the ``top`` that
    are known only at the end, by predicting those again.

    Args:
        predict: makes predictions.
        count: how many images there are.
        top: how many predictions to keep; None keeps all.
        draw: draws a picture.

    Returns:
        Positions of the images, and their predictions without what pictures are made of.
    """
    found = list(_drawn(predict, range(count), None if top else draw))
    order = sorted(range(count), key=lambda position: -(found[position].score or 0.0))[:top]
    if top and draw:
        for _ in _drawn(predict, order, draw):
            pass
    return [(position, found[position]) for position in order]


def _drawn(
    predict: Predict, positions: Sequence[int], draw: Callable[[int, Prediction], None] | None
) -> Iterator[Prediction]:
    for position, prediction in zip(positions, predict(positions), strict=True):
        if draw:
            draw(position, prediction)
        yield prediction.without_picture()

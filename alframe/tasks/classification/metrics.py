"""How good a classifier is: accuracy, F1, and whether its probabilities can be believed."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.datasets.base import LabelledSet
from alframe.errors import DIVERGED, DataError, TrainingError
from alframe.learner import Metrics
from alframe.model import ERRORS
from alframe.shaped import Float, Int, Tensor
from alframe.signals import CLASS_PROBS, SignalBatch
from alframe.words import named, plural

BINS = 15
"""Of confidence, equally wide, as Guo et al. (ICML 2017) have them."""
LEAST = 1e-12
"""What a probability counts as at least, where its logarithm is taken."""


def classification_metrics(
    test: LabelledSet, stream: Iterable[SignalBatch], classes: Sequence[str]
) -> Metrics:
    """Metrics of the test images that have a class, from their class probabilities.

    Args:
        test: one label an image, or none.
        stream: batches of ``class_probs``, [B, 1, C].
        classes: names, in label order.

    Raises:
        TrainingError: a probability is not finite, or there are several rows of them; the message
            names the image.
        DataError: no image has a class.
    """
    rows: dict[str, NDArray[np.float64]] = {}
    for batch in stream:
        values = image_probs(batch).double().cpu().numpy()
        for item, row in zip(batch.ids, values, strict=True):
            if not np.isfinite(row).all():
                raise TrainingError(f"the class probabilities of {item} are not finite: {DIVERGED}")
            rows[item] = row
    known = [item for item in test.ids if len(test.targets[item].labels)]  # sums in one order
    if not known:
        raise DataError(
            f"none of {plural(len(test), 'image')} to measure on has a class that the model knows"
        )
    labels = np.array([test.targets[item].labels[0] for item in known])
    return metrics_of(np.stack([rows[item] for item in known]), labels, classes)


def image_probs(batch: SignalBatch) -> "Float[Tensor, 'B C']":
    """The class probabilities of whole images.

    Raises:
        TrainingError: they are of several predictions an image.
    """
    values: Tensor = batch[CLASS_PROBS].values
    if values.shape[1] != 1:
        raise TrainingError(
            f"{CLASS_PROBS}.values has the shape {tuple(values.shape)}: expected [B, 1, C], one "
            f"prediction an image; see {named(batch.ids)}"
        )
    return values[:, 0]


def metrics_of(
    probs: "Float[np.ndarray, 'N C']", labels: "Int[np.ndarray, ' N']", classes: Sequence[str]
) -> dict[str, Any]:
    """All metrics, the headline first.

    - ``accuracy``: share of images whose likeliest class is theirs.
    - ``macro_f1``: mean of the classes' F1, of those that occur or are predicted.
    - ``class_accuracy``: share of each class's images that are found; None where it has none.
    - ``errors``: ``nll``, mean negative log-likelihood in nats; ``ece``, expected calibration error
      over :data:`BINS` equal bins of the highest probability.
    """
    predicted = probs.argmax(axis=1)
    right = predicted == labels
    nll = float(-np.log(np.maximum(probs[np.arange(len(labels)), labels], LEAST)).mean())
    return {
        "accuracy": float(right.mean()),
        "macro_f1": macro_f1(predicted, labels),
        "class_accuracy": {
            name: float(right[labels == label].mean()) if (labels == label).any() else None
            for label, name in enumerate(classes)
        },
        ERRORS: {"nll": nll, "ece": calibration_error(probs.max(axis=1), right)},
    }


def macro_f1(predicted: "Int[np.ndarray, ' N']", labels: "Int[np.ndarray, ' N']") -> float:
    """Mean over the classes that occur or are predicted of 2 TP / (2 TP + FP + FN)."""
    scores = []
    for label in np.union1d(predicted, labels):
        said, true = predicted == label, labels == label
        scores.append(2 * np.count_nonzero(said & true) / (said.sum() + true.sum()))
    return float(np.mean(scores))


def calibration_error(
    confidence: "Float[np.ndarray, ' N']", right: NDArray[np.bool_], bins: int = BINS
) -> float:
    """How far confidence is from accuracy: mean over bins, weighted by their images.

    Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), equation 3. A confidence on
    the border of two bins is in the lower one.

    Args:
        confidence: highest class probability of each image.
        right: whether its class is that of the image.
        bins: of equal width, from 0 to 1.
    """
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))

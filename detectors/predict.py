"""A finished model of a run on images of one's own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alframe.config.resolve import drafted, from_overrides
from alframe.config.sections import Component, RunConfig
from alframe.datasets.base import ImageSet
from alframe.detectors.photos import Photos
from alframe.errors import RunError
from alframe.learner import ANCHOR_WEIGHT, ANCHORS, DETECTIONS, DISAGREEMENT, SignalBatch
from alframe.plugins import registry
from alframe.progress import over
from alframe.runs.build import build_learner, build_strategy, signals
from alframe.runs.rundir import RunDir, stored_layer
from alframe.strategy import ScoringStrategy, check_finite


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one image.

    Attributes:
        path: the image file.
        pixels: read its pixels, uint8 [H, W, 3].
        boxes: float32 [N, 4], x1 y1 x2 y2 in pixels of the image.
        scores: float32 [N], descending.
        labels: names of the classes.
        score: the image's score by the run's strategy, higher is chosen first; None where the
            strategy does not score single images.
        anchors: float32 [A, 4], boxes behind ``uncertainty``.
        uncertainty: float64 [A], squared disagreement of two classifiers; None where the
            learner has one classifier.
    """

    path: Path
    pixels: Callable[[], NDArray[np.uint8]]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: tuple[str, ...]
    score: float | None
    anchors: NDArray[np.float32]
    uncertainty: NDArray[np.float64] | None

    def to_json(self) -> dict[str, Any]:
        """The prediction without its anchors, ready for JSON."""
        rows = zip(self.labels, self.scores.tolist(), self.boxes.tolist(), strict=True)
        return {
            "image": str(self.path),
            **({} if self.score is None else {"score": self.score}),
            "detections": [{"class": c, "score": s, "box": b} for c, s, b in rows],
        }

    def without_map(self) -> "Prediction":
        """The prediction without anchors, of which an image may have a hundred thousand."""
        return replace(self, anchors=self.anchors[:0].copy(), uncertainty=None)


class Predictor:
    """The model of a run.

    Args:
        path: the run directory.
        cycle: whose model; None takes the last one that is kept.
        device: where to compute.

    Attributes:
        classes: names, in label order.
        strategy: the name of the run's strategy.
        scores: whether it, or the one that it works on top of, scores single images.

    Raises:
        RunError: there is no run, or no model of that cycle.
    """

    def __init__(self, path: Path, *, cycle: int | None = None, device: str = "auto") -> None:
        own = from_overrides([f"device={device}", "data.workers=0"])  # there is one image at a time
        draft = drafted([stored_layer(path), own])
        draft.light()  # names a wrong device before torch is imported
        config = draft.checked()
        run = RunDir(path, config)
        cycle = run.kept_model(cycle)
        self.classes = run.classes(cycle)
        self._config = config
        if lacking := sorted({DETECTIONS, ANCHORS} - signals(config)):
            raise RunError(
                f"{path}: its learner and model do not provide {' and '.join(lacking)}: predict "
                "shows detections"
            )
        self._scoring = _scoring(config)
        self.strategy, self.scores = config.strategy.name, self._scoring is not None
        self._learner = build_learner(config, self.classes, path, restored=True)
        self._learner.load_state_dict(run.load_model(cycle))

    def __call__(
        self,
        images: Sequence[Path] | Photos,
        only: Sequence[int] | None = None,
        *,
        threshold: float = 0.3,
        weighted: bool = False,
    ) -> Iterator[Prediction]:
        """Predict one image after the other, in their order.

        Args:
            images: files, which are checked first; or those that have been.
            only: positions of some of them, in whichever order; all by default.
            threshold: least score of a detection.
            weighted: weigh each anchor's uncertainty as the learner's training did.

        Raises:
            DataError: an image cannot be read, all of those.
            RunError: ``weighted``, and the learner has no weights.
            SelectionError: a score is not finite.
        """
        wanted = self._signals(weighted)
        photos = images if isinstance(images, Photos) else Photos(images, self._config.data)
        numbers = range(len(photos.files)) if only is None else only
        for number in over(numbers, len(numbers), "predicting", "images"):
            one = ImageSet(photos.images, (str(number),))
            (batch,) = self._learner.signals(one, wanted)
            yield self._prediction(photos, number, batch, threshold, weighted)

    def _prediction(
        self, photos: Photos, number: int, batch: SignalBatch, threshold: float, weighted: bool
    ) -> Prediction:
        path, found = photos.files[number], batch[DETECTIONS]
        kept = found.valid[0] & (found.scores[0] >= threshold)
        uncertainty = None
        if DISAGREEMENT in batch.values:
            each = batch[DISAGREEMENT][0] * (batch[ANCHOR_WEIGHT][0] if weighted else 1)
            uncertainty = each.double().cpu().numpy()
        score = None
        if self._scoring:
            score = float(self._scoring.score(batch)[0])
            check_finite({str(path): score})
        return Prediction(
            path=path,
            pixels=partial(photos.pixels, number),
            boxes=found.boxes[0][kept].float().cpu().numpy(),
            scores=found.scores[0][kept].float().cpu().numpy(),
            labels=tuple(self.classes[i] for i in found.labels[0][kept].tolist()),
            score=score,
            anchors=batch[ANCHORS][0].float().cpu().numpy(),
            uncertainty=uncertainty,
        )

    def _signals(self, weighted: bool) -> frozenset[str]:
        available = signals(self._config)
        if weighted and ANCHOR_WEIGHT not in available:
            raise RunError(
                f"learner {self._config.learner.name!r} has no weights of anchors: leave out "
                "--weighted"
            )
        wanted = {DETECTIONS, ANCHORS, *(self._scoring.requires if self._scoring else ())}
        wanted |= {DISAGREEMENT} & available
        return frozenset(wanted | ({ANCHOR_WEIGHT} if weighted else set()))


def _scoring(config: RunConfig) -> ScoringStrategy | None:
    """The strategy of a run, or the one that it works on top of, if that scores single images."""
    strategy = build_strategy(config)
    if isinstance(strategy, ScoringStrategy):
        return strategy
    wrapped = config.strategy.options.get("of")
    if not registry().unwrapped(config.strategy.name)[2] or not wrapped:
        return None
    return _scoring(config.model_copy(update={"strategy": Component(**wrapped)}))

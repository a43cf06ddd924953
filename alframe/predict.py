"""A finished model of a run on images of one's own."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alframe.build import build_learner, build_strategy, provides
from alframe.config import RunConfig
from alframe.datasets.base import ImageSet
from alframe.datasets.cache import CachedImages, Resize
from alframe.datasets.files import ImageFiles
from alframe.errors import DataError, RunError, together
from alframe.learner import ANCHOR_WEIGHT, ANCHORS, DETECTIONS, DISAGREEMENT
from alframe.painting import heat_map, overlay, with_boxes
from alframe.plugins import registry
from alframe.resolve import drafted, from_overrides
from alframe.rundir import RunDir, stored_layer
from alframe.strategy import ScoringStrategy

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Of what counts as an image in a folder."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one image.

    Attributes:
        path: the image file.
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
            "uncertainty": self.score,
            "detections": [{"class": c, "score": s, "box": b} for c, s, b in rows],
        }


class Predictor:
    """The model of a run.

    Args:
        path: the run directory.
        cycle: whose model; None takes the last one that is kept.
        device: where to compute.

    Raises:
        RunError: there is no run, or no model of that cycle.
    """

    def __init__(self, path: Path, *, cycle: int | None = None, device: str = "auto") -> None:
        own = from_overrides([f"device={device}", "data.workers=0"])  # there is one image at a time
        draft = drafted([stored_layer(path), own])
        draft.light()  # names a wrong device before torch is imported
        config = draft.checked()
        run = RunDir(path, config)
        kept = [c for c in range(config.budget.cycles) if run.model_path(c).exists()]
        if not kept or cycle not in (None, *kept):
            raise RunError(
                f"{path} has no model of {'any cycle' if cycle is None else f'cycle {cycle}'}; "
                f"it has those of cycles: {', '.join(map(str, kept)) or 'none'}"
            )
        self.classes: tuple[str, ...] = tuple(run.manifest()["dataset"]["classes"])
        self._config = config
        self._strategy = build_strategy(config)
        self._learner = build_learner(config, self.classes, restored=True)
        self._learner.load_state_dict(run.load_model(kept[-1] if cycle is None else cycle))

    def __call__(
        self, images: Sequence[Path], *, threshold: float = 0.3, weighted: bool = False
    ) -> Iterator[Prediction]:
        """Predict one image after the other, in their order.

        Args:
            images: files.
            threshold: least score of a detection.
            weighted: weigh each anchor's uncertainty as the learner's training did.

        Raises:
            DataError: an image cannot be read, all of those.
            RunError: ``weighted``, and the learner has no weights.
        """
        wanted = self._signals(weighted)
        source = image_source(images, self._config)
        for number, path in enumerate(images):
            one = ImageSet(source, (str(number),))
            (batch,) = self._learner.signals(one, wanted)
            found = batch[DETECTIONS]
            kept = found.valid[0] & (found.scores[0] >= threshold)
            uncertainty = None
            if DISAGREEMENT in wanted:
                each = batch[DISAGREEMENT][0] * (batch[ANCHOR_WEIGHT][0] if weighted else 1)
                uncertainty = each.double().cpu().numpy()
            score = None
            if isinstance(self._strategy, ScoringStrategy):
                score = float(self._strategy.score(batch)[0])
            yield Prediction(
                path=path,
                boxes=found.boxes[0][kept].float().cpu().numpy(),
                scores=found.scores[0][kept].float().cpu().numpy(),
                labels=tuple(self.classes[i] for i in found.labels[0][kept].tolist()),
                score=score,
                anchors=batch[ANCHORS][0].float().cpu().numpy(),
                uncertainty=uncertainty,
            )

    def _signals(self, weighted: bool) -> frozenset[str]:
        available = provides(registry().get("learners", self._config.learner.name).load())
        if weighted and ANCHOR_WEIGHT not in available:
            raise RunError(
                f"learner {self._config.learner.name!r} has no weights of anchors: leave out "
                "--weighted"
            )
        wanted = {DETECTIONS, ANCHORS, *self._strategy.requires}
        wanted |= {DISAGREEMENT} & available
        return frozenset(wanted | ({ANCHOR_WEIGHT} if weighted else set()))


def image_files(paths: Iterable[Path]) -> list[Path]:
    """The files in ``paths``, and in place of each folder the images that lie in it, by name.

    Raises:
        DataError: a folder without images, all of those; or files that cannot be read, all of
            them, where one is missing: that is known before a model is loaded.
    """
    files: list[Path] = []
    empty: list[str] = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if _is_image(p)) if path.is_dir() else [path]
        files += inside
        if not inside:
            empty.append(f"{path} holds no image ({', '.join(sorted(SUFFIXES))})")
    if empty:
        raise DataError(empty)
    if not all(path.exists() for path in files):
        _checked(files)
    return files


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def image_source(images: Sequence[Path], config: RunConfig) -> CachedImages:
    """Image files under the ids ``"0"``, ``"1"``, ..., resized as the run's were.

    Raises:
        DataError: files that cannot be read, all of them.
    """
    data = config.data
    resize = Resize(data.resize, data.long, data.short)
    return CachedImages(_checked(images), resize, "none", limit_bytes=0)


def _checked(images: Sequence[Path]) -> ImageFiles:
    """Image files under their numbers, once all of them could be read."""
    paths = {str(number): path for number, path in enumerate(images)}
    folders = {p.resolve().parent for p in images}
    files = ImageFiles(paths, folders, remedy="give the path of an image")
    together(*(functools.partial(_decode, files, item) for item in paths))
    return files


def _decode(files: ImageFiles, item: str) -> None:
    """Read an image and drop it: all of them may be more than memory holds."""
    files.read(item)


def paint(prediction: Prediction, opacity: float, classes: Sequence[str]) -> Image.Image:
    """The image with its heat map, where there is one, and its boxes.

    Args:
        prediction: what to show.
        opacity: of the heat map.
        classes: in label order, for the colours.
    """
    image = image_pixels(prediction.path)
    if prediction.uncertainty is not None:
        heat = heat_map(prediction.anchors, prediction.uncertainty, *image.shape[:2])
        image = overlay(image, heat, opacity)
    captions = [f"{n} {s:.2f}" for n, s in zip(prediction.labels, prediction.scores, strict=True)]
    return with_boxes(
        image, prediction.boxes, list(map(classes.index, prediction.labels)), captions
    )


def image_pixels(path: Path) -> NDArray[np.uint8]:
    """An image file, uint8 [H, W, 3]."""
    return ImageFiles({"": path}, {path.resolve().parent}).read("")

"""A finished model of a run on images of one's own: predictions, their order, their pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alframe.config.sections import Component, RunConfig
from alframe.datasets.base import ImageSet
from alframe.datasets.folders import DRAWN_HERE, Given
from alframe.errors import RunError
from alframe.files.atomic import UNLOCKED_IDLE, atomic, remove_torn
from alframe.files.home import real
from alframe.model import Display, Showable, ShownPrediction, unwrapped
from alframe.plugins import registry
from alframe.progress import over
from alframe.runs.build import build_strategy, signals
from alframe.runs.kept import kept_run, restored
from alframe.runs.own_images import Photos
from alframe.signals import ANCHOR_WEIGHT, SignalBatch
from alframe.strategy import ScoringStrategy, check_finite


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one image.

    Attributes:
        path: the image file.
        pixels: read its pixels, uint8 [H, W, 3].
        shown: the prediction itself, as the model shows it.
        score: the image's score by the run's strategy, higher is chosen first; None where the
            strategy does not score single images.
    """

    path: Path
    pixels: Callable[[], NDArray[np.uint8]]
    shown: ShownPrediction
    score: float | None

    def to_json(self) -> dict[str, Any]:
        """The prediction, ready for JSON."""
        score = {} if self.score is None else {"score": self.score}
        return {"image": str(self.path), **score, **self.shown.json}

    def picture(self) -> Image.Image:
        """The prediction painted over its image."""
        assert self.shown.paint is not None
        return self.shown.paint(self.pixels())

    def without_picture(self) -> "Prediction":
        """The prediction without the maps that a picture is made of."""
        return replace(self, shown=replace(self.shown, paint=None))


class Predictor:
    """The model of a run.

    Args:
        path: the run directory.
        cycle: whose model; None takes the last one that is kept.
        device: where to compute.

    Attributes:
        classes: names, in label order.
        provides: the signals of learner and model.
        strategy: the name of the run's strategy.
        scores: whether it, or the one that it works on top of, scores single images.

    Raises:
        RunError: there is no run, or no model of that cycle.
    """

    def __init__(self, path: Path, *, cycle: int | None = None, device: str = "auto") -> None:
        run = kept_run(path, [f"device={device}", "data.workers=0"])  # there is one image at a time
        cycle, config = run.kept_model(cycle), run.config
        self.classes = run.classes(cycle)
        self._config = config
        self._model = _showable(config, path)
        self.provides = signals(config)
        self._scoring = _scoring(config)
        self.strategy, self.scores = config.strategy.name, self._scoring is not None
        self._learner = restored(run, cycle)

    def __call__(
        self,
        images: Sequence[Path] | Photos,
        only: Sequence[int] | None = None,
        *,
        threshold: float | None = None,
        opacity: float = 0.5,
        weighted: bool = False,
    ) -> Iterator[Prediction]:
        """Predict one image after the other, in their order.

        Args:
            images: files, which are checked first; or those that have been.
            only: positions of some of them, in whichever order; all by default.
            threshold: least score of what is shown; by default the model's own.
            opacity: 0..1, of what is painted over an image.
            weighted: weigh each anchor's uncertainty as the learner's training did.

        Raises:
            DataError: an image cannot be read, all of those.
            RunError: ``weighted``, and the learner has no weights; or a threshold of nothing.
            SelectionError: a score is not finite.
        """
        if weighted and ANCHOR_WEIGHT not in self.provides:
            raise RunError(
                f"learner {self._config.learner.name!r} has no weights of anchors: leave out "
                "--weighted"
            )
        display = Display(self.classes, self.provides, threshold, opacity, weighted)
        showing = self._model.showing(display)
        wanted = frozenset({*showing.requires, *(self._scoring.requires if self._scoring else ())})
        photos = images if isinstance(images, Photos) else Photos(images, self._config.data)
        numbers = range(len(photos.files)) if only is None else only
        for number in over(numbers, len(numbers), "predicting", "images"):
            one = ImageSet(photos.images, (str(number),))
            (batch,) = self._learner.signals(one, wanted)
            yield Prediction(
                path=photos.files[number],
                pixels=partial(photos.pixels, number),
                shown=showing.show(batch),
                score=self._score(photos.files[number], batch),
            )

    def _score(self, path: Path, batch: SignalBatch) -> float | None:
        if not self._scoring:
            return None
        score = float(self._scoring.score(batch)[0])
        check_finite({str(path): score})
        return score


def _showable(config: RunConfig, path: Path) -> Showable:
    """The class of the run's model.

    Raises:
        RunError: there is none, or it does not say how its predictions are shown.
    """
    if config.model is None:
        raise RunError(f"{path}: its learner {config.learner.name!r} has no model to predict with")
    entry = registry().get("models", config.model.name)
    if isinstance(model := unwrapped(entry.load()), Showable):
        return model
    raise RunError(
        f"{path}: model {config.model.name!r} does not say how its predictions are shown: expected "
        "a classmethod showing(display), see alframe.model.Showable"
    )


def _scoring(config: RunConfig) -> ScoringStrategy | None:
    """The strategy of a run, or the one that it works on top of, if that scores single images."""
    strategy = build_strategy(config)
    if isinstance(strategy, ScoringStrategy):
        return strategy
    wrapped = config.strategy.options.get("of")
    if not registry().partition(config.strategy.name)[2] or not wrapped:
        return None
    return _scoring(config.model_copy(update={"strategy": Component(**wrapped)}))


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


def picture_files(images: Sequence[Given], folder: Path) -> list[Path]:
    """A file for each image's picture; numbered where it would be another's, or an image.

    A folder that holds nothing else is marked: its pictures are nothing to choose from.
    """
    remove_torn(folder, idle=UNLOCKED_IDLE)
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        (folder / DRAWN_HERE).touch()
    taken = {real(image.path) for image in images}
    numbers: dict[Path, Iterator[int]] = {}
    pictures: list[Path] = []
    for image in images:
        plain = folder / image.name.with_name(f"{image.name.stem}.png")
        number = numbers.setdefault(plain, count(1))
        names = (plain if n == 1 else plain.with_stem(f"{plain.stem}-{n}") for n in number)
        picture = next(p for p in names if real(p) not in taken)
        taken.add(real(picture))
        pictures.append(picture)
    return pictures


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as file:
        picture.save(file, "PNG")

"""A learner without a model: somebody's own detector is trained elsewhere, cycle after cycle."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from alframe.annotations.formats import read_predictions
from alframe.datasets.base import ImageSet, LabelledSet
from alframe.datasets.names import stem
from alframe.datasets.problems import Problems, named, plural
from alframe.detectors.evaluation import measured
from alframe.detectors.handing_over import write_categories, write_labelled
from alframe.errors import DataError, RunError, Waiting
from alframe.learner import (
    BOX_FEATURES,
    DETECTIONS,
    EMBEDDING,
    FitContext,
    InferenceSetup,
    Metrics,
    SignalBatch,
)
from alframe.selecting.candidates import Candidates
from alframe.selecting.detections import StoredDetections
from alframe.selecting.reading import stored
from alframe.selecting.signals import StoredSignals
from alframe.selecting.vectors import StoredVectors, read_vectors
from alframe.text import command


class PredictionsLearner:
    """Predictions of each cycle come from files; training happens in another program.

    A cycle begins with ``labelled/cycle_NN`` in the run directory: what is labelled, as YOLO and as
    COCO. Then the run waits for ``predictions/cycle_NN.json``: what the detector that was trained
    on it finds on all images of pool and test split, in any format that ``alframe select`` reads;
    of COCO results, ``image_id`` is the name of an image and ``category_id`` a number of
    ``predictions/instances.json``. Their SHA-256 is kept, so that files that change are found.

    An image of which a file says nothing counts as one on which nothing was found; a file that
    says nothing of any image of the test split is refused.

    Args:
        setup: classes, and the run directory.
        embeddings: wait for ``predictions/cycle_NN.npz``, too, for strategies that require
            embeddings, or features of boxes.
    """

    provides: ClassVar[frozenset[str]] = frozenset({DETECTIONS, EMBEDDING, BOX_FEATURES})
    trains: ClassVar[bool] = False

    def __init__(self, setup: InferenceSetup, *, embeddings: bool = False) -> None:
        self._setup, self._embeddings = setup, embeddings
        self._state: dict[str, Any] = {}
        self._read: StoredSignals | None = None
        self._stems: dict[str, int] = {}
        self._meant: dict[str, str] = {}

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        """Write what is labelled, and see whether the predictions are there.

        Raises:
            Waiting: they are not.
        """
        del unlabelled
        classes, cycle = self._setup.classes, context.cycle
        folder = self._setup.folder / "labelled" / f"cycle_{cycle:02d}"
        write_labelled(labelled, classes, folder)
        write_categories(classes, self._setup.folder / "predictions")
        if missing := [path for path in self._files(cycle) if not path.exists()]:
            raise Waiting(self._status(cycle, folder, missing))
        self._state, self._read = {"cycle": cycle, "sha256": self._hashes(cycle)}, None
        found = self._signals().detections
        assert found is not None
        summary = {"index": 0, "detections": int(found.counted.sum()), **self._state["sha256"]}
        context.phase_finished("predictions", summary)

    def evaluate(self, test: LabelledSet) -> Metrics:
        """The metrics of any detector, see :func:`alframe.detectors.evaluation.measured`.

        Raises:
            DataError: there is no prediction of any test image.
        """
        return measured(test, self._stream(test, frozenset({DETECTIONS}), some=True), self._setup)

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream what the files say of ``images``."""
        return self._stream(images, names)

    def state_dict(self) -> dict[str, Any]:
        """The cycle, and the SHA-256 of its files."""
        return self._state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the files of a cycle.

        Raises:
            RunError: they have changed, or are gone.
        """
        self._state, self._read = state, None
        now = self._hashes(state["cycle"])
        if changed := [name for name, known in state["sha256"].items() if now.get(name) != known]:
            raise RunError(
                f"{self._setup.folder / 'predictions'}: {named(changed)} of cycle "
                f"{state['cycle']} changed since the run has used it, or is gone: restore it, or "
                "start anew with another --output"
            )

    def _stream(
        self, images: ImageSet, names: frozenset[str], *, some: bool = False
    ) -> Iterator[SignalBatch]:
        known = self._signals()
        if lacking := sorted(names - known.provides):
            raise DataError(
                f"{named(lacking)}: not in the files of cycle {self._state['cycle']}; set "
                "learner.embeddings=true, and write cycle_NN.npz with "
                f"{'object_features' if BOX_FEATURES in lacking else 'image'} beside them"
            )
        found = known.detections
        assert found is not None
        none = len(found.rows) - 1
        own = {item: self._row(found, item, none) for item in images.ids}
        if some and own and set(own.values()) == {none}:
            raise DataError(
                f"{found.where}: no prediction of any of {plural(len(own), 'test image')}, such as "
                f"{next(iter(own))}: expected those of pool and test split, by their names"
            )
        yield from replace(known, detections=found.of_rows(own)).signals(images, names)

    def _row(self, found: StoredDetections, item: str, none: int) -> int:
        """The row of an image: by its id, with or without suffix, or by a name without folders.

        Raises:
            DataError: a name without folders is that of two images.
        """
        whole = stem(item)
        row = found.rows.get(item, self._stems.get(whole))
        if row is not None:
            return row
        bare = whole.rpartition("/")[2]
        row = self._stems.get(bare)
        if row is None:
            return none
        if self._meant.setdefault(bare, item) != item:
            raise DataError(
                f"{found.where}: {bare} may mean {self._meant[bare]} or {item}: write names of "
                "images with their folders"
            )
        return row

    def _signals(self) -> StoredSignals:
        if self._read is None:
            predictions, *more = self._files(self._state["cycle"])
            vectors = StoredVectors(read_vectors(more[0])) if more else None
            found = self._detections(predictions)
            self._read, self._meant = StoredSignals(found, vectors), {}
            self._stems = {stem(name): row for name, row in found.rows.items() if name}
        return self._read

    def _detections(self, path: Path) -> StoredDetections:
        problems, classes = Problems("error"), self._setup.classes
        found = read_predictions(path, Candidates(None), problems)
        problems.settle()
        if foreign := [name for name in found.classes if name not in classes]:
            raise DataError(
                f"{path}: {named(foreign)} are no classes of the dataset, which are "
                f"{', '.join(classes)}; category_id are numbers of instances.json beside it"
            )
        found.classes, found.images = classes, [*found.images, ""]  # the last shows nothing
        return stored(found, str(path))

    def _files(self, cycle: int) -> list[Path]:
        suffixes = (".json", ".npz") if self._embeddings else (".json",)
        return [
            self._setup.folder / "predictions" / f"cycle_{cycle:02d}{suffix}" for suffix in suffixes
        ]

    def _hashes(self, cycle: int) -> Mapping[str, str]:
        there = [path for path in self._files(cycle) if path.exists()]
        return {path.name: _sha256(path) for path in there}

    def _status(self, cycle: int, labelled: Path, missing: list[Path]) -> list[str]:
        return [
            f"waiting: cycle {cycle} waits for {' and '.join(map(str, missing))}: train on "
            f"{labelled} (yolo/, coco.json), and predict all images of pool and test",
            f"then: {command('run', '--output', self._setup.folder, '--resume')}",
        ]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

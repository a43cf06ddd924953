"""A learner without a model: somebody's own detector is trained elsewhere, cycle after cycle."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from alframe.annotations.vocabulary import Annotations
from alframe.annotations.yolo import named_by
from alframe.datasets.base import ImageSet, LabelledSet
from alframe.datasets.problems import Problems
from alframe.detectors.evaluation import detection_metrics
from alframe.detectors.handing_over import (
    HandedOver,
    side_by_side,
    write_categories,
    write_labelled,
    write_pictures,
)
from alframe.detectors.prediction_files import PredictionFiles
from alframe.errors import DataError, RunError, Waiting
from alframe.learner import FitContext, InferenceSetup, Metrics
from alframe.selecting.detections import StoredDetections
from alframe.selecting.material import called_by_id, read_scored, stored
from alframe.selecting.stored_signals import StoredSignals
from alframe.selecting.vectors import ARRAYS, StoredVectors, read_vectors
from alframe.signals import BOX_FEATURES, DETECTIONS, EMBEDDING, SignalBatch
from alframe.streams import as_asked
from alframe.text import command
from alframe.training.distributed import is_main_process
from alframe.words import named, plural

logger = logging.getLogger(__name__)


class PredictionsLearner:
    """Predictions of each cycle come from files; training happens in another program.

    A cycle begins with ``labelled/cycle_NN`` in the run directory, what is labelled as YOLO and as
    COCO, and ``predictions/images``, the pictures of pool and test split. Then the run waits for
    what the detector that was trained on the former finds on the latter, in any format that
    ``alframe select`` reads: the folder ``predictions/cycle_NN``, or a file of this name with
    ``.json``, ``.jsonl``, ``.xml`` or ``.zip``. Of YOLO's files, the numbers of classes are those
    of ``labelled/cycle_NN/yolo/data.yaml``, unless another lies beside them; of COCO results,
    ``image_id`` is the name of an image and ``category_id`` a number of
    ``predictions/instances.json``. The SHA-256 is kept, so that files that change are found.

    An image of which nothing is said counts as one on which nothing was found, since most
    detectors write nothing of it; that nothing is said of any image of pool or test split is
    refused.

    Where the strategy requires embeddings, or features of boxes, it waits for
    ``predictions/cycle_NN.npz``, too (:mod:`alframe.selecting.vectors`).

    Args:
        setup: classes, images, the run directory, and what the strategy requires.
    """

    provides: ClassVar[frozenset[str]] = frozenset({DETECTIONS, EMBEDDING, BOX_FEATURES})
    trains: ClassVar[bool] = False
    task: ClassVar[str] = "detection"

    def __init__(self, setup: InferenceSetup) -> None:
        self._setup, self._of_vectors = setup, setup.requires & ARRAYS.keys()
        self._state: dict[str, Any] = {}
        self._read: StoredSignals | None = None
        self._known = frozenset[str]()
        self._told = set[str]()

    def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
        """Write what is labelled, and see whether the predictions are there.

        All that may be wrong with them is looked at here, while they may still be replaced.

        Raises:
            Waiting: they are not, or are still being written.
            DataError: they cannot be used, are of no image of the pool or of none besides, or lack
                embeddings.
        """
        cycle, files = context.cycle, self._files(context.cycle)
        folder = self._setup.folder / "labelled" / f"cycle_{cycle:02d}"
        if is_main_process():
            self._hand_over(labelled, folder)
        if missing := files.missing():
            raise Waiting(self._status(cycle, folder, missing))
        if writing := files.unsettled():
            unsettled = f"{writing} is still being written: let the detector finish"
            raise Waiting([unsettled, self._then()])
        self._state, self._read = {"cycle": cycle, "sha256": dict(files.hashes())}, None
        found = self._detections()
        pool = (*labelled.ids, *unlabelled.ids)
        self._check_some(unlabelled.ids, "pool")
        self._check_some(sorted(set(self._images().ids).difference(pool)), "test split")
        for _ in self.signals(ImageSet(unlabelled.images, pool), self._of_vectors):
            pass
        counts = {"detections": int(found.in_file.sum()), "without": self._without(found)}
        summary = {"index": 0, **counts, **self._state["sha256"]}
        context.phase_finished("predictions", summary)

    def evaluate(self, test: LabelledSet) -> Metrics:
        """The metrics of any detector (:mod:`alframe.detectors.evaluation`).

        Raises:
            DataError: there is no prediction of any test image.
        """
        self._detections()
        self._check_some(test.ids, "test split")
        names = frozenset({DETECTIONS})
        found = as_asked(self.signals(test, names), test.ids, names, len(self._setup.classes))
        return detection_metrics(test, found, self._setup)

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        """Stream what the files say of ``images``.

        Raises:
            DataError: the files do not have what is asked for.
        """
        known = self._signals()
        if lacking := sorted(names - known.provides):
            path = self._files(self._state["cycle"]).vectors
            wanted = ", ".join(ARRAYS.get(name, name) for name in lacking)
            raise DataError(f"{path}: expected {wanted}, which the strategy requires")
        yield from known.signals(images, names)
        self._tell(self._detections().notes)

    def state_dict(self) -> dict[str, Any]:
        """The cycle, and the SHA-256 of its files."""
        return self._state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the files of a cycle.

        Raises:
            RunError: they have changed, or are gone.
        """
        self._state, self._read = state, None
        now = self._files(state["cycle"]).hashes()
        if changed := [name for name, known in state["sha256"].items() if now.get(name) != known]:
            raise RunError(
                f"{self._setup.folder / 'predictions'}: {named(changed)} of cycle "
                f"{state['cycle']} changed since the run has used it, or is gone: restore it, or "
                "start anew with another --output"
            )

    def _images(self) -> ImageSet:
        assert self._setup.images is not None  # but where nothing is read: in what checks settings
        return self._setup.images

    def _hand_over(self, labelled: LabelledSet, folder: Path) -> None:
        images, classes = self._images(), self._setup.classes
        names = side_by_side(images)
        as_they_are = LabelledSet(images.images, labelled.ids, labelled.targets)  # not resized
        write_labelled(as_they_are, classes, folder, names)
        write_categories(classes, self._setup.folder / "predictions")
        write_pictures(images, self._setup.folder / "predictions" / "images", names)

    def _detections(self) -> StoredDetections:
        found = self._signals().detections
        assert found is not None
        return found

    def _signals(self) -> StoredSignals:
        if self._read is None:
            files = self._files(self._state["cycle"])
            path = files.predictions()
            assert path is not None  # it has a hash
            pictures, problems = HandedOver(self._images()), Problems("error", skip="")
            found, vectors = read_scored(path, pictures, problems), None
            if self._of_vectors:
                vectors = called_by_id(read_vectors(files.vectors), pictures, problems)
            problems.settle()
            detections = self._stored(named_by(found, self._setup.classes, path), path)
            self._read = StoredSignals(detections, StoredVectors(vectors) if vectors else None)
        return self._read

    def _stored(self, found: Annotations, path: Path) -> StoredDetections:
        classes = self._setup.classes
        if foreign := [name for name in found.classes if name not in classes]:
            raise DataError(
                f"{path}: the dataset has no class {named(foreign)}, but "
                f"{', '.join(classes)}: call them alike (category_id of COCO results are numbers "
                "of predictions/instances.json, which has to lie beside the file)"
            )
        self._known = frozenset(found.images)
        found.classes, found.images = classes, list(self._images().ids)
        self._tell(found.notes)
        return stored(found, str(path))

    def _check_some(self, ids: Sequence[str], split: str) -> None:
        if ids and self._known.isdisjoint(ids):
            raise DataError(
                f"{self._detections().where}: no prediction of any of {plural(len(ids), 'image')} "
                f"of the {split}, such as {ids[0]}: expected those of pool and test split; where "
                "nothing was found, predict with a smaller threshold (Ultralytics: conf=0.001)"
            )

    def _without(self, found: StoredDetections) -> int:
        """On how many images nothing was found; most of them look like a detector that stopped."""
        without = int((found.in_file == 0).sum())
        if 2 * without > len(found.rows):
            of = f"{without:,} of {plural(len(found.rows), 'image')}"
            self._tell([f"{found.where}: nothing was found on {of}: did the detector end?"])
        return without

    def _tell(self, notes: Sequence[str]) -> None:
        for note in notes:
            if note not in self._told:
                logger.warning("%s", note)
        self._told.update(notes)

    def _files(self, cycle: int) -> PredictionFiles:
        folder = self._setup.folder / "predictions"
        return PredictionFiles(folder, cycle, of_vectors=self._of_vectors)

    def _status(self, cycle: int, labelled: Path, missing: Sequence[str]) -> list[str]:
        pictures = self._setup.folder / "predictions" / "images"
        return [
            f"cycle {cycle} waits for {' and '.join(missing)}: train on {labelled} "
            f"(yolo/data.yaml, coco.json), and predict all of {pictures}",
            self._then(),
        ]

    def _then(self) -> str:
        then = command("run", "--output", self._setup.folder, "--resume")
        return f"then, once the detector has ended: {then}"

"""What a run asks people: images that can be read, why, and what its model sees in them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from alframe.annotations.sheets import NAME, query_folder, read_sheet, write_sheet
from alframe.annotations.vocabulary import AskedImage, Proposal, Sheet
from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, ImageSet, without
from alframe.datasets.problems import Problems
from alframe.learner import Learner
from alframe.runs.budget import Plan
from alframe.runs.build import asks_people, plan_of
from alframe.runs.journal import Journal
from alframe.runs.records import asked_for
from alframe.signals import DETECTIONS, Detections

MOST = 100
"""Proposals an image."""
LEAST = 0.05
"""Score of a proposal."""


@dataclass(frozen=True)
class Asking:
    """Writes ``query.json`` for each cycle of a run (:data:`alframe.runs.labelling.Ask`).

    Attributes:
        path: the run directory.
        dataset: of which images are asked for.
        learner: whose model proposes objects from the second cycle on; None proposes none.
    """

    path: Path
    dataset: Dataset
    learner: Learner | None = None

    def __call__(
        self, cycle: int, reasons: Mapping[str, str], scores: Mapping[str, float] | None
    ) -> None:
        """Write down that ``reasons`` are asked for, the first most of all.

        Without a learner, what is written already stays; what it lacks is added.
        """
        learner, folder = self.learner if cycle else None, query_folder(self.path, cycle)
        before: dict[str, AskedImage] = {}
        if learner is None and (folder / NAME).exists():
            sheet = read_sheet(folder, self.dataset.file)
            before = {image.item: image for image in sheet.images}
            if before.keys() >= reasons.keys():
                return
        proposals = dict(_proposals(learner, self.dataset, tuple(reasons))) if learner else {}
        images = tuple(
            before.get(item)
            or replace(
                asked_image(self.dataset, item),
                why=why,
                score=(scores or {}).get(item),
                proposals=tuple(proposals.get(item, ())),
            )
            for item, why in reasons.items()
        )
        title = f"{self.path.name}, cycle {cycle}"
        sheet = Sheet(title, self.dataset.classes, images, learner is not None)
        write_sheet(sheet, folder)


def _proposals(
    learner: Learner, dataset: Dataset, ids: tuple[str, ...]
) -> Iterator[tuple[str, list[Proposal]]]:
    images = ImageSet(dataset.images, ids)
    for batch in learner.signals(images, frozenset({DETECTIONS})):
        for row, item in enumerate(batch.ids):
            yield item, list(_proposed(batch[DETECTIONS], row, dataset.classes))


def asked_image(dataset: Dataset, item: str) -> AskedImage:
    """An image to be annotated, with nothing to start from."""
    height, width = map(int, dataset.images.size(item))  # a reader's may be numbers of numpy
    return AskedImage(item, dataset.file(item), height, width)


def _proposed(found: Detections, row: int, classes: tuple[str, ...]) -> Iterator[Proposal]:
    """The most confident detections of one image."""
    keep = (found.valid[row] & (found.scores[row] >= LEAST)).nonzero().flatten()[:MOST]
    columns = (found.boxes[row][keep], found.labels[row][keep], found.scores[row][keep])
    boxes, labels, values = (column.tolist() for column in columns)
    for (x1, y1, x2, y2), label, score in zip(boxes, labels, values, strict=True):
        yield Proposal(classes[label], (x1, y1, x2, y2), score)


def readable(
    config: RunConfig, dataset: Dataset, shown: Collection[str] = ()
) -> tuple[Dataset, Plan]:
    """A plan of images that can be read, for people are to see what they annotate.

    Args:
        config: of the run.
        dataset: to be drawn from.
        shown: ids of images that could be read when people saw them.

    Returns:
        The dataset without those of the plan's images that cannot, and the plan.

    Raises:
        DataError: there are some, where bad items are errors; names them.
    """
    while True:
        plan = plan_of(config, dataset, begun=bool(shown))
        problems = Problems(dataset.on_bad_item)
        asked = {*plan.test, *plan.initial}
        problems.look(sorted(asked - set(shown)), dataset.images.read)
        if problems.items and dataset.on_bad_item == "error":  # the others are told with them
            problems.look(sorted(set(dataset.pool) - asked), dataset.images.size)
        notes = problems.settle()
        if not notes:
            return dataset, plan
        dataset = replace(without(dataset, problems.items), notes=(*dataset.notes, *notes))


def plan_and_fingerprint(
    config: RunConfig, as_read: Dataset, prepared: Dataset, path: Path
) -> tuple[Plan, str]:
    """The plan of a run, and the fingerprint of its data.

    Both are of the images that are left when all have been decoded; where people annotate, who are
    asked before that, of what was read.

    Args:
        config: of the run.
        as_read: the dataset, of which no image is decoded yet.
        prepared: without those that cannot be.
        path: of the run directory.
    """
    if asks_people(config):
        shown = asked_for(Journal(path))  # which could be read then
        return readable(config, as_read, shown)[1], as_read.fingerprint()
    return plan_of(config, prepared), prepared.fingerprint()


def unreadable(dataset: Dataset, plan: Plan) -> tuple[str, ...]:
    """Notes on images that may be asked for later, and of which not even the header can be read.

    Raises:
        DataError: there are some, where bad items are errors; names them.
    """
    problems = Problems(dataset.on_bad_item)
    problems.look(sorted({*dataset.pool} - {*plan.test, *plan.initial}), dataset.images.size)
    return problems.settle()

"""A query folder of what was chosen: for people, in the format of their tool."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from alframe.annotations.query_folders import clear, write_folder, writing
from alframe.annotations.sheets import NAME, write_sheet
from alframe.annotations.vocabulary import AskedImage, Proposal, Sheet
from alframe.datasets.name_matching import parts_of
from alframe.errors import DataError
from alframe.files.home import real
from alframe.runs.opening import check_place
from alframe.selecting.candidates import Candidates
from alframe.selecting.choosing import Material
from alframe.selecting.detections import StoredDetections
from alframe.strategy import Selection
from alframe.words import named, plural

LEAST, MOST = 0.3, 100
"""Score of a proposal, and proposals an image."""


def write_asked(
    selection: Selection,
    why: str,
    material: Material,
    name: str,
    folder: Path,
    *,
    copy: bool = False,
) -> Path:
    """Write a query as a run does, with what the model found to start from.

    Args:
        selection: what to ask for.
        why: the name of the strategy.
        material: what was chosen from.
        name: of the format.
        folder: where to.
        copy: copy the pictures, too.

    Returns:
        What the tool is to be given.

    Raises:
        DataError: a chosen image is no file, so that nobody knows its size.
        RunError: the folder holds something else, another process writes into it, or somebody has
            changed the files of an earlier query there.
    """
    images, detections, classes = material.images, material.signals.detections, material.classes
    nowhere = [item for item in selection.ids if images.file(item) is None]
    if nowhere:
        raise DataError(
            f"{plural(len(nowhere), 'chosen image')} cannot be found here: {named(nowhere)}; give "
            "--images, the folder or list of the files"
        )
    names, proposals = _names(selection.ids, images), _proposals(selection.ids, detections)
    scores: Mapping[str, float] = selection.scores or {}
    asked = tuple(
        AskedImage(
            names[item],
            images.file(item),
            *images.size(item),
            scores.get(item),
            why,
            proposals[item],
        )
        for item in selection.ids
    )
    sheet = Sheet(real(folder).name, tuple(classes), asked, detections is not None)
    check_place(folder, "query", own=(NAME,))
    with writing(folder):
        clear(folder)
        write_sheet(sheet, folder)
        return write_folder(sheet, folder, name, None, copy=copy)


def _names(ids: Sequence[str], images: Candidates) -> Mapping[str, str]:
    """What files of the query call images: their ids, unless these lead out of every folder.

    Links keep their names, which say more than those of what they point at.
    """
    if not any(parts_of(item)[1] for item in ids):
        return {item: item for item in ids}
    places = {item: os.path.normpath((images.file(item) or Path(item)).absolute()) for item in ids}
    home = os.path.commonpath([str(PurePath(place).parent) for place in places.values()])
    return {item: PurePath(place).relative_to(home).as_posix() for item, place in places.items()}


def _proposals(
    ids: Sequence[str], detections: StoredDetections | None
) -> Mapping[str, tuple[Proposal, ...]]:
    if detections is None:
        return dict.fromkeys(ids, ())
    found: dict[str, tuple[Proposal, ...]] = {}
    for item in ids:
        rows = detections.of(item) if item in detections.rows else []
        sure = [row for row in rows if row[2] >= LEAST][:MOST]
        found[item] = tuple(Proposal(detections.classes[c], box, score) for c, box, score in sure)
    return found

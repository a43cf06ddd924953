"""People as the oracle, in Label Studio: tasks are made on a server, and answers read from it."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from alframe.annotations.files_oracle import FilesOracle, stored_answers
from alframe.annotations.label_studio_api import Server, checked_address
from alframe.annotations.label_studio_query import OURS, SERVED, configuration, tasks
from alframe.annotations.sheets import query_folder
from alframe.annotations.taking import take
from alframe.annotations.vocabulary import AskedImage, Sheet
from alframe.datasets.voc_xml import parsed_xml
from alframe.errors import ConfigError, DataError, Waiting
from alframe.files.atomic import atomic
from alframe.oracle import Answers, OracleSetup
from alframe.text import command
from alframe.words import named, plural

EVERY = 10.0
"""Seconds between two looks at the server while a run waits."""
LONGEST = 50
"""Letters in the title of a project."""
_WAIT = re.compile(r"(\d+(?:\.\d+)?)([smh])")
_UNITS = {"s": 1, "m": 60, "h": 3600}


class LabelStudioOracle:
    """Asks in a project of a Label Studio server.

    The project is made with a label configuration of the run's classes; the images of a query are
    added to it with the model's proposals, the most uncertain first. An image that is skipped there
    is given up. What is on the server already is never added again. Labels that people add to the
    project are refused where they are used, until ``alframe annotate --new-classes`` takes them.

    Args:
        setup: the dataset, and where the files lie.
        url: of the server.
        project: its title; by default ``alframe`` and the name of the run directory.
        document_root: the folder that the server has as LOCAL_FILES_DOCUMENT_ROOT, if the images
            lie below it; without one they are uploaded.
        wait: how long to wait for answers, ``30m`` for example; by default the run ends, and is
            resumed.
        threshold: score that a proposal has to have to be shown.
    """

    people: ClassVar[bool] = True

    def __init__(
        self,
        setup: OracleSetup,
        *,
        url: str = "http://127.0.0.1:8080",
        project: str | None = None,
        document_root: str | None = None,
        wait: str | None = None,
        threshold: float = 0.3,
    ) -> None:
        self._dataset, self._run = setup.dataset, setup.folder
        self._url, self._title = checked_address(url), project or f"alframe {setup.folder.name}"
        if not 3 <= len(self._title) <= LONGEST:
            raise ConfigError(
                f"oracle.project={self._title}: expected a title of 3 to {LONGEST} letters"
            )
        self._root = Path(document_root).expanduser().resolve() if document_root else None
        self._wait = _seconds(wait)
        self._files = FilesOracle(setup, format="label-studio", threshold=threshold)

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        """The answers, once there is one for each of ``ids``.

        Raises:
            Waiting: some are missing; says how many, and where to annotate.
            DataError: the server cannot be used, or an answer; says what to do.
        """
        if self._missing(ids, cycle):
            server = Server(self._url)
            self._collect(server, self._project(server, self.sheet(cycle)), ids, cycle)
        return stored_answers(self._run, cycle, self._dataset).answers()

    def sheet(self, cycle: int) -> Sheet:
        """What people are asked for a cycle, with the proposals that they are to see."""
        return self._files.sheet(cycle)

    def _missing(self, ids: Sequence[str], cycle: int) -> list[str]:
        answered = set(stored_answers(self._run, cycle, self._dataset).found.images)
        return [item for item in ids if item not in answered]

    def _collect(self, server: Server, project: int, ids: Sequence[str], cycle: int) -> None:
        """Take answers until there is one for each of ``ids``, or patience is at its end."""
        deadline = time.monotonic() + self._wait
        while True:
            export = query_folder(self._run, cycle) / "label_studio_export.json"
            with atomic(export) as file:
                file.write(server.export(project))
            take(self._run, self._dataset, [export], "label-studio", as_it_is=True)
            missing = self._missing(ids, cycle)
            left = deadline - time.monotonic()
            if not missing:
                return
            if left <= 0:
                raise Waiting(
                    [
                        f"waiting: {len(missing)} of {plural(len(ids), 'image')} to annotate at "
                        f"{server.url}/projects/{project}: {named(missing)}",
                        f"then: {command('run', '--output', self._run, '--resume')}",
                    ]
                )
            time.sleep(min(EVERY, left))

    def _project(self, server: Server, sheet: Sheet) -> int:
        """The number of the project, once it holds a task for each image of the sheet."""
        project = server.project(self._title, configuration(sheet.classes))
        _check_labels(project, sheet.classes, server.url)
        number: int = project["id"]
        there = {data.get(OURS) for data in server.tasks(number)}
        new = tuple(image for image in sheet.images if image.item not in there)
        if self._root is not None:
            for folder in _folders(new, self._root):
                server.serve(number, folder)
        if new:
            shown = partial(self._shown, server, number)
            server.add(number, tasks(replace(sheet, images=new), shown))
        return number

    def _shown(self, server: Server, project: int, image: AskedImage) -> str:
        """Where the server shows a picture."""
        if image.file is None:
            raise ConfigError(f"{image.item} is no file, so Label Studio cannot show it")
        if self._root is None:
            return server.upload(project, image.file)
        below = image.file.resolve().relative_to(self._root)
        return SERVED + quote(below.as_posix())


def _folders(images: Sequence[AskedImage], root: Path) -> list[Path]:
    """The folders below ``root`` in which pictures lie.

    Raises:
        ConfigError: one lies elsewhere.
    """
    places = [image.file.resolve() for image in images if image.file]
    if outside := [str(place) for place in places if root not in place.parent.parents]:
        raise ConfigError(
            f"oracle.document_root={root}: the server shows pictures in folders below it alone, "
            f"got {named(outside)}; leave it out to have them uploaded"
        )
    return sorted({root / place.relative_to(root).parts[0] for place in places})


def _check_labels(project: Mapping[str, Any], classes: Sequence[str], url: str) -> None:
    """The project has a label for each class; others may be classes that the run is to learn."""
    found = set(_labels(project["label_config"]))
    if not found.issuperset(classes):
        raise ConfigError(
            f"{url}/projects/{project['id']} has the labels {', '.join(sorted(found)) or 'none'}, "
            f"the run has the classes {', '.join(classes)}: choose another oracle.project, or add "
            "what is missing in the project's labeling interface"
        )


def _labels(config: str) -> Iterator[str]:
    """The values of ``Label`` in the ``RectangleLabels`` of a configuration."""
    try:
        tree = parsed_xml(config.encode(), "label_config")
    except DataError:
        return
    for control in tree.iter("RectangleLabels"):
        yield from (label.get("value", "") for label in control.iter("Label"))


def _seconds(wait: str | None) -> float:
    if wait is None:
        return 0.0
    match = _WAIT.fullmatch(wait.strip())
    if match is None:
        raise ConfigError(f"oracle.wait={wait}: expected a time such as 90s, 30m or 2h")
    return float(match[1]) * _UNITS[match[2]]

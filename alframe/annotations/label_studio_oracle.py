"""People as the oracle, in Label Studio: tasks are made on a server, and answers read from it."""

import json
import logging
import math
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from alframe.annotations.files_oracle import FilesOracle, stored_answers
from alframe.annotations.label_studio import age
from alframe.annotations.label_studio_api import (
    PICTURES,
    RefusedError,
    Server,
    UnreachableError,
    checked_address,
)
from alframe.annotations.label_studio_memory import Memory, digest
from alframe.annotations.label_studio_query import OURS, RUN, SERVED, configuration, tasks
from alframe.annotations.sheets import query_folder
from alframe.annotations.taking import take
from alframe.annotations.vocabulary import AskedImage, Sheet
from alframe.config.path_options import Place
from alframe.datasets.base import Dataset
from alframe.datasets.xml_text import parsed_xml
from alframe.errors import ConfigError, DataError, Waiting
from alframe.files.atomic import write_text
from alframe.files.home import expanded, real
from alframe.oracle import Answers, OracleSetup
from alframe.progress import Progress
from alframe.text import command
from alframe.words import named, plural

logger = logging.getLogger(__name__)

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
    is given up. What is on the server already, or answered by a file, is never added again. Labels
    that people add to the project are refused where they are used, until ``alframe annotate
    --new-classes`` takes them. Tasks are marked with their run, which so knows its project whatever
    it is called later, and refuses that of another run; tasks that people add are left alone. What
    was read once is taken again only where it has changed: what ``alframe annotate`` was given
    since stays.

    Args:
        setup: the dataset, and where the files lie.
        url: of the server.
        project: its title; by default ``alframe`` and the name of the run directory. A resumed run
            may have another.
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
        document_root: Place | None = None,
        wait: str | None = None,
        threshold: float = 0.3,
    ) -> None:
        self._dataset, self._run = setup.dataset, setup.folder
        self._url = checked_address(url)
        self._title = (project or f"alframe {setup.folder.name}").strip()
        if not 3 <= len(self._title) <= LONGEST:
            raise ConfigError(
                f"oracle.project={self._title}: expected a title of 3 to {LONGEST} letters"
                + ("" if project else "; set one, as the name of the run is no such title")
            )
        self._root = real(expanded(document_root)) if document_root else None
        if self._root is None:
            _check_suffixes(setup.dataset)
        self._wait = _seconds(wait)
        self._files = FilesOracle(setup, format="label-studio", threshold=threshold)

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        """The answers, once there is one for each of ``ids``.

        Raises:
            Waiting: some are missing; says how many, and where to annotate.
            DataError: the server cannot be used, or an answer; says what to do.
            ConfigError: the project is another run's, or the server shows no such folder.
        """
        if missing := self._missing(ids, cycle):
            self._collect(ids, missing, cycle)
        return stored_answers(self._run, cycle, self._dataset).answers()

    def sheet(self, cycle: int) -> Sheet:
        """What people are asked for a cycle, with the proposals that they are to see."""
        return self._files.sheet(cycle)

    def _missing(self, ids: Sequence[str], cycle: int) -> list[str]:
        answered = set(stored_answers(self._run, cycle, self._dataset).found.images)
        return [item for item in ids if item not in answered]

    def _collect(self, ids: Sequence[str], missing: list[str], cycle: int) -> None:
        """Take answers until there is one for each of ``ids``, or patience is at its end."""
        server, memory = Server(self._url), Memory.of(self._run)
        before = [stored_answers(self._run, each, self._dataset).found for each in range(cycle)]
        earlier = frozenset(item for answers in before for item in answers.images)
        deadline = time.monotonic() + self._wait
        told = ""
        with Progress(len(ids), "annotating", "images") as progress:
            progress.skip(len(ids) - len(missing))
            while missing:
                known = len(missing)
                try:
                    where = self._look(server, memory, frozenset(missing), earlier, cycle)
                    missing = self._missing(ids, cycle)
                except UnreachableError:  # it may be back
                    if time.monotonic() + EVERY > deadline:
                        raise
                    where = f"{server.url}, which cannot be reached"
                if known > len(missing):
                    progress.update(known - len(missing))
                left = deadline - time.monotonic()
                if missing and left <= 0:
                    raise Waiting(
                        [
                            f"{len(missing)} of {plural(len(ids), 'image')} to annotate at "
                            f"{where}: {named(missing)}",
                            f"then: {command('run', '--output', self._run, '--resume')}",
                        ]
                    )
                if missing and where != told:
                    logger.info("annotating at %s", where)
                    progress.rename(f"annotating at {where}")
                    told = where
                if missing:
                    time.sleep(min(EVERY, left))

    def _look(
        self,
        server: Server,
        memory: Memory,
        missing: Collection[str],
        earlier: Collection[str],
        cycle: int,
    ) -> str:
        """Ask for what is missing, take what is new; the address of the project."""
        sheet = self.sheet(cycle)
        project, found = self._own(server, memory, sheet)
        where = f"{server.url}/projects/{project['id']}"
        _check_labels(project, sheet.classes, where)
        _check_own(found, memory, project["id"], where)
        memory.title, memory.project = self._title, project["id"]
        memory.write(self._run)  # before there is a task with its mark
        there = frozenset(map(_item, found))
        new = tuple(i for i in sheet.images if i.item in missing and i.item not in there)
        if new:
            self._add(server, memory, project["id"], replace(sheet, images=new))
        if news := _news(found, memory, missing, earlier):
            self._take(news, where, cycle)
        memory.seen |= {str(task["id"]): digest(task) for task in found}
        memory.write(self._run)
        return where

    def _add(self, server: Server, memory: Memory, project: int, sheet: Sheet) -> None:
        """Add a task for each image of a sheet, which the server is to show."""
        if self._root is not None:
            for folder in _folders(sheet.images, self._root):
                self._serve(server, project, folder)
        server.add(project, tasks(sheet, partial(self._shown, server, project), memory.run))

    def _serve(self, server: Server, project: int, folder: Path) -> None:
        try:
            server.serve(project, folder)
        except RefusedError as error:
            raise ConfigError(
                f"oracle.document_root={self._root}: the server does not show {folder}; start it "
                "with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true, and give its "
                f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT ({error})"
            ) from error

    def _take(self, news: Sequence[Mapping[str, Any]], where: str, cycle: int) -> None:
        export = query_folder(self._run, cycle) / "label_studio_export.json"
        write_text(export, json.dumps(news))
        kind, how = "label-studio", {"as_it_is": True, "skippable": False}
        try:
            taken = take(self._run, self._dataset, [export], kind, **how)
        except DataError as error:
            said = f"{export} is what was read of {where}: correct it there, and resume"
            raise DataError([*error.problems, said]) from error
        for note in taken.notes:
            logger.info("%s", note)

    def _own(
        self, server: Server, memory: Memory, sheet: Sheet
    ) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        """The project that has tasks of the run, whatever it is called now, or that of its title.

        Returns:
            The project, and its tasks.
        """
        if memory.project is not None and memory.title == self._title:
            project = server.numbered(memory.project)
            found = server.tasks(memory.project) if project else []
            if project and any(task["data"].get(RUN) == memory.run for task in found):
                return project, found
        project = server.project(self._title, configuration(sheet.classes))
        return project, server.tasks(project["id"])

    def _shown(self, server: Server, project: int, image: AskedImage) -> str:
        """Where the server shows a picture."""
        if image.file is None:
            raise ConfigError(f"{image.item} is no file, so Label Studio cannot show it")
        if self._root is None:
            return server.upload(project, image.file)
        below = real(image.file).relative_to(self._root)
        return SERVED + quote(below.as_posix())


def _check_suffixes(dataset: Dataset) -> None:
    """Refuse pictures that cannot be uploaded, before anybody is asked."""
    files = (dataset.file(item) for item in dataset.unannotated)
    if bad := [str(file) for file in files if file and file.suffix.lower() not in PICTURES]:
        raise ConfigError(
            f"Label Studio takes no such pictures as {named(bad)}: convert them to JPEG or PNG, or "
            "have the server read them (oracle.document_root)"
        )


def _item(task: Mapping[str, Any]) -> str | None:
    """Our id of the image of a task; None of one that people added."""
    item = task["data"].get(OURS)
    return item if isinstance(item, str) else None


def _news(
    tasks: Sequence[Mapping[str, Any]],
    memory: Memory,
    missing: Collection[str],
    earlier: Collection[str],
) -> list[Mapping[str, Any]]:
    """The run's tasks that are answered, for the first time or otherwise than they were read last.

    What is as it was read may have been corrected since (``alframe annotate``).

    Args:
        tasks: all of the project.
        memory: what was read last.
        missing: ids that have no answer.
        earlier: ids that earlier cycles have trained on.
    """
    own = [task for task in tasks if _item(task) is not None]
    added = [t for t in tasks if _item(t) is None and t["annotations"] and memory.is_new(t)]
    _warn(added, "that people added, left alone (alframe annotate takes an export of them)")
    changed = [t for t in own if memory.is_new(t) and str(t["id"]) in memory.seen]
    late = [task for task in changed if _item(task) in earlier]
    _warn(late, "answered otherwise, of earlier cycles, left as the run has them")
    withdrawn = [t for t in changed if not t["annotations"] and _item(t) not in earlier]
    _warn(withdrawn, "whose answer is gone there, which stays until there is another")
    wanted = [
        task
        for task in own
        if task["annotations"]
        and _item(task) not in earlier
        and (memory.is_new(task) or _item(task) in missing)
    ]
    return _without_twins(wanted)


def _warn(tasks: Sequence[Mapping[str, Any]], what: str) -> None:
    if tasks:
        items = [_item(task) or f"task {task['id']}" for task in tasks]
        logger.warning("%s %s: %s", plural(len(tasks), "task"), what, named(items))


def _without_twins(tasks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Tasks, one of each image: a request that was cut off may have made them twice.

    Of several, that whose annotation is newest.
    """
    best: dict[str | None, Mapping[str, Any]] = {}
    for task in tasks:
        key = _item(task)
        if key not in best or _last(best[key]) < _last(task):
            best[key] = task
    return list(best.values())


def _last(task: Mapping[str, Any]) -> tuple[float, int]:
    """The age of a task's newest annotation; before all others where there is none."""
    return max(map(age, task["annotations"]), default=(-math.inf, 0))


def _check_own(
    found: Sequence[Mapping[str, Any]], memory: Memory, project: int, where: str
) -> None:
    """Refuse a project of another run: its pictures may have the same names, and be others."""
    data = [task["data"] for task in found if OURS in task["data"]]
    own = [memory.run, *([None] if project == memory.project else [])]  # None: imported by hand
    if foreign := [str(each[OURS]) for each in data if each.get(RUN) not in own]:
        raise ConfigError(
            f"{where} holds {plural(len(foreign), 'task')} of another run, such "
            f"as {foreign[0]}: set oracle.project to a title of its own, also with --resume"
        )


def _folders(images: Sequence[AskedImage], root: Path) -> list[Path]:
    """The folders below ``root`` in which pictures lie.

    Raises:
        ConfigError: one lies elsewhere.
    """
    places = [real(image.file) for image in images if image.file]
    if outside := [str(place) for place in places if root not in place.parent.parents]:
        raise ConfigError(
            f"oracle.document_root={root}: the server shows pictures in folders below it alone, "
            f"got {named(outside)}; leave it out to have them uploaded"
        )
    return sorted({root / place.relative_to(root).parts[0] for place in places})


def _check_labels(project: Mapping[str, Any], classes: Sequence[str], where: str) -> None:
    """The project has a label for each class; others may be classes that the run is to learn."""
    found = set(_labels(project["label_config"]))
    if not found.issuperset(classes):
        raise ConfigError(
            f"{where} has the labels {', '.join(sorted(found)) or 'none'}, "
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

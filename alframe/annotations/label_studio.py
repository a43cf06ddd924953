"""Label Studio: tasks with annotations and predictions in one JSON file."""

import contextlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from alframe.annotations.json_files import content_of, json_files
from alframe.annotations.label_studio_query import CONFIG, OURS, QUERY, write_query
from alframe.annotations.label_studio_results import is_region, read_results
from alframe.annotations.parts import REMEDY, first_found, joined, note_sizes
from alframe.annotations.sources import Source
from alframe.annotations.vocabulary import Annotations, Format, Images
from alframe.datasets.bulk import uncollected
from alframe.datasets.coco_fields import amount, finite
from alframe.datasets.name_matching import UPLOADED
from alframe.datasets.problems import BadItemError, Problem, Problems
from alframe.errors import DataError
from alframe.words import named, plural, tallied

_UPLOADS = re.compile(r"(?:^|/)data/upload/\d+$")
"""Where those of a project are; its number is no folder of the dataset."""


def recognises(source: Source) -> bool:
    """Whether there is a file of tasks, or one of the kind JSON_MIN."""
    return bool(json_files(source, "tasks", "minimal"))


def read_label_studio(source: Source, images: Images, problems: Problems) -> Annotations:
    """What annotators submitted: of several annotations of a task the newest not cancelled."""
    return _read(source, images, problems, "annotations")


def read_predictions(source: Source, images: Images, problems: Problems) -> Annotations:
    """What models predicted: of several predictions of a task the newest."""
    return _read(source, images, problems, "predictions")


@uncollected()
def _read(source: Source, images: Images, problems: Problems, part: str) -> Annotations:
    parts = {}
    for file in json_files(source, "tasks", "minimal").values():
        rows = content_of(file)
        reader = _Reader(str(file), images, problems, part)
        for number, task in enumerate(tasks_in(rows, str(file)), 1):
            reader.add(number, task)
        parts[str(file)] = reader.end(minimal="annotation_id" in rows[0])
    return joined(parts, problems)


class _Reader:
    """Reads the tasks of one file."""

    def __init__(self, where: str, images: Images, problems: Problems, part: str) -> None:
        self._where, self._images, self._problems, self._part = where, images, problems, part
        self._found = Annotations(())
        self._told, self._places = Counter[str](), dict[str, str]()
        self._sizes: dict[str, tuple[int, int]] = {}
        self._several, self._open = 0, 0

    def add(self, number: int, task: Any) -> None:
        """Add what was said of a task, or what is wrong with it to the problems."""
        place = f"{self._where}: task {number}"
        item = place
        try:
            if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
                raise _bad("expected a task with data", place)
            place = f"{self._where}: task {task.get('id', number)}"
            said = task.get(self._part) or []
            if not isinstance(said, list):
                raise _bad(f"expected a list of {self._part}", place)
            said = [one for one in said if isinstance(one, dict)]
            if not said:
                self._open += 1
                return
            item = self._item(task["data"], place)
            if item in self._places:
                raise _bad("two tasks are about one image", f"{place} and {self._places[item]}")
            self._places[item] = place
            self._take(item, said, place)
        except DataError as error:
            self._problems.take(item, error)

    def _item(self, data: Mapping[str, Any], place: str) -> str:
        own = data.get(OURS)
        if isinstance(own, str):
            return first_found(self._images, [own], place)
        texts = {name: value for name, value in data.items() if isinstance(value, str)}
        own = texts.get("image")
        urls = [own] if own else [text for text in texts.values() if "/" in text or "." in text]
        if not urls:
            raise _bad(f"the data of a task names no image, nor {OURS}", place)
        found = set[str]()
        for url in urls:
            with contextlib.suppress(BadItemError):
                found.add(first_found(self._images, image_names(url), place))
        if len(found) > 1:
            raise _bad(
                "the data of a task names several images", f"{place} ({named(sorted(found))})"
            )
        return found.pop() if found else first_found(self._images, image_names(urls[0]), place)

    def _take(self, item: str, said: Sequence[Mapping[str, Any]], place: str) -> None:
        valid = [one for one in said if not one.get("was_cancelled")]
        self._several += len(valid) > 1
        newest = max(valid or said, key=age)
        took = amount(newest.get("lead_time"))
        if took is not None:
            self._found.seconds[item] = took
        self._found.images.append(item)
        if not valid:
            self._found.ignored.add(item)
            return
        size, objects, results = self._images.size(item), self._found.objects, newest.get("result")
        objects += read_results(results, item, size, place, self._told)
        if shown := next(filter(None, map(_shown, results or ())), None):
            self._sizes[item] = shown

    def end(self, *, minimal: bool) -> Annotations:
        """All that was read."""
        found, where = self._found, self._where
        found.classes = tuple(sorted({thing.name for thing in found.objects}))
        if self._several:
            found.notes.append(
                f"{where}: {plural(self._several, 'task')} with several {self._part}: the newest "
                "one is taken"
            )
        if self._open:
            found.notes.append(f"{where}: {plural(self._open, 'task')} without {self._part}")
        if minimal:
            found.notes.append(
                f"{where}: Label Studio's JSON_MIN export leaves out skipped tasks; export JSON"
            )
        if self._told:
            found.notes.append(f"{where}: results that are no boxes: {tallied(self._told)}")
        note_sizes(found, where, self._sizes, self._images, shares=True)
        return found


def _shown(result: Any) -> tuple[int, int] | None:
    """(height, width) of the picture on which a region was drawn."""
    sides = result if isinstance(result, dict) else {}
    height, width = sides.get("original_height"), sides.get("original_width")
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def age(one: Mapping[str, Any]) -> tuple[float, int]:
    """What is larger for a newer annotation: its time, then its number."""
    time, number = one.get("updated_at") or one.get("created_at"), one.get("id")
    try:
        moment = datetime.fromisoformat(str(time))
    except ValueError:
        seconds = finite(time) or 0.0
    else:
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return seconds, number if isinstance(number, int) else 0


def _bad(cause: str, at: str) -> BadItemError:
    return BadItemError(Problem(cause, at, REMEDY))


LABEL_STUDIO = Format(
    "label-studio",
    "Label Studio's full JSON export",
    recognises,
    read_label_studio,
    write_query,
    (
        f"Make a project with {CONFIG} as its labelling configuration (Settings > Labeling "
        "Interface > Code).",
        "Start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT set to the folder above that of the images, and "
        "add the folder of the images as Local files under Settings > Cloud Storage.",
        f"Import {QUERY}: tasks[ with their proposals, the most worth labelling first].",
        "Submit without boxes what shows nothing; Skip what cannot be labelled.",
        "Export > JSON (no other kind); give back that file.",
    ),
    read_predictions,
    beside=frozenset({CONFIG}),
)


def tasks_in(rows: list[Any], where: str) -> list[Any]:
    """Tasks as in the full export, also of JSON_MIN, which has a row for each annotation.

    Raises:
        DataError: a row of JSON_MIN is no object.
    """
    if not isinstance(rows[0], dict) or "annotation_id" not in rows[0]:
        return rows
    tasks: dict[Any, dict[str, Any]] = {}
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected a list of objects, got {str(row)[:40]!r} in it")
        number = row.get("id")
        key = f"row {place}" if number is None else str(number)
        task = tasks.setdefault(key, {"id": number, "annotations": []})
        task["data"] = {name: value for name, value in row.items() if isinstance(value, str)}
        fields = [[value] if is_region(value) else value for value in row.values()]
        regions = [v for value in fields if isinstance(value, list) for v in value]
        result = [{"type": _type(value), "value": value} for value in regions]
        own = {"id": row.get("annotation_id"), "result": result}
        own |= {name: row.get(name) for name in ("updated_at", "created_at", "lead_time")}
        task["annotations"] += [own] if own["id"] is not None else []
    return list(tasks.values())


def _type(value: Any) -> str:
    names = value if isinstance(value, dict) else {}
    return next((name for name in names if name.endswith("labels")), "")


def image_names(url: str) -> list[str]:
    """What the image at an address may be called, the whole path first."""
    try:
        split = urlsplit(url)
    except ValueError:  # of brackets that enclose no address, as in http://[bad/a.jpg
        return [url]
    local = parse_qs(split.query).get("d")
    name = local[0] if local else unquote(split.path) if split.scheme or "?" in url else url
    folder, slash, last = name.lstrip("/").rpartition("/")
    if not local and _UPLOADS.search(folder):
        folder = slash = ""
    plain = UPLOADED.sub("", last)
    ways = (folder + slash + last, last, folder + slash + plain, plain)
    return list(dict.fromkeys(ways))

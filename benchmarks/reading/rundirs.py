"""Run directories, as reports read them. Nothing of the run is imported or executed."""

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alframe.config.layers import flat
from alframe.errors import RunError
from alframe.files.checked import damaged, read_object, read_records, read_stored_yaml
from alframe.files.home import real
from alframe.files.presence import is_file
from alframe.files.walking import walked
from alframe.runs.records import REMEDY
from alframe.runs.rundir import FREE_TO_CHANGE, RESTORE

SUITE_FILE = "suite.yaml"
"""What makes a folder that of a suite."""
NOT_METHOD = FREE_TO_CHANGE | {"seed", "budget.initial_set"}
"""Settings in which two runs of one method may differ; ``dataset.*`` as well."""


class Cycle(BaseModel):
    """A line of ``cycles.jsonl``.

    Attributes:
        cycle: 0, 1, ...
        labelled: images that this cycle trained on.
        objects: objects annotated in them.
        annotation_seconds: what annotating them took; None where nobody measured it.
        metrics: fractions 0..1 by name; one may be a mapping, as ``AP50`` is by class.
        seconds: by part of the cycle: fit, evaluate, select.
        selected: ids that this cycle chose for the next.
        memory: peak GiB of the process so far, by place: host, device.
    """

    model_config = ConfigDict(frozen=True)

    cycle: int = Field(ge=0, lt=1 << 31, strict=True)
    labelled: int = Field(ge=0, lt=1 << 53, strict=True)
    objects: int = Field(ge=0, lt=1 << 53, strict=True)
    annotation_seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    metrics: dict[str, Any]
    seconds: dict[str, float] = {}
    selected: tuple[str, ...] = ()
    memory: dict[str, float] = {}

    def numbers(self) -> dict[str, float | None]:
        """Every metric under its dotted name (``AP50.cat``); None where it is not a number."""
        return {k: _finite(v) for k, v in flat(self.metrics).items()}

    def value(self, metric: str) -> float | None:
        """One metric; ``AP50.cat,dog`` is the mean of AP50.cat and AP50.dog."""
        numbers = self.numbers()
        values = [numbers.get(name) for name in names_in(metric, numbers)]
        found = [value for value in values if value is not None]
        return sum(found) / len(found) if len(found) == len(values) else None


def names_in(metric: str, known: Container[str]) -> list[str]:
    """The names that a metric is the mean of: two in ``AP50.cat,dog``, unless one is called so.

    What stands before the names ends with the last dot, unless they have dots themselves.
    """
    if metric in known:
        return [metric]
    dots = [place + 1 for place, letter in enumerate(metric) if letter == "."]
    ways = [[metric[:dot] + name for name in metric[dot:].split(",")] for dot in (0, *dots)]
    return next((way for way in reversed(ways) if all(map(known.__contains__, way))), ways[-1])


@dataclass(frozen=True)
class Run:
    """One run directory.

    Attributes:
        path: the directory.
        config: ``config.yaml``.
        manifest: ``manifest.json``.
        cycles: the finished cycles, in order.
        parts: directories of the separate runs that this one was put together from; empty for a
            run that is one.
    """

    path: Path
    config: Mapping[str, Any]
    manifest: Mapping[str, Any]
    cycles: tuple[Cycle, ...]
    parts: tuple[Path, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return bool(self.manifest.get("finished"))

    @property
    def place(self) -> str:
        """The directory, or those that it was put together from."""
        return ", ".join(map(str, self.parts or [self.path]))

    @property
    def seed(self) -> int | None:
        """The root of the run's randomness."""
        return self.config.get("seed")

    @property
    def dataset(self) -> tuple[str, str]:
        """Name and fingerprint: runs that share both can be compared."""
        return self.name("dataset"), str(self._dataset.get("fingerprint", ""))

    @property
    def test(self) -> str:
        """The test split's fingerprint; empty for a run of a version that kept none."""
        return str(self._dataset.get("test_fingerprint", ""))

    @property
    def pool(self) -> int | None:
        """How many images may be labelled, where the manifest says so."""
        size = self._dataset.get("pool")
        return size if isinstance(size, int) else None

    @property
    def new_classes(self) -> Mapping[str, int]:
        """Classes that came with the answers of people, and the cycle from which on they are."""
        found = self._dataset.get("new_classes")
        return found if isinstance(found, Mapping) else {}

    @property
    def _dataset(self) -> Mapping[str, Any]:
        found = self.manifest.get("dataset")
        return found if isinstance(found, Mapping) else {}

    def is_whole(self, metric: str) -> bool:
        """Whether the run came to its end with the metric in its first and last cycle."""
        ends = (*self.cycles[:1], *self.cycles[-1:])
        return self.finished and all(cycle.value(metric) is not None for cycle in ends)

    def name(self, section: str) -> str:
        """The name of strategy, learner, dataset or model; ``none`` where it has none."""
        found = self.config.get(section, "none")
        return str(found.get("name", "?") if isinstance(found, Mapping) else found or "?")

    def method(self) -> dict[str, Any]:
        """The settings that make the method, under dotted names: not seed, output or dataset."""
        settings = flat(self.config).items()
        return {k: v for k, v in settings if k not in NOT_METHOD and not k.startswith("dataset")}


def read_runs(paths: Iterable[Path]) -> list[Run]:
    """Read run directories, and those in folders, each once, in the order given.

    Raises:
        RunError: a path holds no run, or a suite; a file of a run is missing or damaged; or no run
            has a finished cycle; all problems at once.
    """
    runs: dict[Path, Run] = {}
    problems: list[str] = []
    for path in paths:
        try:
            for folder in _find(path):
                if real(folder) not in runs:
                    runs[real(folder)] = read_run(folder)
        except RunError as error:
            problems += error.problems
    if problems:
        raise RunError(problems)
    if not any(run.cycles for run in runs.values()):
        raise RunError(f"{run.path}: no finished cycle yet" for run in runs.values())
    return list(runs.values())


def read_run(path: Path) -> Run:
    """Read one run directory.

    Raises:
        RunError: a file is missing or damaged; the message names it.
    """
    config = read_stored_yaml(path / "config.yaml", RESTORE)
    if not isinstance(config, Mapping):
        raise RunError(f"{path / 'config.yaml'} is damaged: expected a mapping, got {config!r:.40}")
    manifest = read_object(path / "manifest.json", RESTORE)
    cycles = tuple(read_cycles(path / "cycles.jsonl"))
    if manifest.get("finished") and not cycles:
        raise RunError(f"{path / 'cycles.jsonl'} has no cycle, and the run has ended: {REMEDY}")
    return Run(path, config, manifest, cycles)


def _find(path: Path) -> Sequence[Path]:
    """The run directory itself, or all those below a folder that holds no suite."""
    if is_run(path):
        return [path]
    found = [run for run in sorted(Path(inner) for inner, _ in walked(path)) if is_run(run)]
    if not found:
        raise RunError(
            f"{path} is not a run directory and holds none: expected config.yaml and manifest.json"
        )
    above = dict.fromkeys(f for run in found for f in run.parents if f.is_relative_to(path))
    if suites := [folder for folder in above if is_file(folder / SUITE_FILE)]:
        raise RunError(
            f"{path} holds the suite {suite}, whose runs are not all rows of a table: report that "
            "folder alone, or name runs"
            for suite in suites
        )
    return found


def is_run(path: Path) -> bool:
    """Whether a folder is the directory of a run that has begun."""
    return all(is_file(path / name) for name in ("config.yaml", "manifest.json"))


def read_cycles(path: Path) -> Iterator[Cycle]:
    """The finished cycles of a run; none where the file is missing.

    Raises:
        RunError: a line is damaged; the message names it.
    """
    last = -1
    for number, record in enumerate(read_records(path, REMEDY), 1):
        try:
            found = Cycle.model_validate(record)
        except ValidationError as error:
            raise damaged(path, number, first_reason(error), REMEDY) from error
        if found.cycle <= last:
            raise damaged(path, number, f"cycle {found.cycle} after {last}", REMEDY)
        last = found.cycle
        yield found


def first_reason(error: ValidationError) -> str:
    """Where in what was read the first problem is, and what it is."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}"


def _finite(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None

"""The run directory: configuration, manifest, journal, results, scores and checkpoints."""

import functools
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.config.draft import Layer
from alframe.config.layers import flat, without_idle
from alframe.config.resolve import as_layer, to_yaml
from alframe.config.sections import RunConfig
from alframe.errors import RunError
from alframe.files import checkpoints
from alframe.files.atomic import write_text
from alframe.files.checked import read_object, read_stored_yaml, to_lines, write_object, write_yaml
from alframe.files.presence import exists
from alframe.runs.initial import digest, stored_ids
from alframe.runs.journal import FILE, Journal
from alframe.runs.learner_checks import check_state
from alframe.runs.records import classes_in, results_table
from alframe.runs.scores import read_scores, write_scores
from alframe.runs.weights import about
from alframe.text import command, printable
from alframe.words import plural

ADOPTED = frozenset(
    {"dataset.root", "dataset.annotations", "dataset.test", "dataset.data", "dataset.on_bad_item"}
    | {"oracle.url", "oracle.project", "oracle.document_root", "oracle.proposals", "oracle.wait"}
    | {"oracle.format", "oracle.threshold"}
)
"""Settings that a resumed run may change, and has from then on: where its images and what is known
of them lie, whether it goes on without one that can no longer be read, where people are, and what
they are shown."""

FREE_TO_CHANGE = ADOPTED | frozenset(
    {"output", "device", "keep_models", "first_cycle", "data.workers"}
    | {"data.cache", "data.cache_gb", "data.cache_dir", "data.max_megapixels"}
    | {"evaluation.batch_size"}
)
"""Settings that a resumed run may change: where things lie and how they are computed, not what.

Wherever a dataset lies, its fingerprint has to be the same.
"""
CYCLES, PER_CYCLE = "budget.cycles", "budget.per_cycle"
"""Settings that a resumed run may change within bounds; see :mod:`alframe.runs.opening`."""
RESTORE = (
    "restore it, or start anew with another --output; what the run found is in results.csv and "
    "cycles.jsonl, its models in checkpoints/"
)


def begin_anew(run: Path) -> str:
    """How to begin a new run with what is annotated in one, for the end of a message."""
    export = command("export", run, "--annotations", "--to", "coco", "--output", "FOLDER")
    return f"for a new run with what is annotated, tested on the same images: {export}"


class RunDir:
    """The files of one run; their names are a contract with other programs.

    Make one with :func:`~alframe.runs.opening.open_run`, which also holds the lock.
    """

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config

    @functools.cached_property
    def _fingerprint(self) -> str:
        return fingerprint(_written_layer(self.path), self.manifest().get("began_with", {}))

    @functools.cached_property
    def journal(self) -> Journal:
        """Read when it is asked for: what a run predicts needs none.

        Raises:
            RunError: it is damaged, or has no event though cycles are finished.
        """
        journal = Journal(self.path)
        if not any(journal) and (self.path / "cycles.jsonl").exists():
            where = self.path / FILE
            raise RunError(f"{where} is missing or empty, but cycles are finished: {RESTORE}")
        return journal

    def forgotten(self) -> str:
        """A sentence on cycles of ``cycles.jsonl`` that the journal, written before it, has not.

        They are done again, and their models overwritten. Empty where there are none.
        """
        cycles = self.path / "cycles.jsonl"
        finished = cycles.read_bytes().count(b"\n") if cycles.is_file() else 0
        if not finished or (told := len(self.journal.of("evaluated"))) >= finished:
            return ""
        return (
            f"{self.path / FILE} tells of {plural(told, 'finished cycle')}, "
            f"cycles.jsonl of {finished}: the others are done again; to keep them, stop, and "
            "restore the journal"
        )

    def manifest(self) -> dict[str, Any]:
        """What ``manifest.json`` holds so far.

        Raises:
            RunError: it is damaged, or missing though the run has begun.
        """
        path = self.path / "manifest.json"
        if not path.exists():
            if (self.path / FILE).exists():
                raise RunError(f"{path} is missing: {RESTORE}")
            return {}
        return read_object(path, RESTORE)

    def described(self) -> Mapping[str, Any]:
        """The manifest's entry of the dataset, which has ``fingerprint`` and ``classes``.

        Raises:
            RunError: as of :meth:`manifest`, or it has no such entry.
        """
        path, entry = self.path / "manifest.json", self.manifest().get("dataset")
        entry = entry if isinstance(entry, dict) else {}
        classes = entry.get("classes")
        named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
        if not named or not isinstance(entry.get("fingerprint"), str):
            raise RunError(f"{path} does not say of which dataset the run is: {RESTORE}")
        return entry

    def classes(self, cycle: int) -> tuple[str, ...]:
        """Names of the classes that the model of a cycle knows, in label order.

        Raises:
            RunError: as of :meth:`described`.
        """
        entry = self.described()
        return classes_in(cycle, entry["classes"], entry.get("new_classes", {}))

    def update_manifest(self, **entries: Any) -> None:
        """Add or replace entries of ``manifest.json``."""
        write_object(self.path / "manifest.json", {**self.manifest(), **entries})

    def write_cycles(self, cycles: Sequence[Mapping[str, Any]]) -> None:
        """Write ``cycles.jsonl`` and ``results.csv`` anew from all finished cycles."""
        write_text(self.path / "cycles.jsonl", to_lines(cycles)[0])
        write_text(self.path / "results.csv", results_table(cycles))

    def write_scores(self, cycle: int, scores: Mapping[str, float]) -> None:
        """Write ``scores/cycle_NN.npz``: ids and scores of every candidate."""
        write_scores(self.path / "scores" / f"cycle_{cycle:02d}.npz", scores)

    def model_path(self, cycle: int) -> Path:
        """Where the final model of a cycle lies."""
        return self.path / "checkpoints" / f"cycle_{cycle:02d}.pt"

    def kept_models(self) -> list[int]:
        """The cycles whose models are there, in order."""
        found = (self.path / "checkpoints").glob("cycle_*.pt")
        numbers = (p.stem.removeprefix("cycle_") for p in found)
        cycles = sorted(int(n) for n in numbers if n.isdecimal() and len(n) < 9)
        return [c for c in cycles if self.model_path(c).exists()]

    def kept_model(self, cycle: int | None = None) -> int:
        """A cycle with a model: the one that is wanted, or the last, which may be lost by now.

        Raises:
            RunError: there is none; says which there are.
        """
        kept, last = self.kept_models(), self._last_fitted()
        if not kept and last < 0:
            resume = command("run", "--output", self.path, "--resume")
            raise RunError(
                f"{self.path} has no model yet: there is one once its first cycle is trained; go "
                f"on with {resume}"
            )
        if cycle is None:
            return max([last, *kept])  # a lost one is missed where it is loaded
        if cycle not in kept:
            raise RunError(
                f"{self.path} has no model of cycle {cycle}; it has those of cycles: "
                f"{', '.join(map(str, kept)) or 'none any more'}"
            )
        return cycle

    def _last_fitted(self) -> int:
        """The last cycle that is trained; -1 without any, or where the journal is damaged."""
        try:
            return max((event["cycle"] for event in self.journal.of("fitted")), default=-1)
        except RunError:
            return -1

    def save_model(self, cycle: int, state: Mapping[str, Any]) -> None:
        """Keep the final model of a cycle."""
        known = "dataset" in self.manifest()  # a loop of one's own may not have told
        told = about(stored_layer(self.path), self.classes(cycle) if known else None)
        content = {"cycle": cycle, "state": state, "about": told}
        checkpoints.save(self.model_path(cycle), self._fingerprint, content)

    def drop_models(self, cycle: int) -> None:
        """Drop those of earlier cycles where so configured, once the model of one is recorded."""
        if self.config.keep_models == "last":
            for earlier in range(cycle):
                self.model_path(earlier).unlink(missing_ok=True)

    def load_model(self, cycle: int) -> Any:
        """The final model of a cycle.

        Raises:
            RunError: it is missing, damaged, or of another configuration or cycle.
        """
        remedy = (
            "restore the file, or start anew with another --output; predict, evaluate and export "
            "take the model of another cycle by --cycle"
        )
        path = self.model_path(cycle)
        expected = {"cycle": int, "state": object}
        loaded = checkpoints.load(path, self._fingerprint, remedy, expected)
        if loaded["cycle"] != cycle:
            raise RunError(f"{path} is the model of cycle {loaded['cycle']}: {remedy}")
        return loaded["state"]

    def began_with(self, file: str | None) -> bool:
        """Whether the ids in ``file`` are those that the run began with, wherever they lay then."""
        known = self.manifest().get("initial_sha256")
        return file is not None and digest(stored_ids(Path(file))) == known

    def fit_state(self, cycle: int) -> "FitState":
        """The checkpoint of the training of ``cycle``."""
        return FitState(self, cycle)


class FitState:
    """Where the fit of one cycle keeps its state (:class:`alframe.learner.Checkpoint`).

    Attributes:
        seconds: spent on this cycle's fit by earlier processes, as of the last saved state.
    """

    def __init__(self, run: RunDir, cycle: int) -> None:
        self._run, self._cycle = run, cycle
        self._path = run.path / "checkpoints" / "latest.pt"
        self._started = time.monotonic()
        self.seconds = 0.0

    def load(self) -> dict[str, Any] | None:
        """The last saved state of this cycle's fit, or None."""
        if not self._path.exists():
            return None
        remedy = "delete it to repeat the training of its cycle from the beginning"
        expected = {"cycle": int, "seconds": float, "state": dict}
        saved = checkpoints.load(self._path, self._run._fingerprint, remedy, expected)
        if saved["cycle"] != self._cycle:
            return None
        self.seconds = saved["seconds"]
        state: dict[str, Any] = saved["state"]
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the last saved state."""
        check_state(state, "what checkpoint.save is given")
        content = {"cycle": self._cycle, "seconds": self.elapsed(), "state": state}
        checkpoints.save(self._path, self._run._fingerprint, content)

    def elapsed(self) -> float:
        """Seconds that this cycle's fit has taken, in all processes."""
        return self.seconds + time.monotonic() - self._started

    def clear(self) -> None:
        """Drop the state: the fit is finished."""
        self._path.unlink(missing_ok=True)


def fingerprint(stored: Layer, began_with: Layer) -> str:
    """SHA-256 of every setting that is part of what a run computes.

    Args:
        stored: its ``config.yaml``. Settings that a later version adds are not part of it, so that
            version still reads the checkpoints.
        began_with: what it had at first in the place of settings that have been changed since.
    """
    left_out = FREE_TO_CHANGE | {CYCLES}
    kept = {k: v for k, v in (flat(stored) | began_with).items() if k not in left_out}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def stored_layer(path: Path) -> Layer:
    """The configuration that the run in ``path`` was started with, as a layer to resolve.

    One of an older version may have settings without effect, which are left out.

    Raises:
        RunError: there is no run, or the file is damaged.
    """
    return without_idle(_written_layer(path), {}, alone=True)


def idle_settings(path: Path) -> Layer:
    """Those that :func:`stored_layer` leaves out, by dotted key."""
    kept = flat(stored_layer(path))
    return {key: v for key, v in flat(_written_layer(path)).items() if key not in kept}


def _written_layer(path: Path) -> Layer:
    file = path / "config.yaml"
    if not exists(file):
        raise RunError(f"{path} holds no run: there is no config.yaml in it")
    return as_layer(read_stored_yaml(file, RESTORE), str(file), error=RunError)


def stored_scores(path: Path, cycle: int) -> dict[str, float] | None:
    """What a run's strategy gave each candidate; None where it gave no scores.

    Raises:
        RunError: the file is damaged.
    """
    return read_scores(path / "scores" / f"cycle_{cycle:02d}.npz")


def write_config(path: Path, config: RunConfig) -> None:
    """Write ``config.yaml`` of the run in ``path``, beneath the command that repeats the run."""
    file = path / "config.yaml"
    again = command("run", "--config", file, "--output", "ANOTHER_FOLDER")
    write_yaml(file, f"# {printable(again)}\n{to_yaml(config)}")

"""Opening a run directory: who may use a folder, with which configuration; and its ``run.log``."""

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from alframe.config.resolve import differences, resolve
from alframe.config.sections import RunConfig
from alframe.errors import RunError, Waiting
from alframe.files.atomic import remove_torn, sync_folder
from alframe.files.locks import locked
from alframe.files.presence import exists
from alframe.files.refusals import REMEDIES, name_in, refusal
from alframe.runs.build import asks_people
from alframe.runs.journal import Journal
from alframe.runs.rundir import (
    CYCLES,
    FREE_TO_CHANGE,
    PER_CYCLE,
    RunDir,
    begin_anew,
    stored_layer,
    write_config,
)
from alframe.runs.weights import weights_sha256
from alframe.text import LineFormatter, command

logger = logging.getLogger(__name__)

FOLDERS = ("checkpoints", "scores", "tensorboard")
"""What a run directory has from its beginning, beside its configuration."""


@contextlib.contextmanager
def open_run(path: Path, config: RunConfig, *, resume: bool) -> Iterator[RunDir]:
    """Make or reopen a run directory and hold its lock.

    A run may be reopened with another ``budget.cycles``, as many as have begun or more; one that
    people answer with another ``budget.per_cycle``, for the selections to come.

    Raises:
        RunError: it holds a run and ``resume`` is false; it was started with another
            configuration; another process uses it; it cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(path / ".lock"))
            check_claim(path, config, resume=resume)
            if not exists(path / "config.yaml"):
                write_config(path, config)
                sync_folder(path.parent)
            stack.enter_context(log_file(path / "run.log"))
            remove_torn(path)
            for folder in FOLDERS:
                (path / folder).mkdir(exist_ok=True)
            for folder in (*FOLDERS, "answers"):
                remove_torn(path / folder)
            run = RunDir(path, config)
            if said := run.forgotten():
                logger.warning("%s", said)
        except OSError as error:
            mend = REMEDIES.get(error.errno, "see to it")
            remedy = mend if resume else "choose another --output"
            raise RunError(
                f"cannot write to {path}: {error.strerror} ({error.filename}); {remedy}"
            ) from error
        yield run


def check_claim(path: Path, config: RunConfig, *, resume: bool) -> None:
    """Refuse a folder that this run may not use; makes nothing.

    Raises:
        RunError: it holds a run and ``resume`` is false, a run of another configuration, or
            something that is not a run.
    """
    check_place(path, "run", own=("config.yaml",))
    if exists(path / "config.yaml"):
        if not resume:
            raise RunError(f"{path} already holds a run: add --resume, or choose another --output")
        _refuse_changes(path, config)


def check_place(path: Path, what: str, own: Collection[str]) -> None:
    """Refuse a path at which no folder can be, or one with something else in it.

    Args:
        path: of the folder.
        what: it is to hold.
        own: files or folders, one of which is there where it does.

    Raises:
        RunError: says why.
    """
    try:
        place = next(p for p in (path, *path.absolute().parents) if os.path.lexists(p))
        exists(path)  # fails where the name is too long
    except OSError as error:
        raise RunError(
            f"cannot write to {path}: {error.strerror}; choose another --output"
        ) from error
    if not place.exists():
        raise RunError(
            f"cannot write to {path}: {place} is a link to nothing; choose another --output"
        )
    if not place.is_dir():
        found = "it" if place == path else str(place)
        raise RunError(f"cannot write to {path}: {found} is not a folder; choose another --output")
    names = {p.name for p in path.iterdir() if not p.name.startswith(".")} if place == path else ()
    if names and names.isdisjoint(own):
        raise RunError(f"{path} is not empty and holds no {what}: choose another --output")


def _refuse_changes(path: Path, config: RunConfig) -> None:
    stored = resolve([stored_layer(path)])
    changed, allowed = differences(stored, config), set(FREE_TO_CHANGE)
    begun = len(Journal(path).of("annotated"))
    if config.budget.cycles is None or config.budget.cycles >= begun:
        allowed.add(CYCLES)
    if asks_people(config):  # who have more time, or less; a benchmark's budget is one
        allowed.add(PER_CYCLE)
    if not Journal(path).of("cycle_started") or stored.data.white is None:
        allowed.add("data.white")  # people are asked before that; or all images have 8 bits
    run = RunDir(path, stored)
    if run.began_with(config.budget.initial_set):
        allowed.add("budget.initial_set")
    if (began := run.manifest().get("weights_sha256")) is not None:
        if began == weights_sha256(config):
            allowed.add("model.weights")
        elif "model.weights" not in changed:
            raise RunError(
                f"{path} was started with another file of model.weights: restore it, give "
                "model.weights=PATH of it, or choose another --output"
            )
    if refused := {k: v for k, v in changed.items() if k not in allowed}:
        names = {key: values for key, values in refused.items() if key.endswith(".name")}
        told = names or refused  # options and presets go with a name
        found = [_refusal(path, key, *values, begun) for key, values in told.items()]
        if begun and asks_people(stored):
            found[-1] += f" ({begin_anew(path)})"
        raise RunError(found)


def _refusal(path: Path, key: str, old: Any, new: Any, begun: int) -> str:
    if key == CYCLES:
        why = f"expected {begun} or more, as many have begun, or null, without end"
        return f"{path}: budget.cycles={new}: {why}"
    return (
        f"{path} was started with {key} = {old!r}, now it is {new!r}: resume it as it was, or "
        "choose another --output"
    )


def stopped(error: OSError, path: Path) -> str | None:
    """Why a run had to stop and how to go on; None where the error may be a bug."""
    go_on = f"go on with: {command('run', '--output', path, '--resume')}"
    if _is_gone(error, path):
        return f"{path} was moved or deleted while the run was going on: put it back, and {go_on}"
    text = refusal(error)
    if text is None or not (path / "config.yaml").exists():
        return text
    return f"{text}; what is finished is kept: {go_on}"


def _is_gone(error: OSError, path: Path) -> bool:
    """A file could not be had because of the run directory, which is not what it was."""
    name = name_in(error)
    if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ESTALE} or not name:
        return False
    inside = Path(name).absolute().is_relative_to(path.absolute())
    return inside and not all((path / name).exists() for name in ("config.yaml", *FOLDERS))


class RunLog(logging.FileHandler):
    """A log that leaves it to the run to say that a disk cannot be written to."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Leave a line out that cannot be written."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Write all that alframe logs to a file, and the traceback of what ends the code inside."""
    handler = RunLog(path, encoding="utf-8")
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("alframe")
    root.addHandler(handler)
    try:
        yield
    except (Waiting, GeneratorExit):  # no error: nor that a caller has seen enough cycles
        raise
    except BaseException:
        # For the file only: on the terminal the command line says what is to be said.
        stopped = (logger.name, logging.ERROR, __file__, 0, "the run stopped", (), sys.exc_info())
        handler.handle(logger.makeRecord(*stopped))
        raise
    finally:
        root.removeHandler(handler)
        with contextlib.suppress(OSError):
            handler.close()

"""``manifest.json``: what a run is, written when it begins, and held against what goes on."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from alframe.config.resolve import differences, resolve
from alframe.config.sections import Component, RunConfig
from alframe.datasets.base import Dataset
from alframe.errors import RunError
from alframe.runs.budget import Plan
from alframe.runs.build import sources
from alframe.runs.environment import environment
from alframe.runs.records import new_classes
from alframe.runs.rundir import ADOPTED, RunDir, stored_layer, write_config
from alframe.runs.weights import weights_sha256
from alframe.training.distributed import world_size

logger = logging.getLogger(__name__)


def describe(run: RunDir, dataset: Dataset, plan: Plan, fingerprint: str) -> None:
    """Write the manifest of a run that begins; of another, what has come since.

    Args:
        run: with its configuration.
        dataset: that it labels.
        plan: what is labelled when.
        fingerprint: of the dataset as it was read.

    Raises:
        RunError: it was begun on other data, or with another number of processes that matters.
    """
    if not run.manifest():
        _begin(run, dataset, plan, fingerprint)
        return
    _check_data(run, fingerprint)
    _check_processes(run, run.config)
    _note_edited(run)
    new, told = new_classes(run.journal), run.described()
    if told.get("new_classes", {}) != new:
        grown = {**told, "classes": list(dataset.classes), "new_classes": new}
        run.update_manifest(dataset=grown)


def _begin(run: RunDir, dataset: Dataset, plan: Plan, fingerprint: str) -> None:
    config = run.config
    run.update_manifest(
        **environment(config.device),
        processes=world_size(),
        precision=config.training.precision if config.training else None,
        seed=config.seed,
        weights_sha256=weights_sha256(config),
        plugins=sources(config),
        dataset={
            "name": dataset.name,
            "fingerprint": fingerprint,
            "test_fingerprint": replace(dataset, pool=()).fingerprint(),
            "pool": len(dataset.pool) - len(plan.test),
            "test": len(dataset.test) + len(plan.test),
            "classes": list(dataset.classes),
            "notes": list(dataset.notes),
        },
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _check_data(run: RunDir, fingerprint: str) -> None:
    if run.described()["fingerprint"] != fingerprint:
        raise RunError(
            f"{run.config.dataset.name} has changed since {run.path} was started: its images, "
            "splits or annotations are not the same. Restore it, or choose another --output"
        )


def _check_processes(run: RunDir, config: RunConfig) -> None:
    began = run.manifest().get("processes", 1)
    if config.training and config.training.per_process and began != world_size():
        raise RunError(
            f"{run.path} was started with {began} processes, which set its batch size "
            f"(training.per_process); now there are {world_size()}: resume it with as many"
        )


def adopt(run: RunDir) -> None:
    """Write what a resumed run has from now on, once it goes on or waits, and is not refused.

    It is where its images lie, and what is white in them: a run that people answer begins before
    they are read.
    """
    stored, config = resolve([stored_layer(run.path)]), run.config
    names = {"data.white"} | ADOPTED
    if not names.isdisjoint(differences(stored, config)):
        adopted = {
            "data": stored.data.model_copy(update={"white": config.data.white}),
            "dataset": _adopted("dataset", stored.dataset, config.dataset),
            "oracle": _adopted("oracle", stored.oracle, config.oracle),
        }
        write_config(run.path, stored.model_copy(update=adopted))


def _adopted(section: str, stored: Component, new: Component) -> Component:
    own = {key: value for key, value in new.options.items() if f"{section}.{key}" in ADOPTED}
    return Component(**{**stored.model_dump(), **own})


def _note_edited(run: RunDir) -> None:
    """Ideas are edited while a run waits: both versions are written down."""
    before = run.manifest().get("plugins", {})
    edited = {
        part: f"{before[part]}, {digest}"
        for part, digest in sources(run.config).items()
        if part in before and before[part].split(", ")[-1] != digest
    }
    if edited:
        logger.warning(
            "the code of %s has changed since the run began, which goes on with the new one",
            ", ".join(edited),
        )
        run.update_manifest(plugins={**before, **edited})

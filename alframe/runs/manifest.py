"""``manifest.json``: what a run is, written when it begins, and held against what goes on."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from alframe.config.resolve import differences, resolve, settings
from alframe.config.sections import Component, RunConfig
from alframe.datasets.base import Dataset
from alframe.errors import RunError
from alframe.runs.budget import Plan
from alframe.runs.build import asks_people, sources
from alframe.runs.environment import environment
from alframe.runs.records import new_classes
from alframe.runs.rundir import (
    ADOPTED,
    CYCLES,
    PER_CYCLE,
    RunDir,
    idle_settings,
    stored_layer,
    write_config,
)
from alframe.runs.weights import weights_sha256
from alframe.training.distributed import world_size
from alframe.words import named, plural

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
    entry = _entry(dataset, plan, fingerprint)
    if not run.manifest():
        _begin(run, entry)
        return
    _check_data(run, entry)
    _check_processes(run, run.config)
    _note_edited(run)
    new, told = new_classes(run.journal), run.described()
    if told.get("new_classes", {}) != new:
        grown = {**told, "classes": list(dataset.classes), "new_classes": new}
        run.update_manifest(dataset=grown)


def _entry(dataset: Dataset, plan: Plan, fingerprint: str) -> Mapping[str, Any]:
    """What the manifest says of a dataset."""
    return {
        "name": dataset.name,
        "fingerprint": fingerprint,
        "test_fingerprint": replace(dataset, pool=()).fingerprint(),
        "pool": len(dataset.pool) - len(plan.test),
        "test": len(dataset.test) + len(plan.test),
        "classes": list(dataset.classes),
        "notes": list(dataset.notes),
    }


def _begin(run: RunDir, entry: Mapping[str, Any]) -> None:
    config = run.config
    run.update_manifest(
        **environment(config.device),
        processes=world_size(),
        precision=config.training.precision if config.training else None,
        seed=config.seed,
        weights_sha256=weights_sha256(config),
        plugins=sources(config),
        dataset=entry,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _check_data(run: RunDir, now: Mapping[str, Any]) -> None:
    then = run.described()
    if then["fingerprint"] == now["fingerprint"]:
        return
    told = [
        f"{plural(now[split], 'image')} to {use} in place of {then[split]:,}"
        for split, use in (("pool", "choose from"), ("test", "test on"))
        if then.get(split, now[split]) != now[split]
    ]
    if then["classes"] != now["classes"]:
        new = [name for name in now["classes"] if name not in then["classes"]]
        gone = [name for name in then["classes"] if name not in now["classes"]]
        told += [f"the new classes {named(new)}"] if new else []
        told += [f"no more the classes {named(gone)}"] if gone else []
        told += [] if new or gone else ["its classes in another order"]
    elif then.get("test_fingerprint") != now["test_fingerprint"]:
        told.append("other images or annotations to test on, and maybe to choose from")
    elif not told:
        told.append("other images or annotations to choose from")
    apart = " (answers of people lie elsewhere, for alframe annotate)"
    raise RunError(
        f"{run.config.dataset.name} has changed since {run.path} was started: it has "
        f"{'; '.join(told)}. Restore it{apart if asks_people(run.config) else ''}, or choose "
        "another --output"
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

    It is where its images lie, what is white in them (a run that people answer begins before they
    are read), and how many images and cycles are to come.
    """
    stored, config = resolve([stored_layer(run.path)]), run.config
    changed = differences(stored, config)
    if changed.keys().isdisjoint({"data.white", CYCLES, PER_CYCLE} | ADOPTED):
        return
    if CYCLES in changed:  # first, so that a kill leaves no finished half
        run.update_manifest(finished=None)
    now = settings(stored)
    at_first = {key: v for key, v in idle_settings(run.path).items() if v != now[key]}
    if PER_CYCLE in changed:
        at_first[PER_CYCLE] = stored.budget.per_cycle
    if at_first:
        run.update_manifest(began_with=at_first | run.manifest().get("began_with", {}))
    if PER_CYCLE in changed:
        logger.info("%s=%s holds from the next selection on", PER_CYCLE, config.budget.per_cycle)
    budget = {"cycles": config.budget.cycles, "per_cycle": config.budget.per_cycle}
    adopted = {
        "data": stored.data.model_copy(update={"white": config.data.white}),
        "dataset": _adopted("dataset", stored.dataset, config.dataset),
        "oracle": _adopted("oracle", stored.oracle, config.oracle),
        "budget": stored.budget.model_copy(update=budget),
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

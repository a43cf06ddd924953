"""A first cycle that runs share: trained by one, and taken over by the others.

Strategies that share a learner share its first cycle too: the same initial set, weights and data
order give the same model. A benchmark trains it once; each run copies it and goes on from there.
"""

from pathlib import Path

from alframe.config.resolve import differences, resolve
from alframe.config.sections import RunConfig
from alframe.errors import RunError
from alframe.runs.rundir import FREE_TO_CHANGE, RunDir, stored_layer
from alframe.runs.weights import weights_sha256

STEPS = ("initial", "annotated", "cycle_started", "phase_finished", "fitted", "evaluated")
"""Events of a cycle up to the selection, which is the strategy's and not taken over."""

_LATER = FREE_TO_CHANGE | frozenset(
    {"budget.cycles", "budget.per_cycle", "budget.candidates", "training.warm_start"}
)


def matters(key: str) -> bool:
    """Whether the first cycle depends on a setting, by its dotted key: not on the strategy's."""
    return key not in _LATER and not key.startswith("strategy.")


def check_source(source: Path, config: RunConfig, fingerprint: str) -> None:
    """Refuse a run whose first cycle is not that of ``config`` on the data of ``fingerprint``.

    Raises:
        RunError: there is no such run, its first cycle is not finished, its model was not kept, or
            it was computed with other settings or on other data; names every setting that differs.
    """
    stored = resolve([stored_layer(source)])
    other, changed = RunDir(source, stored), differences(stored, config)
    if other.began_with(config.budget.initial_set):
        changed.pop("budget.initial_set", None)
    found = [
        f"first_cycle={source}: it was computed with {key} = {old!r}, here it is {new!r}"
        for key, (old, new) in changed.items()
        if matters(key)
    ]
    if not any(e["cycle"] == 0 for e in other.journal.of("evaluated")):
        found.append(f"first_cycle={source}: its first cycle is not finished yet")
    elif not other.model_path(0).exists():
        found.append(f"first_cycle={source}: the model of its first cycle was not kept")
    elif other.described()["fingerprint"] != fingerprint:
        found.append(f"first_cycle={source}: it was computed on other data")
    elif (weights := other.manifest().get("weights_sha256")) and weights != weights_sha256(config):
        found.append(f"first_cycle={source}: it began with another file of weights")
    if found:
        raise RunError(found)


def share_first_cycle(run: RunDir, source: Path) -> None:
    """Copy model and events of the first cycle in ``source``, unless the run has one already."""
    if run.journal.of("evaluated"):
        return
    other = RunDir(source, resolve([stored_layer(source)]))
    events = [e for e in other.journal if e["event"] in STEPS and e.get("cycle", 0) == 0]
    known = list(run.journal)
    if missing := [e for e in events if e not in known]:
        run.save_model(0, other.load_model(0))
        run.update_manifest(initial_sha256=other.journal.of("initial")[0]["sha256"])
        run.journal.extend(missing)

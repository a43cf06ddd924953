"""What a reader has to know before comparing the rows of a problem."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from alframe.benchmarks.differences import differences
from alframe.benchmarks.entry import Entry, is_whole
from alframe.benchmarks.environments import traits
from alframe.benchmarks.methods import OWN, baseline_of
from alframe.benchmarks.page.numbers import plural
from alframe.benchmarks.published import comparable
from alframe.benchmarks.runs import Run

NOT_RECIPE = ("strategy.", "budget.")
"""Settings in which full supervision differs from the methods that it is a reference for."""
NO_AREA = "; without an end the curve has no area (AUBC) and is in no comparison or saving"


def notes(entry: Entry, metric: str) -> Iterator[str]:
    """A sentence for everything that keeps rows from being compared as they stand."""
    for method, runs in entry.methods.items():
        for run in runs:
            yield from _of_run(f"{method}, seed {run.seed}", run, metric)
        for seed, times in Counter(run.seed for run in runs).items():
            if times > 1:
                yield f"{method}: seed {seed} was run {times} times; the spread is not of seeds"
    yield from _on_baseline(entry)
    yield from _on_recipe(entry)
    yield from _on_initial_sets(entry)
    yield from _on_environment(entry)
    yield from _on_full_supervision(entry)
    yield from _on_published(entry, metric)


def _of_run(name: str, run: Run, metric: str) -> Iterator[str]:
    if run.parts:
        sizes = ", ".join(str(cycle.labelled) for cycle in run.cycles)
        paths = ", ".join(map(str, run.parts))
        yield f"{name}: a curve of separate runs of one cycle each ({sizes} images), {paths}"
    if not run.finished:
        so_far = f"{plural(len(run.cycles), 'cycle')} so far"
        yield f"{name} (unfinished): {so_far}, {run.path}"
    if without := [str(c.cycle) for c in run.cycles if c.value(metric) is None]:
        cycles = f"cycle{'' if len(without) == 1 else 's'} {', '.join(without)}"
        out = "left out of every mean" + NO_AREA * (run.finished and not is_whole(run, metric))
        yield f"{name}: {metric} is not a number in {cycles}, {out}, {run.path}"


def _on_baseline(entry: Entry) -> Iterator[str]:
    if sum(map(bool, entry.methods.values())) > 1 and baseline_of(entry.methods) is None:
        yield (
            "There is no baseline: no method is random selection with the plain learner, so "
            "nothing is compared with it"
        )


def _on_recipe(entry: Entry) -> Iterator[str]:
    """Methods that were run in different ways, apart from what makes them methods."""
    rows = [(method, _recipe(run)) for method, runs in entry.methods.items() for run in runs]
    for text in differences(rows):
        yield f"The runs differ in {text}"


def _recipe(run: Run) -> dict[str, Any]:
    kept = {k: v for k, v in run.method().items() if not k.startswith(OWN)}
    return kept | {"dataset.fingerprint": run.dataset[1][:8]}


def _on_initial_sets(entry: Entry) -> Iterator[str]:
    """Seeds of which not all methods begin with the same images."""
    sets: dict[int | None, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for method, runs in entry.methods.items():
        for run in runs:
            if begun := run.manifest.get("initial_sha256"):
                sets[run.seed][begun][method] = None
    splits: dict[str, list[str]] = defaultdict(list)
    for seed, found in sets.items():
        if len(found) > 1:
            splits["; ".join(", ".join(names) for names in found.values())].append(str(seed))
    for sides, seeds in splits.items():
        where = f"seed{'' if len(seeds) == 1 else 's'} {', '.join(seeds)}"
        yield f"The methods begin with different images ({where}): {sides}"


def _on_environment(entry: Entry) -> Iterator[str]:
    """Numbers that another revision, library or machine made."""
    for text in differences([(name, traits(run)) for name, run in entry.behind()]):
        yield f"The runs differ in {text}"


def _on_published(entry: Entry, metric: str) -> Iterator[str]:
    """Rows of papers that are of something else."""
    pools = {run.pool for run in entry.runs()}
    if entry.published and not comparable(entry.published, metric, pools):
        theirs = entry.published[0]
        yield (
            f"Published rows are left out: they are {_measured(theirs.metric, {theirs.pool})}, "
            f"these {_measured(metric, pools)}"
        )


def _measured(metric: str, pools: Collection[int | None]) -> str:
    sizes = " or ".join(f"{pool:,}" for pool in pools if pool)
    return f"{metric} on a pool of {sizes} images" if sizes else metric


def _on_full_supervision(entry: Entry) -> Iterator[str]:
    """Methods whose recipe is not that of the full supervision of their learner."""
    found: dict[str, list[str]] = defaultdict(list)
    for method, runs in entry.methods.items():
        references = entry.full.get(runs[0].name("learner")) if runs else None
        if references and (differ := _differing(references[0], runs[0])):
            found[differ].append(method)
    for differ, methods in found.items():
        yield f"{', '.join(methods)}: full supervision of the learner was run with other {differ}"


def _differing(reference: Run, run: Run) -> str:
    """The settings of the recipe in which two differ; one that an older version lacks does not."""
    ours, theirs = run.method(), reference.method()
    names = [k for k in ours if k in theirs and not k.startswith(NOT_RECIPE)]
    return ", ".join(k for k in names if ours[k] != theirs[k])

"""What has to be known of runs beside their numbers: notes, recipe, environment."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from alframe.benchmarks.reading.groups import OWN, ProblemRuns
from alframe.benchmarks.reading.rundirs import Run
from alframe.benchmarks.reporting.tables import merged
from alframe.config.layers import flat
from alframe.grouping import by_key
from alframe.model import ERRORS
from alframe.words import named, plural

NOT_RECIPE = ("strategy.", "budget.")
"""Settings in which full supervision differs from the methods that it is a reference for."""
NO_AREA = "; without an end the curve has no area (AUBC) and is in no comparison or saving"
SHOWN = 4
"""Settings that are named where many differ together."""
KEPT = ("versions", "python", "platform", "device_name", "cuda", "threads", "bf16", "git")
"""Entries of a manifest that can change a number."""

TRAITS = ("git", "versions", "device_name", "cuda", "threads")
"""Those of them that two runs on one machine with one installation share."""

Settings = Mapping[str, Any]


def notes(problem: ProblemRuns, metric: str) -> Iterator[str]:
    """A sentence for everything that keeps rows from being compared as they stand."""
    for method, runs in problem.methods.items():
        for run in runs:
            yield from _of_run(f"{method}, seed {run.seed}", run, metric)
        for seed, times in Counter(run.seed for run in runs).items():
            if times > 1:
                yield f"{method}: seed {seed} was run {times} times; the spread is not of seeds"
        yield from _on_code(method, runs)
        yield from _on_sizes(method, runs)
    yield from _on_baseline(problem)
    yield from _on_recipe(problem)
    yield from _on_initial_sets(problem)
    yield from _on_environment(problem)
    yield from _on_full_supervision(problem)
    yield from _on_published(problem, metric)


def _of_run(name: str, run: Run, metric: str) -> Iterator[str]:
    if run.parts:
        sizes = ", ".join(str(cycle.labelled) for cycle in run.cycles)
        paths = ", ".join(map(str, run.parts))
        yield f"{name}: a curve of separate runs of one cycle each ({sizes} images), {paths}"
    if not run.finished:
        so_far = f"{plural(len(run.cycles), 'cycle')} so far"
        yield f"{name} (unfinished): {so_far}, {run.path}"
    for cycle in sorted(set(run.new_classes.values()) - {0}):
        new = ", ".join(n for n, first in run.new_classes.items() if first == cycle)
        came = f"metrics are over other classes from cycle {cycle} on, as {new} came"
        yield f"{name}: {came}, {run.path}"
    measured = {name: None for c in run.cycles for name in c.metrics if name != ERRORS}
    without = [str(c.cycle) for c in run.cycles if c.value(metric) is None]
    if without and metric.partition(".")[0] not in measured:
        others = f"{', '.join(measured)} (--metric has them)"
        yield f"{name}: {metric} is not measured, but {others}, {run.path}"
    elif without:
        cycles = f"cycle{'' if len(without) == 1 else 's'} {', '.join(without)}"
        out = "left out of every mean" + NO_AREA * (run.finished and not run.is_whole(metric))
        yield f"{name}: {metric} is not a number in {cycles}, {out}, {run.path}"


def _on_code(method: str, runs: Sequence[Run]) -> Iterator[str]:
    """Runs of one row between which somebody has edited a plugin, or replaced a file."""
    for text in differences([(f"seed {r.seed}", r.manifest.get("plugins", {})) for r in runs]):
        yield f"{method}: its code is not the same in all runs, {text}"
    weights = [
        (f"seed {run.seed}", {"model.weights": digest[:12]})
        for run in runs
        if (digest := run.manifest.get("weights_sha256"))
    ]
    for text in differences(weights):
        yield f"{method}: its file of weights is not the same in all runs, {text}"


def _on_sizes(method: str, runs: Sequence[Run]) -> Iterator[str]:
    """Runs of one row that were measured at different sizes of the labelled set."""
    sizes = [{cycle.labelled for cycle in run.cycles} for run in runs if run.cycles]
    if any({n for n in a ^ b if n <= min(max(a), max(b))} for a, b in pairwise(sizes)):
        yield f"{method}: its runs have different budgets; a column is of those that have its size"


def _on_baseline(problem: ProblemRuns) -> Iterator[str]:
    if sum(map(bool, problem.methods.values())) > 1 and problem.baseline is None:
        yield (
            "There is no baseline: no method is random selection with the plain learner, or with "
            "the one that all methods have, so nothing is compared with it"
        )


def _on_recipe(problem: ProblemRuns) -> Iterator[str]:
    """Methods that were run in different ways, apart from what makes them methods."""
    rows = [(method, _shared(run)) for method, runs in problem.methods.items() for run in runs]
    for text in differences(rows):
        yield f"The runs differ in {text}"


def _shared(run: Run) -> dict[str, Any]:
    kept = {k: v for k, v in run.method().items() if not k.startswith(OWN)}
    return kept | {"dataset.fingerprint": run.dataset[1][:8]}


def _on_initial_sets(problem: ProblemRuns) -> Iterator[str]:
    """Seeds of which not all methods begin with the same images."""
    sets: dict[int | None, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for method, runs in problem.methods.items():
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


def _on_environment(problem: ProblemRuns) -> Iterator[str]:
    """Numbers that another revision, library or machine made."""
    runs = [(name, run, traits(run)) for name, run in problem.behind()]
    sides = by_key((name, repr(found)) for name, _, found in runs)
    apart = {name for name, found in sides.items() if len(set(found)) > 1}
    named_runs = [(f"{n} of seed {run.seed}" if n in apart else n, found) for n, run, found in runs]
    for text in differences(named_runs):
        yield f"The runs differ in {text}"


def _on_published(problem: ProblemRuns, metric: str) -> Iterator[str]:
    """Rows of papers that are of something else."""
    pools = {run.pool for run in problem.runs()}
    if problem.published and not any(r.lies_beneath(metric, pools) for r in problem.published):
        theirs = problem.published[0]
        yield (
            f"Published rows are left out: they are {_measured(theirs.metric, {theirs.pool})}, "
            f"these {_measured(metric, pools)}"
        )


def _measured(metric: str, pools: Collection[int | None]) -> str:
    sizes = " or ".join(f"{pool:,}" for pool in pools if pool)
    return f"{metric} on a pool of {sizes} images" if sizes else metric


def _on_full_supervision(problem: ProblemRuns) -> Iterator[str]:
    """Methods whose recipe is not that of the full supervision of their learner."""
    found: dict[str, list[str]] = defaultdict(list)
    for method, runs in problem.methods.items():
        references = problem.full.get(runs[0].name("learner")) if runs else None
        if references and (differ := _differing(references[0], runs[0])):
            found[differ].append(method)
    for differ, methods in found.items():
        yield f"{', '.join(methods)}: full supervision of the learner was run with other {differ}"


def _differing(reference: Run, run: Run) -> str:
    """The settings of the recipe in which two differ; one that an older version lacks does not."""
    ours, theirs = run.method(), reference.method()
    names = [k for k in ours if k in theirs and not k.startswith(NOT_RECIPE)]
    return ", ".join(k for k in names if ours[k] != theirs[k])


def differences(runs: Sequence[tuple[str, Settings]]) -> Iterator[str]:
    """``training.lr: 0.1 (random, entropy); 1.0 (miaod)``: settings that split the runs.

    Those that split them alike share a text. One that a run lacks, since another version wrote it,
    is left out.

    Args:
        runs: the name of each, which others may have too, and its settings.
    """
    shared = [key for key in runs[0][1] if all(key in found for _, found in runs)] if runs else []
    columns = ((key, [found[key] for _, found in runs]) for key in shared)
    splits = by_key((tuple(map(values.index, values)), key) for key, values in columns)
    for split, keys in splits.items():
        if any(split):
            yield f"{named(keys, SHOWN)}: {'; '.join(_parts(runs, split, keys[:SHOWN]))}"


def _parts(
    runs: Sequence[tuple[str, Settings]], split: Sequence[int], keys: Sequence[str]
) -> Iterator[str]:
    """The values of each side, and who is on it."""
    for first in dict.fromkeys(split):
        values = ", ".join(str(runs[first][1][key]) for key in keys)
        names = dict.fromkeys(runs[i][0] for i, part in enumerate(split) if part == first)
        yield f"{values} ({', '.join(names)})"


def environment(runs: Sequence[Run]) -> dict[str, Any]:
    """Each entry once; a list of its values where the runs differ."""
    manifests = (run.manifest for run in runs)
    return merged([{key: m[key] for key in KEPT if key in m} for m in manifests])


def traits(run: Run) -> dict[str, Any]:
    """What one run was computed with, under dotted names (``versions.torch``)."""
    return flat({key: run.manifest[key] for key in TRAITS if key in run.manifest})


def recipe(runs: Sequence[Run]) -> dict[str, str]:
    """Each part in words, with all its values where the runs differ; unknown ones are left out."""
    found = {name: dict.fromkeys(_said(part, runs)) for name, part in PARTS.items()}
    return {name: "; ".join(texts) for name, texts in found.items() if texts}


def _said(part: Callable[[Settings], str], runs: Sequence[Run]) -> Iterator[str]:
    for run in runs:
        try:
            yield part(run.config)
        except (KeyError, TypeError):  # another version's settings
            continue


def _images(config: Settings) -> str:
    data = config["data"]
    sizes = {"none": "as they are", "fit": "within {long} x {short}", "stretch": "{long} x {short}"}
    return sizes[data["resize"]].format_map(data)


def _length(config: Settings) -> str:
    training = config["training"]
    if training["passes"]:
        passes = "1 pass" if training["passes"] == 1 else f"{training['passes']} passes"
        length = f"{passes} over the labelled images"
    else:
        length = plural(training["iterations"], "iteration")
    warm = training.get("warm_start")  # of an older version, none
    return f"{length}, on from the model of the cycle before" if warm else length


def _optimiser(config: Settings) -> str:
    text = "{optimizer}, learning rate {lr:g}, weight decay {weight_decay:g}, {schedule} schedule"
    return text.format_map(config["training"])


def _budget(config: Settings) -> str:
    budget = config["budget"]
    added = "any number" if budget["cycles"] is None else budget["cycles"] - 1
    return f"{budget['initial']}" + (f" + {added} x {budget['per_cycle']}" if added else "")


PARTS: Mapping[str, Callable[[Settings], str]] = {
    "image size": _images,
    "length of a training": _length,
    "batch": lambda config: plural(config["training"]["batch_size"], "image"),
    "optimiser": _optimiser,
    "augmentation": lambda config: ", ".join(config["training"]["augment"]) or "none",
    "precision": lambda config: str(config["training"]["precision"]),
    "budget in images": _budget,
}
"""What is said of a resolved configuration; a lookup fails where it has no such setting."""

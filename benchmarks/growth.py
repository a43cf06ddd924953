"""Separate runs of growing size, as points of one curve.

Who trains with 100, 200 and 300 labelled images in three runs of one cycle each means one curve,
whether the pool is one and ``budget.initial`` grows, or the whole of a growing pool is labelled.
What such runs have in common is all but the budget and the dataset's options, and the test split
on which they are measured. Runs of one seed make one curve, so that a seed still counts once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from alframe.benchmarks.runs import Run

Alike = tuple[str, str, str]
"""Dataset by name, its test split, and all settings but budget and dataset."""


def with_growth_joined(runs: Sequence[Run]) -> list[Run]:
    """The runs; those of one cycle that differ in size alone are joined, in the first's place.

    A size that occurs twice with one seed makes another curve of that seed. Nothing is joined
    where more images have fewer objects: then they are not the same data grown.
    """
    groups: dict[Alike, list[Run]] = {}
    for run in runs:
        if run.finished and len(run.cycles) == 1:
            groups.setdefault(_alike(run), []).append(run)
    places: dict[int, list[Run]] = {}
    for group in groups.values():
        if len({run.cycles[0].labelled for run in group}) > 1:
            for series in _series(group):
                places[id(series[0])] = [_joined(series, group)]
                places |= {id(run): [] for run in series[1:]}
    return [each for run in runs for each in places.get(id(run), [run])]


def _alike(run: Run) -> Alike:
    settings = {k: v for k, v in run.method().items() if not k.startswith("budget.")}
    name, fingerprint = run.dataset
    return name, run.test or fingerprint, repr(sorted(settings.items()))


def _series(group: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs of one seed in ascending size, each size once."""
    seeds: dict[int | None, list[list[Run]]] = {}
    for run in sorted(group, key=lambda r: r.cycles[0].labelled):
        chains = seeds.setdefault(run.seed, [])
        size = run.cycles[0].labelled
        fitting = [c for c in chains if c[-1].cycles[0].labelled < size]
        if fitting:
            fitting[0].append(run)
        else:
            chains.append([run])
    for chains in seeds.values():
        for chain in chains:
            grown = all(a.cycles[0].objects <= b.cycles[0].objects for a, b in pairwise(chain))
            yield from [chain] if grown else [[run] for run in chain]


def _joined(series: Sequence[Run], group: Sequence[Run]) -> Run:
    """One run of several cycles, that says of budget and dataset what all of the group share."""
    first = series[0]
    cycles = (run.cycles[0].model_copy(update={"cycle": n}) for n, run in enumerate(series))
    config = {k: v for k, v in first.config.items() if k != "budget"}
    return replace(
        first,
        config=config,
        manifest={**first.manifest, "dataset": _dataset(group)},
        cycles=tuple(cycles),
        parts=tuple(run.path for run in series) if len(series) > 1 else (),
    )


def _dataset(group: Sequence[Run]) -> Mapping[str, Any]:
    """What the manifest of a run on one of several pools can say: not how large it is."""
    found: dict[str, Any] = dict(group[0].manifest.get("dataset") or {})
    if len({run.dataset for run in group}) > 1:
        found |= {"fingerprint": f"{group[0].test}", "pool": None}
    return found

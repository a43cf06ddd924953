"""The cells of a suite: every run that it takes, and which other must be finished before it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from alframe.benchmarks.suite import Suite
from alframe.config.layers import merge
from alframe.config.resolve import expanded, resolve, settings
from alframe.config.sections import Component, RunConfig
from alframe.errors import AlframeError, ConfigError
from alframe.runs.warm_start import MAY_DIFFER

Kind = Literal["first", "run", "full", "replay"]
"""``first``: the first cycle that methods with one learner share; ``run``: a method; ``full``: a
learner on the whole pool; ``replay``: a method once more, nothing shared."""


@dataclass(frozen=True)
class Cell:
    """One run of a suite.

    Attributes:
        kind: what it is for.
        problem: name.
        method: name; of a ``first`` or ``full`` cell that of the learner.
        seed: the root of its randomness.
        config: of the run, all but where it lies and what it takes over.
        first: name of the cell whose first cycle it takes over, or None.
    """

    kind: Kind
    problem: str
    method: str
    seed: int
    config: RunConfig
    first: str | None = None

    @property
    def name(self) -> str:
        """Its path below the suite's folder, too."""
        return f"{self.kind}/{self.problem}/{self.method}/seed-{self.seed}"

    def path(self, folder: Path) -> Path:
        """Its run directory."""
        return folder / self.name

    def initial_set(self, folder: Path) -> Path:
        """The file with the ids that every method begins with."""
        return folder / "initial" / self.problem / f"seed-{self.seed}.json"

    def settings(self, folder: Path) -> RunConfig:
        """The configuration to run, in the suite's folder."""
        first = str(folder / self.first) if self.first else None
        start = None if self.kind == "full" else str(self.initial_set(folder))
        budget = self.config.budget.model_copy(update={"initial_set": start})
        return self.config.model_copy(update={"budget": budget, "first_cycle": first})


def cells(suite: Suite) -> list[Cell]:
    """Every cell; those that others wait for first, then seed by seed.

    Raises:
        ConfigError: a method does not resolve to a run; every problem of all of them.
    """
    grid = _grid(suite)
    shared = _shared(grid)
    runs = [_run(key, config, shared) for key, config in grid.items()]
    firsts = _firsts(runs, shared)
    return [
        *firsts,
        *sorted(runs, key=lambda c: c.seed),
        *_replay(suite, runs),
        *_full(suite, runs),
    ]


Key = tuple[str, str, int]
"""Problem, method, seed."""


def _grid(suite: Suite) -> dict[Key, RunConfig]:
    grid: dict[Key, RunConfig] = {}
    found: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for problem, entry in suite.problems.items():
        for method, layer in suite.methods.items():
            for seed in suite.seeds:
                layers = [suite.settings, entry.settings, layer, suite.overrides, {"seed": seed}]
                try:
                    grid[problem, method, seed] = resolve([merge(map(expanded, layers))])
                except AlframeError as error:
                    for text in error.problems:
                        found[problem, text][method] = None
    if found:
        raise ConfigError(
            f"{'every method' if len(names) == len(suite.methods) else ', '.join(names)} on "
            f"{problem}: {text}"
            for (problem, text), names in found.items()
        )
    return grid


def _shared(grid: Mapping[Key, RunConfig]) -> dict[Key, str]:
    """Under which name a run's first cycle is shared, where another run has the same.

    The name is that of the learner, numbered where a learner occurs with several settings.
    """
    groups: dict[tuple[Any, ...], list[Key]] = defaultdict(list)
    for key, config in grid.items():
        problem, _, seed = key
        groups[problem, seed, config.learner.name, _of_first_cycle(config)].append(key)
    used: dict[tuple[Any, ...], int] = defaultdict(int)
    names: dict[Key, str] = {}
    for group, keys in groups.items():
        used[group[:3]] += 1
        suffix = f"-{used[group[:3]]}" if used[group[:3]] > 1 else ""
        if len(keys) > 1:
            names |= dict.fromkeys(keys, f"{group[2]}{suffix}")
    return names


def _of_first_cycle(config: RunConfig) -> str:
    """Everything that the first cycle depends on."""
    kept = {
        k: v
        for k, v in settings(config).items()
        if k not in MAY_DIFFER and not k.startswith("strategy.")
    }
    return repr(sorted(kept.items()))


def _run(key: Key, config: RunConfig, shared: Mapping[Key, str]) -> Cell:
    problem, method, seed = key
    first = f"first/{problem}/{shared[key]}/seed-{seed}" if key in shared else None
    return Cell("run", problem, method, seed, config, first)


def _firsts(runs: Iterable[Cell], shared: Mapping[Key, str]) -> list[Cell]:
    """One cell for each shared first cycle."""
    found: dict[str, Cell] = {}
    for run in runs:
        name = shared.get((run.problem, run.method, run.seed))
        if name is not None:
            cell = Cell("first", run.problem, name, run.seed, _at_random(run.config, cycles=1))
            found.setdefault(cell.name, cell)
    return list(found.values())


def _replay(suite: Suite, runs: Iterable[Cell]) -> Iterator[Cell]:
    for run in runs:
        if (run.method, run.seed) == (suite.replay, suite.seeds[0]):
            yield Cell("replay", run.problem, run.method, run.seed, run.config)


def _full(suite: Suite, runs: Iterable[Cell]) -> Iterator[Cell]:
    """Each learner on everything, in the recipe of its first method."""
    seen: set[tuple[str, str, int]] = set()
    for run in runs:
        learner = run.config.learner.name
        if run.seed in suite.full_seeds and (run.problem, learner, run.seed) not in seen:
            seen.add((run.problem, learner, run.seed))
            config = _at_random(run.config, cycles=1, initial="100%")
            yield Cell("full", run.problem, learner, run.seed, config)


def _at_random(config: RunConfig, **budget: Any) -> RunConfig:
    """The same learner, without the strategy."""
    changed = config.budget.model_copy(update=budget)
    return config.model_copy(update={"strategy": Component(name="random"), "budget": changed})

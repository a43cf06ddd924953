"""The grid of a suite: every job that it takes, with the configuration of its run."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe.benchmarks.running.jobs import Job, JobKind
from alframe.benchmarks.running.suite import Suite
from alframe.config.resolve import resolve, settings
from alframe.config.sections import Component, RunConfig
from alframe.errors import AlframeError, ConfigError
from alframe.grouping import by_key
from alframe.runs.first_cycle import matters

Grid = dict[Job, RunConfig]
"""The configuration of each job: all but where it lies and what it takes over."""
GridKey = tuple[str, str, int]
"""Problem, method, seed."""


def grid_of(suite: Suite) -> Grid:
    """Every job; those that others wait for first, then seed by seed.

    Raises:
        ConfigError: a method does not resolve to a run; every problem of all of them.
    """
    configs = _resolved(suite)
    shared = _shared(configs)
    firsts, runs, replays, full = Grid(), Grid(), Grid(), Grid()
    for key, config in configs.items():
        (problem, method, seed), cycles, first = key, config.budget.cycles, None
        if key in shared:
            first = _job("first", (problem, shared[key], seed), 1)
            firsts.setdefault(first, _at_random(config, cycles=1))
        runs[_job("run", key, cycles, first)] = config
        if (method, seed) == (suite.replay, suite.seeds[0]):
            replays[_job("replay", key, cycles)] = config
        if seed in suite.full_seeds:  # in the recipe of the learner's first method
            job = _job("full", (problem, config.learner.name, seed), 1)
            full.setdefault(job, _at_random(config, cycles=1, initial="100%"))
    by_seed = dict(sorted(runs.items(), key=lambda item: item[0].seed))
    return firsts | by_seed | replays | full


def settings_in(folder: Path, job: Job, config: RunConfig) -> RunConfig:
    """The configuration to run, in the suite's folder."""
    first = str(folder / job.first) if job.first else None
    start = None if job.kind == "full" else str(initial_set(folder, job))
    budget = config.budget.model_copy(update={"initial_set": start})
    return config.model_copy(update={"budget": budget, "first_cycle": first})


def initial_set(folder: Path, job: Job) -> Path:
    """The file with the ids that every method begins with."""
    return folder / "initial" / job.problem / f"seed-{job.seed}.json"


def _job(kind: JobKind, key: GridKey, cycles: int | None, first: Job | None = None) -> Job:
    problem, method, seed = key
    name = first.name if first else None
    return Job(kind=kind, problem=problem, method=method, seed=seed, cycles=cycles or 1, first=name)


def _with_an_end(config: RunConfig) -> RunConfig:
    if config.budget.cycles is None:
        raise ConfigError("budget.cycles: null has no end, which a job of a suite needs: set it")
    return config


def _resolved(suite: Suite) -> dict[GridKey, RunConfig]:
    configs: dict[GridKey, RunConfig] = {}
    found: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for problem, entry in suite.problems.items():
        for method, layer in suite.methods.items():
            for seed in suite.seeds:
                layers = [suite.settings, entry.settings, layer, suite.overrides, {"seed": seed}]
                try:
                    configs[problem, method, seed] = _with_an_end(resolve(layers))
                except AlframeError as error:
                    for text in error.problems:
                        found[text][problem][method] = None
    if found:
        raise ConfigError(
            f"{'every method' if len(methods) == len(suite.methods) else ', '.join(methods)} on "
            f"{', '.join(problems)}: {text}"
            for text, where in found.items()
            for methods, problems in by_key(
                (tuple(m), problem) for problem, m in where.items()
            ).items()
        )
    return configs


def _shared(configs: Mapping[GridKey, RunConfig]) -> dict[GridKey, str]:
    """Under which name a run's first cycle is shared, where another run has the same.

    The name is that of the learner, numbered where a learner occurs with several settings.
    """
    groups: dict[tuple[Any, ...], list[GridKey]] = defaultdict(list)
    for key, config in configs.items():
        problem, _, seed = key
        groups[problem, seed, config.learner.name, _of_first_cycle(config)].append(key)
    used: dict[tuple[Any, ...], int] = defaultdict(int)
    names: dict[GridKey, str] = {}
    for group, keys in groups.items():
        used[group[:3]] += 1
        suffix = f"-{used[group[:3]]}" if used[group[:3]] > 1 else ""
        if len(keys) > 1:
            names |= dict.fromkeys(keys, f"{group[2]}{suffix}")
    return names


def _of_first_cycle(config: RunConfig) -> str:
    """Everything that the first cycle depends on."""
    return repr(sorted((k, v) for k, v in settings(config).items() if matters(k)))


def _at_random(config: RunConfig, **budget: Any) -> RunConfig:
    """The same learner, without the strategy."""
    changed = config.budget.model_copy(update=budget)
    return config.model_copy(update={"strategy": Component(name="random"), "budget": changed})

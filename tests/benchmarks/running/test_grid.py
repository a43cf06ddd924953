"""Which runs a suite takes, and what they share."""

from pathlib import Path

import pytest

from alframe.benchmarks.running.grid import Grid, grid_of, settings_in
from alframe.config.sections import RunConfig
from alframe.errors import ConfigError
from tests.benchmarks.tiny_suite import tiny_suite


def names(grid: Grid) -> list[str]:
    return [c.name for c in grid]


def test_the_grid() -> None:
    assert names(grid_of(tiny_suite())) == [
        "first/shapes/plain/seed-0",
        "first/shapes/plain/seed-1",
        "run/shapes/random/seed-0",
        "run/shapes/entropy/seed-0",
        "run/shapes/random/seed-1",
        "run/shapes/entropy/seed-1",
        "replay/shapes/random/seed-0",
        "full/shapes/plain/seed-0",
    ]


def test_runs_wait_for_their_first_cycle_and_repetitions_share_nothing() -> None:
    waits = {c.name: c.first for c in grid_of(tiny_suite(seeds=[1]))}
    assert waits["run/shapes/random/seed-1"] == "first/shapes/plain/seed-1"
    assert waits["run/shapes/entropy/seed-1"] == "first/shapes/plain/seed-1"
    assert waits["replay/shapes/random/seed-1"] is waits["full/shapes/plain/seed-1"] is None


def test_one_first_cycle_for_each_way_to_train() -> None:
    methods = {
        "a": {"strategy": "random"},
        "b": {"strategy": "random", "learner": "ll4al"},
        "c": {"strategy": "ll4al"},
        "d": {"strategy": "random", "training": {"lr": 1.0}},
        "e": {"strategy": "entropy", "training": {"lr": 1.0}},
        "alone": {"strategy": "random", "training": {"lr": 2.0}},
        "f": {"strategy": "entropy"},
    }
    suite = tiny_suite(methods=methods, seeds=[0], replay=None, baselines=["a"])
    firsts = {c.method: c.first for c in grid_of(suite) if c.kind == "run"}
    plain, other = "first/shapes/plain/seed-0", "first/shapes/plain-2/seed-0"
    ll4al = "first/shapes/ll4al/seed-0"
    assert firsts == {"a": plain, "f": plain, "b": ll4al, "c": ll4al, "d": other, "e": other,
                      "alone": None}  # fmt: skip
    (shared,) = [(j, c) for j, c in grid_of(suite).items() if j.name == other]
    assert shared[1].training.lr == 1.0
    assert shared[1].budget.cycles == shared[0].cycles == 1


def test_full_supervision_is_the_learner_on_everything_for_some_seeds_or_all() -> None:
    def full(which: str) -> list[RunConfig]:
        grid = grid_of(tiny_suite(full_supervision=which))
        return [config for job, config in grid.items() if job.kind == "full"]

    assert [len(full(w)) for w in ("none", "first", "all")] == [0, 1, 2]
    (config,) = full("first")
    assert config.budget.images(24)[0] == 24
    assert (config.budget.cycles, config.strategy.name) == (1, "random")


def test_where_everything_lies() -> None:
    folder = Path("bench")
    grid = grid_of(tiny_suite())
    run = next(job for job in grid if job.kind == "run")
    config = settings_in(folder, run, grid[run])
    assert config.first_cycle == "bench/first/shapes/plain/seed-0"
    assert config.budget.initial_set == "bench/initial/shapes/seed-0.json"
    (full,) = [job for job in grid if job.kind == "full"]
    assert settings_in(folder, full, grid[full]).budget.initial_set is None


def test_every_problem_of_every_method_is_said_once() -> None:
    methods = {"a": {"strategy": "no"}, "b": {"strategy": "random", "training": {"lr": -1}}}
    with pytest.raises(ConfigError) as error:
        grid_of(tiny_suite(methods=methods, replay=None, baselines=["a"]))
    assert len(error.value.problems) == 2
    assert "a on shapes: unknown strategy 'no'" in str(error.value)
    assert "b on shapes: training.lr" in str(error.value)


def test_what_all_methods_share_is_said_once() -> None:
    with pytest.raises(ConfigError) as error:
        grid_of(tiny_suite(settings={"dataset": "voc"}))
    assert list(error.value.problems) == [
        "every method on shapes: dataset.root is required: give --data-root DIR, or "
        "dataset.root=..."
    ]


def test_what_problems_share_is_said_once() -> None:
    methods = {"a": {"strategy": "no"}, "b": {"strategy": "random"}, "c": {"strategy": "no"}}
    problems = {"p": {}, "q": {}, "r": {"settings": {"seeed": 1}}}
    with pytest.raises(ConfigError) as error:
        grid_of(tiny_suite(methods=methods, problems=problems, replay=None))
    starts = [
        "a, c on p, q, r: unknown strategy 'no'",
        "every method on r: unknown setting 'seeed'",
    ]
    assert len(error.value.problems) == len(starts)
    for text, start in zip(error.value.problems, starts, strict=True):
        assert text.startswith(start)

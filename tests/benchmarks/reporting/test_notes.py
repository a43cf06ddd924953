"""What keeps rows from being compared as they stand is said."""

from dataclasses import replace
from pathlib import Path

import pytest

from alframe.benchmarks import SUITES
from alframe.benchmarks.published import published
from alframe.benchmarks.reading.groups import ProblemRuns
from alframe.benchmarks.reading.rundirs import Run, read_run
from alframe.benchmarks.reporting.remarks import notes
from alframe.benchmarks.running.grid import grid_of
from alframe.benchmarks.running.suite import load
from alframe.config.resolve import from_overrides
from tests.benchmarks.fake_runs import write_run


def run(path: Path, values: list[float | None], **details: object) -> Run:
    return read_run(write_run(path, values, **details))  # type: ignore[arg-type]


def test_nothing_is_said_of_runs_that_can_be_compared(tmp_path: Path) -> None:
    from_the_start = {"dataset": {"fingerprint": "f" * 64, "new_classes": {"cat": 0}}}
    runs = [
        run(tmp_path / str(seed), [0.1, 0.2], seed=seed, manifest=from_the_start)
        for seed in range(2)
    ]
    full = run(tmp_path / "full", [0.3])
    assert list(notes(ProblemRuns("a", {"random": runs}, {"plain": [full]}), "mAP50")) == []


RECIPES = ("default", "miaod-claim")
"""Suites that compare recipes, which is to be said."""


@pytest.mark.parametrize("name", SUITES)
def test_nothing_else_is_said_of_the_suites_that_come_with_alframe(name: str) -> None:
    """Presets that suit a learner are no other recipe."""
    drawn = name == "default" or "smoke" in name
    suite = load(name).overridden([from_overrides([] if drawn else ["dataset.root=x"])])
    problems: dict[str, dict[str, list[Run]]] = {}
    for job, config in grid_of(suite).items():
        if job.kind == "run":
            run = Run(Path(), config.model_dump(mode="json"), {"finished": "now"}, ())
            problems.setdefault(job.problem, {}).setdefault(job.method, []).append(run)
    assert problems.keys() == suite.problems.keys()
    for methods in problems.values():
        assert methods.keys() == suite.methods.keys()
        said = list(notes(ProblemRuns("a", methods), suite.metric))
        assert bool(said) == (name in RECIPES)
        assert all(note.startswith("The runs differ in ") for note in said)


def test_a_metric_that_is_not_a_number(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / "1", [0.1, float("nan"), None]),
        run(tmp_path / "2", [None, 0.2], seed=1),
        run(tmp_path / "3", [0.1, None, 0.2], seed=2),
        run(tmp_path / "4", [0.1, None], seed=3, finished=False),
    ]
    area = "; without an end the curve has no area (AUBC) and is in no comparison or saving"
    assert list(notes(ProblemRuns("a", {"random": runs}), "mAP50")) == [
        f"random, seed 0: mAP50 is not a number in cycles 1, 2, left out of every mean{area}, "
        f"{tmp_path / '1'}",
        f"random, seed 1: mAP50 is not a number in cycle 0, left out of every mean{area}, "
        f"{tmp_path / '2'}",
        f"random, seed 2: mAP50 is not a number in cycle 1, left out of every mean, "
        f"{tmp_path / '3'}",
        f"random, seed 3 (unfinished): 2 cycles so far, {tmp_path / '4'}",
        f"random, seed 3: mAP50 is not a number in cycle 1, left out of every mean, "
        f"{tmp_path / '4'}",
    ]


def test_a_metric_that_is_not_measured_and_one_of_a_class_without_a_number(tmp_path: Path) -> None:
    """Errors are no metric to take in its place."""
    other = write_run(tmp_path / "1", [0.1])
    cycles = other / "cycles.jsonl"
    cycles.write_text(cycles.read_text().replace("mAP50_11pt", "errors"))
    runs = {"random": [read_run(other)]}
    (note,) = notes(ProblemRuns("a", runs), "accuracy")
    assert (
        note
        == f"random, seed 0: accuracy is not measured, but mAP50, AP50 (--metric has them), {other}"
    )
    runs = {"random": [run(tmp_path / "2", [0.1, None])]}
    (note,) = notes(ProblemRuns("a", runs), "AP50.disc")
    assert note.startswith("random, seed 0: AP50.disc is not a number in cycle 1, left out of ev")


def test_several_precisions(tmp_path: Path) -> None:
    single, half = ({"precision": p} for p in ("fp32", "bf16"))
    methods = {
        "random": [run(tmp_path / "1", [0.1], settings=single)],
        "miaod": [run(tmp_path / "2", [0.1], settings=half)],
        "entropy": [run(tmp_path / "3", [0.1], settings=single)],
    }
    assert list(notes(ProblemRuns("a", methods), "mAP50")) == [
        "The runs differ in training.precision: fp32 (random, entropy); bf16 (miaod)"
    ]


def test_another_recipe_is_said_once_and_what_is_the_methods_own_is_not(tmp_path: Path) -> None:
    short, long = ({"iterations": n, "restart": n > 100} for n in (100, 5000))
    methods = {
        "random": [run(tmp_path / f"r{s}", [0.1], seed=s, settings=short) for s in range(3)],
        "miaod": [run(tmp_path / f"m{s}", [0.1], seed=s, settings=long, strategy="miaod",
                      learner="miaod") for s in range(3)],
    }  # fmt: skip
    assert list(notes(ProblemRuns("a", methods), "mAP50")) == [
        "The runs differ in training.iterations: 100 (random); 5000 (miaod)"
    ]


def test_other_data(tmp_path: Path) -> None:
    methods = {
        "random": [run(tmp_path / "1", [0.1])],
        "entropy": [run(tmp_path / "2", [0.1], strategy="entropy", fingerprint="a" * 64)],
    }
    assert list(notes(ProblemRuns("a", methods), "mAP50")) == [
        "The runs differ in dataset.fingerprint: ffffffff (random); aaaaaaaa (entropy)"
    ]


def test_initial_sets_are_compared_seed_by_seed(tmp_path: Path) -> None:
    """Seeds begin with different images, and methods do in two seeds of three."""
    begun = {
        "random": ["0", "1", "2"],
        "entropy": ["0", "x", "y"],
        "coreset": ["0", "1", "2"],
    }
    methods = {
        name: [
            run(tmp_path / f"{name}{seed}", [0.1], seed=seed, strategy=name,
                manifest={"initial_sha256": sha})
            for seed, sha in enumerate(sets)
        ]
        for name, sets in begun.items()
    }  # fmt: skip
    assert list(notes(ProblemRuns("a", methods), "mAP50")) == [
        "The methods begin with different images (seeds 1, 2): random, coreset; entropy"
    ]


def test_another_revision_of_anything_behind_a_number(tmp_path: Path) -> None:
    old, new = ({"git": name, "versions": {"torch": "2"}, "platform": name} for name in "ab")
    methods = {
        "random": [run(tmp_path / "1", [0.1], manifest=old),
                   run(tmp_path / "2", [0.1], seed=1, manifest=new)],
        "entropy": [run(tmp_path / "3", [0.1], strategy="entropy", manifest=old)],
    }  # fmt: skip
    others = {
        "first cycles": [run(tmp_path / "4", [0.1], manifest={"git": "c"})],
        "full supervision": [
            run(tmp_path / "5", [], manifest={"git": "no number yet", "finished": None})
        ],
    }
    assert list(notes(ProblemRuns("a", methods, others=others), "mAP50")) == [
        "The runs differ in git: a (random of seed 0, entropy); b (random of seed 1); "
        "c (first cycles)"
    ]


def test_columns_of_runs_that_were_measured_at_other_sizes(tmp_path: Path) -> None:
    """One that has not come as far is no such run."""
    runs = [run(tmp_path / "1", [0.1, 0.2]), run(tmp_path / "2", [0.1], seed=1)]
    told = "random: its runs have different budgets; a column is of those that have its size"
    assert told not in list(notes(ProblemRuns("a", {"random": runs}), "mAP50"))
    path = tmp_path / "2" / "cycles.jsonl"
    path.write_text(path.read_text().replace('"labelled": 10', '"labelled": 7'))
    moved = [runs[0], read_run(tmp_path / "2")]
    assert told in list(notes(ProblemRuns("a", {"random": moved}), "mAP50"))


def test_a_plugin_that_was_edited_between_the_runs_of_a_row(tmp_path: Path) -> None:
    """Another row has plugins of its own; an older version has noted none."""
    kept = [{"plugins": {"strategy my:S": code}} for code in ("aa", "bb", "aa")]
    rows = [run(tmp_path / str(n), [0.1], seed=n, manifest=m) for n, m in enumerate([*kept, {}])]
    other = [run(tmp_path / "o", [0.1], manifest={"plugins": {"strategy my:T": "cc"}})]
    said = "mine: its code is not the same in all runs, strategy my:S: aa (seed 0, seed 2); bb"
    (note,) = notes(ProblemRuns("a", {"mine": rows[:3], "random": other}), "mAP50")
    assert note == f"{said} (seed 1)"
    assert list(notes(ProblemRuns("a", {"mine": rows[::3], "random": other}), "mAP50")) == []


def test_weights_that_were_replaced_between_the_runs_of_a_row(tmp_path: Path) -> None:
    files = [{"weights_sha256": letter * 64} for letter in "aba"]
    rows = [run(tmp_path / str(n), [0.1], seed=n, manifest=m) for n, m in enumerate([*files, {}])]
    (note,) = notes(ProblemRuns("a", {"random": rows}), "mAP50")
    said = "random: its file of weights is not the same in all runs, model.weights: "
    assert note == f"{said}{'a' * 12} (seed 0, seed 2); {'b' * 12} (seed 1)"
    assert list(notes(ProblemRuns("a", {"random": rows[2:]}), "mAP50")) == []


def test_no_baseline(tmp_path: Path) -> None:
    one = {"entropy": [run(tmp_path / "1", [0.1], strategy="entropy")]}
    for single in (one, one | {"random": []}):
        assert list(notes(ProblemRuns("a", single), "mAP50")) == []
    two = one | {"random": [run(tmp_path / "2", [0.1], learner="miaod")]}
    (note,) = notes(ProblemRuns("a", two), "mAP50")
    assert note.startswith("There is no baseline: no method is random selection with the plain le")
    three = two | {"anything": [run(tmp_path / "3", [0.1])]}
    assert list(notes(ProblemRuns("a", three), "mAP50")) == []


def test_published_rows_of_something_else(tmp_path: Path) -> None:
    methods = {"random": [run(tmp_path / "1", [0.1])]}
    entry = ProblemRuns("a", methods, published=published("voc-retina"))
    assert list(notes(entry, "mAP50")) == [
        "Published rows are left out: they are mAP50_11pt on a pool of 16,551 images, these mAP50 "
        "on a pool of 200 images"
    ]


def test_full_supervision_of_another_recipe(tmp_path: Path) -> None:
    methods = {
        "slow": [run(tmp_path / "1", [0.1])],
        "fast": [run(tmp_path / "2", [0.1], settings={"lr": 1.0}, strategy="entropy")],
    }
    full = {"plain": [run(tmp_path / "3", [0.3], seed=1, settings={"new": 1})]}
    assert list(notes(ProblemRuns("a", methods, full), "mAP50")) == [
        "The runs differ in training.lr: 0.1 (slow); 1.0 (fast)",
        "fast: full supervision of the learner was run with other training.lr",
    ]


def test_full_supervision_needs_no_budget_of_the_methods(tmp_path: Path) -> None:
    few, all_at_once = (
        replace(made, config={**made.config, "budget": {"initial": n}})
        for n in (10, 200)
        for made in [run(tmp_path / str(n), [0.1])]
    )
    entry = ProblemRuns("a", {"random": [few]}, {"plain": [all_at_once]})
    assert list(notes(entry, "mAP50")) == []

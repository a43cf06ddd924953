"""Suites as files, on the command line's terms, and joined with what was run before."""

from importlib import resources
from pathlib import Path

import pytest

from alframe.benchmarks import SUITES, content
from alframe.benchmarks.published import names, published
from alframe.benchmarks.running.grid import grid_of
from alframe.benchmarks.running.suite import Suite, check_overwritten, load, stored, write
from alframe.config.resolve import from_overrides, resolve, settings
from alframe.errors import AlframeError, ConfigError
from alframe.strategies.miaod.learner import phase_lengths, phase_names
from tests.benchmarks.tiny_suite import tiny_suite

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"
MANDATORY = {"random", "entropy", "coreset", "ll4al", "miaod", "miaod-random"}


SEGMENTED = ("camvid", "seg-smoke")
"""Of a task for which there is neither LL4AL nor MI-AOD."""


@pytest.mark.parametrize("name", SEGMENTED)
def test_suites_of_segmentation(name: str) -> None:
    root = [] if "smoke" in name else ["dataset.root=x"]
    grid = grid_of(load(name).overridden([from_overrides(root)]))
    runs = [config for job, config in grid.items() if job.kind == "run"]
    strategies = {config.strategy.name for config in runs}
    assert strategies == {"random", "entropy", "margin", "coreset", "balanced-random"}
    assert {config.learner.name for config in runs} == {"plain"}
    if name == "camvid":
        budget, options = runs[0].budget, runs[0].dataset.options
        assert (budget.images(367), budget.cycles) == ((36, 18), 5)
        assert (len(options["classes"]), options["ignore_index"]) == (11, 11)


def test_every_file_is_registered_and_the_other_way_round() -> None:
    files = resources.files("alframe.benchmarks.suites").iterdir()
    assert {f.name for f in files if f.name.endswith(".yaml")} == {f"{n}.yaml" for n in SUITES}


PARTIAL = (
    *("cifar10-cpu", "default", "default-miaod", "detectors-cpu", "miaod-claim", "mostly-empty"),
    *("animal-crops", "animal-crops-again"),
    *("paper", "paper-512", "passes", "tower", "tuned"),
)
"""Suites that are not about strategies, or too long for the whole pool: without some rows."""


@pytest.mark.parametrize("name", [n for n in SUITES if n not in (*PARTIAL, *SEGMENTED)])
def test_built_in_suites_resolve_and_have_the_mandatory_rows(name: str) -> None:
    suite = load(name).overridden([from_overrides([] if "smoke" in name else ["dataset.root=x"])])
    grid = grid_of(suite)
    assert set(suite.methods) == MANDATORY
    assert {c.method for c in grid if c.kind == "run"} == MANDATORY
    miaod = next(grid[c] for c in grid if c.kind == "run" and c.method == "miaod-random")
    assert (miaod.learner.name, miaod.strategy.name) == ("miaod", "random")
    assert {c.method for c in grid if c.kind == "full"} == {"plain", "ll4al", "miaod"}
    assert all(p.published in {None, *names()} for p in suite.problems.values())
    text = resources.files("alframe.benchmarks.suites").joinpath(f"{name}.yaml").read_text()
    assert text.startswith(f"# alframe bench {name}")


def test_the_default_run_is_compared_with_as_many_steps_of_plain_training() -> None:
    grid = grid_of(load("default"))
    runs = {job.method: c for job, c in grid.items() if job.kind == "run" and job.seed == 3}
    default = resolve([{"seed": 3, "evaluation": {"coco": False}, "keep_models": "last"}])
    learner = runs["miaod"].learner
    assert runs["entropy"] == default
    lengths = phase_lengths(
        phase_names(("min", "max"), learner.options["rounds"]),
        default.training.length if default.training else 0,
        learner.options["label_ratio"],
    )
    steps = sum(lengths) + sum(lengths[1::3]) + sum(lengths[2::3])  # min and max have two
    plain = {m: c.training.length for m, c in runs.items() if c.training}
    assert plain["random-steps"] == steps
    assert plain["random"] == plain["entropy"] == plain["miaod"] == sum(lengths)


def test_the_claim_changes_what_its_methods_are_named_after_and_nothing_else() -> None:
    overrides = ["dataset.root=x", "model.weights=resnet50.pth"]
    grid = grid_of(load("miaod-claim").overridden([from_overrides(overrides)]))
    runs = {(j.problem, j.method): c for j, c in grid.items() if j.kind == "run" and j.seed == 0}
    assert len(runs) == 3 * 9
    paper = resolve(
        [from_overrides(["strategy=random", "model=retina", "dataset=voc", *overrides])]
    )
    assert runs["paper", "plain"].training == paper.training
    for problem in ("paper", "tuned", "tuned-norm"):
        plain = settings(runs[problem, "plain"])
        changed = {
            method: {k: v for k, v in settings(runs[problem, method]).items() if plain.get(k) != v}
            for method in load("miaod-claim").methods
        }
        clip = {} if problem != "paper" else {"training.clip_norm": 10.0}
        assert changed["plain-clip"] == clip
        assert changed["plain-half"] == {"model.class_loss_weight": 0.5}
        assert changed["plain-34"] == {"training.passes": 34, "training.milestones": [32.0]}
        for method, rounds, image in (("two", 0, 0.0), ("mil", 0, 1.0), ("miaod-random", 2, 1.0)):
            assert {k.split(".")[0] for k in changed[method]} == {"learner"}
            assert changed[method]["learner.rounds"] == rounds
            assert changed[method]["learner.image_weight"] == image
        assert changed["miaod-random-clip"] == changed["miaod-random"] | clip
        added = changed["miaod"].keys() - changed["miaod-random"].keys()
        assert added == {"strategy.name", "strategy.k"}


@pytest.mark.parametrize(
    ("name", "budget", "columns"),
    [("voc-retina", (827, 413, 7), 7), ("voc-ssd", (1000, 1000, 10), 10),
     ("coco-retina", (2345, 2345, 5), 5), ("cifar10-ll4al", (1000, 1000, 10), 5)],
)  # fmt: skip
def test_the_papers_suites_have_the_columns_of_the_published_tables(
    name: str, budget: tuple[int, int, int], columns: int
) -> None:
    suite = load(name).overridden([from_overrides(["dataset.root=x"])])
    run = next(config.budget for job, config in grid_of(suite).items() if job.kind == "run")
    assert (run.initial, run.per_cycle, run.cycles) == budget
    sizes = [budget[0] + i * budget[1] for i in range(columns)]
    assert all(list(row.values) == sizes for row in published(name))


def test_the_full_protocol_of_learning_loss() -> None:
    suite = load("cifar10-ll4al").overridden([from_overrides(["dataset.root=x"])])
    runs = {(j.problem, j.method): c for j, c in grid_of(suite).items() if j.kind == "run"}
    config = runs["cifar10", "ll4al"]
    assert config.training is not None
    assert config.training.model_dump(exclude_defaults=True) == {
        "passes": 200, "batch_size": 128, "lr": 0.1, "milestones": (160.0,), "restart": False,
        "augment": ("padded_crop", "hflip"), "precision": "auto",
    }  # fmt: skip
    assert (config.training.momentum, config.training.weight_decay) == (0.9, 5e-4)
    assert config.training.gamma == 0.1
    assert config.budget.candidates == 10_000
    learner = config.learner.options
    assert [learner[name] for name in ("weight", "margin", "joint")] == [1.0, 1.0, 0.6]
    assert config.model is not None
    assert config.model.options == {"width": 64, "weights": "none"}
    for (problem, _), run in runs.items():
        assert run.training is not None
        assert run.training.warm_start == (problem == "cifar10-warm-start")


def test_the_shrunken_protocol_differs_in_size_alone() -> None:
    suites = [load(n).overridden([from_overrides(["dataset.root=x"])]) for n in
              ("cifar10-ll4al", "cifar10-cpu")]  # fmt: skip
    full, small = (
        next(settings(c) for j, c in grid_of(suite).items() if j.kind == "run"
             and (j.problem, j.method) == ("cifar10", "ll4al"))
        for suite in suites
    )  # fmt: skip
    assert {k for k, v in full.items() if small[k] != v} - {"output", "budget.initial_set"} == {
        "budget.cycles", "budget.per_cycle", "data.long", "data.short", "data.workers", "device",
        "model.width", "training.batch_size", "training.lr", "training.milestones",
        "training.passes", "training.precision",
    }  # fmt: skip


@pytest.mark.parametrize("path", sorted(RESULTS.rglob("suite.yaml")), ids=lambda p: p.parent.name)
def test_what_made_the_committed_results_can_be_run_again(path: Path) -> None:
    suite = load(str(path))
    methods = {job.method for job in grid_of(suite) if job.kind == "run"}
    assert methods == (suite.methods.keys() if path.parent.name in PARTIAL else MANDATORY)


def test_committed_results_are_what_a_reader_opens() -> None:
    names = {p.name for p in RESULTS.rglob("*") if p.is_file() and p.suffix != ".md"}
    assert names == {"suite.yaml", "curves.png"}


def test_overrides_are_above_everything_and_name_components_shortly() -> None:
    suite = tiny_suite(methods={"a": {"strategy": "random", "training": {"lr": 1.0}}}, replay=None,
                       baselines=["a"])  # fmt: skip
    changed = suite.overridden([from_overrides(["training.lr=2", "model=ssd-lite0"])])
    assert {c.training.lr for c in grid_of(changed).values()} == {2.0}
    assert {c.model.name for c in grid_of(changed).values()} == {"ssd-lite0"}


def test_a_strategy_more_is_a_row_more() -> None:
    suite = tiny_suite().with_strategies(["margin", "entropy"])
    assert list(suite.methods) == ["margin", "entropy", "random"]
    assert suite.methods["entropy"] == tiny_suite().methods["entropy"]


def test_written_and_read_back(tmp_path: Path) -> None:
    suite = tiny_suite().overridden([from_overrides(["training.lr=2"])])
    write(suite, tmp_path)
    assert stored(tmp_path) == suite
    assert suite == load(str(tmp_path / "suite.yaml"))


def test_methods_and_seeds_may_be_added_to_what_was_run() -> None:
    earlier = tiny_suite(seeds=[3, 0])
    joined = tiny_suite().with_strategies(["margin"]).joined(earlier)
    assert joined.seeds == (3, 0, 1)
    assert list(joined.methods) == ["random", "entropy", "margin"]


def test_what_is_repeated_and_fully_supervised_stays_when_seeds_are_added() -> None:
    def extra(suite: Suite) -> list[str]:
        return [j.name for j in grid_of(suite) if j.kind in ("replay", "full")]

    earlier = tiny_suite(seeds=[3, 4])
    assert extra(tiny_suite(seeds=[0, 1]).joined(earlier)) == extra(earlier)


def test_every_command_that_ran_it_is_kept_once(tmp_path: Path) -> None:
    first, second = "alframe bench tiny --seeds 0-5", "alframe bench tiny"
    suite = tiny_suite(commands=[first])
    for command in (second, first, second):
        write(suite, tmp_path)
        suite = tiny_suite(commands=[command]).joined(load(str(tmp_path / "suite.yaml")))
    assert suite.commands == (first, second)


def test_nothing_else_may_differ_from_what_was_run() -> None:
    changed = tiny_suite(methods={"random": {"strategy": "entropy"}}).overridden(
        [from_overrides(["training.lr=2"])]
    )
    with pytest.raises(ConfigError) as error:
        changed.joined(tiny_suite())
    assert len(error.value.problems) == 2
    assert "methods.random.strategy = 'random', now it is 'entropy'" in str(error.value)
    assert "overrides.training.lr left out, now it is 2" in str(error.value)


def test_a_problem_may_not_go_or_come_even_if_it_sets_nothing() -> None:
    started = tiny_suite(problems={"a": {}, "b": {}})
    for other in ({"a": {}}, {"a": {}, "c": {}}, {"a": {}, "b": {}, "c": {}}):
        said = f"with the problems a, b, now it has {', '.join(other)}: give the same"
        with pytest.raises(ConfigError, match=said):
            tiny_suite(problems=other).joined(started)


def test_null_is_not_what_is_left_out() -> None:
    """It takes the place of what a preset has."""
    plain, null = tiny_suite(), tiny_suite().overridden([{"budget": {"candidates": None}}])
    for one, other, said in (
        (plain, null, "= None, now it is left out"),
        (null, plain, "left out, now it is None"),
    ):
        with pytest.raises(ConfigError, match=rf"with overrides\.budget\.candidates {said}: give"):
            one.joined(other)


def test_what_a_resumed_run_may_change_a_suite_may() -> None:
    moved = tiny_suite().overridden([from_overrides(["dataset.root=there", "data.workers=2"])])
    assert moved.joined(tiny_suite()).overrides == moved.overrides


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected a mapping with title"),
        ("title: [", "is not YAML"),
        ("title: x", "problems is required"),
        ("title: x\nproblems: {a: {}}\nmethods: {b: {}}\nmethod: {}", "Did you mean 'methods'"),
        ("title: x\nproblems: {a: {}}\nmethods: {random: {}}\nseeds: [0, true]", "not true or fal"),
        (
            "title: x\nproblems: {a: {}}\nmethods: {random: {}}\nmetric: ''",
            "expected a longer",
        ),
        (
            "title: x\nproblems: {a: {}}\nmethods: {random: {}}\ncosts: {image: .inf}",
            "a finite n",
        ),
        (
            "title: x\nproblems: {a: {setings: {}}}\nmethods: {b: {}}",
            "known: published, settings. Did",
        ),
        (
            "title: x\nproblems: {a: {}}\nmethods: {b: {}}\nreplay: c",
            "replay: unknown method 'c'; known: b",
        ),
        (
            "title: x\nproblems: {a: {published: voc-retna}}\nmethods: {random: {}}",
            "unknown published table of problem a: 'voc-retna'; known: cifar10-ll4al",
        ),
        (
            "title: x\nproblems: {a: {}}\nmethods: {random: {}, ../b: {}}",
            "methods: '../b' cannot name a folder; choose a short name",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(str(path))
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_all_contradictions_of_a_file_are_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: x\nproblems: {a/b: {published: c}}\nmethods: {d: {}}\nreplay: e\n"
        "baselines: [random]"
    )
    with pytest.raises(ConfigError) as error:
        load(str(path))
    starts = ("problems: 'a/b'", "baselines: unknown", "replay: unknown", "unknown published")
    assert len(error.value.problems) == len(starts)
    for problem, start in zip(error.value.problems, starts, strict=True):
        assert problem.startswith(f"{path}: {start}")


def test_methods_of_any_names_need_no_baselines(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: x\nproblems: {a: {}}\nmethods: {rand: {strategy: random}}")
    assert load(str(path)).baselines == ()
    assert load(str(path)).with_strategies(["random", "margin"]).baselines == ("random",)
    path.write_text("title: x\nproblems: {a: {}}\nmethods: {random: {}}")
    assert load(str(path)).baselines == ("random",)


def test_unknown_suites_and_files() -> None:
    with pytest.raises(AlframeError, match="smoke"):
        load("smok")
    with pytest.raises(ConfigError, match=r"cannot read none\.yaml: No such file"):
        load("none.yaml")


def test_content_is_plain() -> None:
    assert Suite.model_validate(content("smoke")).title.startswith("Smoke")


def test_seeds_without_effect() -> None:
    suite = Suite.model_validate(content("smoke"))
    check_overwritten(suite)
    own = {"settings": {"seed": 1}, "methods": {"x": {"strategy": "random", "seed": 2}}}
    wrong = suite.model_copy(update={**own, "seeds": (1, 2, 1)})
    with pytest.raises(ConfigError) as error:
        check_overwritten(wrong.overridden([{"seed": 3}]))
    starts = ("settings.seed: every", "overrides.seed:", "methods.x.seed:", "seeds: expected each")
    assert len(error.value.problems) == len(starts)
    assert all(map(str.startswith, error.value.problems, starts))


def test_what_a_suite_gives_each_run_is_refused() -> None:
    problems = {"shapes": {"settings": {"output": "x"}}}
    wrong = tiny_suite(problems=problems).overridden([from_overrides(["first_cycle=y"])])
    with pytest.raises(ConfigError) as error:
        check_overwritten(wrong)
    starts = ("overrides.first_cycle: methods", "problems.shapes.settings.output: every run has")
    assert len(error.value.problems) == len(starts)
    assert all(map(str.startswith, error.value.problems, starts))


def test_a_folder_is_no_suite(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder: expected the name of a suite, or its YAML"):
        load(str(tmp_path))

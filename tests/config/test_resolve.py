"""Layers, presets and errors of the configuration."""

import functools
import re
from importlib import resources
from pathlib import Path

import pytest
import yaml

from alframe.config.layers import merge
from alframe.config.options import check_options
from alframe.config.resolve import (
    differences,
    from_file,
    from_overrides,
    resolve,
    settings,
    to_yaml,
)
from alframe.config.sections import BudgetConfig, RunConfig
from alframe.errors import ConfigError
from alframe.plugins import registry

PRESETS = sorted(
    f.name for f in resources.files("alframe.configs").iterdir() if f.name.endswith(".yaml")
)


def named(*pairs: str) -> RunConfig:
    return resolve([from_overrides(pairs)])


def test_the_default_needs_nothing() -> None:
    config = resolve([])
    assert (config.dataset.name, config.model.name) == ("shapes", "retina-tiny")
    assert (config.strategy.name, config.learner.name) == ("entropy", "plain")


def test_later_layers_win_and_sections_are_merged() -> None:
    assert merge([{"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}}, {"b": {"z": 0}}]) == {
        "a": {"x": 1, "y": 3},
        "b": {"z": 0},
    }
    config = resolve(
        [{"training": {"lr": 0.5, "batch_size": 3}}, from_overrides(["training.lr=2"])]
    )
    assert (config.training.lr, config.training.batch_size) == (2.0, 3)


def test_a_short_form_names_a_component_and_keeps_its_options() -> None:
    config = resolve([{"strategy": "entropy"}, from_overrides(["strategy.unit=anchors"])])
    assert config.strategy.options["unit"] == "anchors"
    assert config.strategy.options["aggregate"] == "mean", "defaults are written out"


def test_another_component_leaves_nothing_of_the_options_before() -> None:
    """miaod and entropy both know ``k``, in different units."""
    file = {"strategy": {"name": "miaod", "k": 0.5}, "model": {"backbone": "resnet18"}}
    other = resolve([file, from_overrides(["strategy=entropy"])])
    assert other.strategy.options == named("strategy=entropy").strategy.options
    same = resolve([file, from_overrides(["strategy=miaod", "model=retina-tiny"])])
    assert (same.strategy.options["k"], same.model.options["backbone"]) == (0.5, "resnet18")
    assert named("strategy.k=3", "strategy=entropy").strategy.options["k"] == 3
    wrapped = {"strategy": {"name": "power:entropy", "beta": 2.0, "of": {"k": 3}}}
    inner = resolve([wrapped, from_overrides(["strategy=power:margin"])]).strategy
    assert (inner.name, inner.options["beta"]) == ("power:margin", 2.0)
    assert inner.options["of"] == {"name": "margin", **named("strategy=margin").strategy.options}


def test_a_list_is_asked_for_in_words() -> None:
    for pair in ("training.augment=hflip", "training.milestones=5"):
        with pytest.raises(ConfigError, match=r"expected a list, such as \[a, b\] \(got"):
            named(pair)
    with pytest.raises(ConfigError, match="expected a list"):
        named("dataset=voc", "dataset.root=x", "dataset.pool=trainval")
    with pytest.raises(ConfigError, match="training: expected settings of this section"):
        named("training=5")


def test_a_name_that_is_not_known_hides_nothing_of_what_is_beside_it() -> None:
    unknown = ["strategy=entrpy", "learner=none", "oracle=who", "dataset=vok", "model=retna"]
    with pytest.raises(ConfigError) as told:
        named(*unknown, "training.lr=x", "budget.cycle=3", "strategy.foo=1", "model.weights=3")
    lines = told.value.problems
    kinds = [
        "dataset 'vok'",
        "strategy 'entrpy'",
        "learner 'none'",
        "model 'retna'",
        "oracle 'who'",
    ]
    assert [line.split(";")[0] for line in lines[:5]] == [f"unknown {kind}" for kind in kinds]
    assert lines[5:] == (
        "training.lr: expected a number (got 'x')",
        "unknown setting 'budget.cycle'; known: candidates, cycles, initial, initial_set, "
        "per_cycle, test. Did you mean 'cycles'?",
    )
    with pytest.raises(ConfigError) as told:
        named("strategy=power:entrpy", "dataset.pol=3", "model.foo=1", "training.iterations=9")
    assert [line.split(";")[0] for line in told.value.problems] == [
        "unknown strategy 'entrpy'",
        "unknown setting 'dataset.pol'",
        "unknown setting 'model.foo'",
    ]


def test_contradictions_within_a_section_are_told_together() -> None:
    with pytest.raises(ConfigError) as told:
        named(
            "training.passes=3",
            "training.iterations=4",
            "training.optimizer=adamw",
            "training.momentum=0.5",
            "training.same_weights=true",
            "training.warm_start=true",
        )
    starts = ("training.momentum has no effect", "set training.passes or", "training.same_weights ")
    assert len(told.value.problems) == len(starts)
    assert all(map(str.startswith, told.value.problems, starts))


def test_more_specific_presets_win() -> None:
    general = named("model=retina", "dataset=voc", "dataset.root=x")
    special = named("model=retina", "dataset=coco", "dataset.root=x")
    assert (general.data.long, general.data.short) == (1000, 600)
    assert (special.data.long, special.data.short) == (1333, 800)
    assert special.training.warmup == 500
    assert general.training.passes == special.training.passes == 26


def test_setting_the_other_length_replaces_the_preset_one() -> None:
    assert named("training.passes=3").training.iterations is None
    with pytest.raises(ConfigError, match=r"set training.passes or training.iterations, not both"):
        named("training.passes=3", "training.iterations=4")


@pytest.mark.parametrize(
    ("upper", "test", "initial"),
    [
        (["dataset.test=25%"], None, 3),
        (["dataset.test=25%", "budget.initial=7"], None, 7),
        (["dataset.test=25%", "budget.test=4"], 4, 3),
        (["dataset.test=null", "budget.initial=7"], 5, 7),
        (["budget.initial=7"], 5, 7),
    ],
)
def test_a_test_split_replaces_images_to_test_on_that_are_drawn(
    upper: list[str], test: int | None, initial: int
) -> None:
    dataset = {"name": "photos", "root": "photos", "classes": ["cat"]}
    lower = {"dataset": dataset, "budget": {"test": 5, "initial": 3}}
    config = resolve([lower, from_overrides(upper)])
    assert (config.budget.test, config.budget.initial) == (test, initial)


def test_the_main_command_is_the_papers_configuration() -> None:
    """specs/miaod.md 1.1, 1.3, 2.1, 2.2, 3.1, 3.2, 4.3 and 5, number by number."""
    config = named("strategy=entropy", "model=retina", "dataset=voc", "dataset.root=VOCdevkit")
    assert config.training.model_dump() == {
        "passes": 26,
        "iterations": None,
        "batch_size": 2,
        "accumulate": 1,
        "per_process": False,
        "optimizer": "sgd",
        "lr": 1e-3,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "step",
        "milestones": (24.0,),
        "gamma": 0.1,
        "restart": True,
        "warmup": 0,
        "warmup_start": 0.001,
        "clip_norm": None,
        "augment": ("hflip",),
        "precision": "fp32",
        "channels_last": True,
        "compile": False,
        "ema": None,
        "same_weights": None,
        "warm_start": False,
        "on_nonfinite": "stop",
    }
    assert config.budget == BudgetConfig(initial=827, per_cycle=413, cycles=7)
    data = config.data
    assert (data.resize, data.long, data.short, data.pad) == ("fit", 1000, 600, 32)
    expected = {
        "backbone": "resnet50.tv_in1k",
        "weights": "pretrained",
        "style": "pytorch",
        "frozen_stages": 1,
        "norm_eval": True,
        "strides": (8, 16, 32, 64, 128),
        "fpn_channels": 256,
        "extra_levels": "c5",
        "relu_before_p7": False,
        "tower_convs": 4,
        "tower_norm": "none",
        "anchor_size": 4.0,
        "scales_per_octave": 3,
        "anchor_ratios": (0.5, 1.0, 2.0),
        "anchor_rounding": False,
        "positive_iou": 0.5,
        "negative_iou": 0.4,
        "claim": "ties",
        "focal_alpha": 0.25,
        "focal_gamma": 2.0,
        "box_loss": "l1",
        "normalizer": "batch",
        "score_threshold": 0.05,
        "nms_iou": 0.5,
        "candidates": "anchors",
        "candidates_per_level": 1000,
        "max_detections": 100,
    }
    options = config.model.options
    assert {
        k: tuple(v) if isinstance(v, list) else v for k, v in options.items() if k in expected
    } == expected


def test_miaod_on_voc_and_coco_is_as_published() -> None:
    """specs/miaod.md 2 (lambda), 3.1 (26 passes, 3 : 1, two rounds), 4.1 (k) and 4.3 (budgets)."""
    for dataset, budget in (("voc", (827, 413, 7)), ("coco", (2345, 2345, 5))):
        config = named("strategy=miaod", "model=retina", f"dataset={dataset}", "dataset.root=x")
        learner, strategy = config.learner, config.strategy
        assert (learner.name, learner.options["discrepancy_weight"]) == ("miaod", 0.5)
        assert (learner.options["label_ratio"], learner.options["rounds"]) == (3, 2)
        assert (learner.options["skip"], learner.options["mask_padding"]) == ("batch", False)
        assert strategy.options["k"] == 10000
        assert (config.training.passes, config.training.restart) == (26, True)
        b = config.budget
        assert (b.initial, b.per_cycle, b.cycles) == budget
        only_with_objects = config.dataset.options.get("skip_empty", False)
        assert only_with_objects is (dataset == "coco"), "117,266 of 118,287"


@pytest.mark.parametrize(("model", "k"), [("retina", 10000), ("ssd", 10000), ("ssd-lite0", 0.1)])
def test_a_wrapped_strategy_has_its_presets(model: str, k: float) -> None:
    """configs/MIAOD_SSD.py of the reference has k = 10000 too: all 8,732 anchors."""
    for wrappers in ("", "power:", "dedup:power:"):
        config = named(f"strategy={wrappers}miaod", f"model={model}")
        options = config.strategy.options
        for _ in range(wrappers.count(":")):
            options = options["of"]
        assert options["k"] == k, wrappers
    assert named("strategy=power:miaod", "strategy.of.k=7", "model=ssd").strategy.options["of"][
        "k"
    ] == 7  # fmt: skip


def test_factories_as_plugins_write_them() -> None:
    """Types that only a type checker imports, of what is injected; and partial."""

    def learner(setup: "OnlyForTypeCheckers", depth: int = 3) -> None:  # type: ignore[name-defined]  # noqa: F821
        del setup, depth

    injected = frozenset({"setup"})
    for factory in (learner, functools.partial(learner, depth=4)):
        assert check_options(factory, {"depth": "5"}, injected, "x") == ({"depth": 5}, [])
    assert check_options(functools.partial(learner, depth=4), {}, injected, "x")[0] == {"depth": 4}
    (problem,) = check_options(learner, {"depth": "deep"}, injected, "x")[1]
    assert problem == "x.depth: expected a whole number (got 'deep')"


OTHER_TASKS = {
    "classification": {"model": {"name": "timm"}, "dataset": {"name": "figures"}},
    "segmentation": {"model": {"name": "lraspp-tiny"}, "dataset": {"name": "shapes-seg"}},
}
"""What goes with a preset that names a model or a dataset alone."""


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_resolves_and_shows_its_command(name: str) -> None:
    text = resources.files("alframe.configs").joinpath(name).read_text(encoding="utf-8")
    assert text.startswith("# alframe "), "the first line is the command"
    when = (yaml.safe_load(text) or {}).get("when", {})
    layer = {k: {"name": v[0] if isinstance(v, list) else v} for k, v in when.items()}
    tasks = {
        registry().get(kind, when[section]).task
        for section, kind in (("model", "models"), ("dataset", "datasets"))
        if section in when
    }
    for task in tasks & OTHER_TASKS.keys():
        layer = OTHER_TASKS[task] | layer
    if when.get("dataset") in ("voc", "coco", "photos", "yolo", "cifar10"):
        layer["dataset"]["root"] = "x"
    if not when:
        layer = from_file(name.removesuffix(".yaml"))
    assert resolve([layer])


def test_a_preset_may_name_a_component_which_a_user_may_name_otherwise() -> None:
    assert named("dataset=photos", "dataset.root=x").oracle.name == "files"
    assert named("dataset=photos", "dataset.root=x", "oracle=simulated").oracle.name == "simulated"
    assert named("dataset=yolo", "dataset.root=x").oracle.name == "simulated"


def test_there_are_presets() -> None:
    assert len(PRESETS) >= 6


def test_a_resolved_configuration_is_read_back_as_it_was(tmp_path: Path) -> None:
    config = named("model=retina", "dataset=voc", "dataset.root=x", "seed=3", "output=größe")
    file = tmp_path / "mine.yaml"
    file.write_text(to_yaml(config))
    assert "output: größe" in file.read_text()
    again = resolve([from_file(str(file))])
    assert settings(again) == settings(config)
    assert differences(config, again) == {}
    changed = resolve([from_file(str(file)), from_overrides(["training.lr=0.5"])])
    assert differences(config, changed) == {"training.lr": (0.001, 0.5)}
    assert settings(config)["budget.initial"] == 827


@pytest.mark.parametrize(
    ("pairs", "messages"),
    [
        (["strategy=BALD"], ["Did you mean 'mc-dropout'"]),
        (["strategy=k-center"], ["Did you mean 'coreset'"]),
        (["strategy=entrpy"], ["unknown strategy 'entrpy'; known: .*Did you mean 'entropy'"]),
        (["training.lrr=1"], [r"unknown setting 'training\.lrr'.*Did you mean 'lr'"]),
        (["strategy=entropy", "strategy.unti=x"], [r"unknown setting 'strategy\.unti'.*'unit'"]),
        (["trainig.lr=1"], ["unknown setting 'trainig'.*Did you mean 'training'"]),
        (["training.lr=fast"], [r"training\.lr: .*number.*got 'fast'"]),
        (["strategy=entropy", "strategy.unit=x"], [r"strategy\.unit: .*'anchors'.*got 'x'"]),
        (["budget.initial=0"], [r"budget\.initial: expected a number of images"]),
        (["budget.per_cycle=101%"], [r"budget\.per_cycle: a share of the pool lies between"]),
        (["dataset=voc"], [r"dataset\.root is required: give --data-root DIR, or dataset\.root="]),
        (["device=tpu"], ["device: expected auto, cpu, cuda or cuda:N.*got 'tpu'"]),
        (["seed=-1"], [r"seed: expected at least 0 \(got -1\)"]),
        (["data.long=big"], [r"data\.long: expected a whole number \(got 'big'\)"]),
        (["data.channels=1"], [r"unknown setting 'data\.channels'"]),
        (["training.gamma=2"], [r"training\.gamma: expected at most 1 \(got 2\)"]),
        (["training.channels_last=maybe"], ["expected true or false"]),
        (["data.resize=crop"], ["expected 'fit', 'stretch' or 'none'"]),
        (["model.strides=8"], [r"model\.strides: "]),
        (["dataset.test=2", "budget=5"], [r"budget: expected settings of this section.*got 5"]),
    ],
)
def test_errors_name_the_setting_and_the_remedy(pairs: list[str], messages: list[str]) -> None:
    for message in messages:
        with pytest.raises(ConfigError, match=message):
            named(*pairs)


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        named("training.lr=-1", "strategy.k=many", "budgt=3", "model.backbon=x", "seed=a")
    assert len(error.value.problems) == 5
    with pytest.raises(ConfigError) as error:
        named("strategy=a", "model=b", "dataset=c", "learner=d")
    assert len(error.value.problems) == 4
    with pytest.raises(ConfigError) as error:
        named("strategy=a", "seed=-1", "trainig.lr=1", "training.lrr=1", "training.milestones=[2]")
    assert len(error.value.problems) == 4


def test_overrides_that_cannot_be_read_are_all_named() -> None:
    with pytest.raises(ConfigError) as error:
        from_overrides(["lr", "a=[1", "=3"])
    assert len(error.value.problems) == 3
    assert "expected key=value, got 'lr'" in error.value.problems[0]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    for text in ("a: [1", "- 1\n- 2"):
        file.write_text(text)
        with pytest.raises(ConfigError, match=r"mine\.yaml"):
            from_file(str(file))
    file.write_bytes("größe: 1".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"mine\.yaml is not UTF-8"):
        from_file(str(file))
    with pytest.raises(ConfigError, match="No such file"):
        from_file(str(tmp_path / "other.yaml"))
    with pytest.raises(ConfigError, match=r"unknown config 'defalt'.*Did you mean 'default'"):
        from_file("defalt")


def test_nothing_hides_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lite0").mkdir()
    assert from_file("lite0")["model"]["backbone"] == "tf_efficientnet_lite0"
    for name in ("rf-detr", "mine"):
        (tmp_path / name).write_text("seed: 3")
    assert from_file("rf-detr")["model"]["name"] == "hf"
    assert from_file("./rf-detr") == from_file("mine") == {"seed": 3}


def test_a_key_that_is_no_name_is_an_error_of_the_user() -> None:
    with pytest.raises(ConfigError, match="True"):
        resolve([yaml.safe_load("dataset: {on: 1}")])


def test_weights_are_the_same_or_those_of_the_cycle_before() -> None:
    same, warm = "training.same_weights=true", "training.warm_start=true"
    with pytest.raises(ConfigError, match=r"warm_start with those of .*: set one of them"):
        named("strategy=random", same, warm)
    assert named("strategy=random", "training.same_weights=false", warm).training.warm_start


def test_milestones_of_a_preset_are_not_taken_for_another_unit() -> None:
    of_voc = ("model=retina", "dataset=voc", "dataset.root=x")
    with pytest.raises(ConfigError) as error:
        named(*of_voc, "training.iterations=9000", "seed=a")
    assert len(error.value.problems) == 2
    assert "training.milestones=[24] of the preset are in passes" in error.value.problems[0]
    for shares in ("[0.5,0.8]", "[0]", "[6000.5]"):
        with pytest.raises(ConfigError, match=r"milestones are iterations, .* expected whole numb"):
            named(*of_voc, "training.iterations=9000", f"training.milestones={shares}")
    for passes in ("[0]", "[24,-1]"):
        with pytest.raises(ConfigError, match=r"milestones are passes, .* above 0"):
            named(*of_voc, f"training.milestones={passes}")
    for more in ("training.milestones=[6000]", "training.schedule=cosine"):
        assert named(*of_voc, "training.iterations=9000", more).training.length == 9000
    assert named(*of_voc, "training.passes=30").training.milestones == (24,)


@pytest.mark.parametrize(
    ("idle", "where"),
    [
        ("training.momentum=0.5", "training.optimizer=adamw"),
        ("training.milestones=[3]", "training.schedule=cosine"),
        ("training.gamma=0.5", "training.schedule=cosine"),
        ("data.long=64", "data.resize=none"),
        ("data.short=64", "data.resize=none"),
        ("data.cache_gb=9", "data.cache=none"),
        ("data.cache_dir=x", "data.cache=none"),
        ("data.cache_dir=x", "data.cache=ram"),
    ],
)
def test_a_setting_without_effect_is_refused_and_goes_where_another_makes_it_idle(
    idle: str, where: str
) -> None:
    of_voc = ("model=retina", "dataset=voc", "dataset.root=x")
    (name, _), (other, value) = idle.split("="), where.split("=")
    (section, below), above = name.split("."), other.split(".")[1]
    said = f"{name} has no effect where {other} is {value}: leave it out, or give {other}="
    with pytest.raises(ConfigError, match=said):
        named(*of_voc, idle, where)
    effective = {"cache": "disk", "optimizer": "sgd", "schedule": "step", "resize": "fit"}
    beneath = from_overrides([*of_voc, idle, f"{other}={effective[above]}"])
    got = getattr(resolve([beneath, from_overrides([where])]), section)
    assert getattr(got, below) == type(got).model_fields[below].default
    assert getattr(getattr(resolve([beneath]), section), below) != getattr(got, below)


def test_what_a_layer_makes_idle_itself_is_refused_whatever_comes_above() -> None:
    own = {"data": {"cache": "none", "cache_gb": 9}}
    for above in ([], [{}], [{"seed": 3}], [{"data": {"resize": "none"}}]):
        with pytest.raises(ConfigError, match=r"data.cache_gb has no effect"):
            resolve([own, *above])
    assert resolve([own, {"data": {"cache": "disk"}}]).data.cache_gb == 9


def test_what_was_idle_is_as_the_preset_has_it_once_it_has_an_effect() -> None:
    """The default leaves images as they are; its model's preset says how large they would be."""
    as_they_are, fitted = ({"data": {"resize": value}} for value in ("none", "fit"))
    assert resolve([]).data.long == resolve([as_they_are]).data.long == 1000
    assert resolve([fitted]).data.long == resolve([as_they_are, fitted]).data.long == 320


@pytest.mark.parametrize("amount", ["0", "-5", "0%", "101%", "x%", "many", "5.5", 5.0, True, 0])
def test_an_amount_is_a_number_of_images_or_a_share(amount: object) -> None:
    with pytest.raises(ValueError, match=r"expected a number of images|between 0% and 100%"):
        BudgetConfig(initial=amount)  # type: ignore[arg-type]
    assert BudgetConfig(initial="12").images(100)[0] == 12


def test_shares_of_the_pool_are_rounded_down() -> None:
    assert BudgetConfig(initial="5%", per_cycle="2.5%").images(16551) == (827, 413)
    assert BudgetConfig(initial="7%", per_cycle="0.001%").images(100) == (7, 1)
    assert BudgetConfig(initial="100%").images(8)[0] == 8


@pytest.mark.parametrize("text", ["[true, false]", "[1, 2]", "[cat, null]", "[1.5]"])
def test_names_that_yaml_takes_for_something_else_are_one_line_that_says_to_quote(
    text: str,
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve([{"dataset": {"name": "voc", "root": "x", "classes": yaml.safe_load(text)}}])
    (line,) = caught.value.problems
    assert re.match(r"dataset\.classes: expected text(: put it in quotes)? \(got ", line)


def test_detector_is_another_word_for_model() -> None:
    one = named("detector=ssd-lite0", "detector.weights=none")
    assert one == named("model=ssd-lite0", "model.weights=none")
    with pytest.raises(ConfigError, match="model and detector are one section: give one of them"):
        resolve([{"model": "ssd-lite0", "detector": "ssd"}])

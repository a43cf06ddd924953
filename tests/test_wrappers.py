"""Strategies on top of strategies: how they are named, resolved, checked and built."""

from typing import Any

import pytest
import yaml

from alframe.config.resolve import from_overrides, resolve, settings, to_yaml
from alframe.config.sections import RunConfig
from alframe.errors import AlframeError, ConfigError
from alframe.runs.build import build_strategy


def named(*pairs: str, base: Any = None) -> RunConfig:
    return resolve([base or {}, from_overrides(pairs)])


POWER_SUM = {
    "name": "power:entropy",
    "kind": "power",
    "beta": 2.0,
    "of": {
        "name": "entropy",
        "unit": None,
        "aggregate": "sum",
        "k": 10,
        "min_score": 0.05,
        "empty": 0.0,
        "sigmoid": "binary",
    },
}


@pytest.mark.parametrize(
    "layer",
    [
        {"name": "power:entropy", "beta": 2, "of": {"aggregate": "sum"}},
        {"name": "power", "beta": 2, "of": {"name": "entropy", "aggregate": "sum"}},
    ],
)
def test_every_way_to_say_it_resolves_to_the_same(layer: Any) -> None:
    said = resolve([{"strategy": layer}])
    assert said.strategy.model_dump() == POWER_SUM
    pairs = ("strategy.beta=2", "strategy.of.aggregate=sum")
    for first in (("strategy=power:entropy",), ("strategy=power", "strategy.of=entropy")):
        assert named(*first, *pairs).strategy == said.strategy
    again = resolve([yaml.safe_load(to_yaml(said))])
    assert settings(again) == settings(said)
    assert settings(said)["strategy.of.aggregate"] == "sum"


def test_what_is_wrapped_can_be_changed_and_takes_its_options_with_it() -> None:
    pairs = ("strategy.beta=2", "strategy.of.unit=anchors")
    base = yaml.safe_load(to_yaml(named("strategy=power:entropy", *pairs)))
    config = named("strategy=power:margin", base=base)
    assert (config.strategy.name, config.strategy.options["beta"]) == ("power:margin", 2)
    assert config.strategy.options["of"] == {**POWER_SUM["of"], "name": "margin",
                                             "aggregate": "mean"}  # fmt: skip


def test_requires_is_the_union_and_the_learner_that_of_what_is_wrapped() -> None:
    config = named("strategy=dedup:power:miaod")
    assert config.learner.name == "miaod"
    assert build_strategy(config).requires == {"disagreement", "embedding"}
    with pytest.raises(ConfigError, match="'dedup:power:miaod' requires the signal disagree"):
        build_strategy(named("strategy=dedup:power:miaod", "learner=plain"))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["strategy=power:entrpy"], "unknown strategy 'entrpy'; known: .*Did you mean 'entropy'"),
        (["strategy=powr:entropy"], "unknown strategy 'powr'; known: .*Did you mean 'power'"),
        (["strategy=dedup:power:x"], "unknown strategy 'x'"),
        (["strategy=power"], r"'power' works on top of another: name it power:NAME, or give "
                             r"strategy\.of=NAME"),
        (["strategy=dedup:power"], r"'power' works on top of another.*strategy\.of\.of=NAME"),
        (["strategy=entropy:margin"], r"strategy\.of: strategy 'entropy' does not work on top of "
                                      "another; those that do: class-balanced, dedup, power"),
        (["strategy=power:entropy", "strategy.of.agregate=sum"],
         r"unknown setting 'strategy\.of\.agregate'.*Did you mean 'aggregate'"),
        (["strategy=power:entropy", "strategy.bta=1"],
         r"unknown setting 'strategy\.bta'.*Did you mean 'beta'"),
        (["strategy=power:entropy", "strategy.of.k=many"], r"strategy\.of\.k: .*got 'many'"),
        (["model.of=x"], r"unknown setting 'model\.of'"),
    ],
)  # fmt: skip
def test_errors_name_the_setting_and_the_remedy(pairs: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        named(*pairs)


@pytest.mark.parametrize("name", ["power:", "power:dedup:", "power::entropy", ":entropy", "own:"])
def test_nothing_beside_a_colon(name: str) -> None:
    with pytest.raises(AlframeError, match=f"strategy '{name}': expected a name on both sides"):
        resolve([{"strategy": name}])


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        named("strategy=power:entropy", "strategy.beta=x", "strategy.of.k=y", "strategy.of.z=1")
    assert len(error.value.problems) == 3

"""What the command line says of settings that are wrong, whatever they are called."""

import dataclasses
import datetime
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from alframe.config.error_locations import keys
from alframe.config.hints import MEANT, cut, meant, shown, unknown_setting
from alframe.config.options import check_options, problems
from alframe.config.resolve import from_overrides, resolve, settings
from alframe.errors import ConfigError
from alframe.runs.build import build_strategy


def said(*pairs: str) -> list[str]:
    """The problems of a command line, without the lists of what is known."""
    with pytest.raises(ConfigError) as error:
        resolve([from_overrides(pairs)])
    found = []
    for problem in error.value.problems:
        head, known, tail = problem.partition("; known: ")
        found.append(head + tail.partition(".")[2] if known else problem)
    return found


def test_three_suggestions_are_enough() -> None:
    known = [f"{section}.k" for section in "abcd"]
    said = unknown_setting("x.k", "k", 1, ("z", "y"), known)
    assert said == "unknown setting 'x.k'; known: y, z. Did you mean 'a.k' or 'b.k' or 'c.k'?"
    assert unknown_setting("x.rare", "rare", 1, ("z",), ["oracle", "x.z"]).endswith("known: z.")
    assert unknown_setting("x.oracel", "oracel", 1, ("z",), ["oracle"]).endswith("'oracle'?")
    assert [cut("x" * length) for length in (60, 61)] == ["x" * 60, "x" * 57 + "..."]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ("[1]", ["model.anchor_range: expected 2 values in a list (got [1])"]),
        ("[]", ["model.anchor_range: expected 2 values in a list (got [])"]),
        ("[1,2,3]", ["model.anchor_range: expected at most 2 of them (got [1, 2, 3])"]),
        (
            "[a]",
            [
                "model.anchor_range[0]: expected a number (got 'a')",
                "model.anchor_range: expected 2 values in a list (got ['a'])",
            ],
        ),
    ],
)
def test_lists_of_another_length(value: str, problems: list[str]) -> None:
    assert said("model=ssd", f"model.anchor_range={value}") == problems


VOC = ("dataset=voc", "dataset.root=x")


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        ("int=4", "unknown setting 'int' Did you mean 'budget.initial'?"),
        ("a.b.c=1", "unknown setting 'a'"),
        ("budget.list=1", "unknown setting 'budget.list'"),
        ("training.a-b[c].d=4", "unknown setting 'training.a-b[c]'"),
        ("training.größe=3", "unknown setting 'training.größe'"),
        ("training.\x1b[31m=3", r"unknown setting 'training.\x1b[31m'"),
        ("data.long[0]=3", "unknown setting 'data.long[0]' Did you mean 'long'?"),
        ("training.lr.x=3", "training.lr: expected a number (got {'x': 3})"),
        ("training.milestones=[a]", "training.milestones[0]: expected a number (got 'a')"),
        ("training.milestones.0=3", "training.milestones: expected a list, such as [a, b]"),
        ("training.compile=4", "training.compile: expected true or false; or: expected 'graphs'"),
        ("model.strides=[8,a]", "model.strides[1]: expected a whole number (got 'a')"),
        ("training.lr=.nan", "training.lr: expected a finite number (got nan)"),
        ("training.lr=-.inf", "training.lr: expected a finite number (got -inf)"),
        ("training.lr=1e400", "training.lr: expected a finite number (got '1e400')"),
        ("data.max_megapixels=0", "data.max_megapixels: expected more than 0 (got 0)"),
        ("data.cache_gb=inf", "data.cache_gb: expected a finite number (got 'inf')"),
        ("seed=true", "seed: expected a whole number, not true or false (got true)"),
        ("training.lr=true", "training.lr: expected a number, not true or false (got true)"),
        ("training.milestones=[true]", "training.milestones: expected a number, not true or false"),
        ("seed=1e3", "seed: expected a whole number (got '1e3')"),
        ("seed=2001-12-14", "seed: expected a whole number (got '2001-12-14')"),
        ("seed=null", "seed: expected a whole number (got null)"),
        ("training=null", "training: expected settings of this section"),
        ("data.long=9999999999", "data.long: expected at most 10000 (got 9999999999)"),
        ("budget.initial=nan%", "budget.initial: a share of the pool lies between 0% and 100%"),
        ("device=cuda:99999999999", "device: expected auto, cpu, cuda or cuda:N"),
        ("device=3", "device: expected auto, cpu, cuda or cuda:N (got 3)"),
        ("output=''", "output: expected a path, got none; leave it out for the default (got '')"),
        ('output="a\\0b"', r"output: expected text without a zero byte (got 'a\x00b')"),
        ("output=\udcff", r"output: expected text in UTF-8 (got '\udcff')"),
        ("strategy=[a]", "strategy: expected a name, such as strategy=NAME (got ['a'])"),
        ("strategy.name.x=5", "strategy: expected a name, such as strategy=NAME (got {'x': 5})"),
        ("dataset={1: 1}", "dataset: '{1: 1}' is not a YAML value (expected a name before the"),
    ],
)  # fmt: skip
def test_the_key_is_the_users_own(pair: str, problem: str) -> None:
    if "\udcff" in pair:  # which YAML refuses; a flag takes it
        with pytest.raises(ConfigError) as error:
            resolve([{"output": "\udcff"}])
        assert list(error.value.problems) == [problem]
        return
    (found,) = said(pair)
    assert found.startswith(problem)


def test_whole_numbers_are_those_of_64_bits() -> None:
    with pytest.raises(ConfigError, match="seed: expected a whole number of at most 18 digits"):
        resolve([{"seed": 2**63}])
    assert resolve([{"seed": 2**63 - 1}]).seed == 2**63 - 1


def test_classes_that_yaml_takes_for_something_else_want_quotes() -> None:
    (five,) = said(*VOC, "dataset.classes=[yes, 5, cat, 6]")
    assert five == "dataset.classes: expected text: put it in quotes (got 5)"


@pytest.mark.parametrize(
    ("pair", "settings"),
    [
        ("lr=1", "'training.lr'"),
        ("foo.lr=1", "'training.lr'"),
        ("training.LR=1", "'training.lr'"),
        ("batch-size=4", "'training.batch_size' or 'evaluation.batch_size'"),
        ("training.batch-size=4", "'training.batch_size'"),
        ("batch.size=4", "'training.batch_size' or 'evaluation.batch_size'"),
        ("batch=4", "'training.batch_size'"),
        ("epochs=4", "'training.passes'"),
        ("training.epochs=4", "'training.passes'"),
        ("data.size=640", "'data.long' or 'data.short'"),
        ("img_size=640", "'data.long' or 'data.short'"),
        ("gpu=0", "'device'"),
        ("root=x", "'dataset.root'"),
        ("data-root=x", "'dataset.root'"),
        ("classes=[a]", "'dataset.classes'"),
        ("threshold=0.3", "'model.score_threshold'"),
        ("backbone=resnet18", "'model.backbone'"),
        ("weights=x", "'model.weights'"),
        ("num_workers=4", "'data.workers'"),
        ("train.lr=3", "'training'"),
    ],
)
def test_suggestions_reach_across_sections(pair: str, settings: str) -> None:
    assert said(*VOC, pair)[0].endswith(f" Did you mean {settings}?")


def test_every_word_of_others_stands_for_a_setting_that_exists() -> None:
    known = [*settings(resolve([from_overrides(VOC)])), *settings(resolve([{"model": "hf"}]))]
    assert [key for key in MEANT if key not in known] == []


@given(st.text(min_size=1), st.sampled_from([[], ["data.long"], ["training.lr", "lr"]]))
def test_no_setting_is_suggested_that_does_not_exist(key: str, known: list[str]) -> None:
    assert set(meant(key, known)) <= set(known)


@pytest.mark.parametrize(
    "pair", ["=5", ".lr=1", "training.=5", "training..lr=1", " =1", ".=.", "lr"]
)
def test_a_key_has_names_between_its_dots(pair: str) -> None:
    with pytest.raises(ConfigError, match="expected key=value"):
        from_overrides([pair])


class Inner(BaseModel, extra="forbid"):
    number: int = 0


@dataclasses.dataclass
class Plain:
    number: int


class Outer(BaseModel, extra="forbid"):
    either: int | str | None = None
    list: tuple[int | bool, ...] = ()
    by_name: dict[str, Inner] = {}
    nested: Inner | Literal["none"] = Inner()
    checked: Annotated[int | float, AfterValidator(lambda v: v)] = 0
    plain: Plain | None = None
    pair: tuple[int, Inner] | None = None
    mapping: Mapping[str, Sequence[int]] | str = {}


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"either": []}, [["either"]]),
        ({"int": 1, "str": 2, "function-after[x]": 3}, [["int"], ["str"], ["function-after[x]"]]),
        ({"list": [1, "x"]}, [["list[1]"]]),
        ({"by_name": {"int": {"number": "x"}}}, [["by_name", "int", "number"]]),
        ({"by_name": {"str": {"str": 0}}}, [["by_name", "str", "str"]]),
        ({"nested": {"number": "x"}}, [["nested", "number"], ["nested"]]),
        ({"nested": {"Inner": 0}}, [["nested", "Inner"], ["nested"]]),
        ({"checked": "x"}, [["checked"]]),
        ({"plain": {"number": "x"}}, [["plain", "number"]]),
        ({"pair": [1, {"number": "x"}]}, [["pair[1]", "number"]]),
        ({"mapping": {"str": [1, "x"]}}, [["mapping", "str[1]"], ["mapping"]]),
    ],
)
def test_names_of_a_unions_members_are_no_keys(given: Any, paths: list[list[str]]) -> None:
    with pytest.raises(ValidationError) as error:
        Outer.model_validate(given)
    found = [
        keys(e["loc"], Outer, foreign=e["type"] == "extra_forbidden") for e in error.value.errors()
    ]
    assert list(map(list, dict.fromkeys(map(tuple, found)))) == paths
    assert problems(error.value, "", Outer), "each has a sentence"


def test_the_range_of_an_option_may_be_part_of_its_type() -> None:
    def factory(k: Annotated[int, Field(ge=1)] = 1) -> None:
        del k

    told = ["strategy.k: expected at least 1 (got 0)"]
    assert check_options(factory, {"k": 0}, frozenset(), "strategy") == ({"k": 0}, told)


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        (("strategy.k=0",), "strategy.k: expected at least 1, got 0"),
        (
            ("strategy=power:entropy", "strategy.of.k=0"),
            "strategy.of.k: expected at least 1, got 0",
        ),
        (
            ("strategy=power:random",),
            "power needs a strategy that scores images, such as entropy; Random does not",
        ),
    ],
)
def test_what_a_factory_refuses_has_the_name_of_the_setting(
    pairs: Sequence[str], told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        build_strategy(resolve([from_overrides(pairs)]))
    assert error.value.problems == (told,)


class Listed(BaseModel):
    seeds: Annotated[list[int], Field(min_length=1)]


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        (["a"], ["seeds[0]: expected a whole number (got 'a')"]),
        ([], ["seeds: expected at least 1 of them (got [])"]),
    ],
)
def test_a_list_of_wrong_elements_is_not_too_short(seeds: list[Any], told: list[str]) -> None:
    with pytest.raises(ValidationError) as error:
        Listed.model_validate({"seeds": seeds})
    assert problems(error.value, "", Listed) == told


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=4) | st.booleans()))
def test_any_name_of_any_option_has_a_sentence(given: dict[str, Any]) -> None:
    def factory(*, size: int = 3, text: str | None = None, either: int | bool | str = 1) -> None:
        del size, text, either

    own = {"size", "text", "either"}
    _, found = check_options(factory, given, frozenset(), "section", ["section.size"])
    unknown = [problem for problem in found if problem.startswith("unknown setting 'section.")]
    unknown += [problem for problem in found if problem.startswith('unknown setting "section.')]
    assert len(unknown) == len(given.keys() - own)


def test_values_are_shown_as_yaml_has_them() -> None:
    assert [shown(v) for v in (None, True, "a", 1.5)] == ["null", "true", "'a'", "1.5"]
    assert shown(10**5000) == "a number of thousands of digits"
    assert len(shown("x" * 1000)) == 60
    assert shown(types.MappingProxyType({})) == "mappingproxy({})"


def test_a_default_of_none_allows_none_whatever_the_hint_says() -> None:
    def factory(*, k: int = None, kind: Literal["x"] = None, size: int = 3) -> None:  # type: ignore[assignment]  # noqa: RUF013
        del k, kind, size

    options, found = check_options(factory, {}, frozenset(), "section")
    assert (options, found) == ({"k": None, "kind": None, "size": 3}, [])
    assert check_options(factory, options, frozenset(), "section") == (options, [])
    _, found = check_options(factory, {"size": None, "k": "a"}, frozenset(), "section")
    assert found == [
        "section.k: expected a whole number (got 'a')",
        "section.size: expected a whole number (got null)",
    ]


def test_a_value_that_would_be_another_one_when_the_configuration_is_read_again() -> None:
    def factory(*, start=None, size=(1, 2)) -> None:  # type: ignore[no-untyped-def]
        del start, size

    given = {"start": datetime.date(2026, 1, 2), "size": {1: "a"}}
    _, found = check_options(factory, given, frozenset(), "strategy")
    assert found == [
        "strategy.start: expected a value that config.yaml keeps as it is (got "
        "datetime.date(2026, 1, 2), which would become '2026-01-02')",
        "strategy.size: expected a value that config.yaml keeps as it is (got {1: 'a'}, which "
        "would become {'1': 'a'})",
    ]


def test_a_list_is_no_text_that_lacks_quotes() -> None:
    with pytest.raises(ConfigError) as error:
        resolve([{"output": ["a"]}])
    assert "output: expected text (got ['a'])" in error.value.problems

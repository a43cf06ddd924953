"""A suite: a grid of runs, methods x problems x seeds, as a YAML file.

A method is what a row of the table is made of: a strategy, a learner, and their options. A
problem is what it is tried on: a dataset and a model. Both are layers of a run's configuration
(:mod:`alframe.config.resolve`), above the suite's ``settings`` and below its ``overrides``.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from alframe.benchmarks.published import names as tables
from alframe.benchmarks.reading.rundirs import SUITE_FILE
from alframe.benchmarks.statistics import Costs
from alframe.config.draft import Layer
from alframe.config.layers import flat, merge
from alframe.config.options import problems as validation_problems
from alframe.config.resolve import in_full
from alframe.config.section import Section
from alframe.errors import ConfigError
from alframe.files import checked
from alframe.files.reading import read_yaml
from alframe.plugins import registry, unknown
from alframe.runs.rundir import FREE_TO_CHANGE
from alframe.words import named

BASELINES = ("random",)
"""Of suites that name none, as far as they have them."""


class ProblemEntry(Section):
    """What methods are tried on.

    Attributes:
        settings: a layer of configuration: dataset, model, budget, training, ...
        published: name of the published table that lies beneath (``alframe.benchmarks.published``).
    """

    settings: Layer = Field(default_factory=dict)
    published: str | None = None


class CostEntry(Section):
    """See :class:`alframe.benchmarks.statistics.Costs`."""

    image: float = Field(default=Costs.image, ge=0)
    object: float = Field(default=Costs.object, ge=0)


class Suite(Section):
    """A grid of runs.

    Attributes:
        title: for people.
        metric: what tables and statistics are about; by default what the model measures first.
        seeds: every method is run with each of them.
        settings: a layer of configuration for every run.
        problems: by name.
        methods: layers of configuration by name, the rows of the tables.
        overrides: a layer above all others, what the command line said.
        baselines: names of the methods among which the best baseline is looked for; by default
            ``random``, if there is a method called so.
        full_supervision: with which seeds each learner is also trained on the whole pool.
        replay: a method whose first seed is run twice, to see how much repetition alone changes.
        costs: seconds of annotation by image and by object.
        alpha: level of the tests.
        commands: those that ran it, in order, for the report.
    """

    title: str
    metric: str | None = Field(default=None, min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    settings: Layer = Field(default_factory=dict)
    problems: dict[str, ProblemEntry] = Field(min_length=1)
    methods: dict[str, Layer] = Field(min_length=1)
    overrides: Layer = Field(default_factory=dict)
    baselines: tuple[str, ...] = BASELINES
    full_supervision: Literal["all", "first", "none"] = "first"
    replay: str | None = None
    costs: CostEntry = CostEntry()
    alpha: float = Field(default=0.05, gt=0, lt=1)
    commands: tuple[str, ...] = ()

    @property
    def full_seeds(self) -> tuple[int, ...]:
        """See ``full_supervision``."""
        return {"all": self.seeds, "first": self.seeds[:1], "none": ()}[self.full_supervision]

    def overridden(self, layers: Sequence[Layer]) -> "Suite":
        """The suite with layers on top of everything."""
        merged = merge(map(in_full, (self.overrides, *layers)))
        return self.model_copy(update={"overrides": merged})

    def with_strategies(self, names: Sequence[str]) -> "Suite":
        """The suite with a row more for each named strategy."""
        rows: dict[str, Layer] = {name: {"strategy": name} for name in names}
        baselines = self.baselines or tuple(name for name in BASELINES if name in rows)
        return self.model_copy(update={"methods": rows | self.methods, "baselines": baselines})

    def joined(self, earlier: "Suite") -> "Suite":
        """This suite, with the methods and seeds that were run before and the commands that did.

        What was run before comes first, so that the first seed and the first method of a learner,
        which are repeated and fully supervised, stay the same.

        Raises:
            ConfigError: something else differs; names every setting.
        """
        if self.problems.keys() != earlier.problems.keys():
            raise ConfigError(
                f"the suite was started with the problems {named([*earlier.problems])}, now it has "
                f"{named([*self.problems])}: give the same, or choose another --output"
            )
        ours, theirs = (_comparable(s) for s in (self, earlier))
        for key in self.methods.keys() & earlier.methods.keys():
            ours |= flat({f"methods.{key}": self.methods[key]})
            theirs |= flat({f"methods.{key}": earlier.methods[key]})
        was, now = ({k: repr(v) for k, v in each.items()} for each in (theirs, ours))
        if differ := [k for k in sorted({*was, *now}) if was.get(k) != now.get(k)]:
            raise ConfigError(
                f"the suite was started with {k} {f'= {was[k]}' if k in was else 'left out'}, now "
                f"it is {now.get(k, 'left out')}: give the same, or choose another --output"
                for k in differ
            )
        added = {
            "methods": earlier.methods | self.methods,
            "seeds": tuple(dict.fromkeys((*earlier.seeds, *self.seeds))),
            "commands": tuple(dict.fromkeys((*earlier.commands, *self.commands))),
        }
        return self.model_copy(update=added)

    @property
    def axes(self) -> tuple[Any, ...]:
        """What decides which jobs there are, among suites that were :meth:`joined`."""
        return ([*self.methods], self.seeds, self.full_supervision, self.replay)


def _comparable(suite: Suite) -> dict[str, Any]:
    """Everything that a suite which goes on may not change."""
    kept = flat(suite.model_dump(mode="json", include={"settings", "problems", "overrides"}))
    free = tuple(f".{key}" for key in FREE_TO_CHANGE)
    return {k: v for k, v in kept.items() if not k.endswith(free)}


def load(name: str) -> Suite:
    """The suite of that name, or in that YAML file.

    Raises:
        ConfigError: no such suite or file, or it is not a suite; every problem.
    """
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        return _checked(read_yaml(path), str(path))
    if path.is_dir() and not registry().has("suites", name):
        raise ConfigError(f"{name} is a folder: expected the name of a suite, or its YAML file")
    content: Mapping[str, Any] = registry().get("suites", name).make()
    return _checked(content, f"suite {name}")


def stored(folder: Path) -> Suite:
    """What :func:`write` wrote into a folder.

    Raises:
        RunError: the file is damaged.
        ConfigError: it is not a suite.
    """
    remedy = "restore it; the runs below it can be reported one by one"
    path = folder / SUITE_FILE
    return _checked(checked.read_stored_yaml(path, remedy), str(path))


def write(suite: Suite, folder: Path) -> None:
    """Write a suite for :func:`stored`."""
    content = suite.model_dump(mode="json")
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    checked.write_yaml(folder / SUITE_FILE, text)


OVERWRITTEN = {
    "seed": "every method is run with each of the suite's seeds: give seeds (--seeds)",
    "output": "every run has a folder of its own in the suite's: give --output",
    "first_cycle": "methods with one learner share theirs in any case: leave it out",
}
"""Settings that a suite gives each job, and what to do in their place."""


def check_overwritten(suite: Suite) -> None:
    """Refuse settings that would be without effect, and seeds that are there twice.

    Raises:
        ConfigError: a seed is there twice, or a layer has a setting of :data:`OVERWRITTEN`.
    """
    layers = {"settings": suite.settings, "overrides": suite.overrides}
    layers |= {f"methods.{name}": layer for name, layer in suite.methods.items()}
    layers |= {f"problems.{name}.settings": p.settings for name, p in suite.problems.items()}
    found = [
        f"{where}.{key}: {remedy}"
        for where, layer in layers.items()
        for key, remedy in OVERWRITTEN.items()
        if key in layer
    ]
    if len(set(suite.seeds)) < len(suite.seeds):
        found.append(f"seeds: expected each once, got {list(suite.seeds)}")
    if found:
        raise ConfigError(found)


LONGEST_NAME = 200
"""Bytes of a name; file systems take 255, and files beside a folder have longer ones."""


def is_folder_name(name: str) -> bool:
    """Whether a folder of that name lies where it is meant to."""
    known = name not in {"", ".", ".."} and "/" not in name and "\0" not in name
    return known and len(name.encode(errors="replace")) <= LONGEST_NAME


def _checked(content: Any, where: str) -> Suite:
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where}: expected a mapping with title, problems and methods")
    try:
        suite = Suite.model_validate(content)
    except ValidationError as error:
        found = validation_problems(error, "", Suite)
        raise ConfigError(f"{where}: {problem}" for problem in found) from error
    given = "baselines" in suite.model_fields_set
    if not given and suite.methods.keys().isdisjoint(suite.baselines):
        suite = suite.model_copy(update={"baselines": ()})
    if found := list(_contradictions(suite)):
        raise ConfigError(f"{where}: {problem}" for problem in found)
    return suite


def _contradictions(suite: Suite) -> Iterator[str]:
    """Names that cannot be folders, or that name nothing."""
    for kind, folders in (("problems", suite.problems), ("methods", suite.methods)):
        for name in folders:
            if not is_folder_name(name):
                yield f"{kind}: {name!r:.60} cannot name a folder; choose a short name without /"
    for method in suite.baselines:
        if method not in suite.methods:
            yield f"baselines: {unknown('method', method, suite.methods)}"
    if suite.replay is not None and suite.replay not in suite.methods:
        yield f"replay: {unknown('method', suite.replay, suite.methods)}"
    for name, problem in suite.problems.items():
        if problem.published is not None and problem.published not in tables():
            where = f"published table of problem {name}:"
            yield unknown(where, problem.published, tables())

"""Recomputing the selections of a run from what it has stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from alframe.build import build_dataset, build_learner, build_strategy, prepare_images
from alframe.config import RunConfig
from alframe.datasets.base import Dataset, ImageSet
from alframe.errors import RunError
from alframe.initial import digest, draw, read_initial
from alframe.learner import Learner, SignalBatch
from alframe.resolve import from_overrides, resolve
from alframe.rundir import RunDir, stored_layer, stored_scores
from alframe.seeds import Seeds
from alframe.strategy import Query, Strategy

Source = Literal["the seed", "its file", "the stored scores", "the stored model"]


@runtime_checkable
class ChoosesByScore(Protocol):
    """A strategy whose choice follows from scores, one for each candidate."""

    def choose(self, scores: Mapping[str, float], query: Query) -> tuple[str, ...]:
        """The choice, best first."""
        ...


@dataclass(frozen=True)
class Verdict:
    """Of one selection.

    Attributes:
        cycle: whose selection it is; None is the initial set.
        source: what it was recomputed from; None if it cannot be.
        problem: what is wrong, or why it cannot be recomputed; empty if it is the same.
    """

    cycle: int | None
    source: Source | None
    problem: str = ""


class Verifier:
    """Recomputes what a run chose.

    A choice that follows from stored scores is made again from them; one that needs no signals,
    from the seed; any other by the model of its cycle, where that was kept.

    Args:
        path: the run directory.
        device: where to compute.

    Raises:
        RunError: there is no run, or it was made on other data.
    """

    def __init__(self, path: Path, device: str = "auto") -> None:
        config = resolve([stored_layer(path), from_overrides([f"device={device}"])])
        self._config = config
        self._run = RunDir(path, config)
        self._seeds = Seeds(config.seed)
        self._strategy: Strategy = build_strategy(config)
        self._dataset = _dataset(config)
        self._learner: Learner | None = None
        if self._run.manifest()["dataset"]["fingerprint"] != self._dataset.fingerprint():
            raise RunError(f"{path} was made on other data than {config.dataset.name} is now")

    def __call__(self) -> Iterator[Verdict]:
        """A verdict on the initial set and on each selection, in order."""
        labelled = list(self._initial())
        yield self._verdict_on_initial(labelled)
        for event in self._run.journal.of("selected"):
            if event["ids"]:
                yield self._verdict(event["cycle"], event["ids"], labelled)
                labelled += event["ids"]

    def _initial(self) -> list[str]:
        events = self._run.journal.of("initial")
        if not events:
            raise RunError(f"{self._run.path} has not chosen anything yet")
        ids: list[str] = events[0]["ids"]
        return ids

    def _verdict_on_initial(self, ids: list[str]) -> Verdict:
        budget, pool = self._config.budget, self._dataset.pool
        if digest(ids) != self._run.manifest()["initial_sha256"]:
            return Verdict(None, "the seed", "the manifest has another hash")
        drawn = draw(pool, budget.images(len(pool))[0], self._seeds)
        if not budget.initial_set or list(drawn) == ids:  # the files of suites hold what is drawn
            return Verdict(None, "the seed", _difference(ids, drawn))
        file = Path(budget.initial_set)
        if not file.exists():
            return Verdict(None, None, f"its file is not there: {file}")
        return Verdict(None, "its file", _difference(ids, read_initial(file, pool)))

    def _verdict(self, cycle: int, ids: list[str], labelled: list[str]) -> Verdict:
        query = self._query(cycle, len(ids), labelled)
        scores = stored_scores(self._run.path, cycle)
        if scores is not None and isinstance(self._strategy, ChoosesByScore):
            if not scores.keys() <= set(query.unlabelled):  # some: a strategy may score a part
                return Verdict(cycle, "the stored scores", "they are not of the unlabelled images")
            chosen = self._strategy.choose(scores, query)
            return Verdict(cycle, "the stored scores", _difference(ids, chosen))
        if self._strategy.requires and not self._run.model_path(cycle).exists():
            return Verdict(cycle, None, "its model was not kept (keep_models=all keeps them)")
        source: Source = "the stored model" if self._strategy.requires else "the seed"
        return Verdict(cycle, source, _difference(ids, self._strategy.select(query).ids))

    def _query(self, cycle: int, budget: int, labelled: list[str]) -> Query:
        known = set(labelled)
        return Query(
            learner=_StoredModel(self, cycle),
            unlabelled=tuple(i for i in self._dataset.pool if i not in known),
            labelled=tuple(sorted(labelled)),
            targets={i: self._dataset.targets[i] for i in labelled if i in self._dataset.targets},
            classes=self._dataset.classes,
            budget=budget,
            rng=self._seeds.within("cycle", cycle).rng("strategy"),
            cycle=cycle,
        )

    def signals(
        self, cycle: int, ids: Sequence[str], names: frozenset[str]
    ) -> Iterator[SignalBatch]:
        """Signals of the model that was stored for ``cycle``."""
        if self._learner is None:
            self._learner = build_learner(self._config, self._dataset.classes)
        self._learner.load_state_dict(self._run.load_model(cycle))
        yield from self._learner.signals(ImageSet(self._dataset.images, tuple(ids)), names)


@dataclass(frozen=True)
class _StoredModel:
    """What a strategy reads from; the model is loaded if it is asked for something."""

    verifier: Verifier
    cycle: int

    def signals(self, ids: Sequence[str], names: frozenset[str]) -> Iterator[SignalBatch]:
        return self.verifier.signals(self.cycle, ids, names)


def _dataset(config: RunConfig) -> Dataset:
    return prepare_images(build_dataset(config), config.data)


def _difference(stored: Sequence[str], chosen: Sequence[str]) -> str:
    """What differs, in words; empty where nothing does. The order counts."""
    if list(stored) == list(chosen):
        return ""
    missing = [i for i in chosen if i not in set(stored)]
    if not missing:
        return "the same images in another order"
    return f"{len(missing)} of {len(stored)} differ, {missing[0]} should have been chosen"

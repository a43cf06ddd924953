"""Recomputing the selections of a run from what it has stored, and its records from those."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from alframe.config.layers import at_root
from alframe.config.resolve import drafted
from alframe.config.sections import RunConfig
from alframe.datasets.base import ImageSet, Target
from alframe.errors import RunError
from alframe.files.checked import read_lines, read_records
from alframe.learner import Learner
from alframe.oracle import answered
from alframe.runs.asking import plan_and_fingerprint
from alframe.runs.build import (
    asks_people,
    build_learner,
    build_oracle,
    build_strategy,
    prepare_images,
)
from alframe.runs.initial import digest, read_initial
from alframe.runs.journal import Journal
from alframe.runs.kept import dataset_of
from alframe.runs.preflight import check_root
from alframe.runs.records import (
    REMEDY,
    classes_in,
    difference,
    lost,
    new_classes,
    results_table,
    selections,
    selections_due,
)
from alframe.runs.rundir import PER_CYCLE, RunDir, stored_layer, stored_scores
from alframe.runs.verdict import Source, Verdict, compared
from alframe.seeds import Seeds
from alframe.signals import SignalBatch
from alframe.strategy import ChoosesByScore, Query, Strategy
from alframe.streams import DeclaredSignals

INITIAL, CYCLES, RESULTS = "initial set", "cycles.jsonl", "results.csv"


class Verifier:
    """Recomputes what a run chose.

    Each cycle but the last has to have chosen as many images as the budget says. A choice that
    follows from stored scores is made again from them; one that needs no signals, from the seed;
    any other by the model of its cycle, where that was kept. The scores themselves are not made
    again, nor are metrics: ``cycles.jsonl`` is held against the journal, ``results.csv`` against
    that. Every model that is there is read, and has to be the one that was written. A run that is
    going on is verified as far as it was when it was looked at first.

    Args:
        path: the run directory.
        device: where to compute.
        data_root: where the dataset lies, if not where the run found it.

    Raises:
        RunError: there is no run, or it was made on other data.
    """

    def __init__(self, path: Path, device: str = "auto", data_root: str | None = None) -> None:
        draft = drafted([stored_layer(path), {"device": device}, at_root(data_root)])
        check_root(draft.light())  # before torch is imported
        config = draft.checked()
        self._config = config
        self._run = RunDir(path, config)
        self._seeds = Seeds(config.seed)
        self._strategy: Strategy = build_strategy(config)
        as_read = dataset_of(config, path)
        self._dataset = prepare_images(as_read, config)
        self._left_out = frozenset(as_read.pool) - {*self._dataset.pool}
        images = self._dataset.image_set
        self._oracle = build_oracle(config, self._dataset, path)
        self._targets: dict[str, Target] = {}
        self._learner: Callable[[tuple[str, ...]], Learner] = functools.lru_cache(maxsize=1)(
            partial(build_learner, config, folder=path, images=images, restored=True)
        )
        self._known = self._dataset.known if asks_people(config) else {}
        manifest = self._run.manifest()  # before the journal, which a run that ends writes first
        self._finished = bool(manifest.get("finished"))
        self._began_with = manifest.get("began_with", {})
        drawing = _as_begun(config, self._began_with)
        self._plan, fingerprint = plan_and_fingerprint(drawing, as_read, self._dataset, path)
        if self._run.described()["fingerprint"] != fingerprint:
            raise RunError(f"{path} was made on other data than {config.dataset.name} is now")

    def __call__(self) -> Iterator[Verdict]:
        """A verdict on the initial set, each selection and model, and the records, in order."""
        asked, chosen = self._initial(), selections(self._run.journal)
        yield self._verdict_on_initial(asked)
        changed = list(self._changed_answers({-1: asked, **chosen}))
        extra = {e["cycle"]: e["extra"] for e in self._run.journal.of("annotated")}
        for cycle in range(self._due()):
            asked = asked + extra.get(cycle, [])
            ids = chosen.get(cycle, [])
            wanted = self._wanted(cycle, asked, endless=bool(ids))  # an end may have been set since
            if ids or wanted:  # otherwise the pool was exhausted
                query = self._query(cycle, wanted, asked)
                about = f"selection of cycle {cycle}"
                yield _unless_damaged(about, partial(self._verdict, about, ids, query))
            asked = asked + ids
        yield from changed
        for event in self._run.journal.of("fitted"):
            about = f"model of cycle {event['cycle']}"
            yield _unless_damaged(about, partial(self._verdict_on_model, about, event["cycle"]))
        yield _unless_damaged(CYCLES, self._verdict_on_cycles)
        yield _unless_damaged(RESULTS, self._verdict_on_results)

    def _changed_answers(self, chosen: Mapping[int, list[str]]) -> Iterator[Verdict]:
        """Take the oracle's answers; a verdict on those that are not what the run trained on."""
        gone = lost(self._run.journal)
        pool = gone.union(self._dataset.pool)
        for event in self._run.journal.of("annotated"):
            cycle = event["cycle"]
            test = self._drawn() if cycle == 0 else []
            ids = [i for i in (*test, *chosen.get(cycle - 1, [])) if i in pool]
            answers = answered(
                self._oracle, ids, cycle, known=self._known, free=event["extra"], lost=gone
            )
            self._targets.update(answers.targets)
            if answers.sha256() != event["sha256"]:
                yield Verdict(f"answers for cycle {cycle}", "the oracle", "they have changed")

    def _initial(self) -> list[str]:
        events = self._run.journal.of("initial")
        if not events:
            raise RunError(f"{self._run.path} has not chosen anything yet")
        return list(events[0]["ids"])

    def _drawn(self) -> list[str]:
        return list(self._run.journal.of("initial")[0]["test"])

    def _due(self) -> int:
        """How many selections there have to be; a finished run has one before each later cycle."""
        later = (self._config.budget.cycles or 1) - 1 if self._finished else 0
        return max(later, selections_due(self._run.journal))

    def _wanted(self, cycle: int, asked: Sequence[str], *, endless: bool) -> int:
        event = self._run.journal.last("selected", cycle)
        if event and "wanted" in event and PER_CYCLE in self._began_with:
            return int(event["wanted"])
        left = len(set(self._dataset.pool).difference(self._drawn(), asked))
        plan = replace(self._plan, cycles=None) if endless else self._plan
        return plan.wanted(cycle, left)

    def _verdict_on_initial(self, ids: list[str]) -> Verdict:
        if digest(ids) != self._run.manifest().get("initial_sha256"):
            return Verdict(INITIAL, "the seed", "the manifest has another hash")
        drawn, file = self._plan.initial, self._config.budget.initial_set
        if file is None or list(drawn) == ids:  # the files of suites hold what is drawn
            return compared(INITIAL, "the seed", ids, drawn)
        if not Path(file).exists():
            return Verdict(INITIAL, None, f"its file is not there: {file}")
        return compared(INITIAL, "its file", ids, read_initial(Path(file), self._dataset.pool))

    def _verdict(self, about: str, ids: list[str], query: Query) -> Verdict:
        cycle = query.cycle
        if len(ids) != query.budget:
            return Verdict(about, "the budget", f"{len(ids)} chosen instead of {query.budget}")
        scores = stored_scores(self._run.path, cycle)
        if scores is not None and isinstance(self._strategy, ChoosesByScore):
            # Some: a strategy may score a part. Pictures may have been left out since.
            if not scores.keys() <= self._left_out.union(query.unlabelled):
                return Verdict(about, "the stored scores", "they are not of the unlabelled images")
            chosen = self._strategy.choose(scores, query)
            return compared(about, "the stored scores", ids, chosen)
        if self._strategy.requires and not self._run.model_path(cycle).exists():
            return Verdict(about, None, "its model was not kept (keep_models=all keeps them)")
        source: Source = "the stored model" if self._strategy.requires else "the seed"
        return compared(about, source, ids, self._strategy.select(query).ids)

    def _verdict_on_model(self, about: str, cycle: int) -> Verdict:
        try:
            state = self._run.load_model(cycle)
        except RunError:
            if self._run.model_path(cycle).exists():  # otherwise it has gone, maybe just now
                raise
        else:
            if self._config.model is None:  # what it has predictions from may have changed
                self._learner(self._classes(cycle)).load_state_dict(state)
            return Verdict(about, "its checksum")
        last = cycle == Journal(self._run.path).of("fitted")[-1]["cycle"]  # it may have gone on
        due = last or self._config.keep_models == "all"
        kept = "though the last one is kept" if last else "though keep_models=all keeps it"
        return Verdict(about, None, kept if due else "", gone=True)

    def _verdict_on_results(self) -> Verdict:
        found = read_lines(self._run.path / RESULTS)  # first, as it is written last
        cycles = read_records(self._run.path / CYCLES, REMEDY)
        written = [results_table(cycles).encode()]
        if not self._finished:  # a kill, or we, may have come between the two
            written += [results_table(cycles[:-1]).encode(), b""]
        problem = "" if found in written else REMEDY.replace("the file", "it")
        return Verdict(RESULTS, "cycles.jsonl", problem)

    def _verdict_on_cycles(self) -> Verdict:
        events, path = list(self._run.journal), self._run.path / CYCLES
        problem = difference(path, events, self._targets)
        if problem and len([*Journal(self._run.path)]) > len(events):
            problem = difference(path, events, self._targets, gone_on=True)
        return Verdict(CYCLES, "the journal", problem)

    def _classes(self, cycle: int) -> tuple[str, ...]:
        return classes_in(cycle, self._dataset.classes, new_classes(self._run.journal))

    def _query(self, cycle: int, budget: int, asked: list[str]) -> Query:
        known, aside = set(asked), set(self._drawn())
        left = tuple(i for i in self._dataset.pool if i not in known | aside)
        seeds = self._seeds.within("cycle", cycle)
        return Query(
            learner=DeclaredSignals(
                _StoredModel(partial(self._model, cycle)),
                self._dataset.images,
                self._strategy.requires,
                title=f"cycle {cycle} score",
                classes=len(self._classes(cycle)),
            ),
            unlabelled=self._plan.choose_from(left, budget, seeds),
            labelled=tuple(sorted(known & self._targets.keys())),
            targets={i: self._targets[i] for i in known & self._targets.keys()},
            classes=self._classes(cycle),
            budget=budget,
            rng=seeds.rng("strategy"),
            cycle=cycle,
        )

    def _model(self, cycle: int) -> Learner:
        """The learner with the model that was stored for ``cycle``."""
        learner = self._learner(self._classes(cycle))
        learner.load_state_dict(self._run.load_model(cycle))
        return learner


@dataclass(frozen=True)
class _StoredModel:
    """What a strategy reads from; the model is loaded if it is asked for something."""

    load: Callable[[], Learner]

    def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
        return self.load().signals(images, names)


def _unless_damaged(about: str, look: Callable[[], Verdict]) -> Verdict:
    """A verdict, also where a file that it needs cannot be read: the others can still be given."""
    try:
        return look()
    except RunError as error:
        return Verdict(about, None, str(error), damaged=True)


def _as_begun(config: RunConfig, began_with: Mapping[str, Any]) -> RunConfig:
    """The configuration with an initial set that is drawn, and the first images of a cycle."""
    per_cycle = began_with.get(PER_CYCLE, config.budget.per_cycle)
    budget = config.budget.model_copy(update={"initial_set": None, "per_cycle": per_cycle})
    return config.model_copy(update={"budget": budget})

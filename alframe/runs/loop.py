"""The cycle as a resumable state machine: fit, evaluate, select, annotate.

Every step ends with an event in the journal. A step whose event is there is not repeated; one
whose event is missing is done (again) from the same seeds, a fit from its last checkpoint. So a
run may be killed anywhere and goes on to the same selections and the same numbers.
"""

import copy
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from alframe.datasets.base import Dataset, ImageSet, LabelledSet
from alframe.errors import SelectionError, TrainingError, Waiting
from alframe.learner import FitContext, Learner, Recorder, WarmStart
from alframe.oracle import Oracle
from alframe.profiling import Profiling, Tick
from alframe.runs.budget import Plan
from alframe.runs.environment import peak_memory
from alframe.runs.journal import Event
from alframe.runs.labelling import Ask, Labelling, untouched
from alframe.runs.learner_checks import check_metrics, check_phase, check_state
from alframe.runs.records import classes_in, new_classes
from alframe.runs.rundir import FitState, RunDir
from alframe.seeds import Seeds
from alframe.strategy import Query, Strategy, check_selection, tied
from alframe.streams import DeclaredSignals
from alframe.text import command
from alframe.words import named, plural

logger = logging.getLogger(__name__)


class Loop:
    """One run: cycles of fit, evaluate, select and annotate.

    Args:
        dataset: the pool, and the split to evaluate on.
        learner: owns the model.
        strategy: chooses.
        oracle: answers.
        run: where everything is kept.
        plan: how many images to label, and which ones first.
        seeds: the root of the run's randomness.
        recorder: takes scalars while fitting.
        ask: writes down what people are to be asked; None where nobody is.
        profiling: watches the first fit and the first selection.
    """

    def __init__(
        self,
        *,
        dataset: Dataset,
        learner: Learner,
        strategy: Strategy,
        oracle: Oracle,
        run: RunDir,
        plan: Plan,
        seeds: Seeds,
        recorder: Recorder,
        ask: Ask | None = None,
        profiling: Profiling | None = None,
    ) -> None:
        self._profiling = profiling or Profiling(None)
        self._dataset, self._learner, self._strategy = dataset, learner, strategy
        self._run, self._seeds, self._recorder = run, seeds, recorder
        self._plan = plan
        self._labelling = Labelling(dataset, oracle, run, plan, ask)
        self._pool = self._labelling.pool
        self._fitted: int | None = None

    def run(self) -> Iterator[Mapping[str, Any]]:
        """Go on from wherever the journal stands; yields each cycle as it is finished.

        Cycles that were finished before are yielded first. The iterator ends early when the pool
        is exhausted. What is yielded is the caller's, who may change it.

        Raises:
            Waiting: the oracle, or the learner, waits for people or files; the run may be resumed.
        """
        self._labelling.begin()
        cycles: list[Mapping[str, Any]] = []
        for cycle in count() if self._plan.cycles is None else range(self._plan.cycles):
            if cycle > 0 and not self._labelling.chosen(cycle):
                break  # the pool is exhausted: nothing was added
            self._labelling.annotate(cycle)
            self._check_classes(cycle)
            self._cycle(cycle)
            done = self._labelling.record(cycle)
            if done is None:
                raise AssertionError(f"cycle {cycle} is evaluated and has its selection")
            cycles.append(done)
            if not self._last("selected", cycle + 1):  # otherwise the files know of more cycles
                self._run.write_cycles(cycles)
            yield copy.deepcopy(done)
        self._finish()

    def _check_classes(self, cycle: int) -> None:
        """The learner was made for the classes that there were: what has grown is built anew."""
        if new := self._labelling.new_classes:
            raise Waiting(
                [
                    f"the answers for cycle {cycle} have {plural(len(new), 'new class')}: "
                    f"{named(new)}",
                    f"then: {command('run', '--output', self._run.path, '--resume')}",
                ]
            )

    def _cycle(self, cycle: int) -> None:
        labelled = self._labelling.labelled
        if not self._last("cycle_started", cycle):
            self._run.journal.append(
                "cycle_started", cycle=cycle, labelled=len(labelled), objects=labelled.objects()
            )
        if not self._last("fitted", cycle):
            self._fit(cycle, labelled)
        if not self._last("evaluated", cycle):  # otherwise the state is that of a later cycle
            self._run.fit_state(cycle).clear()
            self._evaluate(cycle)
        if not self._selected(cycle):
            self._select(cycle, labelled)

    def _fit(self, cycle: int, labelled: LabelledSet) -> None:
        state = self._run.fit_state(cycle)
        unlabelled = ImageSet(self._dataset.images, self._pool.unlabelled)
        with (
            untouched(labelled.targets, "the learner", TrainingError),
            self._profiling.watching("training") as tick,
        ):
            self._learner.fit(labelled, unlabelled, self._context(cycle, state, tick))
        self._fitted = cycle
        model = self._learner.state_dict()
        check_state(model, "state_dict")
        self._run.save_model(cycle, model)
        self._record("fitted", cycle, seconds=state.elapsed())
        self._run.drop_models(cycle)

    def _context(self, cycle: int, state: FitState, tick: Tick) -> FitContext:
        numbers = count()

        def phase_finished(name: str, summary: Mapping[str, Any]) -> None:
            check_phase(name, summary)
            own = {"index": next(numbers), **summary, "cycle": cycle, "phase": name}
            self._run.journal.append("phase_finished", **own)

        return FitContext(
            cycle=cycle,
            seeds=self._seeds.within("cycle", cycle),
            checkpoint=state,
            recorder=self._recorder,
            phase_finished=phase_finished,
            tick=tick,
            warm_start=self._warm_start(cycle),
        )

    def _warm_start(self, cycle: int) -> WarmStart | None:
        training = self._run.config.training
        if not (cycle and training and training.warm_start):
            return None
        known = classes_in(cycle - 1, self._dataset.classes, new_classes(self._run.journal))
        return WarmStart(self._run.load_model(cycle - 1), len(known))

    def _evaluate(self, cycle: int) -> None:
        self._ensure_model(cycle)
        started = time.monotonic()
        test = self._labelling.test
        with untouched(test.targets, "the learner", TrainingError):
            metrics = self._learner.evaluate(test)
        check_metrics(metrics)
        elapsed = time.monotonic() - started
        self._record("evaluated", cycle, metrics=dict(metrics), seconds=elapsed)

    def _selected(self, cycle: int) -> bool:
        """Whether a cycle has its selection, unless it was the last one and is so no longer."""
        event = self._last("selected", cycle)
        return event is not None and (bool(event["ids"]) or not self._wanted(cycle))

    def _wanted(self, cycle: int) -> int:
        return self._plan.wanted(cycle, len(self._pool.unlabelled))

    def _select(self, cycle: int, labelled: LabelledSet) -> None:
        wanted = self._wanted(cycle)
        if not wanted:
            self._record_selected(cycle, [], wanted, 0.0)
            return
        self._ensure_model(cycle)
        started = time.monotonic()
        with (
            untouched(labelled.targets, "the strategy", SelectionError),
            self._profiling.watching("scoring") as tick,
        ):
            query = self._query(cycle, labelled, wanted, tick)
            selection = self._strategy.select(query)
        selection = check_selection(selection, query.unlabelled, wanted)
        elapsed, ids = time.monotonic() - started, list(selection.ids)
        if selection.scores is not None:
            self._run.write_scores(cycle, selection.scores)
            if said := tied(ids, selection.scores):
                logger.warning("cycle %d: %s", cycle, said)
        reasons = dict.fromkeys(ids, self._run.config.strategy.name)
        self._labelling.ask(cycle + 1, reasons, selection.scores)
        self._record_selected(cycle, ids, wanted, elapsed)

    def _query(self, cycle: int, labelled: LabelledSet, budget: int, tick: Tick) -> Query:
        images, requires = self._dataset.images, self._strategy.requires
        seeds = self._seeds.within("cycle", cycle)
        return Query(
            learner=DeclaredSignals(
                self._learner,
                images,
                requires,
                tick,
                title=f"cycle {cycle} score",
                classes=len(self._dataset.classes),
            ),
            unlabelled=self._plan.choose_from(self._pool.unlabelled, budget, seeds),
            labelled=labelled.ids,
            targets=labelled.targets,
            classes=self._dataset.classes,
            budget=budget,
            rng=seeds.rng("strategy"),
            cycle=cycle,
        )

    def _ensure_model(self, cycle: int) -> None:
        """After a kill the learner is empty: give it the cycle's model."""
        if self._fitted != cycle:
            self._learner.load_state_dict(self._run.load_model(cycle))
            self._fitted = cycle

    def _finish(self) -> None:
        if not self._run.manifest().get("finished"):
            self._run.journal.append("finished")
            self._run.update_manifest(finished=datetime.now(UTC).isoformat(timespec="seconds"))

    def _last(self, name: str, cycle: int) -> Event | None:
        return self._run.journal.last(name, cycle)

    def _record_selected(self, cycle: int, ids: list[str], wanted: int, elapsed: float) -> None:
        memory = peak_memory()
        self._record("selected", cycle, ids=ids, wanted=wanted, seconds=elapsed, memory=memory)

    def _record(self, name: str, cycle: int, *, seconds: float, **details: Any) -> None:
        details["seconds"] = seconds
        self._run.journal.append(name, cycle=cycle, **details)
        logger.info("cycle %d: %s, %.0f s", cycle, name, seconds)

"""The loop with a fake learner: killed at every point, it ends in the same place."""

import contextlib
import math
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alframe.config.resolve import from_overrides, resolve
from alframe.config.sections import BudgetConfig, RunConfig
from alframe.datasets.base import Dataset, ImageSet, LabelledSet, Target
from alframe.errors import ConfigError, RunError, SelectionError, TrainingError, Waiting
from alframe.files import atomic
from alframe.learner import FitContext
from alframe.oracle import Answers, Oracle, SimulatedOracle, answered, is_human
from alframe.runs import journal
from alframe.runs.budget import check_budget, planned
from alframe.runs.journal import Journal
from alframe.runs.labelling import Ask
from alframe.runs.loop import Loop
from alframe.runs.opening import open_run
from alframe.runs.rundir import RunDir
from alframe.seeds import Seeds
from alframe.signals import SignalBatch
from alframe.strategy import Query, Selection, Strategy
from tests.fakes import FakeLearner, Numbers, fake_dataset
from tests.runs.stored import records
from tests.test_strategy import ByNumber

CONFIG = resolve([])


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def run_loop(
    path: Path,
    *,
    dataset: Dataset | None = None,
    oracle: Oracle | None = None,
    learner: FakeLearner | None = None,
    budget: BudgetConfig | None = None,
    config: RunConfig = CONFIG,
    seed: int = 0,
    initial: Sequence[str] | None = None,
    strategy: Strategy | None = None,
    ask: Ask | None = None,
) -> list[Mapping[str, Any]]:
    dataset = dataset or fake_dataset()
    budget = budget or BudgetConfig(initial=3, per_cycle=2, cycles=4)
    known = dataset.known if oracle and is_human(oracle) else ()
    plan = planned(budget, dataset, Seeds(seed), known)
    plan = replace(plan, initial=tuple(initial or plan.initial))
    with open_run(path, config, resume=(path / "config.yaml").exists()) as run:
        loop = Loop(
            dataset=dataset,
            learner=learner or FakeLearner(),
            strategy=strategy or ByNumber(),
            oracle=oracle or SimulatedOracle(dataset.targets),
            run=run,
            plan=plan,
            seeds=Seeds(seed),
            recorder=Numbers(),
            ask=ask,
        )
        return list(loop.run())


def without_costs(cycles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in c.items() if k not in ("seconds", "memory")} for c in cycles]


def files_of(path: Path) -> dict[str, Any]:
    return {
        "cycles": without_costs(records(path / "cycles.jsonl")),
        "scores": sorted(p.name for p in (path / "scores").iterdir()),
        "models": sorted(p.name for p in (path / "checkpoints").iterdir()),
    }


def test_the_labelled_set_grows_by_what_was_selected(tmp_path: Path) -> None:
    cycles = run_loop(tmp_path / "run")
    assert [c["labelled"] for c in cycles] == [3, 5, 7, 9]
    assert [c["objects"] for c in cycles] == [3, 5, 7, 9]
    assert [len(c["selected"]) for c in cycles] == [2, 2, 2, 0]
    chosen = [i for c in cycles for i in c["selected"]]
    assert len(set(chosen)) == 6
    assert files_of(tmp_path / "run") == {
        "cycles": without_costs(cycles),
        "scores": ["cycle_00.npz", "cycle_01.npz", "cycle_02.npz"],
        "models": [f"cycle_0{i}.pt" for i in range(4)],
    }


def test_phases_are_counted_where_a_learner_does_not(tmp_path: Path) -> None:
    class Talkative(FakeLearner):
        def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
            super().fit(labelled, unlabelled, replace(context, phase_finished=lambda *_: None))
            for name in ("warm-up", "label", "label"):
                context.phase_finished(name, {"loss": 0.5})

    cycles = run_loop(tmp_path / "run", learner=Talkative())
    phases = [{"phase": name, "loss": 0.5} for name in ("warm-up", "label", "label")]
    assert [cycle["phases"] for cycle in cycles] == [phases] * 4
    assert without_costs(run_loop(tmp_path / "run")) == without_costs(cycles), "it is read again"


@pytest.mark.parametrize(
    "metrics",
    [
        *(
            {"mAP50": wrong}
            for wrong in (math.nan, np.float32(0.5), "0.5", [1, 2], True, 45.2, -0.1)
        ),
        *({"by": wrong} for wrong in ({"cat": math.inf}, {"cat": (1,)}, {0: 0.5})),
        [("mAP50", 0.5)],
        {"mAP50": 0.5, "errors": {"distance": math.inf}},
        {"mAP50": 0.5, "errors": {"distance": 10**400}},
        {"AP50": {"cat": 0.5}},
        {"mAP50": 0.5, "cycle": 0.5},
        {"mAP50": 0.5, "annotation_seconds": 0.5},
        {"mAP50": 0.5, "seconds/fitted": 0.5},
        {"mAP50": 0.5, "by/cat": 0.5, "by": {"cat": 0.25}},
        {},
        None,
    ],
)
def test_metrics_that_no_file_can_keep_are_refused(tmp_path: Path, metrics: Any) -> None:
    learner = FakeLearner()
    learner.evaluate = lambda _: metrics  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"metrics are .*: expected fractions of 0 to 1 by"):
        run_loop(tmp_path / "run", learner=learner)
    run_loop(tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "summary", "why"),
    [
        (3, {}, "the name is a int"),
        ("label", None, "the summary is a NoneType"),
        ("label", {3: 0.5}, "the key 3 is no text"),
        ("label", {"event": "x"}, "event is what the journal says itself"),
        ("label", {"cycle": 7}, "cycle is what the journal says itself"),
        ("label", {"crc32": "x"}, "crc32 is what the journal says itself"),
        ("label", {"index": "first"}, "index is 'first'"),
        ("label", {"index": -1}, "index is -1"),
        ("label", {"index": np.int64(1)}, "index is .*1.*"),
        ("label", {"loss": np.float32(1)}, "Object of type float32 is not JSON serializable"),
        ("label", {"loss": torch.ones(1)}, "Object of type Tensor is not JSON serializable"),
    ],
)
def test_phases_that_no_journal_can_keep_are_refused(
    tmp_path: Path, name: Any, summary: Any, why: str
) -> None:
    class Talkative(FakeLearner):
        def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
            super().fit(labelled, unlabelled, context)
            context.phase_finished(name, summary)

    with pytest.raises(TrainingError, match=rf"phase_finished was called with .* \({why}\)"):
        run_loop(tmp_path / "run", learner=Talkative())
    run_loop(tmp_path / "run")


def test_one_seed_one_result_and_another_seed_another(tmp_path: Path) -> None:
    a, b, c = (
        run_loop(tmp_path / name, seed=seed) for name, seed in zip("abc", (0, 0, 1), strict=True)
    )
    assert without_costs(a) == without_costs(b) != without_costs(c)


class Copies:
    """A copy of a run directory at every point of the run: what a kill there leaves."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._one = threading.Lock()  # thumbnails are written by several threads
        self._passing = shutil.ignore_patterns("*.tmp")
        self.seen: list[str] = []

    def __call__(self, name: str) -> None:
        with self._one:
            self.seen.append(name)
            if self._run.exists():
                copy = self._run.with_name(f"killed {len(self.seen)} {name}")
                shutil.copytree(self._run, copy, ignore=self._passing)

    @contextlib.contextmanager
    def at_every_event(self, *, files: bool = True) -> Iterator[None]:
        """Before and after each event of the journal, and with ``files`` after each rename."""
        whole_append, whole_sync = journal.Journal.append, atomic.sync_folder

        def append(own: Journal, event: str, **details: Any) -> None:
            self(f"before {event}")
            whole_append(own, event, **details)
            self(f"after {event}")

        def sync_folder(folder: Path) -> None:  # called right after each rename
            self("renamed")
            whole_sync(folder)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(journal.Journal, "append", append)
            if files:
                patch.setattr(atomic, "sync_folder", sync_folder)
            yield

    def killed(self) -> list[Path]:
        """The copies."""
        found = self._run.parent.glob("killed *")
        return sorted(found, key=lambda path: int(path.name.split()[1]))


def test_killed_at_every_point_it_ends_the_same(tmp_path: Path) -> None:
    """Every write, before and after it, every epoch, evaluation and batch of signals."""
    copies = Copies(tmp_path / "whole")
    dataset = fake_dataset(pool=7)
    settings: dict[str, Any] = {
        "dataset": dataset,
        "budget": BudgetConfig(initial=2, per_cycle=2, cycles=3),
    }

    def run(path: Path, touch: Callable[[str], None] = lambda _: None) -> None:
        people = People(dataset, ignored=dataset.pool[3:4], patience=1)
        until_it_ends(path, people, learner=FakeLearner(epochs=2, touch=touch), **settings)

    with copies.at_every_event():
        run(tmp_path / "whole", copies)
    expected = files_of(tmp_path / "whole")
    assert {"before selected", "after fitted", "epoch", "evaluate", "signals"} < set(copies.seen)
    killed = copies.killed()
    assert len(killed) > 70
    for path in killed:
        run(path)
        assert files_of(path) == expected, path.name


@pytest.mark.parametrize("cycle", [0, 2])
def test_a_killed_training_goes_on_from_its_last_epoch(tmp_path: Path, cycle: int) -> None:
    """Looking back at finished cycles leaves alone what the interrupted one has saved."""
    epochs = Countdown(4 * cycle + 4)  # the last one of this cycle: three are saved
    budget = BudgetConfig(initial=3, per_cycle=2, cycles=3)

    def run() -> None:
        def touch(name: str) -> None:
            if name == "epoch":
                epochs(name)

        run_loop(tmp_path / "run", learner=FakeLearner(4, touch), budget=budget)

    with pytest.raises(Killed):
        run()
    run()
    assert epochs.count == 3 * 4 + 1, "one epoch was begun twice"


class Countdown:
    """Dies at the given point."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.count = 0

    def __call__(self, name: str) -> None:
        self.count += 1
        if self.count == self.left:
            raise Killed(name)


def test_a_finished_run_is_not_repeated(tmp_path: Path) -> None:
    first = run_loop(tmp_path / "run")
    learner = FakeLearner()
    assert run_loop(tmp_path / "run", learner=learner) == first
    assert learner.fits == 0


def test_a_finished_run_goes_on_with_more_cycles_as_if_it_had_always_had_them(
    tmp_path: Path,
) -> None:
    budget = BudgetConfig(initial=3, per_cycle=2, cycles=2)
    assert len(run_loop(tmp_path / "run", budget=budget)) == 2
    learner = FakeLearner()
    more = run_loop(tmp_path / "run", learner=learner)
    assert without_costs(more) == without_costs(run_loop(tmp_path / "whole"))
    assert files_of(tmp_path / "run") == files_of(tmp_path / "whole")
    assert learner.fits == 2


def test_looking_back_takes_no_cycle_out_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_loop(tmp_path / "run")
    written: list[int] = []
    monkeypatch.setattr(RunDir, "write_cycles", lambda _, cycles: written.append(len(cycles)))
    assert run_loop(tmp_path / "run") == whole
    assert written == [4]
    run_loop(tmp_path / "other")
    assert written == [4, 1, 2, 3, 4]


class People:
    """Answer in parts: each time they are asked, one item more is done; some they give up."""

    def __init__(self, dataset: Dataset, ignored: Sequence[str] = (), patience: int = 0) -> None:
        self._dataset, self.ignored, self.patience = dataset, frozenset(ignored), patience
        self.waited: list[tuple[int, int]] = []

    def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
        done = self.waited.count((cycle, len(ids)))
        if done < self.patience:
            self.waited.append((cycle, len(ids)))
            raise Waiting(f"{len(ids) - done} images to annotate")
        targets = {i: self._dataset.targets[i] for i in ids if i not in self.ignored}
        return Answers(targets, self.ignored & set(ids), dict.fromkeys(targets, 1.5))


def until_it_ends(path: Path, oracle: Oracle, **settings: Any) -> list[Mapping[str, Any]]:
    while True:
        try:
            return run_loop(path, oracle=oracle, **settings)
        except Waiting:
            continue


def test_a_run_waits_for_people_and_goes_on_as_if_they_had_answered_at_once(
    tmp_path: Path,
) -> None:
    dataset = fake_dataset()
    given_up = run_loop(tmp_path / "known")[0]["selected"][:1]
    at_once = run_loop(tmp_path / "whole", oracle=People(dataset, given_up))
    assert [c["labelled"] for c in at_once] == [3, 4, 6, 8]
    assert given_up[0] not in [i for c in at_once[1:] for i in c["selected"]]
    slow = People(dataset, given_up, patience=2)
    assert without_costs(until_it_ends(tmp_path / "run", slow)) == without_costs(at_once)
    assert slow.waited == [(c, n) for c, n in ((0, 3), (1, 2), (2, 2), (3, 2)) for _ in range(2)]
    events = [e for e in Journal(tmp_path / "run") if e["event"] == "annotated"]
    assert [e["ignored"] for e in events] == [[], given_up, [], []]
    assert [(e["images"], e["seconds"]) for e in events] == [(3, 4.5), (1, 1.5), (2, 3), (2, 3)]


def test_answers_that_have_changed_since_are_found(tmp_path: Path) -> None:
    dataset = fake_dataset()
    oracle, first = People(dataset), dataset.pool[0]
    run_loop(tmp_path / "run", oracle=oracle, initial=dataset.pool[:3])
    oracle.ignored = frozenset({first})
    with pytest.raises(RunError, match="answers for cycle 0 have changed"):
        run_loop(tmp_path / "run", oracle=oracle, initial=dataset.pool[:3])


def test_nothing_to_train_on(tmp_path: Path) -> None:
    dataset = fake_dataset()
    with pytest.raises(RunError, match=r"every image to begin with \(3\) is ignored"):
        run_loop(tmp_path / "run", oracle=People(dataset, dataset.pool))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (lambda _: Answers({}), "3 without an answer: p00"),
        (lambda t: Answers(t, frozenset(t)), "3 annotated and ignored"),
        (lambda t: Answers({**t, "q": t["p000"]}), "1 not asked for: q"),
        (lambda t: Answers(t, frozenset({"p009"})), "1 not asked for: p009"),
        (dict, r"annotate gives \{.* for cycle 0: expected alframe.oracle.Answers, or Waiting"),
        (lambda _: None, "annotate gives None for cycle 0: expected"),
        (lambda t: Answers(t, seconds={"p000": -1.0}), "seconds of p000 is -1.0"),
        (lambda t: Answers(t, seconds={"p001": float("nan")}), "seconds of p001 is nan"),
        (lambda t: Answers(t, seconds={"p001": float("inf")}), "seconds of p001 is inf"),
        (lambda t: Answers(t, seconds={"p001": 10**400}), "seconds of p001 is 10000"),
        (lambda t: Answers(t, seconds={"p001": True}), "seconds of p001 is True"),
        (lambda t: Answers(t, seconds={7: 1.0}), "answers for cycle 0: 7 is no id"),
        (lambda t: Answers(t, seconds=None), "seconds is a NoneType: expected a mapping by id"),
        (lambda t: Answers(list(t)), "targets is a list: expected a mapping by id"),
        (lambda t: Answers(t, (i for i in t)), "ignored is a generator: expected a frozenset"),
        (lambda t: Answers({7: t["p000"]}), "answers for cycle 0: 7 is no id"),
        (
            lambda t: Answers(dict.fromkeys(t, Target.of(None, [0]))),
            "targets without boxes, where the task is detection: p00",
        ),
        (lambda t: Answers(dict.fromkeys(t, Target.of([[1, 1, 9, 9]], [7]))), "labels that are no"),
        (lambda t: Answers(dict.fromkeys(t, Target.of([[9, 1, 1, 9]], [0]))), "boxes that are not"),
    ],
)
def test_an_oracle_answers_what_it_was_asked(tmp_path: Path, answers: Any, message: str) -> None:
    dataset = fake_dataset()

    class Wrong:
        def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
            return answers({i: dataset.targets[i] for i in ids})  # type: ignore[no-any-return]

    with pytest.raises(RunError, match=message):
        run_loop(tmp_path / "run", oracle=Wrong(), initial=dataset.pool[:3])


def test_an_answer_may_take_no_time_at_all() -> None:
    targets = {"a": Target.of([[1, 1, 9, 9]], [0])}

    class Instant:
        def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
            return Answers(targets, seconds={"a": 0})

    assert answered(Instant(), ["a"], 0).seconds == {"a": 0.0}


def test_answers_are_the_same_in_whatever_order_they_come() -> None:
    one, other = Target.of([[1, 1, 9, 9]], [0]), Target.of([[2, 2, 8, 8]], [1])
    known = Answers({"a": one, "b": other}).sha256()
    assert Answers({"b": other, "a": one}).sha256() == known
    assert Answers({"a": other, "b": one}).sha256() != known


def test_answers_in_words_of_numpy_are_the_same_when_they_are_read_again(tmp_path: Path) -> None:
    dataset = fake_dataset()

    class Numpy(People):
        def annotate(self, ids: Sequence[str], cycle: int) -> Answers:
            said = super().annotate(ids, cycle)
            named = dict(zip(np.array(list(said.targets)), said.targets.values(), strict=True))
            took = {item: np.float32(1.5) for item in said.targets}
            return replace(said, targets=named, ignored=[*map(np.str_, said.ignored)], seconds=took)

    class Strategy(ByNumber):
        def choose(self, scores: Mapping[str, float], query: Query) -> tuple[str, ...]:
            return tuple(np.array(super().choose(scores, query)))

    given_up = run_loop(tmp_path / "known")[0]["selected"][:1]
    plain = run_loop(tmp_path / "plain", oracle=People(dataset, given_up))
    odd = run_loop(tmp_path / "run", oracle=Numpy(dataset, given_up), strategy=Strategy())
    assert without_costs(odd) == without_costs(plain)
    again = run_loop(tmp_path / "run", oracle=People(dataset, given_up))
    assert without_costs(again) == without_costs(plain)
    events = [records(tmp_path / name / "journal.jsonl") for name in ("run", "plain")]
    one, other = ([e.get("sha256") for e in each] for each in events)
    assert one == other


@pytest.mark.parametrize("state", [None, [1], torch.zeros(1)])
def test_a_state_that_is_no_mapping_is_refused_before_it_is_kept(
    tmp_path: Path, state: Any
) -> None:
    class Bare(FakeLearner):
        def state_dict(self) -> Any:
            return state

    class Saves(FakeLearner):
        def fit(self, labelled: LabelledSet, unlabelled: ImageSet, context: FitContext) -> None:
            context.checkpoint.save(state)

    for learner, what in ((Bare(), "state_dict"), (Saves(), "what checkpoint.save is given")):
        said = f"{what} is a {type(state).__name__}: expected a dict"
        with pytest.raises(TrainingError, match=said):
            run_loop(tmp_path / "run", learner=learner)
    run_loop(tmp_path / "run")


def test_the_learner_never_sees_a_target_of_an_unlabelled_item(tmp_path: Path) -> None:
    seen: list[tuple[int, bool]] = []

    class Nosy(FakeLearner):
        def fit(self, labelled: Any, unlabelled: Any, context: Any) -> None:
            assert set(labelled.targets) == set(labelled.ids)
            assert not set(labelled.ids) & set(unlabelled.ids)
            seen.append((len(unlabelled), hasattr(unlabelled, "targets")))
            super().fit(labelled, unlabelled, context)

    run_loop(tmp_path / "run", learner=Nosy())
    assert seen == [(9, False), (7, False), (5, False), (3, False)]


def test_only_the_last_model_is_kept_if_so_configured(tmp_path: Path) -> None:
    run_loop(tmp_path / "run", config=resolve([from_overrides(["keep_models=last"])]))
    assert files_of(tmp_path / "run")["models"] == ["cycle_03.pt"]


def test_what_is_chosen_is_among_the_candidates_that_were_drawn(tmp_path: Path) -> None:
    """And so as little of the pool has to be scored as was asked for."""

    class Beyond(ByNumber):
        def select(self, query: Query) -> Selection:
            others = {*fake_dataset().pool} - {*query.unlabelled, *query.labelled}
            return Selection(tuple(sorted(others))[:2])

    budget = BudgetConfig(initial=3, per_cycle=2, cycles=2, candidates=4)
    with pytest.raises(SelectionError, match="which are not unlabelled"):
        run_loop(tmp_path / "run", budget=budget, strategy=Beyond())


def test_what_was_selected_is_recorded_once_people_have_been_asked(tmp_path: Path) -> None:
    """Killed in between, it would be nowhere that they look."""

    def ask(cycle: int, *_: Any) -> None:
        if cycle == 2:
            raise Killed

    with pytest.raises(Killed):
        run_loop(tmp_path / "run", ask=ask)
    journal = Journal(tmp_path / "run")
    assert journal.last("selected", 0)
    assert not journal.last("selected", 1)


def test_scores_that_tell_nothing_apart_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Indifferent(FakeLearner):
        def signals(self, images: ImageSet, names: frozenset[str]) -> Iterator[SignalBatch]:
            return (SignalBatch((item,), {"number": [7]}) for item in images.ids)

    run_loop(
        tmp_path / "run",
        learner=Indifferent(),
        budget=BudgetConfig(initial=3, per_cycle=2, cycles=2),
    )
    assert "cycle 0: 9 images have one score, 7, which does not tell them apart" in caplog.text


def test_the_whole_pool_may_be_labelled(tmp_path: Path) -> None:
    budget = BudgetConfig(initial=6, per_cycle=3, cycles=3)
    cycles = run_loop(tmp_path / "run", budget=budget)
    assert [c["labelled"] for c in cycles] == [6, 9, 12]


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"initial": 13}, "budget.initial asks for 13 images, the pool has 12"),
        ({"initial": 4, "per_cycle": 4, "cycles": 4}, r"16 images \(4 \+ 3 x 4\).*cycles=3"),
    ],
)
def test_a_budget_larger_than_the_pool_is_refused(budget: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_budget(BudgetConfig(**budget), 12)

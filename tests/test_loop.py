"""The loop with a fake learner: killed at every point, it ends in the same place."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from alframe import atomic, journal
from alframe.config import BudgetConfig, RunConfig
from alframe.datasets.base import Dataset, Target
from alframe.errors import ConfigError
from alframe.loop import Loop, check_budget
from alframe.oracle import Oracle, SimulatedOracle
from alframe.resolve import from_overrides, resolve
from alframe.rundir import RunDir, open_run
from alframe.seeds import Seeds
from tests.fakes import FakeLearner, Numbers, fake_dataset
from tests.stored import records
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
) -> list[Mapping[str, Any]]:
    dataset = dataset or fake_dataset()
    with open_run(path, config, resume=(path / "config.yaml").exists()) as run:
        loop = Loop(
            dataset=dataset,
            learner=learner or FakeLearner(),
            strategy=ByNumber(),
            oracle=oracle or SimulatedOracle(dataset.targets),
            run=run,
            budget=budget or BudgetConfig(initial=3, per_cycle=2, cycles=4),
            seeds=Seeds(seed),
            recorder=Numbers(),
            initial=initial,
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
    assert [c["boxes"] for c in cycles] == [3, 5, 7, 9]
    assert [len(c["selected"]) for c in cycles] == [2, 2, 2, 0]
    chosen = [i for c in cycles for i in c["selected"]]
    assert len(set(chosen)) == 6
    assert files_of(tmp_path / "run") == {
        "cycles": without_costs(cycles),
        "scores": ["cycle_00.npz", "cycle_01.npz", "cycle_02.npz"],
        "models": [f"cycle_0{i}.pt" for i in range(4)],
    }


def test_one_seed_one_result_and_another_seed_another(tmp_path: Path) -> None:
    a, b, c = (
        run_loop(tmp_path / name, seed=seed) for name, seed in zip("abc", (0, 0, 1), strict=True)
    )
    assert without_costs(a) == without_costs(b) != without_costs(c)


def test_killed_at_every_point_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write, before and after it, every epoch, evaluation and batch of signals."""
    countdown = Countdown()
    whole_append, whole_sync = journal.Journal.append, atomic.sync_folder

    def append(self: journal.Journal, event: str, **details: Any) -> None:
        countdown(f"before {event}")
        whole_append(self, event, **details)
        countdown(f"after {event}")

    def sync_folder(folder: Path) -> None:  # called right after each rename
        countdown("renamed")
        whole_sync(folder)

    monkeypatch.setattr(journal.Journal, "append", append)
    monkeypatch.setattr(atomic, "sync_folder", sync_folder)
    settings: dict[str, Any] = {
        "dataset": fake_dataset(pool=7),
        "budget": BudgetConfig(initial=2, per_cycle=2, cycles=3),
    }

    def run(path: Path) -> None:
        run_loop(path, learner=FakeLearner(epochs=2, touch=countdown), **settings)

    run(tmp_path / "whole")
    expected, points = files_of(tmp_path / "whole"), countdown.count
    assert points > 70
    assert {"before selected", "after fitted", "epoch", "evaluate", "signals"} <= countdown.seen
    for point in range(1, points + 1):
        path = tmp_path / f"killed_{point}"
        countdown.left = point
        with pytest.raises(Killed):
            run(path)
        countdown.left = None
        run(path)
        assert files_of(path) == expected, point


@pytest.mark.parametrize("cycle", [0, 2])
def test_a_killed_training_goes_on_from_its_last_epoch(tmp_path: Path, cycle: int) -> None:
    """Looking back at finished cycles leaves alone what the interrupted one has saved."""
    epochs, budget = Countdown(), BudgetConfig(initial=3, per_cycle=2, cycles=3)
    epochs.left = 4 * cycle + 4  # the last one of this cycle: three are saved

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

    def __init__(self) -> None:
        self.left: int | None = None
        self.count = 0
        self.seen: set[str] = set()

    def __call__(self, name: str) -> None:
        self.count += 1
        self.seen.add(name)
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
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


def test_an_oracle_that_is_still_at_work_stops_the_run_until_it_is_done(tmp_path: Path) -> None:
    dataset = fake_dataset()

    class Slow:
        def annotate(self, ids: Sequence[str]) -> Mapping[str, Target]:
            known = [i for i in ids if i not in hidden]
            return {i: dataset.targets[i] for i in known}

    hidden: set[str] = set()
    everything = without_costs(run_loop(tmp_path / "whole"))
    hidden.add(everything[1]["selected"][0])
    waiting = run_loop(tmp_path / "run", oracle=Slow())
    assert without_costs(waiting) == everything[:2]
    hidden.clear()
    assert without_costs(run_loop(tmp_path / "run", oracle=Slow())) == everything


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

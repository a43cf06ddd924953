"""Selections made again, and every way in which they may differ."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from alframe.cli.verify import verify
from alframe.config.resolve import from_overrides, resolve
from alframe.errors import ConfigError, RunError
from alframe.runs.initial import write_initial
from alframe.runs.journal import Event
from alframe.runs.records import results_table
from alframe.runs.run import run
from alframe.runs.scores import write_scores
from alframe.runs.verdict import Verdict
from alframe.runs.verifier import Verifier
from tests.annotations import people
from tests.runs.stored import change, change_manifest, edit, records, unchecked, write_records
from tests.runs.test_first_cycle import SMALL, start

STRICT = ["--strict"]


def models(count: int) -> list[Verdict]:
    return [Verdict(f"model of cycle {n}", "its checksum") for n in range(count)]


def records_of(cycles: int) -> list[Verdict]:
    """What is said of the models and records of an honest run."""
    records = [Verdict("cycles.jsonl", "the journal"), Verdict("results.csv", "cycles.jsonl")]
    return [*models(cycles), *records]


def verdicts(path: Path) -> list[Verdict]:
    return list(Verifier(path, "cpu")())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    for strategy in ("random", "entropy", "power:entropy", "coreset"):
        start(folder / strategy, f"strategy={strategy}", "budget.cycles=3")
    return folder


@pytest.fixture
def entropy(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs / "entropy", tmp_path / "entropy"))


@pytest.mark.parametrize(
    ("strategy", "source"),
    [
        ("random", "the seed"),
        ("entropy", "the stored scores"),
        ("power:entropy", "the stored scores"),
        ("coreset", "the stored model"),
    ],
)
def test_an_honest_run_is_verified(runs: Path, strategy: str, source: str) -> None:
    assert verdicts(runs / strategy) == [
        Verdict("initial set", "the seed"),
        Verdict("selection of cycle 0", source),  # type: ignore[arg-type]
        Verdict("selection of cycle 1", source),  # type: ignore[arg-type]
        *records_of(3),
    ]


def wrong(path: Path) -> dict[str, str]:
    """What is found in a run, by what it is about."""
    return {v.about: v.problem for v in verdicts(path) if v.problem}


def of_cycle(event: Event, cycle: int) -> bool:
    return bool(event["event"] == "selected" and event["cycle"] == cycle)


def test_another_choice_is_found(entropy: Path) -> None:
    journal = entropy / "journal.jsonl"
    lines = records(journal)
    ids = next(e["ids"] for e in lines if e["event"] == "selected")
    change(journal, "selected", ids=ids[::-1])
    assert verdicts(entropy)[1].problem == "the same images in another order"
    with np.load(entropy / "scores" / "cycle_00.npz") as stored:
        other = next(i for i in stored["ids"].tolist() if i not in ids)
    change(journal, "selected", ids=[*ids[:-1], other])
    assert verdicts(entropy)[1].problem == f"1 of 6 differ, {ids[-1]} should have been chosen"


def test_another_score_is_found(entropy: Path) -> None:
    file = entropy / "scores" / "cycle_01.npz"
    with np.load(file) as stored:
        ids, scores = stored["ids"], stored["scores"]
    write_scores(file, dict(zip(ids.tolist(), (-scores).tolist(), strict=True)))
    assert "should have been chosen" in verdicts(entropy)[2].problem
    write_scores(file, dict(zip(ids.tolist(), scores.tolist(), strict=True)) | {"a": 0.0})
    assert verdicts(entropy)[2].problem == "they are not of the unlabelled images"


def test_damaged_scores_are_named(entropy: Path) -> None:
    file = entropy / "scores" / "cycle_01.npz"
    whole = file.read_bytes()
    middle = len(whole) // 2
    for content in (b"", b"no zip", whole[:middle], whole[:middle] + b"x" + whole[middle + 1 :]):
        file.write_bytes(content)
        assert wrong(entropy).keys() == {"selection of cycle 1"}
        assert re.search(
            r"cycle_01\.npz is damaged .* restore it", wrong(entropy)["selection of cycle 1"]
        )


def test_another_initial_set_is_found(entropy: Path) -> None:
    ids = Verifier(entropy, "cpu")._initial()
    change(entropy / "journal.jsonl", "initial", ids=ids[1:])
    assert verdicts(entropy)[0].problem == "the manifest has another hash"


def test_an_initial_set_from_a_file(tmp_path: Path) -> None:
    file, path = tmp_path / "initial.json", tmp_path / "run"
    write_initial(file, [f"pool/{n:06d}" for n in range(8)])
    start(path, "strategy=random", "budget.cycles=1", f"budget.initial_set={file}")
    assert verdicts(path) == [Verdict("initial set", "its file"), *records_of(1)]
    file.rename(tmp_path / "elsewhere.json")
    assert verdicts(path)[0] == Verdict("initial set", None, f"its file is not there: {file}")
    write_initial(file, [f"pool/{n:06d}" for n in range(1, 9)])
    problem = "1 of 8 differ, pool/000008 should have been chosen"
    assert verdicts(path)[0] == Verdict("initial set", "its file", problem)


def test_a_file_with_what_the_seed_draws_is_not_needed(runs: Path, tmp_path: Path) -> None:
    file, path = tmp_path / "initial.json", tmp_path / "run"
    write_initial(file, Verifier(runs / "random", "cpu")._initial())
    start(path, "strategy=random", "budget.cycles=1", f"budget.initial_set={file}")
    file.unlink()
    assert verdicts(path) == [Verdict("initial set", "the seed"), *records_of(1)]


def test_a_model_that_was_not_kept(runs: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(runs / "coreset", tmp_path / "coreset"))
    (path / "checkpoints" / "cycle_00.pt").unlink()
    verdict = verdicts(path)[1]
    assert verdict.source is None
    assert "keep_models=all" in verdict.problem
    codes = [CliRunner().invoke(verify, [str(path), *more]).exit_code for more in ([], STRICT)]
    assert codes == [0, 1]
    start(tmp_path / "last", "strategy=random", "budget.cycles=2", "keep_models=last")
    done = CliRunner().invoke(verify, [str(tmp_path / "last"), *STRICT])
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "5 of 5 verified")


def test_a_cut_selection_is_found(entropy: Path) -> None:
    edit(entropy, lambda e: e | {"ids": e["ids"][:2]} if of_cycle(e, 1) else e)
    assert wrong(entropy)["selection of cycle 1"] == "2 chosen instead of 6"
    edit(entropy, lambda e: e | {"ids": []} if of_cycle(e, 1) else e)
    assert wrong(entropy)["selection of cycle 1"] == "0 chosen instead of 6"


def test_a_cut_selection_is_found_though_it_cannot_be_made_again(entropy: Path) -> None:
    shutil.rmtree(entropy / "scores")
    shutil.rmtree(entropy / "checkpoints")
    edit(entropy, lambda e: e | {"ids": e["ids"][:2]} if of_cycle(e, 1) else e)
    cut = Verdict("selection of cycle 1", "the budget", "2 chosen instead of 6")
    sources = [v.source for v in verdicts(entropy) if not v.gone]
    expected = ["the seed", None, "the budget", "the oracle", "the journal", "cycles.jsonl"]
    assert sources == expected
    assert verdicts(entropy)[2] == cut


@pytest.mark.parametrize("last", [0, 1, 2])
def test_events_that_were_taken_out_are_missed(entropy: Path, last: int) -> None:
    """All that the journal has of the cycles from ``last`` on, or this selection alone."""
    whole = (entropy / "journal.jsonl").read_text()
    edit(entropy, lambda e: None if of_cycle(e, last) else e)
    assert wrong(entropy)["cycles.jsonl"] == "number of cycles: 3 instead of 2"
    (entropy / "journal.jsonl").write_text(whole)
    edit(entropy, lambda e: None if e.get("cycle", -1) >= last else e)
    missing = {f"selection of cycle {n}": "0 chosen instead of 6" for n in range(last, 2)}
    records = f"number of cycles: 3 instead of {last}"
    assert wrong(entropy) == missing | {"cycles.jsonl": records}


def test_a_selection_too_many_is_found(entropy: Path) -> None:
    edit(entropy, lambda e: e | {"ids": ["pool/000000"]} if of_cycle(e, 2) else e)
    assert wrong(entropy)["selection of cycle 2"] == "1 chosen instead of 6"


def test_an_unfinished_run_needs_the_selections_before_the_cycle_that_it_is_in(
    entropy: Path,
) -> None:
    change_manifest(entropy, finished=None)
    edit(entropy, lambda e: None if of_cycle(e, 2) or e["event"] == "finished" else e)
    lines = (entropy / "cycles.jsonl").read_text().splitlines(keepends=True)
    (entropy / "cycles.jsonl").write_text("".join(lines[:2]))
    (entropy / "results.csv").write_text(results_table(records(entropy / "cycles.jsonl")[:1]))
    assert wrong(entropy) == {}
    edit(entropy, lambda e: None if of_cycle(e, 1) else e)
    assert wrong(entropy)["selection of cycle 1"] == "0 chosen instead of 6"


def test_false_records_are_found(entropy: Path) -> None:
    file = entropy / "cycles.jsonl"
    cycles = records(file)
    cycles[1] |= {"labelled": 99, "metrics": {"mAP50": 0.99}}
    write_records(file, cycles)
    assert wrong(entropy) == {
        "cycles.jsonl": "it has other labelled, metrics in cycle 1",
        "results.csv": "'alframe run --output RUN --resume' writes it anew from the journal",
    }


def test_a_pool_that_ended_is_no_fault(entropy: Path) -> None:
    """As where broken images leave fewer than the budget asks for."""
    verifier = Verifier(entropy, "cpu")
    pool = verifier._dataset.pool
    wanted = [verifier._wanted(0, pool[:labelled], endless=False) for labelled in (8, 24, 27, 30)]
    assert wanted == [6, 6, 3, 0]
    assert verifier._wanted(2, pool[:8], endless=False) == 0


def test_what_is_tested_on_is_not_left_to_choose_from(tmp_path: Path) -> None:
    """Of nine images two are drawn to test on; three are labelled, then three, then the last."""
    ids = [f"{n}.png" for n in range(9)]
    people.photographs(tmp_path / "photos", ids)
    images = [{"id": item, "width": 40, "height": 20} for item in ids]
    objects = {item: [("cat", (1, 1, 9, 9))] for item in ids}
    truth = people.coco(tmp_path / "truth.json", images, objects, ["cat"])
    given = ("dataset=photos", f"dataset.root={tmp_path / 'photos'}", "oracle=simulated")
    budget = [f"budget.{each}" for each in ("test=2", "initial=3", "per_cycle=3", "cycles=null")]
    rest = [pair for pair in SMALL if not pair.startswith("dataset.")]
    small = ("data.long=64", "data.short=64", "strategy=random")
    pairs = (*rest, *given, f"dataset.annotations={truth}", *budget, *small)
    cycles = list(run(resolve([from_overrides(pairs)]), tmp_path / "run"))
    assert [len(cycle["selected"]) for cycle in cycles] == [3, 1, 0]
    assert wrong(tmp_path / "run") == {}
    verifier = Verifier(tmp_path / "run", "cpu")
    labelled = [item for item in ids if item not in verifier._drawn()]
    assert verifier._wanted(2, labelled, endless=True) == 0


def test_a_run_with_cycles_added_is_verified(runs: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(runs / "random", tmp_path / "random"))
    start(path, "strategy=random", "budget.cycles=4", resume=True)
    assert wrong(path) == {}
    assert len(verdicts(path)) == 10


def test_a_run_that_is_going_on_is_verified_as_far_as_it_was(tmp_path: Path) -> None:
    """Its journal is read at the beginning, its records at the end: minutes later, maybe."""
    path, pairs = tmp_path / "run", ("strategy=entropy", "budget.cycles=3", "keep_models=last")
    cycles = run(resolve([from_overrides([*SMALL, *pairs])]), path)
    next(cycles)
    found = Verifier(path, "cpu")()
    first = next(found)
    assert len(list(cycles)) == 2
    assert [first, *found] == [
        Verdict("initial set", "the seed"),
        Verdict("selection of cycle 0", "the stored scores"),
        Verdict("model of cycle 0", None, gone=True),
        *records_of(0),
    ]


def test_other_data_is_refused(entropy: Path) -> None:
    config = entropy / "config.yaml"
    unchecked(config)
    config.write_text(config.read_text().replace("pool: 30", "pool: 31"))
    with pytest.raises(RunError, match="was made on other data than shapes is now"):
        Verifier(entropy)


def test_a_device_that_is_none_is_refused(entropy: Path) -> None:
    with pytest.raises(ConfigError, match="device: "):
        Verifier(entropy, "gpu")


def test_command_line(entropy: Path) -> None:
    done = CliRunner().invoke(verify, [str(entropy)], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-7:] == [
        "selection of cycle 1: the same (from the stored scores)",
        "model of cycle 0: the same (from its checksum)",
        "model of cycle 1: the same (from its checksum)",
        "model of cycle 2: the same (from its checksum)",
        "cycles.jsonl: the same (from the journal)",
        "results.csv: the same (from cycles.jsonl)",
        "8 of 8 verified",
    ]
    change(entropy / "journal.jsonl", "initial", ids=["a"])
    failed = CliRunner().invoke(verify, [str(entropy)], catch_exceptions=False)
    assert failed.exit_code == 1
    assert "initial set: DIFFERS, the manifest has another hash" in failed.stdout
    model = entropy / "checkpoints" / "cycle_00.pt"
    model.write_bytes(model.read_bytes()[:-9])
    damaged = CliRunner().invoke(verify, [str(entropy)], catch_exceptions=False)
    assert damaged.exit_code == 2
    assert "model of cycle 0: DAMAGED" in damaged.stdout


def test_noise_on_scores_of_a_part_of_the_pool_is_drawn_again(tmp_path: Path) -> None:
    """The part is drawn from the same generator before: it must not move the noise."""
    start(tmp_path / "run", "strategy=power:ll4al", "budget.candidates=12", "learner.name=ll4al",
          "strategy.kind=softmax", "budget.cycles=2")  # fmt: skip
    assert [v.problem for v in verdicts(tmp_path / "run")] == [""] * 6


def test_scores_of_a_part_of_the_pool_will_do(tmp_path: Path) -> None:
    start(tmp_path / "run", "strategy=ll4al", "budget.candidates=12", "learner.name=ll4al",
          "budget.cycles=2")  # fmt: skip
    assert [v.problem for v in verdicts(tmp_path / "run")] == [""] * 6

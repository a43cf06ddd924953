"""Selections made again, and every way in which they may differ."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from alframe.cli.verify import verify
from alframe.errors import ConfigError, RunError
from alframe.initial import write_initial
from alframe.verify import Verdict, Verifier
from tests.test_takeover import start


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
        Verdict(None, "the seed"),
        Verdict(0, source),  # type: ignore[arg-type]
        Verdict(1, source),  # type: ignore[arg-type]
    ]


def change(path: Path, event: str, **details: object) -> None:
    """Rewrite the first ``event`` of the journal."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    next(e for e in lines if e["event"] == event).update(details)
    path.write_text("".join(json.dumps(e) + "\n" for e in lines))


def test_another_choice_is_found(entropy: Path) -> None:
    journal = entropy / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
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
    np.savez(file, ids=ids, scores=-scores)
    assert "should have been chosen" in verdicts(entropy)[2].problem
    np.savez(file, ids=np.append(ids, "a"), scores=np.append(scores, 0))
    assert verdicts(entropy)[2].problem == "they are not of the unlabelled images"


def test_damaged_scores_are_named(entropy: Path) -> None:
    file = entropy / "scores" / "cycle_01.npz"
    whole = file.read_bytes()
    middle = len(whole) // 2
    for content in (b"", b"no zip", whole[:middle], whole[:middle] + b"x" + whole[middle + 1 :]):
        file.write_bytes(content)
        with pytest.raises(RunError, match=r"cycle_01\.npz is damaged .* restore it"):
            verdicts(entropy)


def test_another_initial_set_is_found(entropy: Path) -> None:
    ids = Verifier(entropy, "cpu")._initial()
    change(entropy / "journal.jsonl", "initial", ids=ids[1:])
    assert verdicts(entropy)[0].problem == "the manifest has another hash"


def test_an_initial_set_from_a_file(tmp_path: Path) -> None:
    file, path = tmp_path / "initial.json", tmp_path / "run"
    write_initial(file, [f"pool/{n:06d}" for n in range(8)])
    start(path, "strategy=random", "budget.cycles=1", f"budget.initial_set={file}")
    assert verdicts(path) == [Verdict(None, "its file")]
    file.rename(tmp_path / "elsewhere.json")
    assert verdicts(path) == [Verdict(None, None, f"its file is not there: {file}")]
    write_initial(file, [f"pool/{n:06d}" for n in range(1, 9)])
    problem = "1 of 8 differ, pool/000008 should have been chosen"
    assert verdicts(path) == [Verdict(None, "its file", problem)]


def test_a_file_with_what_the_seed_draws_is_not_needed(runs: Path, tmp_path: Path) -> None:
    file, path = tmp_path / "initial.json", tmp_path / "run"
    write_initial(file, Verifier(runs / "random", "cpu")._initial())
    start(path, "strategy=random", "budget.cycles=1", f"budget.initial_set={file}")
    file.unlink()
    assert verdicts(path) == [Verdict(None, "the seed")]


def test_a_model_that_was_not_kept(runs: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(runs / "coreset", tmp_path / "coreset"))
    (path / "checkpoints" / "cycle_00.pt").unlink()
    verdict = verdicts(path)[1]
    assert verdict.source is None
    assert "keep_models=all" in verdict.problem


def test_other_data_is_refused(entropy: Path) -> None:
    config = entropy / "config.yaml"
    config.write_text(config.read_text().replace("pool: 30", "pool: 31"))
    with pytest.raises(RunError, match="was made on other data than shapes is now"):
        Verifier(entropy)


def test_a_device_that_is_none_is_refused(entropy: Path) -> None:
    with pytest.raises(ConfigError, match="device: "):
        Verifier(entropy, "gpu")


def test_command_line(entropy: Path) -> None:
    done = CliRunner().invoke(verify, [str(entropy)], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-2:] == [
        "selection of cycle 1: the same (from the stored scores)",
        "3 of 3 verified",
    ]
    change(entropy / "journal.jsonl", "initial", ids=["a"])
    failed = CliRunner().invoke(verify, [str(entropy)], catch_exceptions=False)
    assert failed.exit_code == 1
    assert "initial set: DIFFERS, the manifest has another hash" in failed.stdout


def test_scores_of_a_part_of_the_pool_will_do(tmp_path: Path) -> None:
    start(tmp_path / "run", "strategy=ll4al", "strategy.subpool=12", "learner.name=ll4al",
          "budget.cycles=2")  # fmt: skip
    assert [v.problem for v in verdicts(tmp_path / "run")] == ["", ""]

import json
from pathlib import Path

import pytest

from alframe.config.sections import BudgetConfig
from alframe.errors import ConfigError
from alframe.runs.initial import digest, draw, read_initial, stored_ids, write_initial
from alframe.seeds import Seeds
from tests.runs.test_loop import run_loop

POOL = tuple(f"p{i:03d}" for i in range(12))


def test_the_seed_alone_decides() -> None:
    assert draw(POOL, 5, Seeds(3)) == draw(POOL, 5, Seeds(3)) != draw(POOL, 5, Seeds(4))
    assert len(set(draw(POOL, 5, Seeds(3)))) == 5


def test_a_file_is_read_back_in_any_order_of_ids(tmp_path: Path) -> None:
    write_initial(tmp_path / "a.json", ["p003", "p001"])
    assert read_initial(tmp_path / "a.json", POOL) == ("p001", "p003")
    # printf 'p001\np003' | sha256sum
    by_hand = "8a56542b1bf80104fa6739c6f505f34272d07e000612e1b73b0cf6f4bc3a9e75"
    assert json.loads((tmp_path / "a.json").read_text())["sha256"] == by_hand
    assert json.loads((tmp_path / "a.json").read_text())["ids"] == ["p001", "p003"]


def test_a_run_begins_with_the_ids_of_the_file(tmp_path: Path) -> None:
    write_initial(tmp_path / "a.json", POOL[:4])
    budget = BudgetConfig(initial=3, per_cycle=2, cycles=2, initial_set=str(tmp_path / "a.json"))
    cycles = run_loop(tmp_path / "run", budget=budget)
    assert [c["labelled"] for c in cycles] == [4, 6]
    journal = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()
    assert json.loads(journal[0])["ids"] == list(POOL[:4])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", 'expected {"ids": '),
        ('{"ids": []}', "at least one id"),
        ('{"ids": ["p001", 2]}', "a string each"),
        ('{"ids": ["p001", "x"]}', "'x' is not in the pool"),
        ('{"ids": ["a", "b", "c", "d", "e", "f", "g"]}', "'e' is not in the pool\nand 2 more"),
        ('{"ids": ["p001", "p001"]}', "there twice"),
        ('{"ids": ["p001"], "sha256": "0"}', "do not match its sha256"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_initial(path, POOL)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_of_five_that_are_not_in_the_pool_none_is_left_to_count(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"ids": ["a", "b", "c", "d", "e"]}')
    with pytest.raises(ConfigError, match=r"'e' is not in the pool$"):
        read_initial(tmp_path / "a.json", POOL)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json: No such file"):
        read_initial(tmp_path / "none.json", POOL)


def test_names_that_are_no_utf8_are_kept(tmp_path: Path) -> None:
    ids = ("a\udcff.png", "b.png")
    write_initial(tmp_path / "ids.json", ids)
    assert stored_ids(tmp_path / "ids.json") == ids
    assert digest(["a\udcff.png"]) != digest(["a\udcfe.png"])

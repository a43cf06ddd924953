from alframe.signals import EMBEDDING
from alframe.strategies.coreset import CoreSet
from tests.strategies.asking import query, rows

LINE = {"l": [0.0], "a": [1.0], "b": [9.0], "c": [10.0], "d": [4.0]}


def test_the_farthest_from_labelled_and_taken_by_hand() -> None:
    """c is 10 from l; then d is 4 from l, and a and b are 1 from l and c."""
    asked = query({EMBEDDING: rows(LINE)}, "dbca", 4, labelled=["l"])
    assert CoreSet().select(asked).ids == ("c", "d", "a", "b")
    assert CoreSet().select(asked).scores is None


def test_without_labelled_images_the_smallest_id_is_first() -> None:
    asked = query({EMBEDDING: rows(LINE)}, ["d", "b", "a", "c"], 3)
    assert CoreSet().select(asked).ids == ("a", "c", "d")


def test_nothing_is_read_for_an_empty_budget() -> None:
    asked = query({EMBEDDING: rows(LINE)}, "abcd", 0, labelled=["l"])
    assert CoreSet().select(asked).ids == ()
    assert asked.learner.read == 0  # type: ignore[attr-defined]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.errors import SelectionError
from alframe.pool import Pool


def test_items_move_from_unlabelled_over_queried_to_labelled() -> None:
    pool = Pool(["c", "a", "b"])
    assert pool.unlabelled == ("a", "b", "c")
    pool.query(["c", "a"])
    assert (pool.unlabelled, pool.queried) == (("b",), ("a", "c"))
    pool.label(["a"])
    pool.ignore(["c"])
    assert (pool.labelled, pool.queried) == (("a",), ())
    assert (pool.unlabelled, pool.ignored) == (("b",), ("c",))


def test_a_wrong_move_is_refused_and_changes_nothing() -> None:
    pool = Pool("abc")
    pool.query("a")
    for ids in (["b", "a"], ["b", "b"], ["x"]):
        with pytest.raises(SelectionError, match="expected unique unlabelled ids"):
            pool.query(ids)
    with pytest.raises(SelectionError, match="expected unique queried ids"):
        pool.label(["b"])
    assert (pool.unlabelled, pool.queried) == (("b", "c"), ("a",))


def test_an_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        Pool(["a", "a"])


@given(st.sets(st.text(max_size=3), max_size=20), st.data())
def test_states_partition_the_pool(ids: set[str], data: st.DataObject) -> None:
    pool = Pool(ids)
    queried = data.draw(st.sets(st.sampled_from(sorted(ids)))) if ids else set()
    pool.query(queried)
    labelled = data.draw(st.sets(st.sampled_from(sorted(queried)))) if queried else set()
    pool.label(labelled)
    assert set(pool.labelled) == labelled
    assert set(pool.queried) == queried - labelled
    assert set(pool.unlabelled) == ids - queried
    assert not pool.ignored
    assert len(pool) == len(ids)

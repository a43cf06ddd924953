import pytest
import torch

from alframe.errors import SelectionError
from alframe.signals import EMBEDDING
from alframe.strategies.gather import embeddings
from tests.strategies.asking import query, rows


def test_rows_are_in_the_order_of_the_ids_that_are_asked_for() -> None:
    asked = query({EMBEDDING: rows({i: [float(i), 1.0] for i in "012345"})}, "0123456", 1)
    table = embeddings(asked, list("30514"))
    assert table.tolist() == [[3, 1], [0, 1], [5, 1], [1, 1], [4, 1]]
    assert embeddings(asked, []).shape[0] == 0


def test_an_image_whose_vector_is_not_finite_is_named() -> None:
    table = {"a": [1.0], "b": [float("nan")], "c": [2.0]}
    with pytest.raises(SelectionError, match="the features of b are not finite"):
        embeddings(query({EMBEDDING: rows(table)}, "abc", 1), "abc")
    assert torch.equal(
        embeddings(query({EMBEDDING: rows(table)}, "", 1), "ac")[1], torch.ones(1) * 2
    )


def test_one_number_that_is_not_finite_is_enough() -> None:
    table = {"a": [1.0, 2.0], "b": [1.0, float("nan")]}
    with pytest.raises(SelectionError, match="the features of b are not finite"):
        embeddings(query({EMBEDDING: rows(table)}, "ab", 1), "ab")
    for large in (1e16, -1e16, -float("inf")):
        table["b"] = [1.0, large]
        with pytest.raises(SelectionError, match=r"the features of b .* or as large as 1e\+15"):
            embeddings(query({EMBEDDING: rows(table)}, "ab", 1), "ab")


def test_vectors_are_of_float32_unless_they_are_wanted_as_they_are_given() -> None:
    given = rows({"a": [1.0], "b": [2.0]})
    asked = query({EMBEDDING: lambda ids: given(ids).half()}, "ab", 1)
    assert embeddings(asked, "ab").dtype == torch.float32
    assert embeddings(asked, "ab", as_given=True).dtype == torch.float16

from alframe.grouping import by_key


def test_keys_and_what_they_have_keep_their_order() -> None:
    groups = by_key([("b", 1), ("a", 2), ("b", 3)])
    assert list(groups.items()) == [("b", [1, 3]), ("a", [2])]
    assert by_key([]) == {}

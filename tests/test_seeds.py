import numpy as np

from alframe.seeds import Seeds


def test_the_same_names_give_the_same_numbers_in_every_process() -> None:
    # Written down once: a change would silently change every published selection.
    assert Seeds(666).rng("initial").integers(0, 1000, 4).tolist() == EXPECTED
    assert Seeds(666).within("cycle", 3).integer("weights") == EXPECTED_SEED


def test_names_scopes_and_roots_give_different_numbers() -> None:
    draws = {
        int(s.rng(*names).integers(2**60))
        for s in (Seeds(0), Seeds(1), Seeds(0).within("cycle", 1))
        for names in (("a",), ("b",), ("a", "b"), ("ab",), ())
    }
    assert len(draws) == 15


def test_scopes_and_names_are_one_path() -> None:
    a = Seeds(5).within("cycle", 2).rng("order", 1)
    b = Seeds(5).rng("cycle", "2", "order", "1")
    assert a.random() == b.random()


def test_global_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    Seeds(0).rng("x").random(100)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


EXPECTED = [645, 627, 885, 165]
EXPECTED_SEED = 5819876853201214933

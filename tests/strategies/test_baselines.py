from collections import Counter
from dataclasses import replace

import numpy as np

from alframe.strategies.baselines import Random
from tests.test_strategy import query


def test_draws_without_replacement_and_follows_the_generator() -> None:
    numbers = {f"i{n:02d}": 0.0 for n in range(20)}
    first, again = (Random().select(query(numbers, 5)).ids for _ in range(2))
    assert first == again
    assert len(set(first)) == 5
    assert set(first) <= set(numbers)
    assert first != tuple(sorted(first)), "in the order of drawing"


def test_every_item_is_as_likely_as_any_other() -> None:
    """6,000 draws of 2 of 6: each expected 2,000 times, standard deviation 36.5."""
    asked = query({f"i{n}": 0.0 for n in range(6)}, 2)
    counts: Counter[str] = Counter()
    for seed in range(6000):
        ids = Random().select(replace(asked, rng=np.random.default_rng(seed))).ids
        assert len(set(ids)) == 2
        counts.update(ids)
    assert all(abs(n - 2000) < 5 * 36.5 for n in counts.values())
    assert len(counts) == 6

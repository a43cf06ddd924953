import inspect

import pytest

from alframe.errors import ConfigError
from alframe.plugins import registry
from alframe.strategies.baselines import MostObjects


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_every_least_score_is_from_0_to_1(value: float) -> None:
    names = set[str]()
    for entry in registry().all("strategies"):
        make = entry.load()
        options = inspect.signature(make).parameters
        if "min_score" in options:
            of = {"of": MostObjects()} if "of" in options else {}
            with pytest.raises(ConfigError, match=f"min_score: expected 0 to 1, got {value}"):
                make(min_score=value, **of)
            names.add(entry.name)
    assert {"entropy", "badge", "mc-dropout", "class-balanced"} <= names

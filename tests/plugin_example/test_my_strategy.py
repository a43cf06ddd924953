# test_my_strategy.py
import pytest
from my_dataset import discs
from my_strategy import FarthestFirst, FewestObjects

from alframe.testing import check_dataset, check_strategy


@pytest.mark.parametrize("strategy", [FewestObjects, FarthestFirst])
def test_the_strategies(strategy):
    check_strategy(strategy)


def test_the_dataset():
    check_dataset(discs)

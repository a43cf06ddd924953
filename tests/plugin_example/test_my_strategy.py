# test_my_strategy.py
from my_dataset import discs
from my_strategy import FewestObjects

from alframe.testing import check_dataset, check_strategy


def test_the_strategy():
    check_strategy(FewestObjects)


def test_the_dataset():
    check_dataset(discs)

"""The budget at which a curve first reaches a level."""

import numpy as np

from alframe.benchmarks.statistics.curve import DECIMALS, Floats


def first_crossing(budgets: Floats, values: Floats, level: float) -> float | None:
    """Interpolate linearly to the budget at which a curve first reaches a level.

    Args:
        budgets: ascending [C].
        values: of the metric [C].
        level: of the metric.

    Returns:
        The budget; None where no value reaches the level. Where the first one does already it is
        the first budget: an upper bound, for less was not tried.
    """
    reached = np.flatnonzero(np.round(values, DECIMALS) >= round(level, DECIMALS))
    if not len(reached):
        return None
    after = reached[0]
    before = max(after - 1, 0)
    if after == before:
        return float(budgets[0])
    return float(np.interp(level, values[before : after + 1], budgets[before : after + 1]))

"""One quantity of two methods, seed by seed.

Runs of one seed share split and initial set, so their difference is free of what these add to
both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import ttest_1samp

from alframe.benchmarks.statistics.curve import DECIMALS, Floats
from alframe.benchmarks.statistics.sign_flip import sign_flip_p


@dataclass(frozen=True)
class Paired:
    """What the seeds that both methods have say.

    Attributes:
        n: seeds.
        difference: mean; None for n = 0.
        wins: seeds in which the first method is ahead.
        ties: seeds in which they are equal.
        p_t: two-sided, paired t test; None for n < 2 or differences that are all equal, which
            have no spread to measure the mean by.
        p_sign_flip: two-sided, exact sign-flip test; None for n = 0.
    """

    n: int
    difference: float | None
    wins: int
    ties: int
    p_t: float | None
    p_sign_flip: float | None


def pair(method: Mapping[int, float], against: Mapping[int, float]) -> Paired:
    """Test a method against another; both by seed, in fractions."""
    found = _differences(method, against)
    return Paired(
        n=len(found),
        difference=float(found.mean()) if len(found) else None,
        wins=int((found > 0).sum()),
        ties=int((found == 0).sum()),
        p_t=_t_test_p(found),
        p_sign_flip=sign_flip_p(found),
    )


def _differences(method: Mapping[int, float], against: Mapping[int, float]) -> Floats:
    seeds = sorted(method.keys() & against.keys())
    found = np.array([method[seed] - against[seed] for seed in seeds], np.float64)
    return np.round(found, DECIMALS)


def _t_test_p(differences: Floats) -> float | None:
    if len(np.unique(differences)) < 2:
        return None
    test: Any = ttest_1samp(differences, 0.0)
    return float(test.pvalue)

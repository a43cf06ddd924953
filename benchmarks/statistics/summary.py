"""Several runs' values of one quantity in four numbers."""

import math
import statistics
from collections.abc import Collection

from scipy.stats import t

from alframe.benchmarks.findings import Summary

CONFIDENCE = 0.95


def summarise(values: Collection[float]) -> Summary:
    """Mean, standard deviation (n - 1 in the denominator), n, and interval of the mean.

    The interval is Student's, mean +- t(n - 1) sd / sqrt(n), and supposes roughly normal values. A
    single value has neither deviation nor interval.

    Raises:
        ValueError: there are no values.
    """
    n = len(values)
    if not n:
        raise ValueError("expected one value or more, got none")
    mean = statistics.mean(map(float, values))  # exact, so equal values have their own mean
    if n == 1:
        return Summary(mean, None, 1, None)
    sd = statistics.stdev(values)
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
    return Summary(mean, sd, n, (mean - half, mean + half))

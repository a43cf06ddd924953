"""What a benchmark's numbers allow one to say.

Everything starts from a :class:`Curve`: the metric of one run over its cycles. Runs of two methods
with the same seed start from the same labelled images, so methods are compared seed by seed.

- :func:`summarise`: mean, standard deviation and interval of several runs
- :func:`aubc`, :func:`areas`: area under a curve, over one range of budgets for all
- :func:`compare`: areas against random selection and the best baseline, with p values
- :func:`win_matrix`: which method beats which, and how often
- :func:`saving`, :func:`label_savings`: labelling saved on the way to a level;
  :func:`savings_within`: and whether full supervision is known well enough to say so
- :func:`least_seeds`: with how many seeds tests can come out at all
- :func:`performance_profile`, :func:`share_within`: budgets as multiples of the smallest
- :func:`replay_noise`: how much a run differs from its repetition

A run that is unfinished, or has no value in its first or last cycle, shortens the range over which
areas and savings compare, for all methods: leave it out there. :func:`performance_profile` and
:func:`win_matrix` compare what is there.
"""

from alframe.benchmarks.statistics.area import areas, aubc, common_span
from alframe.benchmarks.statistics.comparisons import compare
from alframe.benchmarks.statistics.correction import decidable, holm, least_seeds
from alframe.benchmarks.statistics.curve import Curve
from alframe.benchmarks.statistics.noise import replay_noise
from alframe.benchmarks.statistics.paired import Paired, pair
from alframe.benchmarks.statistics.profile import performance_profile, share_within
from alframe.benchmarks.statistics.savings import label_savings, saving, savings_within
from alframe.benchmarks.statistics.sign_flip import sign_flip_p, smallest_p
from alframe.benchmarks.statistics.summary import summarise
from alframe.benchmarks.statistics.wins import win_matrix

__all__ = [
    "Curve",
    "Paired",
    "areas",
    "aubc",
    "common_span",
    "compare",
    "decidable",
    "holm",
    "label_savings",
    "least_seeds",
    "pair",
    "performance_profile",
    "replay_noise",
    "saving",
    "savings_within",
    "share_within",
    "sign_flip_p",
    "smallest_p",
    "summarise",
    "win_matrix",
]

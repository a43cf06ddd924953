"""Every method against random selection and against the best baseline."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from alframe.benchmarks.findings import Axis, Comparison, Costs
from alframe.benchmarks.statistics.area import areas
from alframe.benchmarks.statistics.correction import decidable, holm
from alframe.benchmarks.statistics.curve import Curve
from alframe.benchmarks.statistics.paired import pair


def compare(
    curves: Sequence[Curve],
    axis: Axis,
    costs: Costs,
    *,
    baseline: str = "random",
    baselines: Iterable[str] = (),
    alpha: float = 0.05,
    noise: float | None = None,
) -> tuple[Comparison, ...]:
    """Compare the methods of one problem by their areas (AUBC) over the range all curves cover.

    Args:
        curves: at most one for each method and seed.
        axis: of the areas.
        costs: of the axis of seconds.
        baseline: name of the method that all others are compared with; need not be there.
        baselines: names of methods that nobody proposes: all others are compared with the best
            of them, too. That is the one of the largest mean area over the seeds that all of them
            have. Those without a seed do not count; nor, where no seed is common, those with the
            fewest, the last named first.
        alpha: level of the tests. Their family, for Holm's correction, is what is returned.
        noise: of :func:`replay_noise`; None if no run was repeated. It is that of a single cycle,
            so the area, a mean over cycles, is marked rather too often.

    Returns:
        First those against ``baseline``, then those against the best of ``baselines``, each in the
        order of the curves. Two methods meet only once: the best baseline against random is there,
        random against the best baseline is not.
    """
    heights = areas(curves, axis, costs)
    pairs = _pairs(heights, [baseline, *_best(heights, baselines)])
    results = [pair(heights[method], heights[against]) for method, against in pairs]
    corrected = holm([result.p_sign_flip for result in results])
    possible = decidable([result.n for result in results], alpha)
    return tuple(
        Comparison(
            method=method,
            against=against,
            axis=axis,
            n=result.n,
            difference=result.difference,
            wins=result.wins,
            ties=result.ties,
            p_t=result.p_t,
            p_sign_flip=result.p_sign_flip,
            p_holm=p,
            decidable=can,
            significant=p is not None and p < alpha,
            within_noise=_within(result.difference, noise),
        )
        for (method, against), result, p, can in zip(
            pairs, results, corrected, possible, strict=True
        )
    )


def _best(heights: Mapping[str, Mapping[int, float]], names: Iterable[str]) -> list[str]:
    """The name with the largest mean area, the first of equals; none where none has an area."""
    ranked = {name: heights[name] for name in names if heights.get(name)}
    while ranked:
        if seeds := set.intersection(*map(set, ranked.values())):
            means = {name: fmean(found[seed] for seed in seeds) for name, found in ranked.items()}
            return [max(means, key=means.__getitem__)]
        del ranked[min(reversed(ranked), key=lambda name: len(ranked[name]))]
    return []


def _pairs(methods: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """(method, other), without a method's pair with itself and without a pair's mirror image."""
    names = list(methods)
    found: dict[frozenset[str], tuple[str, str]] = {}
    for other in others:
        for method in names:
            if other in names and method != other:
                found.setdefault(frozenset((method, other)), (method, other))
    return list(found.values())


def _within(difference: float | None, noise: float | None) -> bool:
    return difference is not None and noise is not None and abs(difference) <= noise

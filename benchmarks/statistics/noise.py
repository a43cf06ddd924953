"""How much a run differs from its own repetition."""

from alframe.benchmarks.statistics.curve import Curve


def replay_noise(run: Curve, again: Curve) -> float | None:
    """The largest absolute difference of the metric between a run and its repetition.

    Returns:
        Over the numbers of labelled images that both have; None where they have none in common.
    """
    ours, theirs = run.by_size(), again.by_size()
    return max((abs(ours[n] - theirs[n]) for n in ours.keys() & theirs.keys()), default=None)

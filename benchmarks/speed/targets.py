"""What is aimed at, and whether it was reached.

Not measured here, as it takes whole trainings: that mAP with bf16 stays within the noise of seeds,
and that the paper's curve of one method on VOC takes an hour on an H200.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from alframe.benchmarks.speed.row import (
    MEMORY_EXPONENT,
    OPERATIONS,
    PER_IMAGE,
    RATIO,
    ROOFLINE,
    SECONDS,
    SYNCHRONISATIONS,
    TIME_EXPONENT,
    Timing,
)


@dataclass(frozen=True)
class Goal:
    """A bound on the median of one measure of one side.

    Attributes:
        case: see :class:`~alframe.benchmarks.speed.row.Timing`.
        side: likewise.
        measure: its name.
        bound: the number, not to be exceeded.
        least: the number is to be reached instead.
    """

    case: str
    side: str
    measure: str
    bound: float
    least: bool = False

    def met(self, row: Timing) -> bool:
        """Whether a row of this side keeps the bound; one that failed does not."""
        if self.measure not in row.measures:
            return False
        value = row.measures[self.measure].median
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        return f"{self.measure} {'>=' if self.least else '<='} {self.bound:.3g}"


def targets_of(row: Timing, targets: Iterable[Goal]) -> list[Goal]:
    """Those that a row is held against; a case that failed as a whole, against all of its own."""
    return [t for t in targets if t.case == row.case and row.side in ("", t.side)]


def _on_cpu(case: str, fp32: float, bf16: float) -> tuple[Goal, ...]:
    """Over torchvision in fp32, whatever ours is computed in."""
    return Goal(case, "ours fp32", RATIO, fp32), Goal(case, "ours bf16", RATIO, bf16)


def _on_gpu(case: str, measure: str, bound: float, *, least: bool = False) -> tuple[Goal, ...]:
    """For each way of training ours; one of them has to reach it."""
    ways = ("ours bf16", "ours compiled bf16", "ours with graphs bf16")
    return tuple(Goal(case, way, measure, bound, least) for way in ways)


TARGETS = (
    *_on_cpu("train/retina-300", 0.93, 0.55),
    *_on_cpu("train/retina-640", 0.8, 0.55),
    *_on_cpu("train/ssd-300", 0.93, 0.55),
    *_on_cpu("infer/retina-300", 0.9, 0.55),
    *_on_cpu("infer/retina-640", 0.9, 0.55),
    *_on_cpu("infer/ssd-300", 0.9, 0.55),
    *_on_gpu("train/retina-608x1024-b2", RATIO, 1 / 2),
    *_on_gpu("train/retina-608x1024-b16", RATIO, 1 / 1.5),
    *_on_gpu("train/retina-608x1024-b16", ROOFLINE, 0.35, least=True),
    *_on_gpu("train/ssd-300-b32", RATIO, 1 / 2),
    # Learners compile no inference, so it is the plain one that has to be fast.
    *(Goal(f"infer/{n}-b32", "ours bf16", RATIO, 1 / 3) for n in ("retina-608x1024", "ssd-300")),
    *(
        Goal(f"miaod/phases-{shape}", phase, RATIO, bound)
        for shape in ("300", "640", "608x1024-b2", "608x1024-b16")
        for phase, bound in (("label", 1.5), ("min", 1.1), ("max", 0.7))
    ),
    *(
        Goal(f"miaod/selection-{shape}", "selection", RATIO, 1.1)
        for shape in ("300", "640", "608x1024-b2", "608x1024-b16")
    ),
    *(
        Goal(f"launches/post-processing-b{count}", "ours", measure, bound)
        for count in (2, 16)
        for measure, bound in ((OPERATIONS, 120), (SYNCHRONISATIONS, 2))
    ),
    Goal("data/loading-300", "from the cache", RATIO, 1 / 3.5),
    Goal("data/scoring-resnet50", "from JPEG", RATIO, 1.1),
    Goal("data/scoring-resnet50", "from the cache", RATIO, 1.1),
    Goal("evaluation/voc", "ours", SECONDS, 0.5),
    Goal("evaluation/coco", "ours", SECONDS, 10),
    # 1.3 times what the exact lazy window took, over numpy's product for each pick.
    Goal("k-center/16551x256", "ours", RATIO, 1.3 * 0.13 / 0.17),
    Goal("k-center/16551x2048", "ours", RATIO, 1.3 * 0.54 / 1.5),
    Goal("k-center/117266x256", "ours", RATIO, 1.3 * 2.6 / 7.0),
    Goal("k-center/117266x256", "ours on the GPU", SECONDS, 0.3),
    *(
        Goal(f"growth/{strategy}", "growth", measure, 1.1)
        for strategy in ("entropy", "coreset")
        for measure in (TIME_EXPONENT, MEMORY_EXPONENT)
    ),
    # The pixels of one are 3 KiB: no image stays, only names, targets and scores.
    Goal("growth/entropy", "growth", PER_IMAGE, 2),
)
"""Ratios are of time, so that twice as fast is 0.5. Cases have other names on a GPU."""

"""What a report says, before it is written as markdown, LaTeX, CSV, JSON or a page.

Metrics are fractions here, percent in what people read. ``None`` is a number that does not exist:
the spread of a single run, a level that was not reached, a test that could not decide.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alframe.benchmarks.reading.rundirs import Run
from alframe.benchmarks.statistics import AXES, Axis, Costs
from alframe.benchmarks.statistics.comparisons import Comparison, WinMatrix
from alframe.benchmarks.statistics.curves import Summary

if TYPE_CHECKING:
    from alframe.benchmarks.published import Published
    from alframe.benchmarks.statistics.levels import Profile, Saving


@dataclass(frozen=True)
class CurvePoint:
    """A method at one size of the labelled set.

    Attributes:
        labelled: images.
        objects: annotated in them, mean over the runs.
        value: the metric.
        seconds: what annotating took so far, mean over the runs; None where nobody measured it.
    """

    labelled: int
    objects: float
    value: Summary
    seconds: float | None = None


@dataclass(frozen=True)
class Method:
    """A row: one learner and one strategy, run with several seeds.

    Attributes:
        name: as the suite calls it.
        learner: its name.
        strategy: its name.
        points: by size of the labelled set, ascending.
        area: the metric's mean height over the budget (AUBC) for each axis; empty where fewer
            than two cycles are finished.
        seconds: of each finished run, by part: fit, evaluate, select.
        memory: peak memory of a run in GiB, the largest, by place: ``host``, ``device``.
        runs: one for each seed.
        failed: whether a job of the suite failed, so that its run is unfinished.
    """

    name: str
    learner: str
    strategy: str
    points: tuple[CurvePoint, ...]
    area: Mapping[Axis, Summary]
    seconds: tuple[Mapping[str, float], ...]
    memory: Mapping[str, float]
    runs: tuple[Run, ...] = ()
    failed: bool = False

    @property
    def n(self) -> int:
        """How many runs have a value, at the size that most have; 0 without any."""
        return max((point.value.n for point in self.points), default=0)

    @property
    def finished(self) -> bool:
        """Whether every run came to its end."""
        return all(run.finished for run in self.runs)

    @property
    def title(self) -> str:
        """The name, marked if a run is unfinished."""
        mark = "failed" if self.failed else "unfinished"
        return self.name if self.finished else f"{self.name} ({mark})"


@dataclass(frozen=True)
class Chosen:
    """What one method selected, all cycles and seeds together.

    Attributes:
        method: its name.
        histogram: share of each class among the objects of the selected images, in class order.
        objects_per_image: mean over the selected images.
    """

    method: str
    histogram: tuple[float, ...]
    objects_per_image: float


@dataclass(frozen=True)
class Selections:
    """What the methods selected, against the pool.

    Attributes:
        classes: names.
        pool: share of each class among the objects of the pool.
        pool_objects_per_image: mean over the pool.
        methods: one each.
        overlap: Jaccard index of what two methods selected in the cycles in which both did, mean
            over common seeds; ``overlap[i][j]`` for ``methods[i]`` and ``methods[j]``; None
            without such a cycle.
    """

    classes: tuple[str, ...]
    pool: tuple[float, ...]
    pool_objects_per_image: float
    methods: tuple[Chosen, ...]
    overlap: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class GalleryItem:
    """A selected image for the gallery.

    Attributes:
        item: its id.
        score: by the strategy; None where it has none.
        jpeg: the image, with its annotated boxes where it has some.
    """

    item: str
    score: float | None
    jpeg: bytes


@dataclass(frozen=True)
class Gallery:
    """The first images that a method selected in one cycle of one run."""

    method: str
    seed: int
    cycle: int
    pictures: tuple[GalleryItem, ...]


@dataclass(frozen=True)
class SuspectAnswers:
    """Answers of people that are worth a second look.

    Attributes:
        run: its directory, as it was given.
        cycle: that they are for.
        count: how many.
        page: the path of one that shows them; from the folder of the report on, once that is known.
    """

    run: str
    cycle: int
    count: int
    page: str


@dataclass(frozen=True)
class ProblemFindings:
    """All methods on one dataset with one model.

    Attributes:
        name: as the suite calls it.
        dataset: name.
        model: name.
        pool: images that may be labelled; None where the runs disagree.
        methods: in the suite's order.
        full: full supervision by learner.
        published: rows to lie beneath.
        spans: from which to which budget areas are taken on each axis: what all finished runs
            cover, so that none gains by having bought more.
        comparisons: every method against random, and against the best baseline.
        savings: by method; empty without full supervision or without random selection.
        selections: None where the dataset cannot be read.
        galleries: by method; empty where the dataset cannot be read.
        suspects: by run and cycle.
        noise: largest difference of the metric between a run and its repetition; None if none
            was repeated.
        notes: what a reader has to know before comparing the rows.
        recipe: how all rows were trained, by part: image size, length, budget, ...
        axes: in which labelling is counted.
        measured: whether the seconds of annotation are measured, and not modelled.
    """

    name: str
    dataset: str
    model: str
    pool: int | None
    methods: tuple[Method, ...]
    full: Mapping[str, Summary] = field(default_factory=dict)
    published: "tuple[Published, ...]" = ()
    spans: Mapping[Axis, tuple[float, float]] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    savings: "tuple[Saving, ...]" = ()
    selections: Selections | None = None
    galleries: tuple[Gallery, ...] = ()
    suspects: tuple[SuspectAnswers, ...] = ()
    noise: float | None = None
    notes: tuple[str, ...] = ()
    recipe: Mapping[str, str] = field(default_factory=dict)
    axes: tuple[Axis, ...] = AXES
    measured: bool = False

    @property
    def modelled(self) -> bool:
        """Whether something in the tables has modelled seconds."""
        compared = any(each.axis == "seconds" for each in self.comparisons)
        return not self.measured and (compared or any("seconds" in m.area for m in self.methods))

    @property
    def columns(self) -> list[int]:
        """Every size of the labelled set at which a method or a paper has a value."""
        ours = {p.labelled for m in self.methods for p in m.points}
        return sorted(ours | {n for p in self.published for n in p.values})


@dataclass(frozen=True)
class Unfinished:
    """A job of the suite that has no result.

    Attributes:
        job: its name: kind/problem/method/seed.
        state: ``missing``, ``running``, ``unfinished``, ``waiting`` or ``failed``.
        reason: the last error of a failed one.
        path: its run directory.
    """

    job: str
    state: str
    reason: str
    path: str


@dataclass(frozen=True)
class Findings:
    """A whole report.

    Attributes:
        title: of the suite, or "Report".
        metric: what the tables hold, ``mAP50`` for example.
        commands: that made the runs, in order; empty for runs that are not of one suite.
        problems: one section each.
        wins: None with fewer than two methods.
        profile: None where there are no levels.
        costs: of the axis of seconds.
        alpha: level of the tests.
        unfinished: jobs without a result.
        environment: versions, device and threads, as the manifests have it; entries in which
            runs differ list every value.
    """

    title: str
    metric: str
    commands: tuple[str, ...]
    problems: tuple[ProblemFindings, ...]
    wins: WinMatrix | None
    profile: "Profile | None"
    costs: Costs
    alpha: float
    unfinished: tuple[Unfinished, ...]
    environment: Mapping[str, Any]

    def seen_from(self, folder: Path) -> "Findings":
        """The same with links as they are from the folder of the report on."""
        return replace(
            self,
            problems=tuple(
                replace(
                    problem,
                    suspects=tuple(
                        replace(one, page=os.path.relpath(one.page, folder.absolute()))
                        for one in problem.suspects
                    ),
                )
                for problem in self.problems
            ),
        )

    def without_pictures(self) -> "Findings":
        """The same without images of the dataset, which may not be everybody's to publish."""
        problems = tuple(replace(problem, galleries=()) for problem in self.problems)
        return replace(self, problems=problems)

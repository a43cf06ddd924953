"""What a report says, before it is written as markdown, LaTeX, JSON or a page.

Metrics are fractions here, percent in what people read. ``None`` is a number that does not exist:
the spread of a single run, a level that was not reached, a test that could not decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alframe.benchmarks.selection_findings import Gallery, Selections

Axis = Literal["images", "objects", "seconds"]
"""What labelling costs: images, objects revealed, or modelled seconds (specs: see Costs)."""


@dataclass(frozen=True)
class Summary:
    """Several runs' values of one quantity.

    Attributes:
        mean: over ``n`` runs.
        sd: standard deviation, n - 1 in the denominator; None for one run.
        n: runs.
        interval: 95 % confidence interval of the mean by Student's t; None for one run.
    """

    mean: float
    sd: float | None
    n: int
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Point:
    """A method at one size of the labelled set.

    Attributes:
        labelled: images.
        objects: annotated in them, mean over the runs.
        value: the metric.
    """

    labelled: int
    objects: float
    value: Summary


@dataclass(frozen=True)
class RunRecord:
    """One run, as it stands behind the numbers.

    Attributes:
        path: its directory.
        seed: the root of its randomness.
        finished: whether it came to its end.
        cycles: the objects of its ``cycles.jsonl``.
    """

    path: str
    seed: int | None
    finished: bool
    cycles: tuple[Mapping[str, Any], ...]


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
        seconds: mean of a whole run by part: fit, evaluate, select.
        memory: peak gigabytes of a run, the largest, by place: ``host``, ``device``.
        runs: one for each seed.
    """

    name: str
    learner: str
    strategy: str
    points: tuple[Point, ...]
    area: Mapping[Axis, Summary]
    seconds: Mapping[str, float]
    memory: Mapping[str, float]
    runs: tuple[RunRecord, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether every run came to its end."""
        return all(run.finished for run in self.runs)

    @property
    def title(self) -> str:
        """The name, marked if a run is unfinished."""
        return self.name if self.finished else f"{self.name} (unfinished)"


@dataclass(frozen=True)
class Comparison:
    """A method against another, seed by seed, by the area under the budget curve.

    Attributes:
        method: the one.
        against: the other.
        axis: of the area.
        n: seeds in which both have an area.
        difference: mean of (method - against) over these seeds; None without one.
        wins: seeds in which the method is ahead.
        ties: seeds in which they are equal.
        p_t: two-sided, paired t test; None for n < 2 or differences that are all equal.
        p_sign_flip: two-sided, exact sign-flip test.
        p_holm: ``p_sign_flip`` after Holm's correction over the pairs of the axis.
        decidable: False where n is so small that no outcome could reach ``alpha``.
        significant: ``p_holm`` below ``alpha``.
        within_noise: the mean difference is no larger than that of one run repeated.
    """

    method: str
    against: str
    axis: Axis
    n: int
    difference: float | None
    wins: int
    ties: int
    p_t: float | None
    p_sign_flip: float | None
    p_holm: float | None
    decidable: bool
    significant: bool
    within_noise: bool


@dataclass(frozen=True)
class Saving:
    """How much labelling a method saves to reach a level.

    Attributes:
        method: the one.
        level: of the metric.
        n: seeds that both have: the mean curves are over these.
        needed: budget at which the mean curve reaches the level; None: not reached.
        baseline: the same of random selection.
        saving: 1 - needed / baseline; None where one of them is, or both are upper bounds.
        needed_at_most: ``needed`` is an upper bound, for the mean curve starts at the level or
            above; then ``saving`` is a lower bound.
        baseline_at_most: the same of ``baseline``; then ``saving`` is an upper bound.
        between: the smallest and the largest saving for levels within the interval of full
            supervision; None where it has none, or a saving does not exist at one of its ends.
        undecided: why full supervision is no reference for a saving, which is then None; empty
            where it is one.
    """

    method: str
    level: float
    n: int
    needed: float | None
    baseline: float | None
    saving: float | None
    needed_at_most: bool = False
    baseline_at_most: bool = False
    between: tuple[float, float] | None = None
    undecided: str = ""


@dataclass(frozen=True)
class Published:
    """A row of somebody's paper.

    Attributes:
        method: its name there.
        values: by number of labelled images; fractions.
        source: ``table`` of the paper, ``FAQ`` of the authors, their ``entry`` on Papers with
            Code (all exact), or ``figure`` (read off it, +- 0.15 points).
        full: full supervision, or None.
        spread: standard deviations by number of labelled images, where given.
        model: detector and backbone.
        metric: what the values are, by our name of it; empty: that of the report.
        pool: images that may be labelled; None: not known.
    """

    method: str
    values: Mapping[int, float]
    source: Literal["table", "FAQ", "entry", "figure"]
    full: float | None = None
    spread: Mapping[int, float] = field(default_factory=dict)
    model: str = ""
    metric: str = ""
    pool: int | None = None


@dataclass(frozen=True)
class Problem:
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
        noise: largest difference of the metric between a run and its repetition; None if none
            was repeated.
        notes: what a reader has to know before comparing the rows.
        recipe: how all rows were trained, by part: image size, length, budget, ...
    """

    name: str
    dataset: str
    model: str
    pool: int | None
    methods: tuple[Method, ...]
    full: Mapping[str, Summary] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    spans: Mapping[Axis, tuple[float, float]] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    savings: tuple[Saving, ...] = ()
    selections: Selections | None = None
    galleries: tuple[Gallery, ...] = ()
    noise: float | None = None
    notes: tuple[str, ...] = ()
    recipe: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[int]:
        """Every size of the labelled set at which a method or a paper has a value."""
        ours = {p.labelled for m in self.methods for p in m.points}
        return sorted(ours | {n for p in self.published for n in p.values})


@dataclass(frozen=True)
class WinMatrix:
    """Pairwise penalty matrix (Ash et al., ICLR 2020, section 5).

    Attributes:
        methods: names.
        cells: (problem, size of the labelled set) pairs that were compared.
        share: ``share[i][j]`` of the cells in which method i beats method j by the corrected
            test.
        decidable: False where n is too small for any win.
    """

    methods: tuple[str, ...]
    cells: int
    share: tuple[tuple[float, ...], ...]
    decidable: bool


@dataclass(frozen=True)
class Profile:
    """Performance profile (Dolan and More, 2002).

    Attributes:
        problems: how many (dataset, model, seed, level) any method solved.
        ratios: method -> its ratio of budget needed to the smallest needed, ascending, one for
            each problem that it solved.
        left_out: seeds by name of the problem that some method was not run with, or that have no
            level.
    """

    problems: int
    ratios: Mapping[str, tuple[float, ...]]
    left_out: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Unfinished:
    """A cell of the suite that has no result.

    Attributes:
        cell: its name: problem/method/seed.
        state: ``missing``, ``running``, ``unfinished`` or ``failed``.
        reason: the last error of a failed one.
        path: its run directory.
    """

    cell: str
    state: str
    reason: str
    path: str


@dataclass(frozen=True)
class Costs:
    """Modelled seconds of annotation: images * image + objects * object.

    The default is Su, Deng and Fei-Fei, "Crowdsourcing annotations for visual object detection"
    (HCOMP 2012), medians: 25.5 s to draw a box and 9.0 s to verify it, 7.8 s to verify that an
    image is covered.
    """

    image: float = 7.8
    object: float = 34.5

    def seconds(self, images: float, objects: float) -> float:
        """What labelling takes."""
        return images * self.image + objects * self.object


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
        unfinished: cells without a result.
        environment: versions, device and threads, as the manifests have it; entries in which
            runs differ list every value.
    """

    title: str
    metric: str
    commands: tuple[str, ...]
    problems: tuple[Problem, ...]
    wins: WinMatrix | None
    profile: Profile | None
    costs: Costs
    alpha: float
    unfinished: tuple[Unfinished, ...]
    environment: Mapping[str, Any]

    def without_pictures(self) -> "Findings":
        """The same without images of the dataset, which may not be everybody's to publish."""
        problems = tuple(replace(problem, galleries=()) for problem in self.problems)
        return replace(self, problems=problems)

"""Tables across problems, and of what lies behind the numbers: wins, selections, runs, recipes."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from alframe.benchmarks.reporting.findings import (
    Gallery,
    Method,
    ProblemFindings,
    Selections,
    Unfinished,
)
from alframe.benchmarks.reporting.tables import (
    EMPTY,
    Block,
    Cells,
    EmbeddedImage,
    ImageBlock,
    Table,
    TableCell,
    Text,
    data_uri,
    heads,
    merged,
    numbered,
    share,
)
from alframe.benchmarks.statistics import QS
from alframe.benchmarks.statistics.comparisons import WinMatrix
from alframe.words import plural

if TYPE_CHECKING:
    from alframe.benchmarks.statistics.levels import Profile

UNITS = (("h", 3600.0), ("min", 60.0), ("s", 1.0))


def wins(matrix: WinMatrix | None) -> Block | None:
    """How often each method beats each other one."""
    if matrix is None:
        return None
    title = "Wins"
    if not matrix.decidable:
        return Text(title, "n too small to decide: no number of seeds won could be significant.")
    note = (
        f"Share of {plural(matrix.cells, 'cell')} (a problem and a size of the labelled set) in "
        "which the row beats the column by the corrected test."
    )
    return _square(title, matrix.methods, matrix.share, note)


def overlap(selections: Selections | None) -> Table | None:
    """How much of what two methods selected is the same."""
    if selections is None or len(selections.methods) < 2:
        return None
    names = [chosen.method for chosen in selections.methods]
    note = (
        "Images that both selected, as a share of those that either selected (Jaccard index), over "
        "the cycles in which both did."
    )
    return _square("Overlap of the selections", names, selections.overlap, note)


def _square(
    title: str, names: Sequence[str], shares: Sequence[Sequence[float | None]], note: str
) -> Table:
    """Methods against methods, on a ground as strong as the share."""
    rows = [[TableCell(name)] for name in names]
    for i, row in enumerate(rows):
        for j, part in enumerate(shares[i]):
            if part is None or i == j:
                row.append(EMPTY)
            else:
                row.append(TableCell(share(part), part, "", "tint", part))
    return Table(title, heads("method", *names), rows, notes=[note], sortable=False)


def solved(profile: "Profile | None") -> Table | None:
    """The two ends of each line of the performance profile."""
    if profile is None or not profile.problems:
        return None

    def part(count: int, whole: int) -> TableCell:
        return TableCell(f"{count}/{whole}", count / whole, share(count / whole))

    rows = [
        [
            TableCell(method),
            part(len(ratios), profile.problems),
            part(sum(ratio <= 1 for ratio in ratios), profile.problems),
        ]
        for method, ratios in profile.ratios.items()
    ]
    *levels, last = (f"{100 * q:g}" for q in QS)
    notes = [
        f"Of {plural(profile.problems, 'problem')}: a dataset, model, seed and level each. "
        f"Levels: {', '.join(levels)} and {last} % of full supervision; those that no method "
        "reaches are left out. A run that failed solves none."
    ]
    if profile.of_one_seed:
        notes.append(
            f"Full supervision of {', '.join(profile.of_one_seed)} was run with one seed: with "
            "another the levels may be others, and what was solved."
        )
    if profile.left_out:
        seeds = (
            f"{name}, seed{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"
            for name, numbers in profile.left_out.items()
        )
        notes.append(
            "Left out, for they were not run to the end or to a failure with every method, or "
            f"there is no full supervision: {'; '.join(seeds)}."
        )
    return Table(
        "Problems solved", heads("method", "solved", "with the least budget"), rows, notes=notes
    )


def classes(selections: Selections | None) -> Table | None:
    """Share of each class among the objects of the selected images, against the pool."""
    if selections is None or not selections.methods or not selections.classes:
        return None
    histograms = [selections.pool, *(chosen.histogram for chosen in selections.methods)]
    scale = max((s for shares in histograms for s in shares), default=0.0) or 1.0

    def bar(part: float, pool: float) -> TableCell:
        return TableCell(share(part, 1), part, "", "bar", part / scale, pool / scale)

    densities = [
        selections.pool_objects_per_image,
        *(chosen.objects_per_image for chosen in selections.methods),
    ]
    return Table(
        title="Classes of the selected objects",
        heads=heads("class", "pool", *(chosen.method for chosen in selections.methods)),
        rows=[
            [TableCell(name), *(bar(shares[i], selections.pool[i]) for shares in histograms)]
            for i, name in enumerate(selections.classes)
        ],
        beneath=[[TableCell("objects per image"), *(TableCell(f"{d:.2f}") for d in densities)]],
        notes=["Share of the objects. The line across a bar is the share in the pool."],
    )


def pictures(gallery: Gallery) -> ImageBlock | None:
    """The first images that a method selected."""
    shown = []
    for rank, picture in enumerate(gallery.pictures, 1):
        score = "" if picture.score is None else f"score {picture.score:.4g}"
        parts = (picture.item, f"rank {rank}", score)
        alt = ", ".join(part for part in parts if part)
        caption = f"{picture.item}\n{score}".rstrip()
        shown.append(EmbeddedImage(data_uri(picture.jpeg, "image/jpeg"), alt, caption))
    title = f"Selected first by {gallery.method}: seed {gallery.seed}, cycle {gallery.cycle}"
    return ImageBlock(title, shown) if shown else None


def resources(problem: ProblemFindings) -> Table | None:
    """Time of a whole run by part, and the largest peak of memory."""
    methods = [m for m in problem.methods if m.seconds or m.memory]
    parts = list(dict.fromkeys(p for m in methods for seconds in m.seconds for p in seconds))
    places = dict.fromkeys(place for method in methods for place in method.memory)
    columns = [_time(part, methods, [part]) for part in parts]
    if columns:
        columns.append(_time("whole run", methods, parts))
    for place in places:
        sizes = (numbered(m.memory.get(place), "{:.2f}".format) for m in methods)
        columns.append([TableCell(f"{place} memory", note="GiB"), *sizes])
    if not columns:
        return None
    first, *rows = zip(heads("method", *(m.name for m in methods)), *columns, strict=True)
    note = (
        "Time: mean ± standard deviation over the finished runs. It is wall clock: runs that "
        "share a machine slow each other. Memory: the largest peak."
    )
    return Table("Time and memory", first, rows, notes=[note])


def _time(title: str, methods: Sequence[Method], parts: Sequence[str]) -> Cells:
    """A column in the largest unit of which the longest time is at least two."""
    sums = [
        [sum(run[p] for p in own) for run in m.seconds if (own := run.keys() & set(parts))]
        for m in methods
    ]
    means = [fmean(each) if each else None for each in sums]
    longest = max((mean for mean in means if mean is not None), default=0.0)
    unit, length = next(((u, s) for u, s in UNITS if longest >= 2 * s), UNITS[-1])

    def cell(mean: float | None, each: Sequence[float]) -> TableCell:
        sd = f" ± {stdev(each) / length:.2f}" if len(each) > 1 else ""
        return numbered(mean, lambda seconds: f"{seconds / length:.2f}{sd}")

    return [TableCell(title, note=unit), *map(cell, means, sums)]


def single_run(problem: ProblemFindings) -> Table | None:
    """The cycles of a run that is alone: counts, metrics, seconds."""
    runs = [run for method in problem.methods for run in method.runs]
    if len(runs) != 1:
        return None
    (run,) = runs
    metrics = dict.fromkeys(m for c in run.cycles for m in c.numbers() if "." not in m)
    parts = dict.fromkeys(part for c in run.cycles for part in c.seconds)
    rows = []
    labelled = objects = 0
    for cycle in run.cycles:
        new = cycle.labelled - labelled
        values = (cycle.numbers().get(metric) for metric in metrics)
        numbers = [
            (cycle.objects - objects) / new if new else None,
            *(None if value is None else 100 * value for value in values),
            *(cycle.seconds.get(part) for part in parts),
        ]
        labelled, objects = cycle.labelled, cycle.objects
        counts = (TableCell(str(count), count) for count in (labelled, objects))
        cells = (numbered(number, "{:.2f}".format) for number in numbers)
        rows.append([TableCell(str(cycle.cycle)), *counts, *cells])
    columns = [
        *heads("cycle", "labelled", "objects", "new objects per new image"),
        *(TableCell(metric, note="%") for metric in metrics),
        *(TableCell(part, note="s") for part in parts),
    ]
    return Table(f"Cycles of {run.place}, seed {run.seed}", columns, rows)


def suspects(problem: ProblemFindings) -> Table | None:
    """Answers of people worth a second look, and the pages that show them."""
    rows = [
        [
            TableCell(one.run),
            TableCell(str(one.cycle), one.cycle),
            TableCell(str(one.count), one.count),
            TableCell("pictures", link=quote(one.page)),
        ]
        for one in problem.suspects
    ]
    note = "Answers that contradict what the model of the cycle before was sure of."
    columns = heads("run", "cycle", "answers", "page", words=("page",))
    return Table("Answers worth a second look", columns, rows, notes=(note,)) if rows else None


def without_result(jobs: Sequence[Unfinished]) -> Table | None:
    """Jobs of the suite that a reader might miss in the tables."""
    rows = [[j.job, j.state, j.reason, j.path] for j in jobs]
    return _words("Jobs", ("job", "state", "reason", "run directory"), rows)


def recipes(problems: Sequence[ProblemFindings]) -> Table | None:
    """How every row was trained: a column a problem, a row a part of its recipe."""
    told = [problem for problem in problems if problem.recipe]
    parts = dict.fromkeys(part for problem in told for part in problem.recipe)
    rows = [[part, *(problem.recipe.get(part, "") for problem in told)] for part in parts]
    return _words("Recipe", ("part", *(problem.name for problem in told)), rows)


def environment(entries: Mapping[str, Any]) -> Table | None:
    """Versions, device and threads."""
    return _words("Environment", ("entry", "value"), [*_flat(entries)])


def _words(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table | None:
    """A table without numbers; None without rows."""
    cells = [[TableCell(text) if text else EMPTY for text in row] for row in rows]
    first = [TableCell(name, look="words" if i else "") for i, name in enumerate(names)]
    return Table(title, first, cells, sortable=False) if rows else None


def _flat(entries: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, str]]:
    for name, value in entries.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{start}{name}.")
        elif isinstance(value, list | tuple) and all(isinstance(v, Mapping) for v in value):
            yield from _flat(merged(value), f"{start}{name}.")
        elif isinstance(value, list | tuple):
            yield f"{start}{name}", ", ".join(str(one) for one in value)
        else:
            yield f"{start}{name}", str(value)

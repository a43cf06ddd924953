"""Learning curves, a line per method over what labelling costs; performance profiles."""

import itertools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alframe.benchmarks.reporting.findings import CurvePoint, Method, ProblemFindings
from alframe.benchmarks.reporting.tables import size
from alframe.colours import LINE_STYLES, ON_WHITE
from alframe.text import plot_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from alframe.benchmarks.statistics.levels import Profile

MARKERS = "osD^vPX*"
"""Of another length than the colours: 56 methods look different."""

INK, FAINT = "#333333", "#DDDDDD"
IMAGES, OBJECTS = "labelled images", "annotated objects"
BESIDE: dict[str, Any] = {
    "loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0, "frameon": False,
    "fontsize": 9, "labelcolor": INK, "handlelength": 2.4,
}  # fmt: skip
"""How legends look."""


Looks = Mapping[str, tuple[str, str]]
"""Colour and marker of each method, by name."""


def looks_of(problems: Sequence[ProblemFindings], profile: "Profile | None" = None) -> Looks:
    """How methods look wherever they are drawn; a profile has those without a curve, too."""
    methods = [m.name for problem in problems for m in problem.methods]
    methods += profile.ratios if profile else ()
    looks = zip(itertools.cycle(ON_WHITE), itertools.cycle(MARKERS), strict=False)
    return dict(zip(dict.fromkeys(methods), looks, strict=False))


def draw_curves(problems: Sequence[ProblemFindings], metric: str, looks: Looks) -> "Figure":
    """Draw a panel per problem over each axis that it has, over seconds where measured.

    The band is one standard deviation to either side, where there are several runs. Needs no
    display and leaves matplotlib's global state alone.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    width = max(map(len, map(_budgets, problems)))
    height = sum(max(4.5, 0.6 + 0.26 * _lines(problem)) for problem in problems)
    figure = Figure(figsize=(2.5 + 5.0 * width, height), facecolor="white")
    figure.set_layout_engine("constrained", hspace=0.08)
    panels = figure.subplots(len(problems), width, squeeze=False, sharey="row")
    for row, problem in zip(panels, problems, strict=True):
        budgets = _budgets(problem)
        opacity = min(0.2, 1 / max(1, len(problem.methods)))  # of many bands, each is faint
        for axes, (name, spent) in zip(row, budgets.items(), strict=False):
            for method in problem.methods:
                _line(axes, method, [*map(spent, method.points)], *looks[method.name], opacity)
            _plain(axes)
            axes.set_xlabel(name, color=INK)
            if name == OBJECTS:
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                axes.xaxis.set_major_formatter("{x:,.0f}")
        _decorate(row[0], problem, metric)
        for axes in row[len(budgets) :]:
            axes.set_visible(False)
        _legend(row[len(budgets) - 1], problem)
    return figure


def _budgets(problem: ProblemFindings) -> dict[str, Callable[[CurvePoint], float]]:
    """What a point of a method has cost, by name of the axis."""
    found: dict[str, Callable[[CurvePoint], float]] = {IMAGES: lambda point: point.labelled}
    if "objects" in problem.axes:
        found[OBJECTS] = lambda point: point.objects
    if problem.measured:
        found["hours of annotation"] = lambda point: (point.seconds or 0.0) / 3600
    return found


def _label(method: Method) -> str:
    title = method.title if method.n == 1 else f"{method.title}, n = {method.n}"
    return plot_text(textwrap.fill(title, 30))


def _lines(problem: ProblemFindings) -> int:
    """How long the legend is."""
    return sum(_label(method).count("\n") + 1 for method in problem.methods)


def _line(
    axes: "Axes", method: Method, x: Sequence[float], colour: str, marker: str, opacity: float
) -> None:
    y = [100 * point.value.mean for point in method.points]
    # A run that goes on does not end in a firm line.
    style = "-" if method.finished else "--"
    axes.plot(
        x, y, style, color=colour, marker=marker, label=_label(method),
        linewidth=1.8, markersize=6.5, markeredgecolor="white", markeredgewidth=0.6, zorder=3,
    )  # fmt: skip
    spread = [math.nan if p.value.sd is None else 100 * p.value.sd for p in method.points]
    low = [mean - sd for mean, sd in zip(y, spread, strict=True)]
    high = [mean + sd for mean, sd in zip(y, spread, strict=True)]
    axes.fill_between(x, low, high, color=colour, alpha=opacity, linewidth=0, zorder=2)


def _decorate(axes: "Axes", problem: ProblemFindings, metric: str) -> None:
    axes.set_title(plot_text(problem.name), loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_ylabel(plot_text(f"{metric}, %"), color=INK)
    _label_counts(axes, problem)


def _plain(axes: "Axes") -> None:
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(colors=INK, labelsize=9)


def _label_counts(axes: "Axes", problem: ProblemFindings) -> None:
    """Ticks at the counts themselves where there is room for their labels."""
    from matplotlib.ticker import MaxNLocator

    columns = sorted({point.labelled for m in problem.methods for point in m.points})
    gaps = [b - a for a, b in itertools.pairwise(columns)]
    if gaps and min(gaps) < 0.08 * (columns[-1] - columns[0]):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    shares = [f"\n{size(n / problem.pool)}" if problem.pool else "" for n in columns]
    axes.set_xticks(columns, [f"{n}{text}" for n, text in zip(columns, shares, strict=True)])
    if problem.pool:
        axes.set_xlabel(f"{IMAGES} (share of the pool)", color=INK)


def _legend(axes: "Axes", problem: ProblemFindings) -> None:
    """Beside the curves, in the order in which they end."""
    lines = sorted(axes.get_lines(), key=lambda line: -_end(line))
    several = any(method.n > 1 for method in problem.methods)
    axes.legend(
        handles=lines, **BESIDE, title="mean ± sd of n runs" if several else None,
        title_fontsize=8, alignment="left",
    )  # fmt: skip


def _end(line: "Line2D") -> float:
    """Where it ends; a line without points ends below all others."""
    return float([-math.inf, *np.asarray(line.get_ydata())][-1])


def draw_profile(profile: "Profile", looks: Looks) -> "Figure":
    """Draw a step line per method (Dolan and More, 2002, figure 1).

    A line ends at the share of the problems that the method solves at all.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), facecolor="white")
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    last = max((r for ratios in profile.ratios.values() for r in ratios), default=1.0)
    end = 1.05 * last  # a little beyond the last step
    styles = itertools.cycle(LINE_STYLES)
    for (method, ratios), style in zip(profile.ratios.items(), styles, strict=False):
        solved = [100 * count / profile.problems for count in range(len(ratios) + 1)]
        axes.plot(
            [1.0, *ratios, end], [*solved, solved[-1]], style, color=looks[method][0],
            drawstyle="steps-post", linewidth=1.8, label=plot_text(textwrap.fill(method, 30)),
        )  # fmt: skip
    axes.set(xlim=(1.0, end), ylim=(-2.0, 102.0))
    axes.set_xlabel("budget needed, as a multiple of the smallest (τ)", color=INK)
    axes.set_ylabel(f"solved of {profile.problems} problems, %", color=INK)
    _plain(axes)
    axes.legend(**BESIDE)
    return figure

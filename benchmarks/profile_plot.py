"""Performance profile: the share of problems that a method solves within tau times the least."""

import itertools
import textwrap
from typing import TYPE_CHECKING

from alframe.benchmarks.curves import COLOURS, FAINT, INK, words
from alframe.benchmarks.findings import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", ":", "-.")


def draw(profile: Profile) -> "Figure":
    """Draw a step line per method (Dolan and More, 2002, figure 1).

    A line ends at the share of the problems that the method solves at all. Needs no display and
    leaves matplotlib's global state alone; :func:`alframe.benchmarks.curves.to_bytes` makes a
    file of it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), facecolor="white")
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    end = _end(profile)
    looks = zip(itertools.cycle(COLOURS), itertools.cycle(STYLES), strict=False)
    for (method, ratios), (colour, style) in zip(profile.ratios.items(), looks, strict=False):
        x, y = _steps(ratios, profile.problems, end)
        label = words(textwrap.fill(method, 30))
        axes.plot(x, y, style, color=colour, drawstyle="steps-post", linewidth=1.8, label=label)
    _decorate(axes, profile, end)
    return figure


def _end(profile: Profile) -> float:
    """Where the axis ends: a little beyond the last step."""
    return 1.05 * max((r for ratios in profile.ratios.values() for r in ratios), default=1.0)


def _steps(ratios: tuple[float, ...], problems: int, end: float) -> tuple[list[float], list[float]]:
    """Corners of a line that rises by one problem at each ratio; shares in percent."""
    solved = [100 * count / problems for count in range(len(ratios) + 1)]
    return [1.0, *ratios, end], [*solved, solved[-1]]


def _decorate(axes: "Axes", profile: Profile, end: float) -> None:
    axes.set_xlabel("budget needed, as a multiple of the smallest (τ)", color=INK)
    axes.set_ylabel(f"solved of {profile.problems} problems, %", color=INK)
    axes.set_xlim(1.0, end)
    axes.set_ylim(-2.0, 102.0)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(colors=INK, labelsize=9)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, frameon=False,
        fontsize=9, labelcolor=INK, handlelength=2.4,
    )  # fmt: skip

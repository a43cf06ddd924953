"""Learning curves: the metric over the number of labelled images, a line per method."""

import io
import itertools
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from alframe.benchmarks.tables import Row, Table, share_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008, "Color Universal Design", without the yellow, which is faint on white."""
MARKERS = "osD^vPX*"
"""Of another length than the colours: 56 methods look different."""

INK, FAINT = "#333333", "#DDDDDD"


def draw(tables: Sequence[Table]) -> "Figure":
    """Draw a panel per dataset, one below the other.

    The band is one standard deviation to either side, where there are several runs. Needs no
    display and leaves matplotlib's global state alone.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.5 * len(tables)), facecolor="white")
    styles = _styles(tables)
    figure.set_layout_engine("constrained", hspace=0.08)
    panels = figure.subplots(len(tables), squeeze=False)[:, 0]
    for axes, table in zip(panels, tables, strict=True):
        for row in table.rows:
            _line(axes, row, *styles[row.method])
        _decorate(axes, table)
    return figure


def to_bytes(figure: "Figure", kind: str) -> bytes:
    """The figure as a file.

    Args:
        figure: see :func:`draw`.
        kind: ``png`` or ``svg``; an SVG carries no date, so that equal runs give equal files.
    """
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "alframe"}):  # else ids in the file are drawn at random
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(file, format=kind, dpi=160, metadata=metadata)
    return file.getvalue()


def _styles(tables: Sequence[Table]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each method, the same in every panel."""
    methods = dict.fromkeys(row.method for table in tables for row in table.rows)
    looks = zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS), strict=False)
    return dict(zip(methods, looks, strict=False))


def _line(axes: "Axes", row: Row, colour: str, marker: str) -> None:
    x = [cell.labelled for cell in row.cells]
    y = [100 * cell.mean for cell in row.cells]
    # A run that goes on does not end in a firm line.
    style = "-" if all(run.finished for run in row.runs) else "--"
    label = row.title if len(row.runs) == 1 else f"{row.title}, n = {len(row.runs)}"
    axes.plot(
        x, y, style, color=colour, marker=marker, label=textwrap.fill(label, 30),
        linewidth=1.8, markersize=6.5, markeredgecolor="white", markeredgewidth=0.6, zorder=3,
    )  # fmt: skip
    spread = [math.nan if cell.sd is None else 100 * cell.sd for cell in row.cells]
    low = [mean - sd for mean, sd in zip(y, spread, strict=True)]
    high = [mean + sd for mean, sd in zip(y, spread, strict=True)]
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0, zorder=2)


def _decorate(axes: "Axes", table: Table) -> None:
    axes.set_title(table.dataset, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_xlabel("labelled images" + (" (share of the pool)" if table.pool else ""), color=INK)
    axes.set_ylabel(f"{table.metric}, %", color=INK)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(colors=INK, labelsize=9)
    _label_counts(axes, table)
    _legend(axes, several=any(len(row.runs) > 1 for row in table.rows))


def _label_counts(axes: "Axes", table: Table) -> None:
    """Ticks at the counts themselves where there is room for their labels."""
    from matplotlib.ticker import MaxNLocator

    columns = table.columns
    gaps = [b - a for a, b in itertools.pairwise(columns)]
    if gaps and min(gaps) < 0.08 * (columns[-1] - columns[0]):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    shares = [table.share(n) for n in columns]
    texts = [
        str(n) if share is None else f"{n}\n{share_text(share)}"
        for n, share in zip(columns, shares, strict=True)
    ]
    axes.set_xticks(columns, texts)


def _legend(axes: "Axes", *, several: bool) -> None:
    """Beside the curves, in the order in which they end."""
    lines = sorted(axes.get_lines(), key=lambda line: -_last(line.get_ydata()))
    axes.legend(
        handles=lines, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0,
        frameon=False, fontsize=9, labelcolor=INK, handlelength=2.4,
        title="mean ± sd of n runs" if several else None, title_fontsize=8, alignment="left",
    )  # fmt: skip


def _last(values: object) -> float:
    import numpy as np

    found = np.asarray(values, dtype=float)
    return float(found[-1]) if found.size else float("-inf")

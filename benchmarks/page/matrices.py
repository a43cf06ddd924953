"""Tables of methods against methods, coloured."""

from collections.abc import Sequence

from alframe.benchmarks.findings import WinMatrix
from alframe.benchmarks.page.blocks import EMPTY, Block, Cell, Grid, Head, Row, Text
from alframe.benchmarks.page.numbers import plural, share
from alframe.benchmarks.selection_findings import Selections


def wins(matrix: WinMatrix | None) -> Block | None:
    """How often each method beats each other one."""
    if matrix is None or not matrix.cells:
        return None
    title = "Wins"
    if not matrix.decidable:
        return Text(title, "n too small to decide: no number of seeds won could be significant.")
    note = (
        f"Share of {plural(matrix.cells, 'cell')} (a problem and a size of the labelled set) in "
        "which the row beats the column by the corrected test."
    )
    return _square(title, matrix.methods, matrix.share, note)


def overlap(selections: Selections | None) -> Grid | None:
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
) -> Grid:
    rows = tuple(
        Row(
            name,
            tuple(EMPTY if i == j else _tinted(part) for j, part in enumerate(shares[i])),
        )
        for i, name in enumerate(names)
    )
    heads = (Head("method"), *(Head(name) for name in names))
    return Grid(title, heads, rows, notes=(note,), sortable=False)


def _tinted(part: float | None) -> Cell:
    return EMPTY if part is None else Cell(share(part), part, look="tint", share=part)

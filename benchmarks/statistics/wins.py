"""Which method beats which, and how often: the pairwise penalty matrix."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

from alframe.benchmarks.findings import WinMatrix
from alframe.benchmarks.statistics.correction import decidable, holm
from alframe.benchmarks.statistics.curve import Curve, by_method, by_problem
from alframe.benchmarks.statistics.paired import Paired, pair

Cell: TypeAlias = Mapping[str, Mapping[int, float]]


def win_matrix(curves: Sequence[Curve], alpha: float = 0.05) -> WinMatrix | None:
    """Share of the cells in which each method beats each other one.

    A cell is a problem and a number of labelled images at which two methods or more have runs of a
    common seed. In it every pair of methods is tested by the exact sign-flip test over the seeds
    that both have, corrected after Holm over the pairs of the cell. A method wins where the
    corrected p value is below alpha and the mean difference is in its favour. Shares are of all
    cells, also for two methods that meet in few of them.

    The idea is that of Ash et al., "Deep batch active learning by diverse, uncertain gradient lower
    bounds" (ICLR 2020), section 5.

    # Deviation: they use a t test without correction.

    Args:
        curves: of all problems; at most one for each problem, method and seed.
        alpha: level of the tests of a cell.

    Returns:
        Methods in the order of their first appearance; None where no two of them meet.
    """
    methods = tuple(dict.fromkeys(curve.method for curve in curves))
    cells = [tests for cell in _cells(curves) if (tests := _tests(cell))]
    if not cells:
        return None
    wins = Counter(win for tests in cells for win in _wins(tests, alpha))
    return WinMatrix(
        methods=methods,
        cells=len(cells),
        share=tuple(tuple(wins[a, b] / len(cells) for b in methods) for a in methods),
        decidable=any(any(decidable([t.n for t in c.values()], alpha)) for c in cells),
    )


def _cells(curves: Sequence[Curve]) -> Iterator[Cell]:
    """The metric by method and seed, for each problem and number of labelled images."""
    for group in by_problem(curves).values():
        found: dict[int, dict[str, dict[int, float]]] = {}
        for method, seeds in by_method(group).items():
            for seed, curve in seeds.items():
                for size, value in curve.by_size().items():
                    found.setdefault(size, {}).setdefault(method, {})[seed] = value
        yield from found.values()


def _tests(cell: Cell) -> dict[tuple[str, str], Paired]:
    """Of every pair of methods with a common seed."""
    tests = {(a, b): pair(cell[a], cell[b]) for a, b in combinations(cell, 2)}
    return {names: test for names, test in tests.items() if test.n}


def _wins(tests: Mapping[tuple[str, str], Paired], alpha: float) -> Iterator[tuple[str, str]]:
    """(ahead, behind) for each pair that differs."""
    corrected = holm([test.p_sign_flip for test in tests.values()])
    for ((a, b), test), p in zip(tests.items(), corrected, strict=True):
        if p is not None and p < alpha and test.difference is not None:
            yield (a, b) if test.difference > 0 else (b, a)

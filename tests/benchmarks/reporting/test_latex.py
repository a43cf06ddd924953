r"""The LaTeX table, line by line."""

import dataclasses

import pytest

from alframe.benchmarks.reporting.latex import escape, tables
from alframe.benchmarks.reporting.method_tables import cycles
from tests.benchmarks.findings_example import BARE_PROBLEM, FINDINGS, FULL_PROBLEM, summary


def latex(*problems, metric):
    return tables(dataclasses.replace(FINDINGS, problems=problems, metric=metric))


def test_the_whole_table():
    assert latex(FULL_PROBLEM, metric="mAP50").splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{mAP50 in \% on voc with retina, by number of labelled images (share of the pool "
        r"of 16,551). Mean $\pm$ standard deviation of 1 to 3 runs. Published rows: R-50. "
        r"$^{\dagger}$Published: exact, from a table of the paper. $^{\ddagger}$Published: exact, "
        r"from the authors' FAQ. $^{\S}$Published: exact, from the authors' entry on Papers with "
        r"Code. $^{\ast}$Published: read off a figure, $\pm$0.15.}",
        r"\label{tab:voc-retina}",
        r"\smallskip",
        r"\begin{tabular}{@{}lrrrrr@{}}",
        r"\toprule",
        r"Method & 827 & 1240 & 1654 & 2067 & full \\",
        r" & 5 \% & 7.5 \% & 10 \% & 12.5 \% & 100 \% \\",
        r"\midrule",
        r"random & $28.31 \pm 1.23$ & $49.42 \pm 0.50$ & $\mathbf{56.03}$ {\scriptsize ($n = 1$)} "
        r"& -- & $77.28 \pm 0.21$ \\",
        r"miaod (unfinished) & $\mathbf{47.18 \pm 0.31}$ & $\mathbf{58.41 \pm 0.42}$ "
        r"& $\mathbf{56.03 \pm 0.35}$ & -- & $78.37$ {\scriptsize ($n = 1$)} \\",
        r"entropy\_of plain & $28.31$ & -- & -- & -- & $77.28 \pm 0.21$ {\scriptsize ($n = 3$)} \\",
        r"\midrule",
        r"MI-AOD$^{\dagger}$ & $47.18$ & $58.41$ & -- & $67.72$ & $78.37$ \\",
        r"core-set$^{\ast}$ & $29.1$ & $45.4$ & -- & -- & -- \\",
        r"MI-AOD, mean$^{\ddagger}$ & -- & -- & $66.83 \pm 0.77$ & -- & -- \\",
        r"LL4AL$^{\S}$ & $30.0$ & -- & -- & -- & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_one_run_without_pool_or_papers():
    lines = latex(BARE_PROBLEM, metric="mAP").splitlines()
    assert lines[2] == r"\caption{mAP in \% on shapes with ssd, by number of labelled images.}"
    assert lines[5:] == [
        r"\begin{tabular}{@{}lr@{}}",
        r"\toprule",
        r"Method & 25 \\",
        r"\midrule",
        r"random & $50.00$ \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_numbers_of_runs_are_from_the_least_to_the_most():
    methods = [
        dataclasses.replace(m, points=(dataclasses.replace(m.points[0], value=summary(0.2, n=n)),))
        for m, n in zip(FULL_PROBLEM.methods, (10, 9), strict=False)
    ]
    problem = dataclasses.replace(FULL_PROBLEM, methods=methods)
    assert "deviation of 9 to 10 runs." in latex(problem, metric="mAP50")


def test_runs_that_agree_are_counted_once():
    problem = dataclasses.replace(FULL_PROBLEM, methods=FULL_PROBLEM.methods[:2], published=())
    assert latex(problem, metric="mAP50").splitlines()[2].endswith("standard deviation of 3 runs.}")


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("a_b & c%", r"a\_b \& c\%"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("$x^2~#1", r"\$x\textasciicircum{}2\textasciitilde{}\#1"),
        ("a<b>|c", r"a\textless{}b\textgreater{}\textbar{}c"),
        ("two\n\nparagraphs", "two paragraphs"),
    ],
)
def test_escape(name, printed):
    assert escape(name) == printed


def test_a_name_is_not_taken_for_an_argument_of_the_row_before():
    methods = tuple(dataclasses.replace(m, name="[2cm]*") for m in FULL_PROBLEM.methods)
    problem = dataclasses.replace(FULL_PROBLEM, methods=methods, name="voc: [SSD]")
    text = latex(problem, metric="mAP50")
    assert r"{[}2cm]{*} & " in text
    assert r"\label{tab:voc-ssd}" in text


def test_no_two_tables_have_one_label():
    names = ("my voc", "my-voc", "my voc 2", "\u4e2d")
    problems = [dataclasses.replace(BARE_PROBLEM, name=name) for name in names]
    labels = [x for x in latex(*problems, metric="mAP").splitlines() if x.startswith(r"\label")]
    assert labels == [
        r"\label{tab:my-voc}", r"\label{tab:my-voc-2}", r"\label{tab:my-voc-2-2}",
        r"\label{tab:cycles}",
    ]  # fmt: skip


def test_bold_is_the_same_as_on_the_page():
    """One decimal would round 47.18 and 47.22 alike, and make both bold here alone."""
    method = FULL_PROBLEM.methods[0]
    values = {"a": 0.47184, "b": 0.47216, "c": 0.47224}
    points = {
        name: dataclasses.replace(
            method.points[0], value=dataclasses.replace(method.points[0].value, mean=mean, sd=None)
        )
        for name, mean in values.items()
    }
    methods = tuple(dataclasses.replace(method, name=n, points=(p,)) for n, p in points.items())
    problem = dataclasses.replace(FULL_PROBLEM, methods=methods, published=())
    page = [row[2].look == "best" for row in cycles(problem, "mAP50").rows]
    table = [r"\mathbf{47.22}" in line for line in latex(problem, metric="mAP50").splitlines()]
    assert page == [False, True, True]
    assert table.count(True) == 2

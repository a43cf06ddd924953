"""Label savings as people read them, with the signs of what is only a bound."""

import dataclasses

from alframe.benchmarks.findings import Saving
from alframe.benchmarks.page import render
from tests.benchmarks.findings_example import FINDINGS, FULL_PROBLEM
from tests.benchmarks.page.tree import block, cell, parse, table, text

TITLE = "Label savings"
NONE = "\N{EN DASH}"


def page_of(*savings):
    problem = dataclasses.replace(FULL_PROBLEM, savings=savings)
    return parse(render(dataclasses.replace(FINDINGS, problems=(problem,)), {}))


def notes(page):
    return [text(p) for p in block(page, TITLE).iter("p")]


def test_savings():
    page = page_of(*FULL_PROBLEM.savings)
    assert table(page, TITLE) == [
        ["method", "n", "level, %", "images needed", "random needs", "saving"],
        ["random", "3", "69.55", "4,000", "4,000", "0.0 %"],
        ["miaod", "2", "69.55", "2,500", "4,000", "37.5 %"],
        ["entropy_of plain", "1", "69.55", "not reached", "4,000", "not reached"],
    ]
    (note,) = notes(page)
    assert note.startswith("Level: 90 % of full supervision of the learner that random")
    assert "the mean curve of the n seeds that both have" in note


def test_bounds_have_their_signs():
    page = page_of(
        Saving("early", 0.3, 2, 10.0, 50 / 3, 0.4, needed_at_most=True),
        Saving("late", 0.3, 2, 20.0, 16.0, -0.25, baseline_at_most=True),
        Saving("never", 0.3, 2, None, 16.0, None, baseline_at_most=True),
        Saving("both", 0.3, 2, 10.0, 10.0, None, needed_at_most=True, baseline_at_most=True),
    )
    assert [row[3:] for row in table(page, TITLE)[1:]] == [
        ["≤ 10", "17", "≥ 40.0 %"],
        ["20", "≤ 16", "≤ \N{MINUS SIGN}25.0 %"],
        ["not reached", "≤ 16", "not reached"],
        ["≤ 10", "≤ 10", "both start above"],
    ]
    assert cell(page, TITLE, "early", 3).get("data-value") == "10"
    assert notes(page)[1].startswith("≤, ≥: bounds.")


def test_no_seed_that_both_have():
    page = page_of(Saving("other", 0.3, 0, None, None, None))
    assert table(page, TITLE)[1] == ["other", "0", "30.00", NONE, NONE, "no common seed"]

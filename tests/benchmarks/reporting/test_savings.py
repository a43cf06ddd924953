"""What the table of label savings says where full supervision is no reference."""

from dataclasses import replace

from alframe.benchmarks.reporting.method_tables import savings
from tests.benchmarks.findings_example import FULL_PROBLEM


def test_a_saving_that_is_not_decidable_is_none_and_says_why() -> None:
    decided, undecided, _ = FULL_PROBLEM.savings
    decided = replace(decided, saving=0.375, between=(0.1, 0.4))
    undecided = replace(undecided, saving=None, undecided="full supervision was run with one seed")
    grid = savings(replace(FULL_PROBLEM, savings=(decided, undecided)))
    assert grid is not None
    first, second = (row[-1] for row in grid.rows)
    assert (first.text, first.note) == ("37.5 %", "10.0 % to 40.0 %")
    assert (second.text, second.value) == ("not decidable", None)
    for bounds, told in (
        ((True, False), "≤ 10.0 % to 40.0 %"),
        ((False, True), "10.0 % to ≥ 40.0 %"),
    ):
        bound = replace(decided, between_bounds=bounds)
        other = savings(replace(FULL_PROBLEM, savings=(bound,)))
        assert other is not None
        assert other.rows[0][-1].note == told
        assert other.notes[-2].startswith("≤, ≥: bounds.")
    assert grid.notes[-2:] == [
        "In parentheses: the saving at levels within the 95 % interval of full supervision.",
        "Not decidable: full supervision was run with one seed.",
    ]


def test_a_bound_of_what_is_needed_bounds_the_saving_from_the_other_side() -> None:
    known = FULL_PROBLEM.savings[1]
    bounds = replace(known, needed_at_most=True), replace(known, baseline_at_most=True)
    grid = savings(replace(FULL_PROBLEM, savings=bounds))
    assert grid is not None
    assert [[cell.text for cell in row[3:]] for row in grid.rows] == [
        ["≤ 2,500", "4,000", "≥ 37.5 %"],
        ["2,500", "≤ 4,000", "≤ 37.5 %"],
    ]

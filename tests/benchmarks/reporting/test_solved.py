"""The performance profile in numbers, worked by hand from the example."""

import dataclasses

from alframe.benchmarks.reporting.page import render
from alframe.benchmarks.statistics.levels import Profile
from tests.benchmarks.findings_example import FINDINGS
from tests.benchmarks.reporting.tree import block, parse, table, text

TITLE = "Problems solved"


def page_of(profile: Profile):
    return parse(render(dataclasses.replace(FINDINGS, profile=profile), {}))


def test_solved_and_what_was_left_out():
    page = page_of(FINDINGS.profile)
    assert table(page, TITLE)[1:] == [
        ["random", "3/4 75 %", "1/4 25 %"],
        ["miaod", "4/4 100 %", "3/4 75 %"],
    ]
    first, second = (text(p) for p in block(page, TITLE).iter("p"))
    assert first.startswith("Of 4 problems:")
    assert first.endswith("A run that failed solves none.")
    assert second == (
        "Left out, for they were not run to the end or to a failure with every method, or there is "
        "no full supervision: voc-retina, seed 2; shapes-ssd, seeds 0, 1."
    )


def test_nothing_left_out_nothing_said():
    page = page_of(dataclasses.replace(FINDINGS.profile, left_out={}))
    assert len(list(block(page, TITLE).iter("p"))) == 1


def test_levels_of_one_seed_say_so():
    page = page_of(dataclasses.replace(FINDINGS.profile, left_out={}, of_one_seed=("a", "b")))
    _, said = (text(p) for p in block(page, TITLE).iter("p"))
    assert said.startswith("Full supervision of a, b was run with one seed: with another")

"""Cells of the page's tables, worked by hand from the example."""

import dataclasses

import pytest

from alframe.benchmarks.reporting.page import render
from tests.benchmarks.findings_example import BARE, CURVES, FINDINGS, FULL_PROBLEM
from tests.benchmarks.reporting.tree import block, cell, parse, table, text, titles

NONE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
CYCLES = "mAP50 by number of labelled images"


@pytest.fixture(scope="module")
def page():
    return parse(render(FINDINGS, CURVES))


def changed(**changes):
    problem = dataclasses.replace(FULL_PROBLEM, **changes)
    return parse(render(dataclasses.replace(FINDINGS, problems=(problem,)), {}))


def test_cycles_with_published_rows_beneath(page):
    assert table(page, CYCLES) == [
        ["method", "n", "827 5 %", "1240 7.5 %", "1654 10 %", "2067 12.5 %", "full 100 %"],
        ["random", "3", "28.31 ± 1.23", "49.42 ± 0.50", "56.03 n = 1", NONE, "77.28 ± 0.21"],
        ["miaod (unfinished)", "3", "47.18 ± 0.31", "58.41 ± 0.42", "56.03 ± 0.35", NONE,
         "78.37 n = 1"],
        ["entropy_of plain", "1", "28.31", NONE, NONE, NONE, "77.28 ± 0.21 n = 3"],
        ["MI-AOD published, table", NONE, "47.18", "58.41", NONE, "67.72", "78.37"],
        ["core-set published, figure", NONE, "29.1", "45.4", NONE, NONE, NONE],
        ["MI-AOD, mean published, FAQ", NONE, NONE, NONE, "66.83 ± 0.77", NONE, NONE],
        ["LL4AL published, entry", NONE, "30.0", NONE, NONE, NONE, NONE],
    ]  # fmt: skip
    bodies = [[text(row[0]) for row in body] for body in block(page, CYCLES).iter("tbody")]
    assert [len(body) for body in bodies] == [3, 4]
    notes = [text(p) for p in block(page, CYCLES).iter("p")]
    assert "± is the standard deviation over n runs." in notes[0]
    assert notes[1] == (
        "Published rows (R-50) are copied from papers, not run here; "
        "table: exact, from a table of the paper; FAQ: exact, from the authors' FAQ; "
        "entry: exact, from the authors' entry on Papers with Code; "
        "figure: read off a figure, ±0.15."
    )
    assert notes[2] == "miaod, seed 2 (unfinished): 1 cycle so far, runs/m2"


def test_best_of_our_rows_is_bold_and_so_is_what_prints_alike(page):
    bold = [text(td) for td in block(page, CYCLES).iter("td") if td.get("class") == "best"]
    assert bold == ["56.03 n = 1", "47.18 ± 0.31", "58.41 ± 0.42", "56.03 ± 0.35"]


def test_nothing_is_best_without_a_rival():
    assert not [td for td in parse(render(BARE, {})).iter("td") if td.get("class")]


def test_heads_of_sortable_tables_are_buttons_and_numbers_sort_by_value(page):
    heads = list(block(page, CYCLES).iter("th"))
    assert all(head[0].tag == "button" for head in heads if head.get("scope") == "col")
    assert not list(block(page, "Wins").iter("button"))
    assert cell(page, CYCLES, "miaod", 3).get("data-value") == "58.41"
    assert cell(page, CYCLES, "miaod", 5).get("data-value") is None
    assert cell(page, "Comparisons", "miaod", 5).get("data-value") == "0.0004"


def test_shares_need_a_pool(page):
    without = changed(pool=None)
    assert table(without, CYCLES)[0][2:] == ["827", "1240", "1654", "2067", "full 100 %"]


def test_full_supervision(page):
    assert table(page, "Full supervision, the same recipe")[1:] == [
        ["plain", "77.28 ± 0.21 95 % interval, n = 3: 76.86 to 77.70"],
        ["miaod", "78.37 n = 1"],
    ]


def test_areas_have_labelled_intervals_and_a_single_run_none(page):
    rows = table(page, "AUBC")
    assert rows[0] == ["method", "over images", "over objects", "over modelled seconds"]
    assert rows[2][1] == "55.00 ± 1.00 95 % interval, n = 3: 53.00 to 57.00"
    assert rows[3] == ["entropy_of plain", "41.00 n = 1", NONE, NONE]
    assert [text(p) for p in block(page, "AUBC").iter("p")] == [
        "Area under the budget curve divided by the range of the budget, in mAP50 %.",
        "Over what all finished runs cover: 827 to 1,240 images, 2,070 to 3,100 objects.",
        "Modelled seconds: 7.8 an image and 34.5 an object.",
    ]


def test_comparisons(page):
    assert table(page, "Comparisons")[1:] == [
        ["miaod", "random", "images", "+10.00", "6/6", "< 0.001", "0.0312", "0.0312", "better"],
        ["random", "miaod", "objects", f"{MINUS}10.00", "0/6", "< 0.001", "0.0312", "0.0312",
         "worse"],
        ["entropy_of plain", "random", "modelled seconds", f"{MINUS}0.12 within replay noise",
         "2/6 1 tie", "0.7", "0.625", "1", "no difference shown"],
        ["miaod", "random", "objects", "+9.00", "3/3", "0.01", "0.25", "0.25",
         "n too small to decide"],
        ["entropy_of plain", "miaod", "images", NONE, NONE, NONE, NONE, NONE,
         "no seed with both areas"],
    ]  # fmt: skip
    notes = " ".join(text(p) for p in block(page, "Comparisons").iter("p"))
    assert "decides at 0.05" in notes
    # 2 * 2 / 2^7 = .031 for two pairs, 2 / 2^6 for one
    assert (
        "The correction is over the pairs of one axis: it can decide with "
        "7 seeds or more for 2 pairs (images, objects); "
        "6 seeds or more for 1 pair (modelled seconds)."
    ) in notes
    assert "Against random selection and the best baseline: that of the largest mean" in notes
    assert "One run repeated differs by up to 0.31 points." in notes


def test_no_best_baseline_is_named_where_it_is_random():
    page = changed(comparisons=FULL_PROBLEM.comparisons[:1])
    assert not [p for p in block(page, "Comparisons").iter("p") if "best baseline" in text(p)]


def test_classes_are_bars_against_the_pool(page):
    title = "Classes of the selected objects"
    assert table(page, title) == [
        ["class", "pool", "random", "miaod", "entropy_of plain"],
        ["cat", "60.0 %", "61.0 %", "20.0 %", "50.0 %"],
        ["dog", "40.0 %", "39.0 %", "80.0 %", "50.0 %"],
        ["objects per image", "2.50", "2.51", "3.75", "3.00"],
    ]
    # The longest bar is 80 %: .2 / .8 and .6 / .8
    assert cell(page, title, "cat", 3).get("style") == "--share: 0.250; --tick: 0.750"


def test_overlap_and_wins_are_tinted_squares(page):
    assert table(page, "Overlap of the selections")[1:] == [
        ["random", NONE, "5 %", NONE],
        ["miaod", "5 %", NONE, "43 %"],
        ["entropy_of plain", NONE, "43 %", NONE],
    ]
    assert table(page, "Wins")[1:] == [["random", NONE, "7 %"], ["miaod", "64 %", NONE]]
    assert cell(page, "Wins", "miaod", 1).get("style").startswith("--share: 0.640;")


def test_wins_that_cannot_be_are_not_shown_as_zero():
    wins = dataclasses.replace(FINDINGS.wins, decidable=False)
    page = parse(render(dataclasses.replace(FINDINGS, wins=wins), {}))
    assert text(block(page, "Wins").find("p")).startswith("n too small to decide")
    assert not list(block(page, "Wins").iter("table"))


def test_time_in_units_that_fit_and_memory(page):
    assert table(page, "Time and memory") == [
        ["method", "fit h", "evaluate min", "select min", "whole run h", "host memory GiB",
         "device memory GiB"],
        ["random", "2.00", "6.00", "0.60", "2.11", "3.25", "11.50"],
        ["miaod", "4.00 ± 1.41", "12.00 ± 0.00", "3.00 ± 2.83", "4.25 ± 1.37", "4.00", NONE],
    ]  # fmt: skip
    (note,) = block(page, "Time and memory").iter("p")
    assert text(note).startswith("Time: mean ± standard deviation over the finished runs. It is w")
    assert "runs that share a machine slow each other" in text(note)


def test_time_alone_and_memory_alone():
    def only(**changes):
        method = dataclasses.replace(FULL_PROBLEM.methods[0], **changes)
        return table(changed(methods=(method,)), "Time and memory")[0]

    assert only(memory={}) == ["method", "fit h", "evaluate min", "select s", "whole run h"]
    assert only(seconds=()) == ["method", "host memory GiB", "device memory GiB"]


@pytest.mark.parametrize(
    ("seconds", "head", "cell"),
    [
        (119.0, "fit s", "119.00"),
        (120.0, "fit min", "2.00"),
        (7199.0, "fit min", "119.98"),
        (7200.0, "fit h", "2.00"),
    ],
)
def test_time_is_in_the_largest_unit_that_makes_two(seconds, head, cell):
    method = dataclasses.replace(FULL_PROBLEM.methods[0], seconds=({"fit": seconds},))
    heads, row = table(changed(methods=(method,)), "Time and memory")
    assert (heads[1], row[1]) == (head, cell)


def test_the_time_of_a_whole_run_is_a_mean_over_runs():
    """Of 20 seconds in two parts and of 10 in one."""
    seconds = ({"fit": 10.0, "select": 10.0}, {"fit": 10.0})
    method = dataclasses.replace(FULL_PROBLEM.methods[0], seconds=seconds)
    head, row = table(changed(methods=(method,)), "Time and memory")
    assert (head[1:4], row[1:4]) == (
        ["fit s", "select s", "whole run s"],
        ["10.00 ± 0.00", "10.00", "15.00 ± 7.07"],
    )


def test_jobs_without_a_result(page):
    assert table(page, "Jobs")[1:] == [
        ["voc-retina/entropy_of plain/1", "failed", "CUDA out of memory", "runs/e1"],
        ["voc-retina/entropy_of plain/2", "missing", NONE, "runs/e2"],
    ]
    (notice,) = [text(p) for p in page.iter("p") if p.get("class") == "notice"]
    assert notice.startswith("2 jobs have no result")


def test_how_it_was_made(page):
    assert block(page, "Commands").find("pre")[0].text == (
        "alframe bench paper --output results\nalframe bench paper --seeds 0-5"
    )
    assert text(block(page, "Modelled cost of labelling").find("p")) == (
        "7.8 s an image + 34.5 s an object."
    )
    assert table(page, "Environment")[1:] == [
        ["alframe", "0.1.0"],
        ["versions.torch", "2.11.0, 2.12.0"],
        ["versions.timm", "1.0.9"],
        ["git", "a1b2, c3d4"],
        ["device.name", "H200"],
        ["device.threads", "16"],
    ]


def test_only_published_rows_still_make_a_table():
    page = changed(methods=(), full={}, comparisons=(), savings=(), selections=None, galleries=())
    assert [row[0] for row in table(page, CYCLES)[1:]] == [
        "MI-AOD published, table", "core-set published, figure", "MI-AOD, mean published, FAQ",
        "LL4AL published, entry",
    ]  # fmt: skip
    assert titles(page)[0] == CYCLES

"""Learning curves: what is drawn, and that it is there."""

import dataclasses
import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_rgb
from PIL import Image

from alframe.benchmarks.reading.rundirs import read_runs
from alframe.benchmarks.reporting import plots
from alframe.benchmarks.reporting.collect import of_runs
from alframe.benchmarks.reporting.plots import MARKERS, draw_curves, looks_of
from alframe.benchmarks.reporting.report import page_of
from alframe.colours import ON_WHITE
from alframe.fonts import to_bytes
from tests.benchmarks.fake_runs import write_run
from tests.benchmarks.findings_example import FINDINGS, FULL_PROBLEM


def drawn(folder):
    problems = of_runs(read_runs([folder]), "mAP50").problems
    return draw_curves(problems, "mAP50", looks_of(problems))


@pytest.fixture
def figure(tmp_path):
    write_run(tmp_path / "1", [0.1, 0.2, 0.3], seed=0)
    write_run(tmp_path / "2", [0.2, 0.4, 0.4], seed=1)
    write_run(tmp_path / "3", [0.5, 0.6], strategy="miaod", finished=False)
    return drawn(tmp_path)


def test_lines_are_the_means_in_percent_over_images_and_over_boxes(figure):
    images, objects = figure.axes
    random, miaod = images.get_lines()
    np.testing.assert_allclose(
        np.asarray(objects.get_lines()[0].get_xydata(), float), [[30, 15], [60, 30], [90, 35]]
    )
    np.testing.assert_allclose(
        np.asarray(random.get_xydata(), float), [[10, 15], [20, 30], [30, 35]]
    )
    np.testing.assert_allclose(np.asarray(miaod.get_xydata(), float), [[10, 50], [20, 60]])
    assert (random.get_linestyle(), miaod.get_linestyle()) == ("-", "--")
    assert images.get_ylabel() == "mAP50, %"


def test_band_is_one_standard_deviation_of_several_runs_and_none_of_one(figure):
    axes = figure.axes[0]
    random, miaod = axes.collections
    corners = np.asarray(random.get_paths()[0].vertices)
    sd = 100 * np.array([0.005, 0.02, 0.005]) ** 0.5
    at_20 = sorted({y for x, y in corners.round(9) if x == 20})
    np.testing.assert_allclose(at_20, [30 - sd[1], 30 + sd[1]])
    assert sum(np.size(path.vertices) for path in miaod.get_paths()) == 0


def test_legend_names_methods_in_the_order_in_which_they_end(figure):
    legend = figure.axes[1].get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["miaod (unfinished)", "random, n = 2"]
    assert legend.get_title().get_text() == "mean ± sd of n runs"


def test_a_curve_that_falls_is_low_in_the_legend(tmp_path):
    write_run(tmp_path / "1", [0.6, 0.1])
    write_run(tmp_path / "2", [0.2, 0.5], strategy="miaod")
    legend = drawn(tmp_path).axes[1].get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["miaod", "random"]


def test_legend_lies_beside_the_curves(figure):
    to_bytes(figure, "png")
    axes = figure.axes[1]
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().x0 > axes.get_window_extent().x1
    assert legend.get_window_extent().x1 <= figure.bbox.x1


def test_counts_and_shares_under_the_axis(figure):
    axes = figure.axes[0]
    labels = [t.get_text() for t in axes.get_xticklabels()]
    assert labels == ["10\n5 %", "20\n10 %", "30\n15 %"]


def test_counts_that_lie_too_close_are_left_to_matplotlib(tmp_path):
    write_run(tmp_path / "a", [n / 100 for n in range(40)])
    axes = drawn(tmp_path).axes[0]
    ticks = axes.get_xticks()
    assert len(ticks) < 15
    assert all(tick == int(tick) for tick in ticks)
    cycles = write_run(tmp_path / "few" / "b", [0.1, 0.2, 0.3]) / "cycles.jsonl"
    text = cycles.read_text().replace('"labelled": 20', '"labelled": 11')
    cycles.write_text(text.replace('"labelled": 30', '"labelled": 100'))
    assert 11 not in drawn(tmp_path / "few").axes[0].get_xticks()


def test_a_panel_per_dataset_with_the_same_look_of_a_method(tmp_path):
    write_run(tmp_path / "1", [0.1, 0.2], strategy="random", dataset="a")
    write_run(tmp_path / "2", [0.1, 0.2], strategy="miaod", dataset="b")
    write_run(tmp_path / "3", [0.1, 0.2], strategy="random", dataset="b")
    figure = drawn(tmp_path)
    assert tuple(figure.get_size_inches()) == (12.5, 9.0)
    first, _, second, _ = figure.axes
    looks = [
        {str(line.get_label()): (line.get_color(), line.get_marker()) for line in axes.get_lines()}
        for axes in (first, second)
    ]
    assert looks[0]["random"] == looks[1]["random"] != looks[1]["miaod"]


def test_hours_where_annotating_was_measured(tmp_path):
    timed = write_run(tmp_path / "1", [0.1, 0.2], dataset="a") / "cycles.jsonl"
    cycles = [json.loads(line) for line in timed.read_text().splitlines()]
    lines = [json.dumps(c | {"annotation_seconds": 3600 * c["labelled"]}) + "\n" for c in cycles]
    timed.write_text("".join(lines))
    write_run(tmp_path / "2", [0.1, 0.2], dataset="b")
    axes = drawn(tmp_path).axes
    assert [each.get_visible() for each in axes] == [True] * 5 + [False]
    assert axes[2].get_xlabel() == "hours of annotation"
    assert list(axes[2].get_lines()[0].get_xdata()) == [10, 20]


def test_png_shows_every_line(figure):
    pixels = np.asarray(Image.open(io.BytesIO(to_bytes(figure, "png"))).convert("RGB"))
    assert pixels.shape == (720, 2000, 3)
    assert (pixels == 255).all(axis=2).mean() > 0.5
    for colour in ON_WHITE[:2]:
        wanted = np.round(np.array(to_rgb(colour)) * 255)
        assert (abs(pixels - wanted) <= 2).all(axis=2).sum() > 500


def test_equal_runs_give_equal_svg_and_settings_stay(figure, tmp_path):
    assert to_bytes(figure, "svg") == to_bytes(drawn(tmp_path), "svg")
    assert rcParams["svg.hashsalt"] is None


def test_a_method_without_a_value_is_named_but_not_drawn(tmp_path):
    write_run(tmp_path / "1", [None])
    write_run(tmp_path / "2", [0.1], strategy="miaod")
    figure = drawn(tmp_path)
    assert [np.size(line.get_xdata()) for line in figure.axes[0].get_lines()] == [0, 1]
    assert to_bytes(figure, "png")


def test_dollars_in_names_are_no_formula(tmp_path):
    write_run(tmp_path / "1", [0.1], strategy="a$^$b", dataset="c$_$")
    figure = drawn(tmp_path)
    assert to_bytes(figure, "svg")  # a wrong formula would be an error
    (label,) = figure.axes[1].get_legend().get_texts()
    assert label.get_text() == r"a\$^\$b"


def test_colours_and_markers_do_not_repeat_in_step():
    assert np.gcd(len(ON_WHITE), len(MARKERS)) == 1
    assert len(set(ON_WHITE)) * len(set(MARKERS)) == 56


def test_names_that_no_font_has_and_that_formulas_are_made_of() -> None:
    """No warning (they are errors in tests), no formula, no method that the legend leaves out."""
    names = ["_hidden", "$x", "$x$", r"\$\frac{", "\u732b", "a\x1b\u202eb"]
    methods = tuple(dataclasses.replace(FULL_PROBLEM.methods[0], name=name) for name in names)
    problem = dataclasses.replace(FULL_PROBLEM, methods=methods, name="$a_")
    figure = draw_curves([problem], "$m$", looks_of([problem]))
    svg = to_bytes(figure, "svg").decode()
    ElementTree.fromstring(svg)
    legend = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert [t.split(",")[0].split("\n")[0].replace(r"\$", "$") for t in legend] == [
        " _hidden", "$x", "$x$", r"\$\frac{", "\u732b", r"a\x1b\u202eb",
    ]  # fmt: skip


def test_a_method_looks_the_same_wherever_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (
        FULL_PROBLEM,
        dataclasses.replace(FULL_PROBLEM, methods=FULL_PROBLEM.methods[1:]),
    )
    looks = looks_of([first, second])
    drawn_in = [
        {line.get_label().split(",")[0]: line.get_color() for line in figure.axes[0].get_lines()}
        for figure in (draw_curves([each], "mAP50", looks) for each in (first, second))
    ]
    assert len(drawn_in[1]) == 2
    assert drawn_in[1].items() < drawn_in[0].items()
    given = []
    spied = plots.draw_curves
    monkeypatch.setattr(plots, "draw_curves", lambda *a: (given.append(a[-1]), spied(*a))[1])
    assert page_of(FINDINGS)
    assert given == [plots.looks_of(FINDINGS.problems, FINDINGS.profile)] * len(FINDINGS.problems)


def test_a_long_legend_is_not_cut() -> None:
    method = FULL_PROBLEM.methods[0]
    methods = tuple(dataclasses.replace(method, name=f"m{n}") for n in range(40))
    problem = dataclasses.replace(FULL_PROBLEM, methods=methods)
    figure = draw_curves([problem], "mAP50", looks_of([problem]))
    figure.draw_without_rendering()
    assert figure.axes[1].get_legend().get_window_extent().y0 >= 0


def test_axes_say_what_they_show() -> None:
    figure = draw_curves([FULL_PROBLEM], "mAP50", looks_of([FULL_PROBLEM]))
    figure.draw_without_rendering()
    images, objects = figure.axes[:2]
    shares = [t.get_text() for t in images.get_xticklabels()]
    assert ("share" in images.get_xlabel()) == any("%" in t for t in shares)
    assert all("." not in t.get_text() for t in objects.get_xticklabels())

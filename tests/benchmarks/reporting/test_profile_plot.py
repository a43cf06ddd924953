"""The performance profile, as it is drawn."""

import numpy as np

from alframe.benchmarks.reporting.plots import draw_profile, looks_of
from alframe.benchmarks.statistics.levels import Profile
from alframe.fonts import to_bytes

PROFILE = Profile(4, {"random": (1.0, 1.5, 2.0), "miaod": (1.0, 1.0, 1.0, 1.25), "none": ()})


def figure_of(profile: Profile):
    return draw_profile(profile, looks_of([], profile))


def share_within(line, tau: float) -> float:
    """What the step line says at tau: the height of its last corner at or before it."""
    assert line.get_drawstyle() == "steps-post"
    x, y = np.asarray(line.get_xydata(), float).T
    return float(y[x <= tau][-1])


def test_lines_are_shares_of_problems_solved_within_tau():
    (axes,) = figure_of(PROFILE).axes
    drawn = {line.get_label(): line for line in axes.get_lines()}
    for method, ratios in PROFILE.ratios.items():
        for tau in (1.0, 1.1, 1.25, 1.4, 1.5, 1.9, 2.0, 2.05, 2.1):
            within = 100 * sum(ratio <= tau for ratio in ratios) / 4
            assert share_within(drawn[method], tau) == within, (method, tau)


def test_axis_goes_from_one_to_beyond_the_last_step():
    (axes,) = figure_of(PROFILE).axes
    assert axes.get_xlim() == (1.0, 2.1)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["random", "miaod", "none"]


def test_methods_that_all_need_the_least_are_drawn_too():
    (axes,) = figure_of(Profile(2, {"random": (1.0, 1.0)})).axes
    assert axes.get_xlim() == (1.0, 1.05)


def test_a_name_is_no_formula():
    svg = to_bytes(figure_of(Profile(1, {"a$^$b": (1.0,)})), "svg")  # which would be a wrong one
    assert b"<svg" in svg


def test_equal_profiles_give_equal_files():
    assert to_bytes(figure_of(PROFILE), "svg") == to_bytes(figure_of(PROFILE), "svg")

"""Numbers as they are printed."""

import pytest

from alframe.benchmarks.reporting.tables import p_value, percent, share, spread
from alframe.words import plural


def test_percent_and_spread():
    assert percent(0.47184) == "47.18"
    assert spread(0.47184, 0.0031) == "47.18 ± 0.31"
    assert spread(0.47184, None) == "47.18"


@pytest.mark.parametrize(
    ("difference", "printed"),
    [(0.0123, "+1.23"), (-0.0123, "\N{MINUS SIGN}1.23"), (-0.00001, "+0.00")],
)
def test_differences_have_a_sign_and_zero_is_not_negative(difference, printed):
    assert percent(difference, sign="+") == printed


@pytest.mark.parametrize(
    ("p", "printed"),
    [(0.0625, "0.0625"), (2 / 2**7, "0.0156"), (1.0, "1"), (0.00099, "< 0.001"), (0.001, "0.001")],
)
def test_p(p, printed):
    assert p_value(p) == printed


def test_share_and_plural():
    assert [share(0.434), share(-0.02, 1), share(-0.0001, 1)] == [
        "43 %",
        "\N{MINUS SIGN}2.0 %",
        "0.0 %",
    ]
    assert [plural(1, "tie"), plural(16551, "image")] == ["1 tie", "16,551 images"]

"""Names in markdown are words, and never tags."""

import pytest

from alframe.benchmarks.reporting.markdown import grid, markdown
from tests.benchmarks.findings_example import FINDINGS, with_names


def test_a_table() -> None:
    rows = [["a|b", "1\n2"]]
    assert grid(["x", "y"], rows) == "| x | y |\n| --- | ---: |\n| a\\|b | 1 2 |\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [("<b>&", r"\<b>&"), ("</td>", r"\</td>"), ("<!-- x", r"\<!-- x"), ("p < 0.001", "p < 0.001")],
)
def test_what_looks_like_a_tag_is_shown(text: str, written: str) -> None:
    assert grid([text], []).splitlines()[0] == f"| {written} |"


def test_no_name_becomes_a_tag_wherever_it_stands() -> None:
    text = markdown(with_names(FINDINGS, lambda name: f"<i>{name}"))
    outside_code = text.split("```")[0] + text.split("```")[2]
    assert outside_code.count("<i>") == outside_code.count(r"\<i>") > 50

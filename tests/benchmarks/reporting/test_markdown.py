"""Names in markdown are words, and never tags."""

import pytest

from alframe.benchmarks.reporting.page import markdown
from alframe.benchmarks.reporting.tables import Table, TableCell, heads, table_text
from tests.benchmarks.findings_example import FINDINGS, with_names


def test_a_table() -> None:
    row = [
        TableCell("a|b", note="c*d"),
        TableCell("1\n2"),
        TableCell("3", look="best"),
        TableCell(""),
    ]
    table = Table("t", heads("x", "y", "z", "w", words=("w",)), [row], [row[:1]], notes=["_n_"])
    assert table_text(table) == (
        "| x | y | z | w |\n"
        "| --- | ---: | ---: | --- |\n"
        "| a\\|b (c\\*d) | 1 2 | **3** |  |\n"
        "| a\\|b (c\\*d) |\n"
        "\n\\_n\\_\n"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [("<b>&", r"\<b>&"), ("</td>", r"\</td>"), ("<!-- x", r"\<!-- x"), ("p < 0.001", "p < 0.001")],
)
def test_what_looks_like_a_tag_is_shown(text: str, written: str) -> None:
    assert table_text(Table("t", heads(text), [])).splitlines()[0] == f"| {written} |"


def test_no_name_becomes_a_tag_wherever_it_stands() -> None:
    text = markdown(with_names(FINDINGS, lambda name: f"<i>{name}"))
    outside_code = text.split("```")[0] + text.split("```")[2]
    assert outside_code.count("<i>") == outside_code.count(r"\<i>") > 50

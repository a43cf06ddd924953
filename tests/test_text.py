"""Text of strangers, where it is shown."""

import csv
import logging
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alframe.config.resolve import from_overrides
from alframe.runs.records import results_table
from alframe.text import (
    LineFormatter,
    command,
    csv_cell,
    latex,
    markdown,
    markdown_code,
    printable,
    setting,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nerror: b", r"a\nerror: b"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("tab\there\rback\x7f\x9b", r"tab\there\rback\x7f\x9b"),
        ("\u202egnp.exe\u2028", r"\u202egnp.exe\u2028"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("\u200bzero\ufeff", r"\u200bzero\ufeff"),
        ("Käse 猫 ± … \N{CAT FACE}", "Käse 猫 ± … \N{CAT FACE}"),
    ],
)
def test_a_terminal_shows_and_does_nothing(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None)))
def test_whatever_it_is_it_is_one_line_that_can_be_written(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    shown.encode()
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("[x](javascript:alert(1))", r"\[x](javascript:alert(1))"),
        ("![x](http://evil/x.png)", r"!\[x](http\://evil/x.png)"),
        ("https://evil", r"https\://evil"),
        ("HTTPS://evil www.evil.org", r"HTTPS\://evil www\.evil.org"),
        ("<https://evil> <b> </b> <!-- a<b", r"\<https\://evil> \<b> \</b> \<!-- a\<b"),
        ("me@evil.org", "me@<!-- -->evil.org"),
        ("# head", r"\# head"),
        ("> said", r"\> said"),
        ("- item", r"\- item"),
        ("---", r"\---"),
        ("===", r"\==="),
        ("12. item", r"12\. item"),
        ("7) item", r"7\) item"),
        ("-1.5 +2 3.25", "-1.5 +2 3.25"),
        ("snake_case_name _it_ *b* ~s~", r"snake_case_name \_it\_ \*b\* \~s\~"),
        ("`code` a|b $x$ \\* C:\\dir", r"\`code\` a\|b \$x\$ \\\* C:\dir"),
        ("&lt; a & b", r"\&lt; a & b"),
        ("a\n# b", "a # b"),
        ("p < 0.001", "p < 0.001"),
    ],
)
def test_markdown_shows_it(text: str, written: str) -> None:
    assert markdown(text) == written


def test_a_block_of_code_has_a_longer_fence() -> None:
    assert markdown_code("a\n```\n# b\x1b") == "````\na\n```\n# b\\x1b\n````\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"), ("+x", "'+x"), ("-x", "'-x"), ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"), ("\t=1", r"\t=1"), ("\r=1", r"\r=1"), ("-1.5", "-1.5"), ("a=b", "a=b"),
        (-0.25, -0.25), (None, None), ("", ""),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(value: object, cell: object) -> None:
    assert csv_cell(value) == cell


def test_results_hold_no_formula() -> None:
    metrics = {"=evil()": 0.5, "AP50": {"a": -0.5}}
    cycle = {"cycle": 0, "labelled": 1, "objects": 1, "metrics": metrics, "seconds": {"@x": 1.0}}
    head, line = csv.reader(results_table([cycle]).splitlines())
    assert head == ["cycle", "labelled", "objects", "'=evil()", "AP50/a", "seconds/@x"]
    assert line == ["0", "1", "1", "0.5", "-0.5", "1.0"]


def test_a_path_that_begins_with_a_dash_is_no_option() -> None:
    told = command("run", "--output", Path("-runs"), "--resume")
    assert told == "alframe run --output ./-runs --resume"
    assert command("report", Path("runs")) == "alframe report runs"


@pytest.mark.parametrize("path", ["a b", "it's", "$(x)", "a;b", "a\nb", "*\x1b\\", "-x", "\udcff"])
def test_a_command_can_be_copied(path: str) -> None:
    told = command("report", path)
    assert printable(told) == told
    done = subprocess.run(
        ["/bin/bash", "-c", f"alframe() {{ printf '%s' \"$2\"; }}; {told}"], capture_output=True
    )
    assert done.stdout == path.encode(errors="surrogateescape")
    if path.isprintable():
        assert shlex.split(told) == ["alframe", "report", path]


def test_a_setting_can_be_copied() -> None:
    told = setting("dataset.classes", ["a b", "it's", "$x", 'q"'])
    (word,) = shlex.split(told)
    layer = from_overrides([word])
    assert layer == {"dataset": {"classes": ["a b", "it's", "$x", 'q"']}}


def test_latex_escapes_what_acts() -> None:
    assert latex("\x1b_\u202e") == r"\textbackslash{}x1b\_\textbackslash{}u202e"


def test_no_record_of_a_log_looks_like_two() -> None:
    error = ValueError("x\nERROR: forged")
    record = logging.LogRecord("a", 30, "", 0, "b\nERROR: %s", ("c",), None)
    lines = LineFormatter("%(levelname)s: %(message)s").format(record).splitlines()
    assert lines == [r"WARNING: b\nERROR: c"]
    record = logging.LogRecord("a", 30, "", 0, "b", (), (ValueError, error, None))
    lines = LineFormatter("%(levelname)s: %(message)s").format(record).splitlines()
    assert [line for line in lines if not line.startswith("  ")] == ["WARNING: b"]


def test_a_problem_on_the_terminal_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from alframe.cli import main

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for args in (["predict", f"{tmp_path}/a\nerror: forged\x1b", f"{tmp_path}/a.png"],
                 ["ls", "strategies", "a\nError: forged"]):  # fmt: skip
        with pytest.raises(SystemExit) as done:
            main(args)
        assert done.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert sum("rror: " in line for line in lines) == 1
        assert all(line.isprintable() for line in lines)

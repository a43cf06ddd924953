"""What YAML of strangers may hold, and what is said of what it may not, within a second."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from alframe.config.resolve import from_file, from_overrides, resolve
from alframe.errors import ConfigError
from alframe.files.reading import YAML_BYTES, ValueProblem, parsed_json, read_bytes, yaml_value

BOMB = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
MERGES = "\n".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: 1}}" for n in range(1, 40))
LONG = "a0: &a0 " + "x" * 100_000 + "\nall: [" + "*a0, " * 2_000 + "]"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\na: 2", 2, "'a' is there twice, first in line 1"),
        ("a: {b: 1,\n c: 2,\n b: 3}", 3, "'b' is there twice, first in line 1"),
        ("1: a", 1, "expected a name before the colon, got '1'; quote it"),
        ("true: a", 1, "got 'true'"),
        ("~: a", 1, "got '~'"),
        ("? [a]\n: b", 1, "got a list"),
        ("? {a: 1}\n: b", 1, "got a mapping"),
        ("x: 1\na: !!float x", 2, "'x' is not a value of !!float"),
        ("a: !!int ''", 1, "'' is not a value of !!int"),
        ("a: !!int 0x", 1, "'0x' is not a value of !!int"),
        ("a: !!bool perhaps", 1, "'perhaps' is not a value of !!bool"),
        ("a: !!int [1]", 1, "expected a scalar node"),
        ("a: !!binary x", 1, "values of !!binary are not settings"),
        ("a: !!timestamp 2001-01-01", 1, "values of !!timestamp"),
        ("a: !!omap [b: 1]", 1, "values of !!omap"),
        ("a: !!set {b}", 1, "values of !!set"),
        ("a: !!python/name:os.system x", 1, "values of !!python/name:os.system"),
        ("a: !mine x", 1, "values of !mine"),
        ("a: " + "9" * 5_000, 1, "is not a value of !!int"),
        (f"a: {1 << 63}", 1, "'9223372036854775808' is too large a number"),
        (f"a: {-1 << 63}", 1, "'-9223372036854775808' is too large a number"),
        ("[" * 30_000, 1, "nest"),
        ("- " * 30_000, 1, "nest"),
        ("? " * 30_000, 1, "nest"),
        ("{a: " * 30_000, 1, "nest"),
        ("a0: &a0 1\n" + BOMB, 7, "more than 100,000 values"),
        ("a0: &a0 {k: 1}\n" + MERGES, 14, "more than 100,000 values"),
        (LONG, 2, "more than 100,000 values"),
        ("a: &a [*a]", 1, "*a stands within itself"),
        ("a: *b", 1, "found undefined alias"),
        ("a: 1\n---\nb: 2", 2, "but found another document"),
        ("a:\n\t- b", 2, "found character that cannot start any token"),
        ("a: \0", 0, "control characters are not allowed"),
        ("a: \udcff", 0, "it is not UTF-8"),
        ("a: [", 2, "did not find expected node content"),
        ("<<: 1", 1, "expected a mapping or list of mappings for merging"),
    ],
)  # fmt: skip
def test_what_no_setting_is(text: str, line: int, problem: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueProblem) as error:
        yaml_value(text)
    assert problem in error.value.text
    assert error.value.line == line
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[010, 1:30, 1:30.5, 0x10, 1_000, -5, .5, 1.0e-3]",
         ["010", "1:30", "1:30.5", 16, 1000, -5, 0.5, 0.001]),
        ("[yes, no, on, off, 2001-01-01, 2001-13-45, =]",
         ["yes", "no", "on", "off", "2001-01-01", "2001-13-45", "="]),
        ("[true, False, null, ~, 1, -2, .5, 1e5, 1.e+5]",
         [True, False, None, None, 1, -2, 0.5, "1e5", 1e5]),
        ("{base: &b {x: 1, y: 2}, more: {<<: *b, y: 3}}",
         {"base": {"x": 1, "y": 2}, "more": {"x": 1, "y": 3}}),
        ("{a: &b {<<: {lr: 1}, lr: 2}, c: {<<: *b}}", {"a": {"lr": 2}, "c": {"lr": 2}}),
        ("", None),
        ("# nothing", None),
        ("\ufeffa: 1", {"a": 1}),
        (str((1 << 63) - 1), (1 << 63) - 1),
    ],
)  # fmt: skip
def test_what_settings_are(text: str, value: Any) -> None:
    assert yaml_value(text) == value


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ("[1, 2, 3, 4, 5, 6, 7]", "[1, 2, 3, 4, 5, 6, 7, 8]"),
        ("{a: 1, b: 2, c: 3}", "{a: 1, b: 2, c: 3, d: 4}"),
        ("[&a [1, 2], *a, 3]", "[&a [1, 2], *a, 3, 4]"),
        ("[&a 1, *a, *a, *a, *a, *a, *a]", "[&a 1, *a, *a, *a, *a, *a, *a, *a]"),
        (f"[{'x' * 383}, 1]", f"[{'x' * 384}, 1]"),
        (f"[&a {'x' * 191}, *a, 1]", f"[&a {'x' * 192}, *a, 1]"),
    ],
)
def test_a_document_may_be_as_large_as_its_limit(
    within: str, beyond: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alframe.files.reading.YAML_NODES", 8)
    yaml_value(within)
    with pytest.raises(ValueProblem, match="more than 8 values"):
        yaml_value(beyond)


def test_a_document_may_be_as_deep_as_its_limit() -> None:
    yaml_value("[" * 64 + "]" * 64)
    with pytest.raises(ValueProblem, match="nested deeper than 64 levels"):
        yaml_value("[" * 65 + "]" * 65)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: \xff", "is not UTF-8, line 1"),
        ("a: 1\nb: ä".encode("utf-16"), "is not UTF-8, line 1"),
        (b"a: 1\nb: \xe4", "is not UTF-8, line 2"),
        pytest.param(
            b"#" * (YAML_BYTES + 1),
            "it has 1,048,577 bytes; expected at most 1,048,576",
            id="large",
        ),
        (b"seed: !!float x", "is not YAML of settings, line 1: 'x' is not a value of !!float"),
    ],
)
def test_a_file_of_people(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        from_file(str(path))
    assert problem in str(error.value)
    assert str(path) in str(error.value)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    said = {"pipe": "a pipe or a device", "folder": "a folder", "zero": "a pipe or a device",
            "none": "No such file", "x" * 300: "File name too long"}  # fmt: skip
    for name, problem in said.items():
        with pytest.raises(ConfigError, match=problem):
            from_file(str(tmp_path / f"{name}.yaml"))
    with pytest.raises(ConfigError, match="cannot hold such characters"):
        from_file("a\0.yaml")


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        ("training.lr=!!float x", "training.lr: '!!float x' is not a YAML value ('x' is not a"),
        ("output=a\nb", "a line break would become a space"),
        ("seed=1\nseed: 2", "seed: '1\\nseed: 2' is not a YAML value"),
        ("seed=" + "9" * 5_000, "is not a value of !!int"),
        ("a" + ".b" * 5_000 + "=1", "expected at most 16 dots in a setting's name"),
        ("strategy=" + "power:" * 5_000 + "entropy", "at most 16 on top of each other"),
        ("x={a: 1, a: 2}", "'a' is there twice"),
    ],
)
def test_a_value_of_the_command_line(pair: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        from_overrides([pair])
    assert problem in str(error.value)
    assert len(str(error.value)) < 300


def test_a_date_is_a_text() -> None:
    config = resolve([from_overrides(["output=2026-01-02", "dataset.classes=3"])])
    assert config.output == "2026-01-02"
    with pytest.raises(ConfigError, match=r"training\.lr: expected a number .*'2001-13-45'"):
        resolve([from_overrides(["training.lr=2001-13-45"])])


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\xff", "it is not UTF-8"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"cycle": ' + b"9" * 5_000 + b"}", "it holds too large a number"),
        (b"{", "it is not JSON: "),
    ],
)
def test_json_that_cannot_be_read(raw: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parsed_json(raw)


def test_a_file_may_be_as_large_as_its_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345678")
    assert read_bytes(tmp_path / "file", 8) == b"12345678"
    with pytest.raises(OSError, match="it has 8 bytes; expected at most 7"):
        read_bytes(tmp_path / "file", 7)

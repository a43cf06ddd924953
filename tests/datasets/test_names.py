import os
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.datasets.listing import Listing, same_files
from alframe.datasets.names import SEEN_THROUGH, SUFFIXES, has_picture_suffix, likeness, stem
from alframe.datasets.problems import Problem, grouped

PLAIN = st.text(st.characters(categories=("Ll", "Lu", "Nd")), min_size=1, max_size=8)


@given(PLAIN, st.sampled_from(["nfc", "nfd", "quote", "quote twice", "upper", "space"]))
def test_what_means_one_file_is_alike(name, change):
    changed = {
        "nfc": unicodedata.normalize("NFC", name),
        "nfd": unicodedata.normalize("NFD", name),
        "quote": quote(name),
        "quote twice": quote(quote(name)),
        "upper": name.casefold(),
        "space": f" {name} ",
    }[change]
    assert likeness(changed) == likeness(name)
    assert likeness(likeness(name)) == likeness(name)


@given(st.text(st.characters(max_codepoint=255), max_size=12))
def test_the_quick_way_is_the_long_one(name):
    slow = name
    for undo in SEEN_THROUGH:
        slow = undo(slow)
    assert likeness(name) == slow


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("a1", "a 1"), ("a.jpg", "a.png")])
def test_what_does_not(one, other):
    assert likeness(one) != likeness(other)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_suffixes_in_any_case(suffix):
    for name in (f"a{suffix}", f"a{suffix.upper()}", f"a{suffix.title()}"):
        assert has_picture_suffix(name)
        assert stem(f"sub/{name}") == "sub/a"


@pytest.mark.parametrize("name", ["a", "a.b", "a.txt", "jpg", "a.jpg/b"])
def test_other_names_are_no_pictures(name):
    assert not has_picture_suffix(name)
    assert stem(name) == name


def test_listing(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b").mkdir()
    listing = Listing()
    assert tmp_path / "a.png" in listing
    assert tmp_path / "b" not in listing  # a folder is no file
    assert tmp_path / "b.png" not in listing
    assert tmp_path / "no-folder" / "a.png" not in listing
    assert listing.folder(tmp_path).folders == ["b"]


def test_same_files(tmp_path):
    for name in "abc":
        (tmp_path / name).touch()
    (tmp_path / "hard").hardlink_to(tmp_path / "a")
    (tmp_path / "soft").symlink_to(tmp_path / "a")
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    (tmp_path / "inner").symlink_to(tmp_path, target_is_directory=True)
    files = {n: tmp_path / n for n in ("b", "a", "hard", "soft", "broken")}
    files["inner/b"] = tmp_path / "inner" / "b"
    assert same_files(files, Listing()) == [["b", "inner/b"], ["a", "hard", "soft"]]
    assert same_files({n: tmp_path / n for n in "abc"}, Listing()) == []


def test_the_disk_is_not_asked_about_each_file(tmp_path, monkeypatch):
    for name in "abc":
        (tmp_path / name).touch()
    monkeypatch.setattr(os, "stat", lambda *_, **__: pytest.fail("asked"))
    assert same_files({n: tmp_path / n for n in "abc"}, Listing()) == []


def test_one_line_a_cause():
    problems = [Problem("it is missing", f"f{n}", "add it") for n in range(300)]
    problems += [Problem("it is broken", "g", "mend it"), problems[0]]
    assert grouped(problems) == [
        "it is missing (300 times): f0, f1, f2, f3, f4 and 295 more; add it",
        "it is broken: g; mend it",
    ]

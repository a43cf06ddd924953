"""Which picture a file of annotations means by a name, and which it cannot mean."""

import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alframe.datasets.listing import Listing
from alframe.datasets.name_matching import Meant, Pictures
from alframe.datasets.names import Names
from alframe.datasets.problems import BadItemError

IDS = ("a.jpg", "sub/b c.PNG", "sub/deep/d.jpeg", "other/d.jpeg", "Ünï.jpg", "e.jpg", "e.png")


def pictures(*ids):
    return Pictures(ids or IDS, lambda _: (8, 8))


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("a.jpg", "a.jpg"),
        ("a", "a.jpg"),
        ("A.JPG", "a.jpg"),
        ("a.png", "a.jpg"),
        ("./a.jpg", "a.jpg"),
        ("photos/a.jpg", "a.jpg"),
        ("/home/me/photos/a.jpg", "a.jpg"),
        (r"C:\photos\a.jpg", "a.jpg"),
        ("https://host/photos/a.jpg", "a.jpg"),
        ("../photos/a.jpg", "a.jpg"),
        ("b c.PNG", "sub/b c.PNG"),
        ("b%20c.png", "sub/b c.PNG"),
        ("sub%2Fb%20c.png", "sub/b c.PNG"),
        ("x/sub/b+c", "sub/b c.PNG"),
        ("deep/d.jpeg", "sub/deep/d.jpeg"),
        ("x/other/d.jpeg", "other/d.jpeg"),
        (unicodedata.normalize("NFD", "Ünï.jpg"), "Ünï.jpg"),
        ("e.png", "e.png"),
        ("E.PNG", "e.png"),
        ("images/8/0123abcd-a.jpg", "a.jpg"),
    ],
)
def test_a_name_that_can_mean_one_picture(name, item):
    assert pictures().find(name) == item


TWINS = ("Zoë.jpg", unicodedata.normalize("NFD", "Zoë.jpg"), "p c.jpg", "p%20c.jpg", "P c.jpg")


@pytest.mark.parametrize("item", TWINS)
@pytest.mark.parametrize("written", [str, Path, "images/{}".format, "/x/y/{}".format])
def test_what_is_written_to_the_letter_is_none_of_its_twins(item, written):
    for name in (str(written(item)), str(written(item)).removesuffix(".jpg")):
        assert pictures(*TWINS).find(name) == item
    with pytest.raises(BadItemError, match="may mean several files"):
        pictures(*TWINS).find("p+C.jpg")


def test_a_backslash_may_be_part_of_a_name():
    ids = (r"a\b.jpg", r"c\d.jpg", "c/d.jpg", "b.jpg")
    for name in (r"a\b.jpg", r"a\b", r"x/a\b.jpg"):
        assert pictures(*ids).find(name) == ids[0]
    assert pictures(*ids).find(r"x\c\d.jpg") == "c/d.jpg"
    assert pictures(*ids).find(r"c\d") == ids[1]


def test_files_of_a_dataset_are_told_from_their_twins(tmp_path):
    files = (*TWINS, r"a\b.jpg", r"c\d.jpg", "c/d.jpg", "e/f.jpg")
    (tmp_path / "c").mkdir()
    (tmp_path / "e").mkdir()
    for name in files:
        (tmp_path / name).touch()
    meant = Meant(tmp_path, Listing())
    for name in (*files, *(item.removesuffix(".jpg") for item in TWINS)):
        assert meant.find(tmp_path, name).removesuffix(".jpg") == name.removesuffix(".jpg")
    for name in (r"e\f.jpg", "./e/f.jpg", "e//f.jpg", "e/./f", r".\e\f.jpg"):
        assert meant.find(tmp_path, name) == "e/f.jpg"
    with pytest.raises(BadItemError, match="may mean several files"):
        meant.find(tmp_path, "p+C.jpg")


@pytest.mark.parametrize("name", ["d.jpeg", "sub/deep/d.jpeg"])
def test_a_path_of_a_file_means_that_one(name, tmp_path, monkeypatch):
    named = Pictures(("d.jpeg", "sub/deep/d.jpeg"), lambda _: (8, 8), lambda i: tmp_path / "x" / i)
    monkeypatch.chdir(tmp_path)
    assert named.find(str(tmp_path / "x" / name)) == named.find(f"x/{name}") == name
    if name == "d.jpeg":
        with pytest.raises(BadItemError, match="may mean several files"):
            named.find(f"elsewhere/{name}")


def test_a_bare_name_is_not_that_of_the_folder_one_is_in(tmp_path, monkeypatch):
    for split in ("train", "valid"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "a.jpg").touch()
    named = Pictures(("train/a.jpg", "valid/a.jpg"), lambda _: (8, 8), lambda i: tmp_path / i)
    monkeypatch.chdir(tmp_path / "train")
    with pytest.raises(BadItemError, match="may mean several files"):
        named.find("a.jpg")
    assert named.find("../valid/a.jpg") == "valid/a.jpg"


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("d.jpeg", r"\(other/d.jpeg, sub/deep/d.jpeg\)"),
        ("x/d.jpeg", r"\(other/d.jpeg, sub/deep/d.jpeg\)"),
        ("e", r"\(e.jpg, e.png\)"),
        ("e.gif", r"\(e.jpg, e.png\)"),
    ],
)
def test_one_that_may_mean_several_names_them(name, candidates):
    with pytest.raises(BadItemError, match=f"may mean several files: {name} {candidates}"):
        pictures().find(name)


@pytest.mark.parametrize("name", ["", ".", "..", "/", "f.jpg", "a.jpg/x", "\0", "a.jp", "sub"])
def test_one_that_means_none(name):
    with pytest.raises(BadItemError, match="a name is that of no picture of the dataset"):
        pictures().find(name)


def test_another_suffix_counts_where_no_folder_has_the_same():
    found = pictures("same.png", "x/same.jpg", "y/same.jpg", "x/one.jpg", "one.png")
    with pytest.raises(BadItemError, match=r"several files: same.jpg \(x/same.jpg, y/same.jpg\)"):
        found.find("same.jpg")
    assert [found.find(name) for name in ("same", "one", "one.jpg", "y/same.png")] == [
        "same.png", "one.png", "x/one.jpg", "y/same.jpg"
    ]  # fmt: skip


def test_ids_without_suffix():
    found = pictures("train/1", "train/12", "val/1")
    assert [found.find(name) for name in ("train/1.jpg", "12.png")] == ["train/1", "train/12"]
    with pytest.raises(BadItemError, match="several"):
        found.find("1.jpg")


def test_a_number_may_lack_its_zeros():
    """Detectors that take names for numbers write 5 for 000005.jpg."""
    found = pictures("VOC/000005", "000050.jpg", "12.jpg", "0012.png", "0.jpg", "x5.jpg")
    assert [found.find(name) for name in ("5", "50.jpg", "12", "00")] == [
        "VOC/000005", "000050.jpg", "12.jpg", "0.jpg"
    ]  # fmt: skip
    with pytest.raises(BadItemError, match="several"):
        found.find("00012")
    for name in ("500", "x05", "a/5"):
        with pytest.raises(BadItemError, match="no picture"):
            found.find(name)


def test_names_that_differ_are_noted_but_for_the_suffix():
    found = pictures()
    for name in ("a", "a.jpg", "A.jpg", "deep/d", "images/a.jpg", "labels/sub/b c"):
        found.find(name)
    assert found.notes() == [
        "2 names that are given differ from their files (case, encoding, suffix or folder) and "
        "can mean no other: A.jpg (a.jpg), deep/d (sub/deep/d.jpeg)"
    ]


@pytest.mark.parametrize(
    ("name", "item", "plain"),
    [
        ("images/train/q", "images/train/q.jpg", True),
        ("labels/train/q", "images/train/q.jpg", True),
        ("train/q", "images/train/q.jpg", True),
        ("images/train/q", "q.jpg", True),
        ("train/q", "q.jpg", False),  # it may be another one, of a split
        ("images/other/q", "q.jpg", False),
        ("images/train/Q", "images/train/q.jpg", False),
        ("images/train/q.png", "images/train/q.jpg", False),
        ("images/train/q.jpg", "images/train/q", True),
    ],
)
def test_folders_of_a_format_are_not_noted(name, item, plain):
    found = pictures(item)
    assert found.find(name) == item
    assert (found.notes() == []) == plain


PART = st.text(st.characters(categories=("Ll", "Lu", "Nd")), min_size=1, max_size=6)


@given(st.sets(PART.map(str.casefold), min_size=1, max_size=8), st.data())
def test_every_way_to_write_an_unmistakable_name_leads_to_it(stems, data):
    ids = [f"in/{unicodedata.normalize('NFC', stem)}.jpg" for stem in sorted(stems)]
    found, item = pictures(*ids), data.draw(st.sampled_from(ids))
    if len(Names(ids).like(item)) > 1:
        return
    for change in (str, str.upper, quote, lambda n: unicodedata.normalize("NFD", n)):
        for start in ("", "in/", "far/in/", "/abs/"):
            name = start + change(item.removeprefix("in/"))
            if name.casefold() == name or name.upper().casefold() == item.casefold():
                assert found.find(name) == item


def test_a_picture_that_a_whole_path_means_is_not_doubted(tmp_path):
    ids = ("d.jpeg", "sub/d.jpeg", "sub/c.jpeg")
    named = Pictures(ids, lambda _: (8, 8), lambda item: tmp_path / "x" / item)
    found = [named.find(str(tmp_path / "x" / "d.jpeg")), named.find("c.jpeg")]
    assert found == ["d.jpeg", "sub/c.jpeg"]
    assert named.doubts(found) == []

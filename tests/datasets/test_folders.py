"""What counts as a picture in a folder, and what is said of the rest."""

import os
from pathlib import Path

import pytest
from PIL import Image

from alframe.datasets.folders import pictures_in
from alframe.datasets.names import SUFFIXES
from alframe.errors import DataError
from alframe.files.walking import walked

from .builders import image


def names(folder: Path) -> tuple[list[str], list[str]]:
    found, notes = pictures_in([folder])
    assert all(given.path == folder / given.name for given in found)
    return [str(given.name) for given in found], notes


@pytest.mark.parametrize("suffix", [*SUFFIXES, *(s.upper() for s in SUFFIXES), ".JpG"])
def test_every_suffix_in_any_case(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_text("whether it is readable is found out when it is decoded")
    assert names(tmp_path) == ([f"a{suffix}"], [])


@pytest.mark.parametrize("name", ["a", "IMG_1.2", "a.jpg_large", "a.jpg~", "b.jp2", "c.avif"])
def test_the_content_counts_where_the_name_does_not_say_it(tmp_path, name):
    suffix = Path(name).suffix
    form = {".jp2": "JPEG2000", ".avif": "AVIF"}.get(suffix, "JPEG")
    Image.new("RGB", (64, 64)).save(tmp_path / name, form)
    assert names(tmp_path) == ([name], [])


def test_folders_below_in_order_and_links_in_a_circle(tmp_path):
    for name in ("b.jpg", "a/z.png", "a/b/y.png", "x.jpg/w.png"):
        image(tmp_path / name)
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to("self")
    found, notes = names(tmp_path)
    assert found == ["a/b/y.png", "a/z.png", "b.jpg", "x.jpg/w.png"]
    again, _ = pictures_in([tmp_path / "b.jpg", tmp_path, tmp_path / "b.jpg"])
    assert [str(given.name) for given in again] == ["b.jpg", "a/b/y.png", "a/z.png", "x.jpg/w.png"]
    assert notes == [
        f"left out of {tmp_path}: 1 file that cannot be read (the file cannot be opened (Too many "
        "levels of symbolic links)): a/self"
    ]


def test_what_is_left_out_is_counted_and_named_by_reason(tmp_path):
    image(tmp_path / "a.jpg")
    for name in ("notes.txt", "Thumbs.db", "b/labels.json", "b/.DS_Store", ".hidden.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    for name in ("c.HEIC", "d.dng", "e.svg"):
        (tmp_path / name).write_bytes(b"II*\0")
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path) == (
        ["a.jpg"],
        [
            f"left out of {tmp_path}: 2 files with a name that begins with a dot: .hidden.jpg, "
            "b/.DS_Store",
            f"left out of {tmp_path}: 3 files without an image in it: Thumbs.db, b/labels.json, "
            "notes.txt",
            f"left out of {tmp_path}: 3 files of a format that is not read (convert it to JPEG or "
            "PNG): c.HEIC, d.dng, e.svg",
            f"left out of {tmp_path}: 1 file that cannot be read (expected an image file, got a "
            "named pipe): pipe",
        ],
    )


def test_a_query_is_known_by_all_that_one_has(tmp_path):
    image(tmp_path / "a.jpg")
    image(tmp_path / "mine" / "thumbnails" / "b.jpg")
    for name in ("README.txt", "images.txt"):
        (tmp_path / "mine" / name).touch()
    here = ["a.jpg", "mine/thumbnails/b.jpg"]
    texts = "2 files without an image in it: mine/README.txt, mine/images.txt"
    assert names(tmp_path) == (here, [f"left out of {tmp_path}: {texts}"])
    (tmp_path / "mine" / "query.json").touch()
    taken = "of a query of alframe (to take it, give the folder of the pictures itself)"
    assert names(tmp_path) == (["a.jpg"], [f"left out of {tmp_path}: 1 file {taken}: mine"])
    image(tmp_path / "mine" / "c.jpg")
    found, notes = names(tmp_path / "mine")
    assert found == ["c.jpg"]
    assert f"left out of {tmp_path / 'mine'}: 1 file {taken}: thumbnails" in notes


def test_all_folders_without_pictures(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.heic").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        pictures_in([tmp_path / name for name in ("a", "c.jpg", "b", "d")])
    missing, first, second = caught.value.problems
    assert missing.startswith(f"the image is missing (2 times): {tmp_path / 'c.jpg'}, ")
    assert first.startswith(f"{tmp_path / 'a'} holds no image (.bmp, .gif, ")
    assert second.endswith(
        "1 file of a format that is not read (convert it to JPEG or PNG): c.heic"
    )


def test_names_that_are_no_text(tmp_path):
    image(tmp_path / "a.jpg")
    image(tmp_path / "b.jpg").rename(tmp_path / os.fsdecode(b"\xff.jpg"))
    image(tmp_path / "b.jpg").rename(tmp_path / "two\nlines.jpg")
    found, (note,) = names(tmp_path)
    assert found == ["a.jpg"]
    assert "2 files with a name that is no line of UTF-8 (rename it): " in note


def test_folders_that_are_hidden_are_not_walked(tmp_path: Path) -> None:
    for name in ("b", ".cache/deep", "lost+found"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.jpg").touch()
    assert list(walked(tmp_path)) == [(tmp_path.as_posix(), []), (f"{tmp_path}/b", ["x.jpg"])]


def test_links_to_folders_are_walked_each_folder_once(tmp_path: Path) -> None:
    for name in ("top/b", "elsewhere/deep"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.txt").touch()
    for link, target in (
        ("top/a", "top/b"),
        ("top/c", "elsewhere"),
        ("top/d", "elsewhere/deep"),
        ("elsewhere/up", "top"),
        ("elsewhere/self", "elsewhere"),
        ("top/gone", "nowhere"),
        ("top/.hidden", "elsewhere"),
    ):
        (tmp_path / link).symlink_to(tmp_path / target)
    found = dict(walked(tmp_path / "top"))
    names = {os.path.relpath(inner, tmp_path / "top"): names for inner, names in found.items()}
    assert names == {".": ["gone"], "b": ["x.txt"], "c": [], "c/deep": ["x.txt"]}

"""Formats are recognised by content; what is none is refused by name, and no zip does harm."""

import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import get_args
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from alframe.annotations import sources
from alframe.annotations.coco import read_coco
from alframe.annotations.coco_writing import write_answers
from alframe.annotations.files_oracle import FormatName
from alframe.annotations.formats import (
    FORMATS,
    named_format,
    read_annotations,
    read_predictions,
    write_query,
)
from alframe.annotations.vocabulary import Annotations, Proposal
from alframe.cli.annotate import annotate
from alframe.datasets.objects import Annotated
from alframe.datasets.photos import photos
from alframe.datasets.problems import Problems
from alframe.errors import ConfigError, DataError
from tests.annotations.known import Known, boxes, read, sheet, zipped

ROOT = Path(__file__).parents[2]

IMAGES = Known("x/a.jpg", "b.jpg", "c.jpg")
ASKED = sheet(
    {
        "x/a.jpg": [Proposal("disc", (40, 50, 100, 110), 0.75), Proposal("box", (1, 2, 3, 4), 0.5)],
        "b.jpg": [Proposal("box", (0, 0, 320, 240), 0.25)],
        "c.jpg": [],
    }
)
INSTANCES = '{"images": [], "categories": [], "annotations": []}'


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_written_is_recognised_and_read(tmp_path: Path, name: str, packed: bool) -> None:
    path = write_query(name, ASKED, tmp_path / "query")
    assert path.exists()
    source = tmp_path / "query"
    if packed:
        files = [file for file in source.rglob("*") if file.is_file()]
        members = {str(file.relative_to(source)): file.read_text() for file in files}
        source = zipped(tmp_path / "export.zip", members)
    problems = Problems("error")
    found = FORMATS[name].predictions or FORMATS[name].read
    with sources.opened(source) as opened:
        assert [one.name for one in FORMATS.values() if one.recognises(opened)] == [name]
        said = found(opened, IMAGES, problems)
    problems.settle()
    assert sorted(boxes(said)) == [
        ("b.jpg", "box", [0, 0, 320, 240]),
        ("x/a.jpg", "box", [1, 2, 3, 4]),
        ("x/a.jpg", "disc", [40, 50, 100, 110]),
    ]
    if name not in ("voc", "yolo"):
        assert said.images == ["x/a.jpg", "b.jpg", "c.jpg"]
        assert [thing.score for thing in said.objects] == [0.75, 0.5, 0.25]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_files_that_are_not_read_are_told(tmp_path: Path, name: str, packed: bool) -> None:
    source = tmp_path / "query"
    write_query(name, ASKED, source)
    members = {str(f.relative_to(source)): f.read_text() for f in source.rglob("*.*")}
    others = {
        "in/labelme.json": '{"shapes": []}',
        "in/lines.jsonl": "{}",
        "More.CSV": "a,b",
        "x.ndjson": "{}",
        "x.zip": "PK",
        "query.json": "{}",
        "README.txt": "",
    }
    for other, text in others.items():
        (source / other).parent.mkdir(exist_ok=True)
        (source / other).write_text(text)
    if packed:
        source = zipped(tmp_path / "export.zip", members | others)
    problems = Problems("error")
    told = "More.CSV, in/labelme.json, in/lines.jsonl, x.ndjson, x.zip"
    left = f"left out of {source}: 5 files not read: {told}"
    assert read_predictions(source, IMAGES, problems).notes[-1] == left
    if name in ("voc", "cvat", "yolo"):
        assert read_annotations(source, IMAGES, problems).notes[-1] == left


@pytest.mark.parametrize("name", FORMATS)
def test_what_lies_beside_annotations_does_not_say_what_is_in_a_picture(
    tmp_path: Path, name: str
) -> None:
    """So only what does is looked for among files that somebody may have changed."""
    asked = sheet({"a.jpg": [Proposal("disc", (1, 2, 30, 40), 0.5)]})
    written = {}
    for place, each in (("bare", replace(asked, images=())), ("shown", asked)):
        write_query(name, each, tmp_path / place)
        made = [file for file in (tmp_path / place).rglob("*") if file.is_file()]
        written[place] = {file.name: file.read_bytes() for file in made}
    same = {name for name, data in written["shown"].items() if written["bare"].get(name) == data}
    assert same == FORMATS[name].beside


def test_formats_are_known_to_settings_and_pages() -> None:
    assert {*get_args(FormatName)} == {*FORMATS}
    guides = [ROOT / "README.md", ROOT / "alframe/annotations/README.md"]
    pages = [guide.read_text(encoding="utf-8") for guide in guides]
    for text in (*pages, inspect.getdoc(photos), annotate.help):
        assert text is not None
        plain = "-".join(text.lower().split())
        assert [name for name in FORMATS if name not in plain] == []


def test_every_format_says_what_to_do() -> None:
    for one in FORMATS.values():
        assert 2 <= len(one.howto) <= 5
        assert one.summary
    assert list(FORMATS) == ["coco", "voc", "cvat", "label-studio", "yolo"]


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match=r"unknown format 'label_studio'; .* mean 'label-studio'"):
        named_format("label_studio")


@pytest.mark.parametrize("content", ["[]", " [\n] \n", "\ufeff[]"])
def test_an_empty_list_is_what_a_model_found_that_found_nothing(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "x.json").write_text(content)
    problems = Problems("error")
    found = read_predictions(tmp_path / "x.json", IMAGES, problems)
    assert (found.images, list(found.objects), problems.items) == ([], [], set())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "an empty file"),
        ("hello world\n", "a file that begins with 'hello world'"),
        ('{"shapes": [], "imagePath": "a.jpg"}', "JSON: one image by LabelMe"),
        ('{"id": 1, "result": [], "lead_time": 3.5}', "JSON: one annotation of Label Studio ("),
        ('{"a": 1}', "JSON that is none of them"),
        ('{"a": 1', "JSON: malformed ("),
        ("[]", "JSON"),
        ("[1, 2]", "JSON"),
        ("<html><body>404</body></html>", "XML that begins with '<html>"),
        ("\x00\x01\x02", "a file that is no text"),
        ("[" * 100_000, "JSON that is none of them"),
    ],
)
def test_what_is_none_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x").write_text(content)
    with pytest.raises(DataError) as raised:
        read(tmp_path / "x", IMAGES)
    known = "(coco, voc, cvat, label-studio, yolo)"
    start = f"{tmp_path}/x holds no annotations in a known format {known}, but "
    assert str(raised.value).startswith(f"{start}{said}")


def test_folders_that_hold_none_or_several(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="but an empty folder"):
        read(tmp_path, IMAGES)
    (tmp_path / "x.csv").write_text("a,b")
    with pytest.raises(DataError, match=r"but a folder of \.csv \(1\)"):
        read(tmp_path, IMAGES)
    (tmp_path / "x.json").write_text(INSTANCES)
    assert read(tmp_path, IMAGES).images == []
    (tmp_path / "a.txt").write_text("0 0.5 0.5 1 1\n")
    with pytest.raises(
        DataError, match="holds several formats: coco, yolo; give one of them alone"
    ):
        read(tmp_path, IMAGES)
    assert boxes(read(tmp_path, Known("a.jpg"), "yolo")) == [("a.jpg", "0", [0, 0, 320, 240])]
    with pytest.raises(DataError, match=r"holds no annotations in the format cvat \(CVAT for im"):
        read(tmp_path, IMAGES, "cvat")
    with pytest.raises(
        DataError, match=r"format voc \(.*\), but coco \(COCO instances, a JSON file"
    ):
        read(tmp_path / "x.json", IMAGES, "voc")
    with pytest.raises(DataError, match=r"nothing cannot be read: No such file"):
        read(tmp_path / "nothing", IMAGES)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    for text, kind in ((INSTANCES, "json"), ("<annotations></annotations>", "xml")):
        if kind == "xml" and encoding == "utf-16-le":
            continue  # XML needs a mark
        path = tmp_path / f"x.{kind}"
        path.write_bytes(text.encode(encoding))
        assert read(path, IMAGES).objects == []


@pytest.mark.parametrize("name", ["../x.json", "a/../../x.json", "/etc/x.json", "C:\\x.json"])
def test_zips_whose_members_climb_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="of the zip would lie outside of it"):
        read(zipped(tmp_path / "x.zip", {"ok.json": INSTANCES, name: "{}"}), IMAGES)


def test_zip_bombs_are_refused_and_pictures_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_BYTES", 1 << 20)
    with ZipFile(tmp_path / "x.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("x.json", INSTANCES)
        archive.writestr("images/a.jpg", b"0" * (1 << 21))
    assert read(tmp_path / "x.zip", IMAGES).images == []
    with ZipFile(tmp_path / "x.zip", "a", ZIP_DEFLATED) as archive:
        archive.writestr("y.xml", b" " * (1 << 21))
    with pytest.raises(DataError, match=r"holds 2,097,\d+ bytes of annotations in 3 files; expect"):
        read(tmp_path / "x.zip", IMAGES)
    (tmp_path / "x.json").write_text(INSTANCES + " " * (1 << 20))
    with pytest.raises(DataError, match=r"x\.json cannot be read: it has 1,048,"):
        read(tmp_path / "x.json", IMAGES)


def test_a_bomb_that_lies_about_its_size_stops_there(tmp_path: Path) -> None:
    raw = INSTANCES.encode() + b" " * (1 << 20)
    with ZipFile(tmp_path / "x.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("x.json", raw)
    data = (tmp_path / "x.zip").read_bytes()
    lie = (len(INSTANCES)).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(data.replace(len(raw).to_bytes(4, "little"), lie))
    with pytest.raises(
        DataError, match=r"x\.zip/x\.json cannot be read: Bad CRC-32 .*; export the zip again"
    ):
        read(tmp_path / "x.zip", IMAGES)


def test_zips_of_another_age(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"x.json": INSTANCES})
    data = path.read_bytes()
    entry = data.index(b"PK\1\2")  # in the directory: version made by, version needed
    path.write_bytes(data[: entry + 6] + b"\xd1" + data[entry + 7 :])
    with pytest.raises(DataError, match=r"x\.zip is a damaged zip \(zip file version 20\.9\)"):
        read(path, IMAGES)


def test_damaged_zips(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"x.json": INSTANCES})
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"images"', b'"imagez"'))
    with pytest.raises(DataError, match=r"x\.zip/x\.json cannot be read: Bad CRC-32"):
        read(path, IMAGES)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"x\.zip holds no annotations in a known format"):
        read(path, IMAGES)


def test_what_file_managers_leave_behind_is_not_read(tmp_path: Path) -> None:
    members = {"x.json": INSTANCES, "__MACOSX/._x.json": "\x00\x05", ".hidden.xml": "<annotations>"}
    assert read(zipped(tmp_path / "x.zip", members), IMAGES).images == []


def test_answers_of_a_run_read_back_equal(tmp_path: Path) -> None:
    said = Annotations(
        ("disc", "box"),
        ["x/a.jpg", "c.jpg", "b.jpg"],
        [
            Annotated("x/a.jpg", "box", (0.1, 0.2, 10.7, 20.9), crowd=True, area=12.5, score=1.0),
            Annotated("x/a.jpg", "disc", (1, 2, 3, 4), difficult=True, score=0.0, area=4.0),
        ],
        {"c.jpg"},
        {"x/a.jpg": 12.5, "c.jpg": 0.0},
    )
    path, problems = tmp_path / "cycle_01.json", Problems("error")
    write_answers(said, IMAGES, path)
    found = read_coco(path, IMAGES, problems)
    problems.settle()
    assert found == replace(said, listed=True)
    rows = json.loads(path.read_text())["images"]
    assert rows[1] == {
        "id": 2,
        "file_name": "c.jpg",
        "width": 320,
        "height": 240,
        "ignored": 1,
        "seconds": 0.0,
    }


def test_nothing_of_images_with_a_problem_is_left(tmp_path: Path) -> None:
    path, seconds = tmp_path / "x.json", {"b.jpg": 1.0, "c.jpg": 2.0}
    said = Annotations(("a",), ["b.jpg", "c.jpg"], ignored={"b.jpg"}, seconds=seconds)
    write_answers(said, IMAGES, path)
    problems = Problems("skip")
    problems.add("b.jpg")
    found = read_annotations(path, IMAGES, problems)
    assert (found.images, found.ignored, found.seconds) == (["c.jpg"], set(), {"c.jpg": 2.0})


def test_a_zip_of_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_MEMBERS", 2)
    members = {"x.json": INSTANCES, "a.jpg": "", "b.jpg": ""}
    with pytest.raises(DataError, match=r"in 3 files; expected at most .* in 2$"):
        read(zipped(tmp_path / "x.zip", members), IMAGES)


def test_hidden_folders_of_a_zip_are_not_read(tmp_path: Path) -> None:
    copy = {"x.json": INSTANCES, ".ipynb_checkpoints/x.xml": "<annotations></annotations>"}
    assert read(zipped(tmp_path / "x.zip", copy), IMAGES).images == []

"""YOLO's label files: columns, outlines, names of classes, and which image they are of."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alframe.annotations.formats import read_annotations, read_predictions, write_query
from alframe.annotations.object_columns import Packed
from alframe.annotations.vocabulary import Proposal
from alframe.annotations.yolo import named_by
from alframe.annotations.yolo_names import PREDICTED
from alframe.annotations.yolo_query import write_query as write_yolo
from alframe.datasets.problems import Problems
from alframe.errors import DataError
from tests.annotations.known import Known, boxes, read, sheet, zipped

NAMES = "names: [disc, box]\n"


def folder(path: Path, **files: str) -> Path:
    """A dataset; ``a__b`` is the label file ``a/b.txt``."""
    (path / "data.yaml").write_text(NAMES)
    for name, text in files.items():
        file = path / "labels" / f"{name.replace('__', '/')}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return path


@pytest.mark.parametrize(
    ("line", "box", "score"),
    [
        ("1 0.5 0.5 0.25 0.5", [120, 60, 200, 180], math.nan),
        ("1 0.5 0.5 0.25 0.5 0.75", [120, 60, 200, 180], 0.75),
        ("\ufeff1 .5 .5 .25 .5", [120, 60, 200, 180], math.nan),
        ("1\t.5  .5 2.5e-1 .5\r", [120, 60, 200, 180], math.nan),
        ("1 0 0 0.5 0 0.5 1", [0, 0, 160, 240], math.nan),
        ("1 0.05 0.5 0.2 0.5", [-16, 60, 48, 180], math.nan),  # cut off later, as of other formats
        ("1 0 0 0.5 0 0.5 1 0.5", [0, 0, 160, 240], 0.5),
        ("1 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5", [32, 24, 160, 120], math.nan),
    ],
)
def test_lines(tmp_path: Path, line: str, box: list[float], score: float) -> None:
    found = read(folder(tmp_path, a=f"{line}\n"), Known("a.jpg"))
    assert boxes(found) == [("a.jpg", "box", box)]
    assert found.objects[0].score == pytest.approx(score, nan_ok=True)
    assert found.classes == ("disc", "box")
    assert any("1 line of labels end with a score" in note for note in found.notes) == (score > 0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.25", "expected class cx cy width height"),
        ("0 0.5 0.5 0_0.25 0.5", "expected numbers, with a point for decimals"),
        ("0 160 120 80 120", "expected shares of width and height, 0..1"),
        ("0 0.5 0.5 -0.25 0.5", "expected shares of width and height, 0..1"),
        ("0 0.5 nan 0.25 0.5", "expected shares of width and height, 0..1"),
        ("0 0.5 0.5 0.25 0.5 7", "expected a score of 0..1 in the last place"),
        ("0 0.5 0.5 0.25 0.5 nan", "expected a score of 0..1 in the last place"),
        ("0 0 0 1 0 1 nan 0.5", "expected shares of width and height, 0..1"),
        ("disc 0.5 0.5 0.25 0.5", "expected numbers, with a point for decimals"),
        ("0 0,5 0,5 0,25 0,5", "expected numbers, with a point for decimals"),
        ("0.5 0.5 0.5 0.25 0.5", "expected the number of a class first, 0 or larger"),
        ("-1 0.5 0.5 0.25 0.5", "expected the number of a class first, 0 or larger"),
        ("inf 0.5 0.5 0.25 0.5", "expected the number of a class first, 0 or larger"),
        ("2 0.5 0.5 0.25 0.5", "no class has this number: names are of 0 to 1"),
    ],
)
def test_lines_that_are_none(tmp_path: Path, line: str, said: str) -> None:
    path = folder(tmp_path, a="0 0.5 0.5 0.25 0.5\n", b=f"0 0.5 0.5 0.25 0.5\n{line}\n")
    problems = Problems("error")
    found = read_annotations(path, Known("a.jpg", "b.jpg"), problems)
    assert found.images == ["a.jpg"]
    with pytest.raises(DataError) as raised:
        problems.settle()
    assert said in str(raised.value)
    assert "b.txt" in str(raised.value)


def test_every_bad_line_of_every_file_is_told(tmp_path: Path) -> None:
    path, problems = folder(tmp_path, a="x\n0 1\n", b="0 1\n"), Problems("error")
    read_annotations(path, Known("a.jpg", "b.jpg"), problems)
    with pytest.raises(DataError) as raised:
        problems.settle()
    assert "a line of labels: expected class cx cy width height (2 times)" in str(raised.value)
    assert "a.txt (line 1: x)" in str(raised.value)


def test_an_empty_file_is_an_empty_image_and_a_missing_one_is_not_annotated(tmp_path: Path) -> None:
    found = read(folder(tmp_path, a="", b="0 0.5 0.5 1 1\n"), Known("a.jpg", "b.jpg", "c.jpg"))
    assert found.images == ["a.jpg", "b.jpg"]
    assert boxes(found) == [("b.jpg", "disc", [0, 0, 320, 240])]


def test_polygons_and_doubled_lines_are_told_once(tmp_path: Path) -> None:
    line = "0 0.5 0.5 0.25 0.5\n"
    found = read(folder(tmp_path, a=line * 3 + "1 0 0 1 0 1 1\n"), Known("a.jpg"))
    assert len(found.objects) == 2
    assert [note.partition(": ")[2] for note in found.notes] == [
        "1 polygon of which the enclosing box is taken",
        "2 lines of labels there twice, taken once (a detector that appends to its files makes "
        "them)",
    ]


def test_two_images_of_one_stem_have_one_label_file(tmp_path: Path) -> None:
    path = folder(tmp_path, a="0 0.5 0.5 0.25 0.5\n")
    with pytest.raises(DataError, match="may mean several"):
        read(path, Known("a.jpg", "a.png"))
    asked = sheet({"a.jpg": [], "b.jpg": [], "a.png": []})
    for name in ("yolo", "voc"):
        with pytest.raises(DataError, match=r"differ in the suffix alone: a\.jpg and a\.png"):
            write_query(name, asked, tmp_path / name)


@pytest.mark.parametrize(
    ("members", "item"),
    [
        ({"labels/a.txt": ""}, "a.jpg"),
        ({"labels/train/a.txt": ""}, "train/a.jpg"),
        ({"labels/a.TXT": ""}, "a.jpg"),
        ({"labels/train/a.txt": ""}, "images/train/a.jpg"),
        ({"train/labels/a.txt": ""}, "train/images/a.jpg"),
        ({"obj_train_data/a.txt": "", "train.txt": "data/obj_train_data/a.jpg\n"}, "a.jpg"),
        ({"a.txt": "", "train.txt": "./a.jpg\n", "README.txt": "hello"}, "a.jpg"),
    ],
)
def test_layouts(tmp_path: Path, members: dict[str, str], item: str) -> None:
    line = dict.fromkeys([n for n in members if n.lower().endswith("a.txt")], "1 0.5 0.5 1 1")
    path = zipped(tmp_path / "x.zip", members | line | {"classes.txt": "disc\nbox\n"})
    assert boxes(read(path, Known(item))) == [(item, "box", [0, 0, 320, 240])]


def test_names_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("12 0.5 0.5 1 1\n0 0.5 0.5 0.5 0.5\n")
    found = read(tmp_path, Known("a.jpg"))
    assert (found.classes, found.numbered) == (("0", "12"), True)
    names = [f"c{number}" for number in range(13)]
    named = named_by(found, names, tmp_path)
    assert (named.classes, named.numbered) == (tuple(names), False)
    assert [thing.name for thing in named.objects] == ["c12", "c0"]
    for few in (names[:2], names[:12]):
        with pytest.raises(DataError, match="no class has the number 12: numbers count c0, c1"):
            named_by(found, few, tmp_path)


def test_predictions_are_columns_and_may_lack_names(tmp_path: Path) -> None:
    """A detector with a small threshold finds 300 objects an image."""
    lines = [f"{2 * (n % 2)} 0.5 0.5 0.5 {n / 300} {n / 300}\n" for n in range(300)]
    (tmp_path / "a.txt").write_text("".join(lines))
    problems = Problems("error")
    found = read_predictions(tmp_path, Known("a.jpg"), problems)
    assert (found.classes, found.numbered, problems.items) == (("0", "2"), True, set())
    named = named_by(found, ("x", "y", "z"), tmp_path)
    assert isinstance(named.objects, Packed)
    columns = named.objects.columns()
    assert [list(named.objects.names)[label] for label in columns.name[:3]] == ["x", "z", "x"]
    assert columns.score.tolist() == pytest.approx([n / 300 for n in range(300)])
    assert [thing.name for thing in named.objects][-2:] == ["x", "z"]


def test_files_that_are_all_empty(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    for name in "ab":
        (tmp_path / "labels" / f"{name}.txt").write_text("")
    found = read_predictions(tmp_path, Known("a.jpg", "b.jpg", "c.jpg"), Problems("error"))
    assert (found.images, len(found.objects)) == (["a.jpg", "b.jpg"], 0)


ALIASES = "a0: &a0 {x: y}\n" + "".join(
    f"a{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in range(10))}}}\n" for n in range(1, 20)
)
"""Ten to the power of twenty values, if each alias were looked at."""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: {0: no, 1: 'yes'}", ("no", "yes")),
        ("names:\n  1: b\n  0: a\nnc: 2", ("a", "b")),
        ("names: [1, 2.5]", ("1", "2.5")),
        ("names: {0: a, 2: b}", "numbers from 0 on, 1 is missing"),
        ("names: [a, b]\nnc: 3", "nc: expected the number of names, 2, got '3'"),
        ("names: [a, a]", "'a' is there twice"),
        ("names: [a, b]\nnames: [b, a]", "'names' is there twice: keep the right one"),
        ("names: {0: a, 0: b}", "'0' is there twice"),
        ("names: [[a], b]", "expected a list of names"),
        ("names: text", "expected a list of names"),
        ("names: [a\n", "line 2 is not YAML"),
        ("names: !!python/object/apply:os.system [nothing runs]", ("nothing runs",)),
        pytest.param(f"names: [cat]\n{ALIASES}", ("cat",), id="aliases"),
    ],
)
def test_data_yaml(tmp_path: Path, text: str, said: str | tuple[str, ...]) -> None:
    path = folder(tmp_path, a="")
    (path / "data.yaml").write_text(text)
    if isinstance(said, tuple):
        assert read(path, Known("a.jpg")).classes == said
        assert read(path / "data.yaml", Known("a.jpg")).images == ["a.jpg"]
        return
    with pytest.raises(DataError, match=said):
        read(path, Known("a.jpg"), "yolo")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("disc\nbox\n\n", ("disc", "box")),
        ("disc\r\nbox", ("disc", "box")),
        ("disc\n\nbox\n", "classes.txt, line 2: expected a name, got nothing"),
        ("\r\n \ndisc\n", "classes.txt, line 1: expected a name, got nothing"),
        ("disc\ndisc\n", "'disc' is there twice"),
        ("\n", ("0",)),  # says nothing: numbers are told apart by what the run calls them
    ],
)
def test_classes_txt(tmp_path: Path, text: str, said: str | tuple[str, ...]) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 1 1\n")
    (tmp_path / "classes.txt").write_bytes(text.encode())
    for path in (tmp_path, tmp_path / "labels"):
        if isinstance(said, tuple):
            assert read(path, Known("a.jpg")).classes == said
        else:
            with pytest.raises(DataError, match=said):
                read(path, Known("a.jpg"))


def test_labelimg_leaves_the_names_of_classes_beside_labels(tmp_path: Path) -> None:
    path = folder(tmp_path, a="1 0.5 0.5 0.25 0.5\n", classes="disc\nbox\n")
    (path / "data.yaml").unlink()
    for place in (path, path / "labels"):
        found = read(place, Known("a.jpg"))
        assert (found.images, found.classes) == (["a.jpg"], ("disc", "box"))


def test_lists_of_names_that_differ(tmp_path: Path) -> None:
    path = folder(tmp_path, a="0 0.5 0.5 1 1\n")
    (path / "classes.txt").write_text("box\ndisc\n")
    with pytest.raises(DataError, match=r"classes\.txt and .*data\.yaml differ"):
        read(path, Known("a.jpg"))


def test_the_sixth_column_is_written_on_demand(tmp_path: Path) -> None:
    score = float(np.float32(0.050000258))  # which a few decimals make one of 0.05
    asked = sheet({"x/a.jpg": [Proposal("box", (80, 60, 160, 120), score)], "b.jpg": []})
    assert write_query("yolo", asked, tmp_path) == tmp_path / "data.yaml"
    line = "1 0.37500000 0.37500000 0.25000000 0.25000000"
    assert (tmp_path / "labels/x/a.txt").read_text() == f"{line}\n"
    assert not (tmp_path / "labels/b.txt").exists()
    write_yolo(asked, tmp_path, scores=True)
    assert (tmp_path / "labels/x/a.txt").read_text() == f"{line} 0.0500002578\n"
    images, problems = Known("x/a.jpg", "b.jpg"), Problems("error")
    found = read_predictions(tmp_path, images, problems)
    assert found.images == ["b.jpg", "x/a.jpg"]
    assert [np.float32(thing.score) for thing in found.objects] == [np.float32(score)]
    for path in (tmp_path, tmp_path / "labels"):
        with pytest.raises(DataError, match="what a model found is no answer of people; give"):
            read(path, images)
    (tmp_path / "labels/x/a.txt").write_text(f"{line}\n")
    assert read(tmp_path, images).images == ["b.jpg", "x/a.jpg"], "a tool has saved over it"
    (tmp_path / "labels/x/a.txt").write_text("")
    with pytest.raises(DataError, match="what a model found is no answer of people; give"):
        read(tmp_path, images)


def test_label_files_beside_the_folder_of_labels_are_told(tmp_path: Path) -> None:
    path = folder(tmp_path, a="")
    for name, text in {"corrected/b.txt": "0 .5 .5 .1 .1", "notes.txt": "5 photos"}.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(text)
    assert read(path, Known("a.jpg", "b.jpg")).notes == [
        f"{path}: 1 label file not below labels/, left out: corrected/b.txt"
    ]


def test_lines_with_keypoints(tmp_path: Path) -> None:
    """Of answers, and of what a model found, where a score follows."""
    path = folder(tmp_path, a="1 0.5 0.5 0.25 0.5 0.1 0.1 0.9 0.9\n", b="1 0.5 0.5 0.25 0.5\n")
    (path / "data.yaml").write_text(f"{NAMES}kpt_shape: [2, 2]\n")
    for place in (path, path / "labels"):
        found = read(place, Known("a.jpg", "b.jpg"))
        assert boxes(found) == [(i, "box", [120, 60, 200, 180]) for i in ("a.jpg", "b.jpg")]
        above = f"{path / 'labels'}: names of classes are those of {path / 'data.yaml'}"
        assert found.notes == [
            f"{place}: 1 line with keypoints, of which the box is taken",
            *([above] if place != path else []),
        ]
    (path / "labels/a.txt").write_text("1 0.5 0.5 0.25 0.5 0.1 0.1 0.9 0.9 0.75\n")
    problems = Problems("error")
    predicted = read_predictions(path, Known("a.jpg", "b.jpg"), problems)
    problems.settle()
    (score, _) = [thing.score for thing in predicted.objects]
    assert score == pytest.approx(0.75)


def test_keypoints_of_which_nothing_says_so_are_not_taken_for_outlines(tmp_path: Path) -> None:
    def predicted(numbers: str, count: int) -> str:
        return "".join(f"0 {numbers} 0.{score}\n" for score in range(1, count + 1))

    pose, turned = "0.5 0.5 0.25 0.5" + " 0.5 0.5" * 5, "0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6"
    known, file = Known("a.jpg"), tmp_path / "a.txt"
    for lines in (
        predicted(pose, 2), predicted(pose, 3) + predicted(f"{pose} 0.5 0.5", 1),
        predicted(turned, 3),
    ):  # fmt: skip
        file.write_text(lines)
        assert "polygons of which" in read(tmp_path, known).notes[0]
    file.write_text(predicted(pose, 3))
    with pytest.raises(
        DataError, match=r"3 lines of 16 numbers each, .* data\.yaml with the names"
    ):
        read(tmp_path, known)
    names = tmp_path / "data.yaml"
    names.write_text("names: [man]\n")
    assert "3 polygons of which" in read(tmp_path, known).notes[0]
    names.write_text("names: [man]\nkpt_shape: [5, 2]\n")
    assert boxes(read(tmp_path, known))[0][2] == [120, 60, 200, 180]


def test_names_and_keypoints_of_a_split_lie_beside_labels(tmp_path: Path) -> None:
    path = folder(tmp_path, train__a="1 0.5 0.5 0.25 0.5 0.1 0.1 0.9 0.9\n")
    (path / "data.yaml").write_text(f"{NAMES}kpt_shape: [2, 2]\n")
    found = read(path / "labels/train", Known("train/a.jpg"))
    assert boxes(found) == [("train/a.jpg", "box", [120, 60, 200, 180])]


def test_folders_beside_the_labels_are_not_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are somebody else's, and there may be a home folder of them."""
    path, real, seen = folder(tmp_path, a="0 0.5 0.5 0.25 0.5\n"), os.scandir, list[str]()
    (path / "data.yaml").unlink()
    (path / "others/deep").mkdir(parents=True)
    (path / "others/data.yaml").write_text("names: [x, y]\n")

    def scandir(place: Any) -> Any:
        seen.append(str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    found = read(path / "labels", Known("a.jpg"))
    assert (found.numbered, found.classes) == (True, ("0",))
    assert seen
    assert not [place for place in seen if "others" in place]


def test_other_files_above_the_labels_are_not_looked_at(tmp_path: Path) -> None:
    path = folder(tmp_path, train__a="1 0.5 0.5 0.25 0.5\n")
    (path / "mkdocs.yml").write_text("site: [")
    (path / "compose.yaml").write_text("names: [web, db]\n")
    (path / "labels/compose.yaml").write_text("names: [web, db]\n")
    assert read(path / "labels/train", Known("train/a.jpg")).classes == ("disc", "box")
    (path / "data.yaml").write_text(f"{PREDICTED}\n{NAMES}")
    (path / "labels/train/a.txt").write_text("1 0.5 0.5 0.25 0.5 0.5\n")
    with pytest.raises(DataError, match="what a model found is no answer"):
        read(path / "labels/train", Known("train/a.jpg"))
    (path / "labels/train/data.yaml").write_text(NAMES)
    assert read(path / "labels/train", Known("train/a.jpg")).images == ["train/a.jpg"]


def test_a_folder_that_cannot_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = folder(tmp_path, a="", b__c=""), os.scandir

    def scandir(place: Any) -> Any:
        if str(place).endswith("labels/b"):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"labels/b cannot be opened \(Permission denied\)"):
        read(path, Known("a.jpg", "b/c.jpg"))


def test_linked_folders_of_labels_are_read_once(tmp_path: Path) -> None:
    path = folder(tmp_path, day1__a="0 0.5 0.5 0.25 0.5\n", day2__b="1 0.5 0.5 0.25 0.5\n")
    (path / "labels/day2").rename(tmp_path / "elsewhere")
    (path / "labels/day2").symlink_to(tmp_path / "elsewhere")
    (path / "labels/again").symlink_to(path / "labels")
    assert read(path / "labels", Known("day1/a.jpg", "day2/b.jpg")).images == [
        "day1/a.jpg",
        "day2/b.jpg",
    ]


def test_empty_files_of_label_studio_say_nothing(tmp_path: Path) -> None:
    """Its YOLO export has one for every task, whether anybody has looked at it or not."""
    path = folder(tmp_path, a="0 0.5 0.5 0.25 0.5\n", b="")
    assert read(path, Known("a.jpg", "b.jpg")).images == ["a.jpg", "b.jpg"]
    (path / "notes.json").write_text('{"info": {"contributor": "Label Studio"}}')
    found = read(path, Known("a.jpg", "b.jpg"))
    assert found.images == ["a.jpg"]
    assert any("1 empty file not taken: Label Studio's YOLO export" in n for n in found.notes)

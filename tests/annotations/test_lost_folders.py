"""Pictures of one name in several folders, and files of tools that have lost the folders."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from alframe.annotations.formats import read_annotations
from alframe.datasets.held_out import listed
from alframe.datasets.name_matching import PictureNames, Pictures
from alframe.datasets.problems import Problems
from alframe.errors import DataError
from alframe.selecting.candidates import Candidates
from alframe.selecting.material import called_by_id
from alframe.selecting.vectors import Vectors

IDS = ("a.jpg", "b.jpg", "in/a.jpg", "in/c.jpg")
LOST = "the folders of images are lost, so that a name may mean several"


def yolo(folder: Path, *names: str) -> Path:
    """A label file for each name."""
    for name in names:
        file = (folder / "labels" / name).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "classes.txt").write_text("disc\n")
    return folder


def voc(folder: Path, *names: str, path: Callable[[str], str] = lambda _: "") -> Path:
    """An XML file for each name, all in one folder."""
    folder.mkdir(exist_ok=True)
    for name in names:
        last = Path(name).name
        (folder / last).with_suffix(".xml").write_text(
            f"<annotation><filename>{last}</filename>{path(name)}"
            "<size><width>100</width><height>100</height></size><object><name>disc</name><bndbox>"
            "<xmin>1</xmin><ymin>1</ymin><xmax>50</xmax><ymax>50</ymax></bndbox></object>"
            "</annotation>"
        )
    return folder


def coco(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    images = [
        {"id": n, "file_name": name, "width": 100, "height": 100} for n, name in enumerate(names)
    ]
    boxes = [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 9, 9]} for n in range(len(names))
    ]
    content = {
        "images": images, "annotations": boxes, "categories": [{"id": 1, "name": "disc"}]
    }  # fmt: skip
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path


def found(
    path: Path, asked: Iterable[str] = (), ids: Iterable[str] = IDS, on_bad: Any = "error"
) -> list[str]:
    problems = Problems(on_bad, "--skip-bad")
    said = read_annotations(path, Pictures(ids, lambda _: (100, 100), asked=asked), problems)
    problems.settle()
    return sorted(thing.owner for thing in said.objects)


FORMATS = pytest.mark.parametrize("write", [yolo, voc, coco])


@FORMATS
def test_a_file_with_a_picture_of_a_folder_by_its_name_alone(write: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "lost", "a.jpg", "b.jpg", "c.jpg")
    with pytest.raises(DataError, match=rf"{LOST}: a\.jpg \(or in/a\.jpg\); give a file of a form"):
        found(path)
    assert found(path, on_bad="skip") == ["b.jpg", "in/c.jpg"]


@FORMATS
def test_names_without_folders_are_of_pictures_in_none(write: Any, tmp_path: Path) -> None:
    assert found(write(tmp_path / "root", "a.jpg", "b.jpg")) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("write", [yolo, coco])
def test_a_file_that_has_the_folders(write: Any, tmp_path: Path) -> None:
    assert found(write(tmp_path / "all", *IDS), asked=["in/a.jpg"]) == list(IDS)


@FORMATS
def test_what_is_asked_for_is_rather_meant(write: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "root", "a.jpg", "b.jpg")
    assert found(path, asked=["a.jpg", "in/a.jpg"]) == ["a.jpg", "b.jpg"]
    with pytest.raises(DataError, match=rf"{LOST}: a\.jpg \(or in/a\.jpg\)"):
        found(path, asked=["in/a.jpg"])


@pytest.mark.parametrize("write", [yolo, coco])
def test_a_file_with_a_folder_has_all_of_them(write: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "some", "a.jpg", "in/c.jpg")
    assert found(path, asked=["in/a.jpg", "in/c.jpg"]) == ["a.jpg", "in/c.jpg"]


def test_names_that_ultralytics_has_given_a_number(tmp_path: Path) -> None:
    """Of ``in/a.jpg`` and ``a.jpg`` it makes ``a.txt`` and ``a-2.txt``, in this order."""
    path = yolo(tmp_path / "predict", "a.jpg", "a-2.jpg", "b.jpg")
    with pytest.raises(DataError, match=r"no picture of the dataset: .*'a-2'") as error:
        found(path)
    assert LOST in str(error.value)
    assert found(path, on_bad="skip") == ["b.jpg"]


def test_a_name_of_several_in_folders(tmp_path: Path) -> None:
    ids = [*IDS, "in/d.jpg", "out/d.jpg"]
    path = yolo(tmp_path / "flat", "a.jpg", "d.jpg")
    assert found(path, ids=ids, on_bad="skip") == []


def test_bare_names_of_several_beside_the_pictures_of_a_split(tmp_path: Path) -> None:
    """As Roboflow exports COCO: ``train/_annotations.coco.json`` beside ``train/a.jpg``."""
    splits = {"train": ("a.jpg", "b.jpg"), "valid": ("a.jpg", "c.jpg")}
    ids = [f"{split}/{name}" for split, names in splits.items() for name in names]
    pictures = Pictures(ids, lambda _: (100, 100), lambda item: tmp_path / item)
    for split, names in splits.items():
        coco(tmp_path / split, *names)
        for name in names:
            (tmp_path / split / name).touch()
    problems = Problems("error")
    said = read_annotations(tmp_path, pictures, problems)
    problems.settle()
    assert sorted(said.images) == ids
    away = coco(tmp_path / "away", "a.jpg", "b.jpg")
    for there in (False, True):  # a copy of the picture is none of the two either
        if there:
            (tmp_path / "away" / "a.jpg").touch()
        problems = Problems("skip")
        assert read_annotations(away, pictures, problems).images == ["train/b.jpg"]
        assert len(problems.settle()) == 1


@pytest.mark.parametrize("lost", ["x" * 300, "x/" * 3000, "\0"])
def test_a_name_of_several_that_no_file_can_have(lost: str, tmp_path: Path) -> None:
    path = coco(tmp_path / "x", f"{lost}/a.jpg")
    with pytest.raises(DataError, match="may mean several files"):
        found(path, ids=("in/a.jpg", "out/a.jpg"))


@pytest.mark.parametrize("folder", [".", "Annotations"])
@pytest.mark.parametrize("root", ["/home/her/photos", "C:\\photos"])
def test_a_path_in_an_xml_file_tells_its_folder(root: str, folder: str, tmp_path: Path) -> None:
    path = tmp_path / "xml"
    path.mkdir()
    voc(path / folder, "in/a.jpg", "b.jpg", path=lambda name: f"<path>{root}/{name}</path>")
    pictures = Pictures(IDS, lambda _: (100, 100))
    said = read_annotations(path, pictures, Problems("error", ""))
    assert said.images == ["in/a.jpg", "b.jpg"]
    assert pictures.notes() == []


def test_a_split_that_cvat_puts_in_front(tmp_path: Path) -> None:
    """Its "Ultralytics YOLO Detection": the folders of pictures are below that of the subset."""
    folder = yolo(tmp_path / "cvat", *(f"train/{item}" for item in IDS))
    with ZipFile(tmp_path / "cvat.zip", "w") as packed:
        for file in sorted(folder.rglob("*.*")):
            packed.write(file, file.relative_to(folder))
    assert found(tmp_path / "cvat.zip") == list(IDS)
    flat = yolo(tmp_path / "flat", "train/a.jpg", "train/c.jpg")
    with pytest.raises(DataError, match=LOST):
        found(flat)


def test_lists_and_embeddings_lose_folders_as_well(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.jpg\nc.jpg\n")
    for on_bad, expected in (("error", None), ("skip", ["in/c.jpg"])):
        problems = Problems(on_bad, "--skip-bad")
        assert listed(tmp_path / "list.txt", PictureNames(IDS), problems) == ["in/c.jpg"]
        if expected is None:
            with pytest.raises(DataError, match=rf"{LOST}: a\.jpg \(or in/a\.jpg\)"):
                problems.settle()
    vectors = Vectors(("a.jpg", "c.jpg"), np.zeros((2, 3), np.float32), None, None, "f.npz")
    problems = Problems("error", "--skip-bad")
    called_by_id(vectors, Candidates(IDS), problems)
    assert problems.items == {"a.jpg"}


@pytest.mark.parametrize("write", [voc, coco])
def test_a_path_of_another_picture(write: Any, tmp_path: Path) -> None:
    """Two holidays with one camera, whose pictures have the same names and sizes."""
    for number, name in enumerate(("mine", "other", "copy")):
        (tmp_path / name).mkdir()
        for item in ("a.jpg", "b.jpg"):
            Image.new("RGB", (100, 100), (40 * (number % 2), 0, 0)).save(tmp_path / name / item)
    pictures = Pictures(
        ["a.jpg", "b.jpg"], lambda _: (100, 100), lambda item: tmp_path / "mine" / item
    )

    def read(name: str) -> list[str]:
        paths = [str(tmp_path / name / item) for item in ("a.jpg", "b.jpg")]
        path = tmp_path / f"of-{name}"
        if write is voc:
            voc(path, "a.jpg", "b.jpg", path=lambda item: f"<path>{tmp_path / name / item}</path>")
        else:
            path = coco(path, *paths)
        problems = Problems("error", "--skip-bad")
        said = read_annotations(path, pictures, problems)
        problems.settle()
        return sorted(said.images)

    assert read("mine") == read("copy") == ["a.jpg", "b.jpg"]
    with pytest.raises(DataError, match=r"the path is that of another picture \(2 times\): "):
        read("other")


def test_a_task_of_label_studio_with_several_pictures(tmp_path: Path) -> None:
    def tasks(**data: str) -> Path:
        box = {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": ["disc"]}
        result = [{"type": "rectanglelabels", "from_name": "l", "to_name": "i", "value": box}]
        content = [{"id": 1, "data": data, "annotations": [{"id": 2, "result": result}]}]
        (tmp_path / "tasks.json").write_text(json.dumps(content))
        return tmp_path / "tasks.json"

    assert found(tasks(text="on a hill, 3.5 km", photo="/data/b.jpg")) == ["b.jpg"]
    assert found(tasks(before="/data/b.jpg", image="/data/in/c.jpg")) == ["in/c.jpg"]
    with pytest.raises(DataError, match=r"names several images: .*task 1 \(b\.jpg, in/c\.jpg\)"):
        found(tasks(before="/data/b.jpg", photo="/data/in/c.jpg"))


@pytest.mark.parametrize("suffix", [".mpo", ".ppm", ".avif"])
def test_a_picture_that_its_content_tells_is_found_by_its_stem(suffix: str, tmp_path: Path) -> None:
    path = yolo(tmp_path / "labels", "b.jpg")
    assert found(path, ids=["a.jpg", f"b{suffix}"]) == [f"b{suffix}"]

"""A test split for datasets that have none, whoever wrote them: a share, a file, or people's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alframe.config.resolve import resolve
from alframe.datasets.base import Dataset
from alframe.datasets.held_out import listed
from alframe.datasets.name_matching import PictureNames
from alframe.datasets.problems import Problems
from alframe.errors import AlframeError, ConfigError, DataError
from alframe.runs.build import build_dataset, plan_of
from tests.datasets.builders import LABEL, coco_content, coco_root, voc_folder, yolo_root

COUNT = 10


def coco(root: Path) -> dict[str, Any]:
    """One file of instances, and no other."""
    coco_root(root, pool=coco_content(COUNT))
    (root / "annotations/instances_val2017.json").unlink()
    return {"name": "coco", "root": str(root)}


def voc(root: Path) -> dict[str, Any]:
    voc_folder(root, trainval=[f"{n}" for n in range(COUNT)])
    return {"name": "voc", "root": str(root)}


def yolo(root: Path) -> dict[str, Any]:
    yolo_root(root, {f"train/{n}": LABEL for n in range(COUNT)})
    about = {"train": "images/train", "names": ["cat", "dog"]}
    (root / "data.yaml").write_text(json.dumps(about))
    return {"name": "yolo", "root": str(root)}


def photos(root: Path) -> dict[str, Any]:
    yolo(root)
    return {"name": "photos", "root": str(root), "annotations": str(root)}


Writer = Callable[[Path], dict[str, Any]]
WRITERS: dict[str, Writer] = {"coco": coco, "voc": voc, "yolo": yolo, "photos": photos}
UNTESTED: dict[str, dict[str, Any]] = {"coco": {"test_annotations": None}, "voc": {"test": []}}
"""How to say that there is no test split, where that is not seen."""


@pytest.fixture(params=WRITERS)
def options(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    return WRITERS[request.param](tmp_path / "data")


def read(options: dict[str, Any], **more: Any) -> Dataset:
    return build_dataset(resolve([{"dataset": {**options, **more}}]))


def test_a_share_is_drawn(options: dict[str, Any]) -> None:
    dataset = read(options, test="30%")
    assert (len(dataset.pool), len(dataset.test)) == (7, 3)
    assert not set(dataset.pool) & set(dataset.test)
    assert dataset.targets.keys() == {*dataset.pool, *dataset.test}
    (note,) = (note for note in dataset.notes if "the test split is drawn" in note)
    assert "3 images of 10 annotated, by class (dataset.test=30%, dataset.test_seed=0)" in note
    assert read(options, test="30%").fingerprint() == dataset.fingerprint()
    others = {read(options, test="30%", test_seed=seed).test for seed in range(1, 4)}
    assert others != {dataset.test}


@pytest.mark.parametrize("share", ["100%", "20", 0.2])
def test_what_is_no_share(options: dict[str, Any], share: Any) -> None:
    said = f"dataset.test={share}: expected a share of the annotated images between 0% and 100%"
    with pytest.raises((ConfigError, DataError), match=said):
        read(options, test=share)


def test_images_in_a_file(options: dict[str, Any], tmp_path: Path) -> None:
    if options["name"] == "voc":
        names = tmp_path / "data/ImageSets/Main/held.txt"
        names.write_text("3\n4\n")
        (names.parent / "rest.txt").write_text("1\n2\n")
        dataset = read(options, pool=["rest"], test="held")
        assert (dataset.pool, dataset.test) == (("1", "2"), ("3", "4"))
        return
    (tmp_path / "test.txt").write_text("3.jpg\n4\n")
    dataset = read(options, test=str(tmp_path / "test.txt"))
    assert [Path(item).stem for item in dataset.test] == ["3", "4"]
    assert len(dataset.pool) == COUNT - 2
    (tmp_path / "test.txt").write_text("nobody.jpg\n")
    with pytest.raises(DataError, match="nobody"):
        read(options, test=str(tmp_path / "test.txt"))


def test_names_in_a_file_that_are_like_those_of_images_are_told(tmp_path: Path) -> None:
    """They may be of another camera."""
    options = yolo(tmp_path / "data")
    (tmp_path / "test.txt").write_text("cam1/3.png\nimages/train/4.jpg\n")
    told = read(options, test=str(tmp_path / "test.txt"))
    assert told.test == ("images/train/3.jpg", "images/train/4.jpg")
    (note,) = (n for n in told.notes if "given" in n)
    assert note.startswith("1 name that is given differs from its file (case, encoding, suffix or")
    assert note.endswith(": cam1/3.png (images/train/3.jpg)")


def test_images_are_drawn_to_be_annotated(options: dict[str, Any]) -> None:
    dataset = {**options, **UNTESTED.get(options["name"], {})}
    budget = {"test": 3, "initial": 2, "per_cycle": 1}
    config = resolve([{"dataset": dataset, "budget": budget, "oracle": "simulated"}])
    found = build_dataset(config)
    assert (len(found.pool), found.test) == (COUNT, ())
    assert len(plan_of(config, found).test) == 3


@pytest.mark.parametrize("name", ["coco", "voc"])
def test_without_a_test_split_the_ways_out_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(AlframeError, match=r"dataset\.test.* 20%|dataset\.test=20%"):
        read(WRITERS[name](tmp_path / "data"))


@pytest.mark.parametrize(
    ("option", "value"), [("test_annotations", "annotations/other.json"), ("test_images", "other")]
)
def test_two_ways_to_say_what_is_tested(option: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{option}: expected one of them alone"):
        read(coco(tmp_path / "data"), test="20%", **{option: value})


def test_a_list_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.test=valid: expected val or test, which are"):
        read(yolo(tmp_path / "data"), test="valid")


def test_empty_images_are_drawn_as_well(tmp_path: Path) -> None:
    """Where nobody needs to annotate them: they are a kind of their own, and give their share."""
    options = yolo(tmp_path / "data")
    for n in range(5):
        (tmp_path / f"data/labels/train/{n}.txt").unlink()
    drawn = read(options, test="40%", unannotated="empty")
    shown = [len(drawn.targets[item].labels) for item in drawn.test]
    assert sorted(shown) == [0, 0, 1, 1]
    with pytest.raises(DataError, match="no annotation, which a benchmark needs"):
        read(options, test="40%")


def test_a_name_that_may_mean_two_pictures_is_left_out(tmp_path: Path) -> None:
    """The list has lost the folder of c.jpg: a.jpg may be that in the folder as well."""
    path, problems = tmp_path / "test.txt", Problems("skip")
    path.write_text("c.jpg\na.jpg\n")
    names = PictureNames({item: tmp_path / item for item in ("a.jpg", "b/a.jpg", "b/c.jpg")})
    assert listed(path, names, problems) == ["b/c.jpg"]
    assert problems.items == {f"{path}: a.jpg"}


def test_annotations_that_cannot_be_read_are_not_told_as_too_few(tmp_path: Path) -> None:
    listed = tmp_path / "test.txt"
    listed.write_text("images/train/0.jpg\n")
    for test in ("20%", str(listed)):
        settings = photos(tmp_path) | {"annotations": str(tmp_path / "gone"), "test": test}
        with pytest.raises(DataError) as raised:
            build_dataset(resolve([{"dataset": settings, "oracle": "files"}]))
        (told,) = raised.value.problems
        assert "nothing lies there" in told

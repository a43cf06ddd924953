"""Folders of pictures, one for each class."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alframe.errors import DataError
from alframe.tasks.classification.folder import folder
from tests.tasks.classification.builders import class_folder, picture


def test_pool_and_test_by_name(tmp_path: Path) -> None:
    dataset = folder(str(class_folder(tmp_path)))
    assert dataset.classes == ("cat", "dog")
    assert dataset.task == "classification"
    assert dataset.pool[0] == "pool/cat/poolcat0.png"
    assert (len(dataset.pool), len(dataset.test)) == (6, 4)
    assert {i: t.labels.tolist() for i, t in dataset.targets.items()} == {
        i: [int("dog" in i)] for i in (*dataset.pool, *dataset.test)
    }
    assert all(target.boxes is None for target in dataset.targets.values())
    image = dataset.images.read("test/dog/testdog1.png")
    assert image.shape == (32, 32, 3)
    assert (image[..., 2].mean() - image[..., 0].mean()) == pytest.approx(160, abs=5)


@pytest.mark.parametrize(
    ("pool", "test"),
    [
        ("train", "val"),
        ("train", "test"),
        ("pool", "valid"),
        ("Training", "Testing"),
        ("TRAIN", "Test"),
        ("training", "Validation"),
    ],
)
def test_other_names_of_the_splits(pool: str, test: str, tmp_path: Path) -> None:
    root = class_folder(tmp_path)
    (root / "pool").rename(root / "x")
    (root / "test").rename(root / test)
    (root / "x").rename(root / pool)
    dataset = folder(str(root))
    assert {i.split("/")[0] for i in dataset.pool} == {pool}
    assert {i.split("/")[0] for i in dataset.test} == {test}


def test_classes_may_be_called_train_and_test(tmp_path: Path) -> None:
    for name in ("train", "test", "plane"):
        for n in range(3):
            picture(tmp_path / name / f"{name}{n}.png")
    dataset = folder(str(tmp_path))
    assert dataset.classes == ("plane", "test", "train")
    assert (len(dataset.pool), dataset.test) == (9, ())

    (tmp_path / "train" / ".thumbnails").mkdir()
    assert folder(str(tmp_path)).classes == dataset.classes
    shutil.rmtree(tmp_path / "plane")
    with pytest.raises(DataError, match=r"lie in test and train, which are names of splits, and"):
        folder(str(tmp_path))


@pytest.mark.parametrize(
    ("pool", "test"),
    [("training_set", "test_set"), ("trainset", "Testset"), ("train2017", "val2017"),
     ("seg_train", "seg_test")],
)  # fmt: skip
def test_splits_of_other_names_are_not_taken_for_classes(
    pool: str, test: str, tmp_path: Path
) -> None:
    root = class_folder(tmp_path)
    (root / "pool").rename(root / pool)
    (root / "test").rename(root / test)
    said = f"has {pool} and {test} with folders in them, which sound like splits: rename them train"
    with pytest.raises(DataError, match=said):
        folder(str(root), test="20%")
    assert folder(str(root), classes=[pool, test]).classes == (pool, test)
    shutil.copytree(root / pool / "cat", root / pool, dirs_exist_ok=True)
    shutil.rmtree(root / pool / "cat")
    shutil.rmtree(root / pool / "dog")
    assert folder(str(root)).classes == tuple(sorted((pool, test)))  # that of a class then


def test_a_class_is_the_same_in_another_form_of_unicode(tmp_path: Path) -> None:
    one, other = "Mädchenauge", "Ma\u0308dchenauge"
    for split, name in (("train", one), ("train", other), ("test", other)):
        for n in range(2):
            picture(tmp_path / split / name / f"{split}{len(name)}{n}.png")
    for split in ("train", "test"):
        picture(tmp_path / split / "emu" / f"{split}emu.png")
    dataset = folder(str(tmp_path))
    assert dataset.classes == (one, "emu")
    assert [len(ids) for ids in (dataset.pool, dataset.test)] == [5, 3]
    assert folder(str(tmp_path), classes=["emu", other]).classes == ("emu", one)


def test_settings_that_are_wrong_are_told_together(tmp_path: Path) -> None:
    root = class_folder(tmp_path)
    with pytest.raises(DataError) as raised:
        folder(str(root), test="20%", classes=["cat", "cat"])
    split, twice = raised.value.problems
    assert split.startswith("dataset.test=20% makes a test split")
    assert twice == "dataset.classes names a class twice: ['cat', 'cat']"


def test_pictures_beside_the_classes_of_a_split_are_left_out(tmp_path: Path) -> None:
    root = class_folder(tmp_path)
    picture(root / "pool" / "loose.png")
    picture(root / "test" / "other.png")
    picture(root / "third.png")
    dataset = folder(str(root))
    assert dataset.classes == ("cat", "dog")
    assert (len(dataset.pool), len(dataset.test)) == (6, 4)
    for split, name in (("pool", "loose.png"), ("test", "other.png"), (".", "third.png")):
        said = f"left out of {root / split}: 1 picture in no folder of a class: {name}"
        assert said in dataset.notes


def test_classes_that_the_test_split_lacks_are_told(tmp_path: Path) -> None:
    root = class_folder(tmp_path)
    for each in (root / "test" / "dog").iterdir():
        each.unlink()
    told = "classes that the test split does not show are not measured: dog (3)"
    assert told in folder(str(root)).notes


def test_of_two_folders_of_one_split_the_other_is_noted(tmp_path: Path) -> None:
    root = class_folder(tmp_path)
    (root / "pool").rename(root / "Pool")
    picture(root / "POOL" / "cat" / "a.png")
    dataset = folder(str(root))
    assert {item.split("/")[0] for item in dataset.pool} == {"Pool"}
    beside = "1 picture beside pool and test split: POOL/cat/a.png"
    assert f"left out of {root}: {beside}" in dataset.notes
    (root / "val").symlink_to("test")
    assert folder(str(root)).notes == dataset.notes


def test_a_share_is_drawn_of_each_class(tmp_path: Path) -> None:
    root = str(class_folder(tmp_path, pool=10, test=0, classes=3))
    dataset = folder(root, test="20%")
    assert [sum(name in i for i in dataset.test) for name in dataset.classes] == [2, 2, 2]
    assert not set(dataset.pool) & set(dataset.test)
    assert dataset.test == folder(root, test="20%").test
    assert dataset.test != folder(root, test="20%", test_seed=1).test
    assert any("drawn: 6 images of 30" in note for note in dataset.notes)
    few = str(class_folder(tmp_path / "few", pool=1, test=0))
    with pytest.raises(
        DataError, match=r"dataset\.test=40% draws nothing from 2 images, as one of"
    ):
        folder(few, test="40%")


def test_a_file_of_ids_is_the_test_split(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "root", test=0)
    listed = tmp_path / "test.txt"
    listed.write_text("cat/cat0.png\ndog/dog2.png\n")
    assert folder(str(root), test=str(listed)).test == ("cat/cat0.png", "dog/dog2.png")
    listed.write_text("cat/cat0.png\nemu/emu0.png\nelk/elk0.png\n")
    with pytest.raises(DataError, match=r"no picture of the dataset \(2 times\): 'emu/emu0.png'"):
        folder(str(root), test=str(listed))


def test_the_classes_wanted_in_their_order_and_others_left_out(tmp_path: Path) -> None:
    dataset = folder(str(class_folder(tmp_path, classes=3)), classes=["emu", "cat"])
    assert dataset.classes == ("emu", "cat")
    assert (len(dataset.pool), len(dataset.test)) == (6, 4)
    assert "left out 5 images of other classes: dog (5)" in dataset.notes


def test_a_folder_of_pictures_without_a_class_is_noted(tmp_path: Path) -> None:
    """FiftyOne's, and Datumaro's."""
    root = class_folder(tmp_path)
    for name in ("_unlabeled", "no_label"):
        shutil.copytree(root / "pool/cat", root / "pool" / name)
    found = folder(str(root))
    assert found.classes == ("_unlabeled", "cat", "dog", "no_label")
    assert any("pictures in _unlabeled, no_label count as of one" in note for note in found.notes)
    known = folder(str(root), classes=["cat", "dog"])
    assert not any("count as" in note for note in known.notes)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    root = class_folder(tmp_path)
    picture(root / "pool" / "cat" / "deeper" / "more.png")
    picture(root / "pool" / ".hidden" / "h.png")
    (root / "pool" / "empty").mkdir()
    (root / "pool" / "cat" / "notes.txt").write_text("text")
    (root / "pool" / "cat" / "raw.heic").write_bytes(b"raw")
    dataset = folder(str(root))
    said = "\n".join(dataset.notes)
    assert "pool/cat/deeper/more.png" in dataset.pool
    assert dataset.classes == ("cat", "dog")
    assert f"the folder {root}/pool/empty holds no picture" in said
    assert "1 file without an image in it: notes.txt" in said
    picture(root / "extra" / "cat" / "a.png")
    beside = "1 picture beside pool and test split: extra/cat/a.png"
    assert f"left out of {root}: {beside}" in folder(str(root)).notes
    assert "raw.heic" in said
    (root / "pool").rename(root / "mine")
    none = r"has a folder test and none called pool or train or training with folders in it"
    with pytest.raises(DataError, match=none):
        folder(str(root))


def test_pictures_beside_the_folders_of_the_classes(tmp_path: Path) -> None:
    root = class_folder(tmp_path, test=0)
    picture(root / "loose.png")
    assert (
        f"left out of {root}: 1 picture in no folder of a class: loose.png"
        in folder(str(root)).notes
    )


@pytest.mark.parametrize(
    ("remove", "options", "message"),
    [
        ([], {"test": "20%"}, r"test=20% makes a test split, and .*/test is one: leave out one"),
        (["pool/dog"], {}, "class 'dog' has 2 objects in the test split and none in the pool"),
        (["pool/dog", "test/dog"], {}, "has the class 'cat' alone: expected two or more"),
        (["pool", "test"], {}, r"holds no picture .* expected .*/pool/CLASS/NAME.jpg"),
        ([], {"classes": ["cat", "cow"]}, r"names 'cow', which no annotation has"),
        (["test/cat", "test/dog"], {"test": "120%"}, "between 0% and 100%"),
    ],
)
def test_what_cannot_be_read(
    remove: list[str], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    root = class_folder(tmp_path)
    for name in remove:
        shutil.rmtree(root / name)
    with pytest.raises(Exception, match=message):
        folder(str(root), **options)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not a folder: .* set dataset.root"):
        folder(str(tmp_path / "no"))


def test_one_picture_in_both_splits_by_a_link(tmp_path: Path) -> None:
    root = class_folder(tmp_path)
    (root / "test" / "cat" / "again.png").symlink_to(root / "pool" / "cat" / "poolcat0.png")
    with pytest.raises(DataError, match=r"in the pool and, by a link, in the test split"):
        folder(str(root))


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    root = class_folder(tmp_path / "root")
    (root / "pool" / "cat" / "out.png").symlink_to(picture(tmp_path / "secret.png"))
    dataset = folder(str(root))
    with pytest.raises(DataError, match="lies outside of the dataset"):
        dataset.images.read("pool/cat/out.png")
    assert np.any(dataset.images.read("pool/cat/poolcat0.png"))

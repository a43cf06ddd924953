"""YOLO: data.yaml, folders and lists, and the labels beside the images."""

import os

import pytest

from alframe.datasets.unannotated import check_annotated
from alframe.datasets.yolo import yolo
from alframe.datasets.yolo_found import label_of
from alframe.errors import AlframeError, DataError
from tests.datasets.builders import LABEL, image, yolo_root

TRAIN = "images/train"


def first_boxes(dataset, item=f"{TRAIN}/1.jpg"):
    return dataset.targets[item].boxes.round(2).tolist()


def problems(root, **options):
    with pytest.raises(AlframeError) as caught:
        yolo(str(root), **options)
    return caught.value.problems


def test_a_dataset(tmp_path):
    labels = {
        "train/1": f"{LABEL}1 0.1 0.1 0.2 0.2\n",
        "train/2": "",
        "train/4": None,
        "val/3": LABEL,
    }
    dataset = yolo(str(yolo_root(tmp_path, labels)))
    assert (dataset.name, dataset.classes) == ("yolo", ("cat", "dog"))
    assert dataset.pool == tuple(f"{TRAIN}/{n}.jpg" for n in (1, 2, 4))
    assert dataset.test == ("images/val/3.jpg",)
    assert dataset.unannotated == (f"{TRAIN}/4.jpg",)
    assert first_boxes(dataset) == [[40, 30, 60, 50], [0, 0, 20, 16]]
    assert dataset.targets[f"{TRAIN}/1.jpg"].labels.tolist() == [0, 1]
    assert dataset.targets[f"{TRAIN}/2.jpg"].boxes.shape == (0, 4)
    assert dataset.notes == ("classes that the test split does not show are not measured: dog (1)",)


def test_without_label_file(tmp_path):
    root = str(
        yolo_root(tmp_path, {"train/1": LABEL, "train/2": None, "val/3": LABEL, "val/4": None})
    )
    assert problems(root) == (
        f"the annotation is missing: {root}/labels/val/4.txt; add it, empty where the image shows "
        "no object; or set dataset.unannotated=empty, or set dataset.on_bad_item=skip",
    )
    rest = check_annotated(yolo(root, on_bad_item="skip"))
    assert (rest.pool, rest.test) == ((f"{TRAIN}/1.jpg",), ("images/val/3.jpg",))
    empty = yolo(root, unannotated="empty")
    assert (len(empty.pool), len(empty.test), empty.unannotated) == (2, 2, ())
    assert empty.targets["images/val/4.jpg"].boxes.shape == (0, 4)


def test_oddities_are_seen_through_and_told_once(tmp_path):
    labels = {
        "train/1": "0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.2 0.2 0.3 0.2 0.3 0.4 0.2 0.4\n",
        "train/2": LABEL * 3,
        "train/5": "0 0.5 0.5 0.2 0.2 0.75\n",
        "val/3": f"\r\n{LABEL.strip()}\r\n\r\n",
    }
    root = yolo_root(tmp_path, labels)
    (root / "labels" / "train" / "old.txt").write_text("9 9 9")
    (root / "labels" / "train" / "classes.txt").write_text("cat\ndog\n")
    dataset = yolo(str(root))
    assert first_boxes(dataset) == [[10, 8, 50, 40], [20, 16, 30, 32]]
    assert len(dataset.targets[f"{TRAIN}/2.jpg"].labels) == 1
    assert dataset.notes == (
        f"2 polygons of which the enclosing box is taken: {TRAIN}/1.jpg (2)",
        "2 lines of labels there twice, taken once (a detector that appends to its files makes "
        f"them): {TRAIN}/2.jpg (2)",
        f"1 object with a score, as a model writes it; did people draw these?: {TRAIN}/5.jpg (1)",
        "left out 1 label file of no image of a split: labels/train/old.txt",
        "classes that the test split does not show are not measured: dog (1)",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 0.5 0.5 0.1 0.1", r"no class has this number: data.yaml has 2 names: .*/1.txt \(2\)"),
        ("-1 0.5 0.5 0.1 0.1", "expected the number of a class first"),
        ("0.5 0.5 0.5 0.1 0.1", "expected the number of a class first"),
        ("0 0.5 0.5 0.1", "expected class cx cy width height"),
        ("0 1.5 0.5 0.1 0.1", "expected shares of width and height"),
        ("0 0.5 0.5 1.02 1", "expected shares of width and height"),
        ("0 320 240 64 48", "expected shares of width and height"),
        ("0 0.5 0.5 -0.1 0.1", "expected shares of width and height"),
        ("0 nan 0.5 0.1 0.1", "expected shares of width and height"),
        ("0 inf 0.5 0.1 0.1", "expected shares of width and height"),
        ("0 .5 .5 .1 .1 .9 12", "expected a score at the end, and no id of a track"),
        ("0 0,5 0.5 0.1 0.1", "expected numbers, with a point for decimals"),
        ("cat 0.5 0.5 0.1 0.1", "expected numbers, with a point for decimals"),
        ("\x00\x01", "expected numbers"),
    ],
)
def test_lines_that_are_none(tmp_path, text, message):
    labels = {"train/1": f"{LABEL}{text}\n", "train/2": LABEL, "val/3": LABEL}
    root = yolo_root(tmp_path, labels)
    with pytest.raises(DataError, match=message):
        yolo(str(root))
    rest = yolo(str(root), on_bad_item="skip")
    assert rest.pool == (f"{TRAIN}/2.jpg",)
    assert "skipped 1 bad item" in rest.notes[0]


def test_a_box_may_be_larger_than_its_image_by_rounding(tmp_path):
    root = yolo_root(tmp_path, {"train/1": "0 0.5 0.5 1.005 1\n", "val/3": LABEL})
    assert first_boxes(yolo(str(root))) == [[0, 0, 100, 80]]


def test_a_byte_order_mark_in_labels_is_no_reason_to_fail(tmp_path):
    root = yolo_root(tmp_path, {"train/1": f"\ufeff{LABEL}", "val/3": LABEL})
    assert first_boxes(yolo(str(root))) == [[40, 30, 60, 50]]


def test_all_problems_are_told_together(tmp_path):
    labels = {
        "train/1": "0 2 2 2 2",
        "train/2": "7 0.5 0.5 0.1 0.1",
        "train/5": LABEL,
        "val/3": LABEL,
    }
    root = yolo_root(tmp_path, labels)
    image(root / "images/train/5.png")
    (root / "images/train/1.jpg").write_bytes(b"none")
    assert [line.partition(":")[0] for line in problems(root)] == [
        "the file is not an image of a kind that is read",
        "no class has this number",
        "two images have one label file, as their names differ in the suffix alone",
    ]


class TestLayouts:
    @pytest.mark.parametrize(
        ("path", "train", "told"),
        [
            (None, "images/train", False),
            (".", "./images/train/", False),
            ("", "../images/train", True),  # as Roboflow writes it
            ("/content/datasets/mine", "images/train", False),
            ("../datasets/mine", "images/train", False),
            (None, "/content/datasets/mine/images/train", True),
            (None, ["images/train"], False),
            (None, r"images\train", True),
        ],
    )
    def test_paths_as_people_write_them(self, tmp_path, path, train, told):
        content = {"train": train} | ({} if path is None else {"path": path})
        dataset = yolo(str(yolo_root(tmp_path / "mine", **content)))
        assert len(dataset.pool) == 2
        assert [f"for {train}" in note for note in dataset.notes] == [True] * told

    def test_path_is_a_folder_below(self, tmp_path):
        root = yolo_root(tmp_path / "inner")
        (tmp_path / "data.yaml").write_text(
            "path: inner\ntrain: images/train\nval: images/val\nnames: {0: cat, 1: dog}\n"
        )
        (root / "data.yaml").unlink()
        dataset = yolo(str(tmp_path))
        assert dataset.pool == tuple(f"inner/{TRAIN}/{n}.jpg" for n in (1, 2))
        assert first_boxes(dataset, dataset.pool[0]) == [[40, 30, 60, 50]]

    def test_a_file_elsewhere(self, tmp_path):
        root = yolo_root(tmp_path / "root")
        (root / "data.yaml").rename(tmp_path / "mine.yaml")
        assert problems(root)[0].startswith(f"{root} holds no data.yaml")
        assert len(yolo(str(root), data=str(tmp_path / "mine.yaml")).pool) == 2
        assert "no.yaml cannot be read" in problems(root, data=str(tmp_path / "no.yaml"))[0]

    @pytest.mark.parametrize(
        "line",
        ["images/train/1.jpg", "./images/train/1.jpg", "1.jpg", "images\\train\\1.jpg",
         "/home/me/root/images/train/1.jpg", "IMAGES/train/1.JPG", "../x/images/train/1.jpg"],
    )  # fmt: skip
    def test_lists(self, tmp_path, line):
        root = yolo_root(tmp_path / "root", train="train.txt", val=["images/val"])
        place = root / "images/train" if line == "1.jpg" else root
        (place / "train.txt").write_bytes(f"\ufeff{line}\r\n\r\n{line}\r\n".encode())
        if place != root:
            (root / "data.yaml").write_text(
                (root / "data.yaml").read_text().replace("train.txt", "images/train/train.txt")
            )
        dataset = yolo(str(root))
        assert dataset.pool == (f"{TRAIN}/1.jpg",)

    def test_lines_that_lead_nowhere_or_out(self, tmp_path):
        root = yolo_root(tmp_path / "root", train="train.txt")
        outside = image(tmp_path / "outside.jpg")
        (root / "train.txt").write_text(f"images/train/1.jpg\n{outside}\n../outside.jpg\nno.jpg\n")
        told = problems(root)
        assert [line.partition(":")[0] for line in told] == [
            "the name of an image leaves its folder (2 times)",
            "the image is missing",
        ]
        assert len(yolo(str(root), on_bad_item="skip").pool) == 1

    def test_a_linked_folder_may_not_lead_a_list_out(self, tmp_path):
        root = yolo_root(tmp_path / "root", train="train.txt")
        (tmp_path / "list.txt").write_text("images/train/1.jpg\n")
        (root / "train.txt").symlink_to(tmp_path / "list.txt")
        assert "link out of the dataset" in problems(root)[0]

    def test_the_folder_of_a_split_may_be_a_link_out(self, tmp_path):
        root = yolo_root(tmp_path / "root")
        (root / TRAIN).rename(tmp_path / "away")
        (root / TRAIN).symlink_to(tmp_path / "away")
        assert yolo(str(root)).images.read(f"{TRAIN}/1.jpg").shape == (80, 100, 3)

    def test_a_line_may_not_lead_through_a_link_out(self, tmp_path):
        root = yolo_root(tmp_path / "root", train="train.txt", val="")
        (root / "images").rename(tmp_path / "away")
        (root / "images").symlink_to(tmp_path / "away")
        (root / "train.txt").write_text(f"{TRAIN}/1.jpg")
        with pytest.raises(DataError, match="outside of the dataset"):
            yolo(str(root)).images.read(f"{TRAIN}/1.jpg")

    def test_a_label_file_may_not_be_a_link_out(self, tmp_path):
        root = yolo_root(tmp_path / "root")
        (tmp_path / "secret").write_text("0 1 2 3 4")
        (root / "labels/train/1.txt").unlink()
        (root / "labels/train/1.txt").symlink_to(tmp_path / "secret")
        assert "link out of the dataset" in problems(root)[0]

    def test_which_split_is_tested_on(self, tmp_path):
        labels = {f"{split}/1": LABEL for split in ("train", "val", "test")}
        root = str(yolo_root(tmp_path, labels, test="images/test"))
        assert yolo(root).test == ("images/val/1.jpg",)
        assert yolo(root, test="test").test == ("images/test/1.jpg",)
        root = str(yolo_root(tmp_path / "b", labels, test="images/test", val=""))
        assert yolo(root).test == ("images/test/1.jpg",)
        assert "data.yaml: val: nothing is there" in problems(root, test="val")[0]

    @pytest.mark.parametrize("nothing", ["", None, "~"])
    def test_no_split_to_test_on(self, tmp_path, nothing):
        dataset = yolo(str(yolo_root(tmp_path, val=nothing)))
        assert (len(dataset.pool), dataset.test) == (2, ())

    def test_splits_that_are_missing_are_told_beside_labels_that_are_wrong(self, tmp_path):
        root = yolo_root(tmp_path, {"train/1": "7 0.5 0.5 0.1 0.1\n"}, val="images/gone")
        (told, label) = problems(root)
        assert "val: nothing at 'images/gone'" in told
        assert "train/1.txt" in label
        (told, label) = problems(root, test="150%")
        assert told.startswith("dataset.test=150%: expected a share")
        (told, twice, label) = problems(root, test="gone.txt", classes=["a", "a"])
        assert told.startswith("dataset.test=gone.txt: expected val or test")
        assert twice == "dataset.classes names a class twice: ['a', 'a']"
        assert problems(root, test="gone.txt", on_bad_item="skip")[0] == told

    def test_one_folder_for_both_splits(self, tmp_path):
        assert "must not overlap" in problems(yolo_root(tmp_path, val="images/train"))[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "names: expected a list of names"),
        ("a: [", "is not YAML"),
        ("- 1", "names: expected a list of names"),
        ("names: [a]\ntrain: {a: 1}", "train: got {'a': '1'}; expected a folder"),
        ("names: [a]\ntrain: [[a]]", r"train: got \[\['a'\]\]; expected a folder"),
        ("names: [a]\ntrain: images/train\nval: nowhere", "val: nothing at 'nowhere'"),
        ("names: [a]\npath: [x]\ntrain: images/train", r"path: got \['x'\]"),
        ("names: [a]", "train: nothing is there"),
        ("names: {0: a, 2: b}\ntrain: images/train", "names: expected numbers from 0 on, 1 is mis"),
        ("names: {a: 0}\ntrain: images/train", "names: expected numbers from 0 on"),
        ("names: [a, a]\ntrain: images/train", "'a' is there twice"),
        ("names: a\ntrain: images/train", "names: expected a list of names"),
        ("names: [a]\nnc: 2\ntrain: images/train", "nc: expected the number of names, 1, got '2'"),
        ("nc: 2\ntrain: images/train", "names: expected a list of names"),
        ("names: [a]\ntrain: /etc", "train: nothing at '/etc'"),
        (f"names: [a]\ntrain: {'x' * 5000}", "train: nothing at 'xxx"),
        ('names: [a]\ntrain: "a\\0b"', "train: nothing at"),
        ("names: [a]\ntrain: ../../../etc", "train: nothing at"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, message):
    root = yolo_root(tmp_path)
    (root / "data.yaml").write_text(content)
    with pytest.raises(AlframeError, match=message):
        yolo(str(root))


def test_every_problem_of_the_file_at_once(tmp_path):
    root = yolo_root(tmp_path)
    (root / "data.yaml").write_text("names: 3\ntrain: {a: 1}\nval: [[b]]\n")
    assert len(problems(root)) == 3
    (root / "data.yaml").write_text("names: [a]\ntrain: [x, y]\nval: z\n")
    assert len(problems(root)) == 3


def test_several_files(tmp_path):
    root = yolo_root(tmp_path)
    for name in ("a.yaml", "b.yml"):
        (root / name).write_text("names: [a]")
    assert len(yolo(str(root)).pool) == 2
    (root / "data.yaml").unlink()
    assert "holds a.yaml, b.yml: set dataset.data" in problems(root)[0]
    assert "is not a folder" in problems(root / "none")[0]


@pytest.mark.parametrize(
    ("picture", "labels"),
    [
        ("images/a.jpg", ["labels/a.txt", "images/a.txt"]),
        ("x/images/train/a.b.jpg", ["x/labels/train/a.b.txt", "x/images/train/a.b.txt"]),
        ("images/images/a.jpg", ["images/labels/a.txt", "images/images/a.txt"]),
        ("train/a.jpg", ["train/a.txt"]),
        ("myimages/a.jpg", ["myimages/a.txt"]),
        ("Images/a.jpg", ["labels/a.txt", "Images/a.txt"]),
    ],
)
def test_where_labels_are(picture, labels):
    assert label_of(picture) == labels


def test_labels_beside_the_images(tmp_path):
    root = yolo_root(tmp_path)
    (root / "labels/train/1.txt").rename(root / "images/train/1.txt")
    (root / "images/train/2.txt").write_text("not read: there is labels/train/2.txt")
    (root / "images/train/notes.txt").write_text("no labels")
    dataset = yolo(str(root))
    assert first_boxes(dataset) == [[40, 30, 60, 50]]
    assert not any("label file" in note for note in dataset.notes)
    (left,) = [note for note in dataset.notes if "left out" in note]
    assert left.endswith("images/train: 2 files without an image in it: 2.txt, notes.txt")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("labels/train/1.txt", "labels/train/1.TXT"),
        ("labels/train/1.txt", "labels/train/1.jpg.txt"),
        ("labels/train/1.txt", "labels/Train/1.Jpg.Txt"),
        ("labels/train/1.txt", "images/train/1.TXT"),
        ("labels/train/1.txt", "images/train/1.jpg.txt"),
        ("labels", "Labels"),
        ("labels", "LABELS"),
    ],
)
def test_labels_in_another_case_or_with_the_suffix_of_the_image(tmp_path, before, after):
    root = yolo_root(tmp_path)
    (root / after).parent.mkdir(exist_ok=True)
    (root / before).rename(root / after)
    dataset = yolo(str(root))
    assert (dataset.unannotated, dataset.notes) == ((), ())
    assert first_boxes(dataset) == [[40, 30, 60, 50]]


def test_folders_in_another_case(tmp_path):
    root = yolo_root(tmp_path, train="Images/train", val="")
    for name in ("images", "labels"):
        (root / name).rename(root / name.title())
    dataset = yolo(str(root))
    left = f"left out of {root}: 1 picture beside pool and test split: Images/val/3.jpg"
    assert (len(dataset.pool), dataset.unannotated, dataset.notes) == (2, (), (left,))


@pytest.mark.parametrize("listed", [False, True])
def test_pictures_beside_splits_are_told(tmp_path, listed):
    root = yolo_root(tmp_path, test="")  # which is not the whole folder
    for name in ("images/more/4.jpg", "images/more/5.jpg", "images/train/6.jpg", "other/7.jpg"):
        image(root / name)
    left = "2 pictures beside pool and test split: images/more/4.jpg, images/more/5.jpg"
    if listed:
        (root / "train.txt").write_text("images/train/1.jpg\nimages/train/2.jpg\n")
        yolo_root(root, train="train.txt", test="")
        left = "3 pictures beside pool and test split: images/more (2), images/train (1)"
    for home in (str(root), f"{root}/../{root.name}"):
        assert f"left out of {home}: {left}" in yolo(home).notes


@pytest.mark.parametrize("folder", ["images/test", "test/images"])
def test_pictures_of_the_split_that_is_not_tested_on_are_told(tmp_path, folder):
    root = yolo_root(tmp_path, test=folder)
    assert yolo(str(root)).notes == ()
    image(root / folder / "4.jpg")
    left = f"left out of {root}: 1 picture beside pool and test split: {folder}/4.jpg"
    assert yolo(str(root)).notes == (left,)


def test_polygons_that_rather_are_boxes_with_the_id_of_a_track(tmp_path):
    text = "0 .5 .5 .2 .2 .9 1\n0 .3 .3 .2 .2 .8 1\n"
    root = yolo_root(tmp_path, {"train/1": text, "train/2": text, "val/3": LABEL})
    said = "all 4 polygons have three points and end with 0 or 1: are they boxes with a score"
    assert any(note.startswith(said) for note in yolo(str(root)).notes)
    (root / "labels/train/2.txt").write_text(text + "0 .1 .1 .2 .1 .2 .3\n")
    assert not any("id of a track" in note for note in yolo(str(root)).notes)


def test_labels_of_an_image_are_not_those_of_another_in_another_case(tmp_path):
    root = yolo_root(tmp_path, {"train/a": LABEL, "train/A": None, "train/b": None, "val/3": LABEL})
    for name in ("b.TXT", "B.txt"):
        (root / "labels/train" / name).write_text(LABEL)
    dataset = yolo(str(root))
    assert dataset.unannotated == (f"{TRAIN}/A.jpg", f"{TRAIN}/b.jpg")
    assert dataset.notes[0] == (
        "left out 2 label files of no image of a split: labels/train/B.txt, labels/train/b.TXT"
    )
    (root / "labels/train/A.TXT").write_text("")
    assert yolo(str(root)).unannotated == (f"{TRAIN}/b.jpg",)


def test_label_files_of_no_image_are_told_where_no_image_has_one(tmp_path):
    root = yolo_root(tmp_path, {"train/1": None, "train/2": None, "val/3": LABEL})
    (root / "labels/train/one.txt").write_text(LABEL)
    (note,) = [n for n in yolo(str(root)).notes if "left out" in n]
    assert note == "left out 1 label file of no image of a split: labels/train/one.txt"


def test_what_aliases_stand_for_is_not_written_out(tmp_path):
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    bomb = "\n".join(["a0: &a0 [x]", *levels, "names: [a]", "nc: *a39", "train: *a39"])
    root = yolo_root(tmp_path)
    (root / "data.yaml").write_text(bomb)
    assert all(len(problem) < 300 for problem in problems(root))


def test_a_label_file_that_is_none(tmp_path):
    root = yolo_root(tmp_path)
    (root / "labels/train/1.txt").unlink()
    os.mkfifo(root / "labels/train/1.txt")
    assert problems(root)[0].startswith("a label file cannot be read (it is a pipe or a device")


POSE = "0 0.5 0.5 0.2 0.2 0.45 0.45 2 0.9 0.9 1\n"


def test_lines_with_keypoints_are_no_outlines(tmp_path):
    labels = {"train/1": POSE, "train/2": LABEL, "val/3": POSE}
    dataset = yolo(str(yolo_root(tmp_path, labels, kpt_shape=[2, 3])))
    assert first_boxes(dataset) == [[40, 32, 60, 48]]
    assert dataset.notes == (
        f"2 lines with keypoints, of which the box is taken: {TRAIN}/1.jpg (1), images/val/3.jpg "
        "(1)",
    )
    (tmp_path / "labels/train/2.txt").write_text("0 0.5 0.5 0.2 0.2 0.4 0.4\n")
    (said,) = problems(tmp_path)
    assert "expected class cx cy width height and 6 numbers, by kpt_shape" in said


@pytest.mark.parametrize("shape", [17, [17], [17, 4], "x", [0, 2], {"a": 1}, ["9" * 5000, 2]])
def test_shapes_of_keypoints_that_are_none(tmp_path, shape):
    (said,) = problems(yolo_root(tmp_path, kpt_shape=shape))
    assert "data.yaml: kpt_shape: expected how many keypoints, and 2 or 3 numbers" in said


@pytest.mark.parametrize("place", ["..", "../outside", "/", "../../outside"])
def test_no_pictures_from_outside(tmp_path, place):
    image(tmp_path / "outside/1.jpg")
    root = yolo_root(tmp_path / "inner", train=place)
    assert problems(root)[0].startswith(f"{root / 'data.yaml'}: train: nothing at {place!r}")
    yolo_root(root, path="..", train="outside")
    assert "train: nothing at 'outside'" in problems(root)[0]


def test_labels_that_cannot_be_seen(tmp_path, monkeypatch):
    """Their images would be empty, or asked for once more."""
    root, real = yolo_root(tmp_path), os.scandir

    def scandir(path):
        if str(path) == f"{root}/labels/train":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for unannotated in ("empty", "unlabelled"):
        (said,) = problems(root, unannotated=unannotated)
        assert said == f"{root}/labels/train cannot be opened (Permission denied): allow reading it"


def test_lists_of_classes_that_contradict_the_file(tmp_path):
    root = yolo_root(tmp_path, {"train/1": LABEL, "val/3": LABEL})
    for place in ("classes.txt", "labels/train/classes.txt", "labels/val/obj.names"):
        (root / place).write_text("Cat\ndog\nbird\n")
        assert yolo(str(root)).classes == ("cat",)
        (root / place).write_text("dog\ncat\n")
        (said,) = problems(root)
        assert said.startswith(f"{root / place} and the data.yaml of {root} differ in the names of")
        (root / place).unlink()


@pytest.mark.parametrize("meant", ["x1 y1 x2 y2", "x y width height"])
def test_boxes_that_are_written_otherwise(tmp_path, meant):
    lines = ["0 0.6 0.6 0.9 0.9", "0 0.5 0.1 0.95 0.8", "0 0.1 0.2 0.9 0.9", "0 0.7 0.7 0.9 0.9"]
    if meant != "x1 y1 x2 y2":
        lines = ["0 .05 .6 .3 .3", "0 .6 .05 .3 .3", "0 .1 .7 .4 .2", "0 .7 .1 .2 .4"]
    text = "\n".join(lines) + "\n"
    dataset = yolo(str(yolo_root(tmp_path, {"train/1": text, "train/2": text, "val/3": LABEL})))
    said = "in the pool 8 of 8 boxes do not fit their image as centre x, centre y, width, height"
    assert f"{said}: are they {meant}?" in dataset.notes


@pytest.mark.parametrize(
    "text",
    [
        "0 .5 .5 .4 .4 .35 .35 .65 .4 .5 .5 .4 .65 .6 .6\n"
        "1 .3 .3 .2 .2 .22 .22 .3 .3 .38 .38 0 0\n",
        "0 .5 .5 .4 .4 .35 .35 1 .65 .4 .9 .5 .65 1 0 0 0\n"
        "0 .5 .5 .4 .4 .4 .4 1 .65 .4 1 .5 .65 1\n",
    ],
)
def test_polygons_that_rather_are_boxes_with_keypoints(tmp_path, text):
    """Points within the box that fill it, two numbers each or three, some of them not seen."""
    said = "the first four numbers of all 4 polygons enclose the others: are they boxes with keyp"
    root = yolo_root(tmp_path, {"train/1": text, "train/2": text, "val/3": LABEL})
    notes = yolo(str(root)).notes
    assert any(note.startswith(said) for note in notes), notes
    outline = "0 .8 .8 .82 .79 .84 .8 .83 .84 .8 .83 .79 .81\n"
    (root / "labels/train/2.txt").write_text(text + outline)
    assert not any("enclose the others" in note for note in yolo(str(root)).notes)
    for name in ("train/1", "train/2", "val/3"):
        (root / f"labels/{name}.txt").write_text(outline)
    assert not any("enclose the others" in note for note in yolo(str(root)).notes)

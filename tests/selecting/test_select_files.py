"""``alframe select`` through the command line: the same choice, whatever tool wrote the files."""

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alframe.errors import DataError
from alframe.files.locks import locked
from alframe.selecting import vectors
from alframe.selecting.candidates import Candidates, candidates_in
from alframe.selecting.detections import _exclusive
from alframe.selecting.material import read_material
from alframe.selecting.vectors import read_vectors
from alframe.signals import BOX_FEATURES, SignalBatch
from alframe.strategy import ScoringStrategy
from tests.annotations import people
from tests.cli.test_cli import alframe  # noqa: F401

NAMES = ("cat", "dog")
HEIGHT, WIDTH = 20, 40
Found = Mapping[str, Sequence[tuple[int, tuple[float, ...], float]]]
FOUND: Found = {
    "a.jpg": [(0, (0, 0, 10, 10), 0.95)],
    "b.jpg": [(1, (5, 5, 25, 15), 0.5), (0, (1, 2, 9, 8), 0.25)],
    "c.jpg": [],
    "in/d.jpg": [(1, (10, 4, 20, 16), 0.625)],
    "in/e.jpg": [(0, (2, 2, 12, 12), 0.875), (1, (20, 0, 40, 20), 0.75)],
}
BY_ENTROPY = ["in/d.jpg", "b.jpg", "in/e.jpg", "a.jpg", "c.jpg"]


def binary(p: float) -> float:
    return float(-p * np.log(p) - (1 - p) * np.log(1 - p))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "in").mkdir(parents=True)
    for item in FOUND:
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / item)
    return root


def yolo(folder: Path, found: Found = FOUND, times: int = 1) -> Path:
    """As Ultralytics' predict writes it, but for empty files."""
    for item, rows in found.items():
        path = (folder / "labels" / item).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f"{label} {(x1 + x2) / 2 / WIDTH} {(y1 + y2) / 2 / HEIGHT} {(x2 - x1) / WIDTH} "
            f"{(y2 - y1) / HEIGHT} {score}\n"
            for label, (x1, y1, x2, y2), score in rows
        ]
        path.write_text("".join(lines * times))
    (folder / "data.yaml").write_text(f"names: {list(NAMES)}\n")
    return folder


def ultralytics(folder: Path) -> Path:
    """As its predict writes it: in one folder, no names of classes, no file without boxes."""
    yolo(folder)
    (folder / "data.yaml").unlink()
    for file in sorted((folder / "labels").rglob("*.txt")):
        file.rename(folder / "labels" / file.name) if file.stat().st_size else file.unlink()
    return folder


def results(folder: Path, found: Found = FOUND, extra: Any = None, times: int = 1) -> Path:
    """COCO results, with the instances that their numbers are of."""
    folder.mkdir(exist_ok=True)
    numbers = {item: number for number, item in enumerate(found, 7)}
    images = [
        {"id": n, "file_name": item, "width": WIDTH, "height": HEIGHT}
        for item, n in numbers.items()
    ]
    categories = [{"id": 10 + n, "name": name} for n, name in enumerate(NAMES)]
    rows = [
        {"image_id": numbers[item], "category_id": 10 + label, "score": score}
        | {"bbox": [x1, y1, x2 - x1, y2 - y1]} | (extra or {})
        for item, each in found.items()
        for label, (x1, y1, x2, y2), score in each
    ] * times  # fmt: skip
    content = {"images": images, "annotations": [], "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content))
    (folder / "preds.json").write_text(json.dumps(rows))
    return folder / "preds.json"


def label_studio(path: Path) -> Path:
    tasks = []
    for number, (item, rows) in enumerate(FOUND.items(), 1):
        result = [
            {
                "type": "rectanglelabels", "from_name": "l", "to_name": "i", "score": score,
                "value": {
                    "x": 100 * x1 / WIDTH, "y": 100 * y1 / HEIGHT, "rotation": 0,
                    "width": 100 * (x2 - x1) / WIDTH, "height": 100 * (y2 - y1) / HEIGHT,
                    "rectanglelabels": [NAMES[label]],
                },
            }
            for label, (x1, y1, x2, y2), score in rows
        ]  # fmt: skip
        data = {"image": f"/data/local-files/?d=photos/{item}"}
        tasks.append({"id": number, "data": data, "predictions": [{"result": result}]})
    path.write_text(json.dumps(tasks))
    return path


def cvat(path: Path) -> Path:
    lines = ["<annotations>"]
    for number, (item, rows) in enumerate(FOUND.items()):
        lines.append(f'<image id="{number}" name="{item}" width="{WIDTH}" height="{HEIGHT}">')
        for label, (x1, y1, x2, y2), score in rows:
            lines.append(
                f'<box label="{NAMES[label]}" source="auto" xtl="{x1}" ytl="{y1}" xbr="{x2}" '
                f'ybr="{y2}"><attribute name="score">{score}</attribute></box>'
            )
        lines.append("</image>")
    path.write_text("\n".join([*lines, "</annotations>"]))
    return path


def lines_of_predict(path: Path) -> Path:
    rows = [
        {"image": f"photos/{item}", "detections": [
            {"class": NAMES[label], "score": score, "box": list(box)} for label, box, score in each
        ]}
        for item, each in FOUND.items()
    ]  # fmt: skip
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def by_name(path: Path) -> Path:
    """COCO results of a program that calls images by their names, as Ultralytics does."""
    rows = [
        {"image_id": item.removesuffix(".jpg"), "category_id": label, "score": score}
        | {"bbox": [x1, y1, x2 - x1, y2 - y1]}
        for item, each in FOUND.items()
        for label, (x1, y1, x2, y2), score in each
    ]  # fmt: skip
    path.write_text(json.dumps(rows))
    return path


WRITERS = {
    "yolo": lambda folder: yolo(folder / "run"),
    "ultralytics": lambda folder: ultralytics(folder / "predict"),
    "by-name": lambda folder: by_name(folder / "p.json"),
    "coco": lambda folder: results(folder / "run"),
    "label-studio": lambda folder: label_studio(folder / "tasks.json"),
    "cvat": lambda folder: cvat(folder / "a.xml"),
    "lines": lambda folder: lines_of_predict(folder / "p.jsonl"),
}


UNSAID = ("ultralytics", "by-name")
"""Of what says nothing of an image on which nothing was found."""


def choose(alframe: Any, *args: object, strategy: str = "entropy", budget: int = 5) -> Any:  # noqa: F811
    command = ("select", "--strategy", strategy, "--budget", str(budget))
    return alframe(*command, *map(str, args))


@pytest.mark.parametrize("tool", WRITERS)
def test_the_same_choice_from_the_files_of_every_tool(
    alframe: Any, photos: Path, tmp_path: Path, tool: str  # noqa: F811
) -> None:  # fmt: skip
    path = WRITERS[tool](tmp_path)
    empty = ("--missing", "empty") if tool in UNSAID else ()
    code, said, err = choose(alframe, "--predictions", path, "--images", photos, "--json", *empty)
    assert code == 0, err
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row["id"] for row in rows] == BY_ENTROPY
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0]["score"] == pytest.approx(binary(0.625), abs=1e-6)
    assert rows[1]["score"] == pytest.approx((binary(0.5) + binary(0.25)) / 2, abs=1e-6)
    assert rows[4]["score"] == 0
    assert err.count("the binary entropy of the score") == 1
    assert "nothing was found on 1 image: c.jpg" in err
    code, said, err = choose(alframe, "--predictions", path, "--images", photos, "--strict")
    assert (code, said) == (2, "")
    assert "one score a box" in err


def test_an_image_without_boxes_is_not_one_that_was_not_predicted(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    (path := yolo(tmp_path / "run")).joinpath("labels/b.txt").unlink()
    given = ("--predictions", path, "--images", photos)
    code, said, err = choose(alframe, *given)
    assert (code, said.split()) == (0, [i for i in BY_ENTROPY if i != "b.jpg"])
    assert (
        "1 image left out, for which a file of predictions or embeddings has no entry: b.jpg" in err
    )
    assert "b.jpg" in err
    code, said, err = choose(alframe, *given, "--missing", "empty")
    assert said.split() == ["in/d.jpg", "in/e.jpg", "a.jpg", "b.jpg", "c.jpg"]
    assert "nothing was found on 2 images: b.jpg, c.jpg" in err
    code, said, err = choose(alframe, "--predictions", by_name(tmp_path / "r.json"), *given[2:])
    assert said.split() == BY_ENTROPY[:4]
    assert "c.jpg" in err


def test_labels_of_pictures_of_unknown_size(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    (path := yolo(tmp_path / "run")).joinpath("labels/c.txt").write_text("0 .5 .5 .1 .1 .5\n" * 9)
    for number in range(10):
        (path / f"labels/more{number}.txt").write_text(f"0 .5 .5 .{number + 1} .2 .5\n")
    code, _, err = choose(alframe, "--predictions", path)
    assert (code, f"{path}: boxes all reach from 0 to about 1, as shares" in err) == (2, True), err
    assert "give --images" in err


def test_numbers_are_not_compared_with_names(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    """Ultralytics writes no names: those of one member of an ensemble are not those of others."""
    paths = [yolo(tmp_path / "one"), yolo(tmp_path / "two")]
    (paths[1] / "data.yaml").unlink()
    given = [word for path in paths for word in ("--predictions", path)]
    code, _, err = choose(alframe, *given, "--images", photos, strategy="mc-dropout")
    assert (code, f"{paths[1]}: classes are called by their numbers, and by names in" in err) == (
        2, True,
    ), err  # fmt: skip
    (paths[0] / "data.yaml").unlink()
    assert choose(alframe, *given, "--images", photos, strategy="mc-dropout")[0] == 0


def test_results_whose_boxes_are_corners(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    rows = [
        {"image_id": "a.jpg", "category_id": 1, "bbox": [x, x, WIDTH - 1, HEIGHT - 1], "score": 0.5}
        for x in range(10, 16)
    ]
    (path := tmp_path / "r.json").write_text(json.dumps(rows))
    code, _, err = choose(alframe, "--predictions", path, "--images", photos)
    assert code == 0
    assert "6 of 6 boxes do not fit their image as x y width height: are they x1 y1 x2 y2?" in err


@pytest.mark.parametrize("write", [yolo, results])
def test_boxes_that_are_there_twice_count_once(
    alframe: Any, photos: Path, tmp_path: Path, write: Any  # noqa: F811
) -> None:  # fmt: skip
    path = write(tmp_path / "run", times=2)
    given = ("--predictions", path, "--images", photos, "strategy.aggregate=sum", "--json")
    code, said, err = choose(alframe, *given)
    assert code == 0, err
    first = json.loads(said.splitlines()[0])
    assert first["id"] == "b.jpg"
    assert first["score"] == pytest.approx(binary(0.5) + binary(0.25), abs=1e-6)
    assert "6" in err
    assert "there twice, taken once" in err
    once = choose(alframe, "--predictions", write(tmp_path / "one"), *given[2:])[1]
    assert once == said


@pytest.mark.parametrize("width", [-5, 0])
def test_boxes_without_area_are_left_out(
    alframe: Any, photos: Path, tmp_path: Path, width: int  # noqa: F811
) -> None:  # fmt: skip
    path = results(tmp_path / "run")
    rows = json.loads(path.read_text())
    rows.append(rows[0] | {"bbox": [10, 10, width, 5]})
    path.write_text(json.dumps(rows))
    code, said, err = choose(alframe, "--predictions", path, "--images", photos)
    assert code == 0, err
    assert f"{path}: 1 box has no area (x2 <= x1, or y2 <= y1), left out" in err
    rows.pop()
    path.write_text(json.dumps(rows))
    assert choose(alframe, "--predictions", path, "--images", photos)[1] == said


def test_scores_of_all_classes_have_an_entropy(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path = results(tmp_path / "run", extra={"scores": [0.5, 0.25, 0.25]})
    given = ("--predictions", path, "--images", photos, "--json", "--strict")
    code, said, err = choose(alframe, *given, budget=1)
    assert code == 0, err
    assert json.loads(said)["score"] == pytest.approx(1.5 * np.log(2), abs=1e-6)
    for wrong in ([0.5, 0.25, 0.5, 0.1], [0.5, 0.25, 0.5]):
        path = results(tmp_path / "run", extra={"scores": wrong})
        code, said, err = choose(alframe, *given)
        assert (code, said) == (2, "")
        assert "scores: expected one for each of 2 classes" in err


def test_what_is_missing_is_said_with_what_would_help(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path = results(tmp_path / "run")
    given = ("--predictions", path, "--images", photos)
    messages = {
        "coreset": "requires embedding; give --embeddings: an npz with ids and image",
        "ppal": "--embeddings with object_features [m, f] and object_index [m]",
        "cdal": "choose strategy.unit=detections",
        "miaod": "only a model has that is trained for it",
        "power:coreset": "power needs a strategy that scores images",
        "entropi": "Did you mean 'entropy'?",
    }
    for strategy, message in messages.items():
        code, said, err = choose(alframe, *given, strategy=strategy)
        assert (code, said, message in err) == (2, "", True), err
    for args, message in {
        ("lr=1",): "takes settings of the strategy alone",
        ("strategy.aggregat=max",): "Did you mean 'aggregate'?",
        ("--to", "cvat"): "--to FORMAT and --output FOLDER belong together",
        ("--to", "cvat", "--output", "x", "--json"): "--to writes a query of it: give one",
        ("--images", path): "with the id of an image in each line (.txt), not .json",
    }.items():
        code, said, err = choose(alframe, *given, *args)
        assert (code, said, message in err) == (2, "", True), err
    assert "nothing to choose from" in choose(alframe, strategy="random")[2]
    assert "'--budget': 0 is not in the range" in choose(alframe, *given, budget=0)[2]
    assert "nothing lies there" in choose(alframe, "--predictions", tmp_path / "no")[2]
    gone = [f"--{each}={tmp_path}/{each}" for each in ("predictions", "images", "labelled")]
    assert choose(alframe, *gone)[2].count("nothing lies there") == len(gone)


def test_scores_that_were_rounded_add_up_to_one_all_the_same() -> None:
    """Softmax with background, as written with some decimals; and no decisions of their own."""
    rng = np.random.default_rng(0)
    for count, least in ((3, 2), (30, 3), (80, 3)):
        raw = np.exp(rng.normal(size=(50, count + 1)))
        shares, classes = raw / raw.sum(axis=1, keepdims=True), tuple(map(str, range(count)))
        for decimals in range(least, 7):
            assert _exclusive(shares.round(decimals), classes, "x"), (count, decimals)
        own = rng.uniform(0, 2 / count, (50, count))
        assert not any(_exclusive(own.round(n), classes, "x") for n in range(2, 7)), count


def test_what_is_wrong_with_predictions_names_their_file(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path = results(tmp_path / "run", extra={"scores": [0.5, 0.25, 0.25]})
    rows = json.loads(path.read_text())
    del rows[1]["scores"]
    for content, said in (
        (rows, "scores of classes: expected as many for every box"),
        ([{k: v for k, v in row.items() if k != "score"} for row in rows], "have a score in each"),
    ):
        path.write_text(json.dumps(content))
        code, _, err = choose(alframe, "--predictions", path, "--images", photos)
        assert (code, str(path) in err, said in err) == (2, True, True), err
    path.write_bytes(b"PK\x03\x04" + bytes(40))
    _, _, err = choose(alframe, "--predictions", path, "--images", photos)
    assert "but a zip that is damaged, or lies in another one" in err


def test_results_of_an_image_that_nobody_listed(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path = results(tmp_path / "run")
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([*rows, {**rows[0], "image_id": 99}]))
    said = "an image_id is that of no image in the file of instances: "
    code, _, err = choose(alframe, "--predictions", path)
    assert (code, said + f"{path}: 99" in err) == (2, True), err
    deep = tmp_path / "run/deep"
    deep.mkdir()
    shutil.copy(path.parent / "instances.json", deep)
    path.write_text(json.dumps(rows))
    assert choose(alframe, "--predictions", path)[0] == 0, "the nearest file counts"


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_annotations_of_labelled_images_without_their_pictures(tmp_path: Path, kind: str) -> None:
    """Boxes in pixels stay; shares of a picture of unknown size are no boxes without an area."""
    if kind == "coco":
        path = results(tmp_path / "done")
        path.unlink()
        truth = path.parent / "instances.json"
        row = {"image_id": 7, "category_id": 10, "bbox": [3, 4, 300, 50]}
        truth.write_text(json.dumps(json.loads(truth.read_text()) | {"annotations": [row]}))
        expected = [3, 4, 303, 54]
    else:
        (tmp_path / "done").mkdir()
        (tmp_path / "done/a.txt").write_text("0 0.5 0.5 0.02 0.1\n")
        (tmp_path / "done/classes.txt").write_text("cat\ndog\n")
        truth, expected = tmp_path / "done", [490, 450, 510, 550]
    material = read_material(vectors=read_vectors(npz(tmp_path / "e.npz")), labelled=truth)
    target = material.targets["a"]
    assert target.require_boxes().tolist() == [pytest.approx(expected)]


def test_of_images_alone_the_annotations_are_kept(photos: Path, tmp_path: Path) -> None:
    row = {"id": 1, "image_id": 1, "category_id": 5, "bbox": [3, 4, 30, 5]}
    images, names = [{"id": 1, "file_name": "a.jpg"}], [{"id": 5, "name": "cat"}]
    content = {"images": images, "annotations": [row], "categories": names}
    (path := tmp_path / "done.json").write_text(json.dumps(content))
    material = read_material(images=photos, labelled=path)
    assert (material.classes, material.labelled, material.notes) == ((), {"a.jpg"}, ())
    assert material.targets["a.jpg"].require_boxes().tolist() == [[3, 4, 33, 9]]


def test_a_new_query_takes_the_place_of_an_old_one(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    given = ("--predictions", yolo(tmp_path / "run"), "--images", photos)
    out = tmp_path / "next"
    for tool, budget in (("voc", 3), ("yolo", 2), ("yolo", 1)):
        code, said, err = choose(
            alframe, *given, "--to", tool, "--output", out, "--copy", budget=budget
        )
        assert code == 0, err
        assert ("in the place of an earlier query" in said) == (budget < 3)
        found = {path.name for path in out.iterdir()}
        assert found == {
            tool, f".{tool}.sha256", ".lock", "README.txt", "images.txt", "index.html",
            "query.json", "thumbnails",
        }  # fmt: skip
        assert len([p for p in (out / tool / "images").rglob("*") if p.is_file()]) == budget
    label = next((out / "yolo/labels").rglob("*.txt"))
    label.write_text("0 0.5 0.5 0.1 0.1\n")
    before = (out / "query.json").read_bytes()
    code, _, err = choose(alframe, *given, "--to", "voc", "--output", out)
    assert (code, "changed since the query was written" in err) == (2, True)
    assert (out / "query.json").read_bytes() == before
    assert label.read_text() == "0 0.5 0.5 0.1 0.1\n"


@pytest.mark.parametrize("tool", ["yolo", "voc", "coco", "cvat", "label-studio"])
@pytest.mark.parametrize("way", ["absolute", "climbing"])
def test_a_query_stays_in_its_folder_whatever_the_list_calls_images(
    alframe: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
    tool: str, way: str,
) -> None:  # fmt: skip
    here = tmp_path / "x/y"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    files = list(photos.rglob("*.jpg"))
    listed = [str(p) if way == "absolute" else os.path.relpath(p, here) for p in files]
    (here / "list.txt").write_text("\n".join(listed))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    predicted = yolo(tmp_path / "run")
    before |= {path for path in predicted.rglob("*") if path.is_file()}
    given = ("--predictions", predicted, "--images", here / "list.txt", "--to", tool, "--copy")
    code, _, err = choose(alframe, *given, "--output", here / "q", budget=2)
    assert code == 0, err
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(here / "q") for path in new)
    assert len([p for p in (here / "q" / tool / "images").rglob("*") if p.is_file()]) == 2
    asked = {image["id"] for image in json.loads((here / "q/query.json").read_text())["images"]}
    assert not any(name.startswith(("/", "..")) for name in asked)


def test_a_query_of_a_list_of_which_some_images_lie_elsewhere(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    (photos / "in/list.txt").write_text("d.jpg\n../a.jpg\n")
    given = ("--images", photos / "in/list.txt", "--to", "coco", "--output", tmp_path / "q")
    code, _, err = choose(alframe, *given, strategy="random", budget=2)
    assert code == 0, err
    asked = json.loads((tmp_path / "q/query.json").read_text())["images"]
    assert {image["id"] for image in asked} == {"a.jpg", "in/d.jpg"}


def test_a_query_calls_links_by_their_names_and_takes_them_back(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    """As DVC, git-annex and Hugging Face's cache keep pictures."""
    (linked := tmp_path / "linked").mkdir()
    (linked / "p.jpg").symlink_to(photos / "a.jpg")
    (linked / "q.jpg").symlink_to(photos / "in/d.jpg")
    listed = tmp_path / "list.txt"
    listed.write_text(f"{linked / 'p.jpg'}\n{linked / 'q.jpg'}\n")
    given = ("--images", listed, "--to", "coco", "--output", tmp_path / "query")
    code, _, err = choose(alframe, *given, strategy="random", budget=1)
    assert code == 0, err
    (asked,) = json.loads((tmp_path / "query/query.json").read_text())["images"]
    assert asked["id"] in {"p.jpg", "q.jpg"}
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(json.loads((tmp_path / "query/coco/coco.json").read_text())))
    done = ("--images", listed, "--labelled", answers)
    code, out, err = choose(alframe, *done, strategy="random", budget=2)
    assert (code, out.split()) == (0, [str(linked / ({"p.jpg", "q.jpg"} - {asked["id"]}).pop())]), (
        err
    )


def test_names_that_are_like_those_of_images_are_told(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    """They may be of another camera."""
    (done := tmp_path / "done.txt").write_text("/old/cam1/d.jpg\n")
    given = ("--images", photos, "--labelled", done)
    code, out, err = choose(alframe, *given, strategy="random", budget=9)
    assert (code, "in/d.jpg" in out) == (0, False), err
    assert "1 name that is given differs from its file" in err
    assert "/old/cam1/d.jpg (in/d.jpg)" in err


def test_files_of_a_query_that_nobody_has_annotated_label_nothing(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    """Wherever they are looked for: in the folder of the query, of the format, or of the labels."""
    found = ("--predictions", yolo(tmp_path / "run"), "--images", photos)
    query = tmp_path / "query"
    code, _, err = choose(alframe, *found, "--to", "yolo", "--output", query, budget=2)
    assert code == 0, err
    asked = [image["id"] for image in json.loads((query / "query.json").read_text())["images"]]
    (linked := tmp_path / "linked").symlink_to(query / "yolo")
    data = query / "yolo/data.yaml"
    for place in (query, query / "yolo", query / "yolo/labels", linked, data):
        code, _, err = choose(alframe, *found, "--labelled", place, strategy="random", budget=5)
        assert (code, f"{place}: a query as it was written, not" in err) == (2, True), err
    label = query / "yolo/labels" / f"{Path(asked[0]).with_suffix('.txt')}"
    label.write_text("0 0.5 0.5 0.3 0.3\n")
    for place in (query, query / "yolo", query / "yolo/labels"):
        code, out, err = choose(alframe, *found, "--labelled", place, strategy="random", budget=5)
        assert (code, {*out.split()}) == (0, {*FOUND} - {asked[0]}), err
        assert f"left out of {place}: 1 file as a query has it, not annotated yet" in err
    copy = shutil.copytree(query / "yolo/labels", tmp_path / "copy")
    code, out, err = choose(alframe, *found, "--labelled", copy, strategy="random", budget=5)
    assert (code, {*out.split()}, "left out" in err) == (0, {*FOUND} - {*asked}, False), err


def test_a_query_of_images_without_predictions_proposes_nothing_for_them(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    (found := yolo(tmp_path / "run")).joinpath("labels/b.txt").unlink()
    given = ("--predictions", found, "--images", photos, "--to", "coco", "--output", tmp_path / "q")
    code, _, err = choose(alframe, *given, strategy="random", budget=5)
    assert code == 0, err
    asked = json.loads((tmp_path / "q/query.json").read_text())["images"]
    counts = {image["id"]: len(image["proposals"]) for image in asked}
    assert counts == {"a.jpg": 1, "b.jpg": 0, "c.jpg": 0, "in/d.jpg": 1, "in/e.jpg": 2}


def test_a_query_of_images_that_are_no_files_is_refused(
    alframe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = ("--predictions", results(tmp_path / "run"), "--to", "coco", "--output", tmp_path / "q")
    code, _, err = choose(alframe, *given, budget=2)
    assert (code, "2 chosen images cannot be found here: in/d.jpg, b.jpg; give" in err) == (2, True)
    assert not (tmp_path / "q").exists()


def test_names_in_a_list_that_are_no_files_are_told_where_others_are(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    given = ("--predictions", yolo(tmp_path / "run"), "--images", tmp_path / "list.txt")
    names = [str(photos / item) for item in FOUND]
    told = []
    for lines in (names, [*names, "photos/x.jpg"], list(FOUND)):
        (tmp_path / "list.txt").write_text("\n".join(lines))
        code, _, err = choose(alframe, *given, budget=2)
        assert code == 0, err
        told.append("cannot be found here" in err)
        assert ("1 image of" in err and "cannot be found here: photos/x.jpg" in err) == told[-1]
    assert told == [False, True, False]


def test_people_would_be_asked_for_classes_that_are_numbers(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    predicted = yolo(tmp_path / "run")
    given = ("--predictions", predicted, "--images", photos, "--to", "coco")
    out = ("--output", tmp_path / "query")
    told = []
    for _ in range(2):
        code, _, err = choose(alframe, *given, *out, budget=2)
        told.append((code, "classes are called by their numbers: a data.yaml" in err))
        (predicted / "data.yaml").unlink(missing_ok=True)
    assert told == [(0, False), (0, True)]


def test_names_in_a_list_are_files_beside_it_first(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(photos / "a.jpg", tmp_path)
    shutil.copy(photos / "a.jpg", tmp_path / "b.jpg")
    (photos / "b.jpg").unlink()
    (photos / "list.txt").write_text("a.jpg\nb.jpg\n")
    images, _ = candidates_in(photos / "list.txt")
    assert images.file("a.jpg") == photos / "a.jpg"
    assert images.file("b.jpg") == Path("b.jpg")


def test_an_id_that_leads_out_of_the_folder_is_no_file(photos: Path) -> None:
    ids = ["../a.jpg", str(photos / "a.jpg")]
    assert [Candidates(ids, [photos / "in"]).file(item) for item in ids] == [None, None]
    assert Candidates(ids, [photos / "in"], free=True).file(ids[1]) == photos / "a.jpg"


def test_pictures_are_read_where_there_are_files(photos: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT), (250, 0, 7)).save(photos / "red.png")
    images = Candidates(["red.png", "gone.png"], [photos / "in", photos])
    assert (images.read("red.png") == np.full((HEIGHT, WIDTH, 3), (250, 0, 7), np.uint8)).all()
    with pytest.raises(DataError, match=r"gone\.png is no file here: give the folder or list"):
        images.read("gone.png")


def test_a_folder_of_something_else_is_no_place_for_a_query(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    given = ("--predictions", yolo(tmp_path / "run"), "--images", photos, "--to", "coco")
    for folder in (photos, tmp_path / "mine"):
        folder.mkdir(exist_ok=True)
        (folder / "README.txt").write_text("mine")
        code, _, err = choose(alframe, *given, "--output", folder)
        assert (code, "is not empty and holds no query: choose another" in err) == (2, True), err
        assert (folder / "README.txt").read_text() == "mine"
        (folder / "README.txt").unlink()
    assert choose(alframe, *given, "--output", tmp_path / "w", budget=2)[0] == 0
    done = ("--labelled", tmp_path / "w/images.txt", "--output", tmp_path / "w")
    code, _, err = choose(alframe, *given, *done)
    assert (code, "lies in --output, which is written anew: put it elsewhere" in err) == (2, True)
    (circle := tmp_path / "circle").symlink_to("circle")
    for more in ((), ("--labelled", circle)):
        code, _, err = choose(alframe, *given, *more, "--output", circle)
        assert (code, str(circle) in err) == (2, True)


def npz(path: Path, **more: Any) -> Path:
    features = {
        "a": [0, 0], "b": [1, 0], "c": [5, 0], "in/d": [9, 0], "in/e": [20, 1]
    }  # fmt: skip
    image = np.array(list(features.values()), np.float16)
    np.savez(path, **{"ids": np.array(list(features), dtype=str), "image": image, **more})
    return path


def test_core_set_of_embeddings(alframe: Any, photos: Path, tmp_path: Path) -> None:  # noqa: F811
    path, done = npz(tmp_path / "e.npz"), tmp_path / "done.txt"
    done.write_text("a.jpg\nmissing.jpg\n")
    given = ("--embeddings", path, "--labelled", done)
    code, said, err = choose(alframe, *given, "--images", photos, strategy="coreset", budget=2)
    assert (code, said.split()) == (0, ["in/e.jpg", "in/d.jpg"]), err
    assert "1 labelled image not among the images: missing.jpg" in err
    Image.new("RGB", (WIDTH, HEIGHT)).save(photos / "f.jpg")
    code, said, err = choose(alframe, *given, "--images", photos, strategy="coreset", budget=1)
    assert (code, said.split()) == (0, ["in/e.jpg"]), err
    assert "1 image left out, for which a file of predictions or embeddings has no entry: f" in err
    code, said, _ = choose(alframe, *given, strategy="coreset", budget=99)
    assert said.split() == ["in/e", "in/d", "c", "b"]
    done.write_text("a, 2.jpg\nb;c.png\n")  # names of others
    code, _, err = choose(alframe, *given, "--images", photos, strategy="coreset", budget=1)
    assert code == 0, err
    assert "2 labelled images not among the images: a, 2.jpg, b;c.png" in err
    for line in ("a.jpg,cat", "a\tcat", "in/d.jpg cat", "b ; cat", "a.jpg,b.jpg"):
        done.write_text(f"{line}\nc.jpg\n")
        shown = line.replace("\t", "\\t")
        code, said, err = choose(alframe, *given, "--images", photos, strategy="coreset", budget=2)
        assert (code, said) == (2, "")
        assert f"1 line with more than the name of an image: {shown}; leave" in err
    for text in ('"a.jpg"\n"b.jpg"\n', '["a.jpg", "b.jpg"]', "{'a.jpg'}"):
        done.write_text(text)
        code, said, err = choose(alframe, *given, "--images", photos, strategy="coreset", budget=2)
        assert (code, said) == (2, "")
        assert "expected a name in each line, without quotes and brackets" in err
    done = done.rename(tmp_path / "done.csv")
    given = ("--embeddings", path, "--labelled", done)
    code, _, err = choose(alframe, *given, "--images", photos, strategy="coreset", budget=1)
    assert (code, "expected a text file with the id of an image in each line" in err) == (2, True)


def test_probabilities_of_a_model_that_classifies_images(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    probs = np.full((5, 3), 1 / 3, np.float16)
    probs[3] = [1, 0, 0]
    path = npz(tmp_path / "e.npz", class_probs=probs)
    given = ("--embeddings", path, "--images", photos, "--json")
    code, said, err = choose(alframe, *given, budget=5)
    assert code == 0, err
    scores = [json.loads(line)["score"] for line in said.splitlines()]
    assert scores == pytest.approx([np.log(3)] * 4 + [0], abs=2e-3)
    np.savez(path, ids=np.array(["a", "b"]), class_probs=probs[:2] * 2)
    code, said, err = choose(alframe, "--embeddings", path)
    assert (code, "of logits, their softmax), not so of a, b" in err) == (2, True), err


OBJECTS = {
    "object_features": np.array([[1, 0], [0, 1], [1, 1], [0, 2], [3, 0], [1, 5]], np.float32),
    "object_index": np.array([0, 1, 1, 3, 4, 4]),
}


def test_features_of_boxes_and_annotations_of_labelled_images(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path, found = npz(tmp_path / "o.npz", **OBJECTS), results(tmp_path / "run")
    given = ("--predictions", found, "--embeddings", path, "--images", photos)
    for strategy in ("ppal", "power:ppal", "badge", "divproto", "dedup:entropy"):
        code, said, err = choose(alframe, *given, strategy=strategy, budget=2)
        assert (code, len(said.split())) == (0, 2), err
    done = tmp_path / "done.txt"
    done.write_text("a.jpg\n")
    code, said, err = choose(alframe, *given, "--labelled", done, strategy="ppal", budget=2)
    assert (code, "give --labelled as a file of annotations" in err) == (2, True), err
    truth = results(tmp_path / "truth", {"a.jpg": FOUND["a.jpg"]}).parent / "instances.json"
    content = json.loads(truth.read_text())
    row = {"image_id": 7, "category_id": 10, "bbox": [0, 0, 10, 10]}
    truth.write_text(json.dumps(content | {"annotations": [row]}))
    labelled = ("--labelled", truth)
    code, said, err = choose(alframe, *given, *labelled, strategy="ppal", budget=4)
    assert (code, sorted(said.split())) == (0, sorted(FOUND.keys() - {"a.jpg"})), err
    rows = json.loads(found.read_text())
    other = next(row for row in rows if row["image_id"] != rows[0]["image_id"])
    found.write_text(json.dumps([row | {"score": 7} if row == other else row for row in rows]))
    code, said, err = choose(alframe, *given, *labelled, "--skip-bad", strategy="ppal", budget=4)
    assert (code, len(said.split())) == (0, len(FOUND) - 2), err
    found.write_text(json.dumps(rows))
    few = npz(tmp_path / "few.npz", **{n: v[:-1] for n, v in OBJECTS.items()})
    code, said, err = choose(alframe, *given[:3], few, *given[4:], strategy="badge", budget=2)
    assert (code, "in/e.jpg (1 of 2)" in err) == (2, True), err


class OfBoxes(ScoringStrategy):
    """Asks for the features of boxes, and not for the boxes."""

    requires = frozenset({BOX_FEATURES})

    def score(self, batch: SignalBatch) -> Any:
        return batch[BOX_FEATURES].sum((1, 2))


def test_features_are_of_boxes_that_are_predicted(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    (found := yolo(tmp_path / "run")).joinpath("labels/b.txt").unlink()
    kept = {name: rows[OBJECTS["object_index"] != 1] for name, rows in OBJECTS.items()}
    given = ("--predictions", found, "--embeddings", npz(tmp_path / "o.npz", **kept))
    own = f"{__name__}:OfBoxes"
    code, said, err = choose(alframe, *given, "--images", photos, strategy=own, budget=5)
    assert (code, sorted(said.split())) == (0, sorted(FOUND.keys() - {"b.jpg"})), err
    assert "1 image left out, for which a file" in err


def test_what_is_labelled_is_not_chosen_where_others_are_left_out(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path = results(tmp_path / "run")
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([rows[0], rows[1] | {"score": 7}, *rows[2:]]))
    truth = results(tmp_path / "truth", {"a.jpg": []}).parent / "instances.json"
    row = {"image_id": 7, "category_id": 10, "bbox": [0, 0, 10, 10]}
    truth.write_text(json.dumps(json.loads(truth.read_text()) | {"annotations": [row]}))
    given = ("--predictions", path, "--images", photos, "--labelled", truth, "--skip-bad")
    code, said, err = choose(alframe, *given, budget=9)
    assert (code, said.split()) == (0, ["in/d.jpg", "in/e.jpg", "c.jpg"]), err


@pytest.mark.parametrize("tool", ["label-studio", "cvat", "yolo", "coco", "voc"])
def test_a_query_for_people(
    alframe: Any, photos: Path, tmp_path: Path, tool: str  # noqa: F811
) -> None:  # fmt: skip
    given = ("--predictions", yolo(tmp_path / "run"), "--images", photos)
    out = tmp_path / "round_02"
    code, said, err = choose(alframe, *given, "--to", tool, "--output", out, budget=2)
    assert code == 0, err
    assert f"wrote {out / tool}" in said
    assert (out / "images.txt").read_text().split() == [str(photos / i) for i in BY_ENTROPY[:2]]
    asked = json.loads((out / "query.json").read_text())
    first = asked["images"][0]
    assert (first["id"], first["rank"], first["why"]) == ("in/d.jpg", 1, "entropy")
    assert (first["height"], first["width"]) == (HEIGHT, WIDTH)
    assert first["score"] == pytest.approx(binary(0.625), abs=1e-6)
    assert first["proposals"][0]["box"] == pytest.approx([10, 4, 20, 16], abs=1e-4)
    assert [row["score"] for row in asked["images"][1]["proposals"]] == [0.5], "0.25 is too little"
    assert "next alframe select" in (out / "README.txt").read_text()
    assert "alframe annotate" not in (out / "README.txt").read_text()


def test_a_query_of_a_choice_without_predictions(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    np.savez(tmp_path / "e.npz", ids=np.array([*FOUND]), image=np.eye(5))
    given = ("--embeddings", tmp_path / "e.npz", "--images", photos, "--to", "coco")
    code, _, err = choose(alframe, *given, "--output", tmp_path / "q", strategy="coreset", budget=2)
    assert code == 0, err
    page = (tmp_path / "q/index.html").read_text()
    assert "2 images to annotate" in page
    assert "with what the model found" not in page


def test_a_query_proposes_the_best_of_what_was_found(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    rows = [(0, (0, 0, 10 + n / 10, 10), 0.999 - n / 1000) for n in range(120)]
    shown = {
        "a.jpg": [(1, (0, 0, 9, 9), 0.29), *rows],
        "b.jpg": [*rows[-1:], (1, (0, 0, 9, 9), 0.3)],
    }
    path = results(tmp_path / "run", shown)
    given = ("--predictions", path, "--images", photos, "--to", "coco", "--output", tmp_path / "q")
    code, _, err = choose(alframe, *given, budget=2)
    assert code == 0, err
    asked = json.loads((tmp_path / "q/query.json").read_text())["images"]
    found = {image["id"]: [p["score"] for p in image["proposals"]] for image in asked}
    assert found["a.jpg"] == pytest.approx([score for _, _, score in rows[:100]])
    assert found["b.jpg"] == pytest.approx([0.88, 0.3])


BAD_FILES: Mapping[str, tuple[Any, str]] = {
    "no ids": ({"image": np.zeros((2, 2))}, "has no ids"),
    "objects": ({"ids": np.array(["a", "b"], object)}, "objects of Python"),
    "twice": ({"ids": np.array(["a", "a"]), "image": np.zeros((2, 2))}, "twice are a"),
    "short": ({"ids": np.array(["a", "b"]), "image": np.zeros((1, 2))}, r"expected [2, d]"),
    "text": ({"ids": np.array(["a"]), "image": np.array([["x"]])}, "expected numbers, got <U1"),
    "complex": ({"ids": np.array(["a"]), "image": np.ones((1, 2), complex)}, "got complex128"),
    "narrow": ({"ids": np.array(["a"]), "image": np.zeros((1, 0))}, "a number or more in each row"),
    "NaN": (
        {"ids": np.array(["a", "b"]), "image": [[1.0, 2.0], [np.nan, 1.0]]}, "1e+15, not so of b",
    ),
    "index": (
        {"ids": np.array(["a"]), "object_features": np.zeros((1, 2)), "object_index": [1]},
        "expected places in ids, 0 to 0",
    ),
    "below": (
        {"ids": np.array(["a"]), "object_features": np.zeros((1, 2)), "object_index": [-1]},
        "expected places in ids, 0 to 0",
    ),
    "alone": (
        {"ids": np.array(["a"]), "object_features": np.zeros((1, 2))}, "expected both or none",
    ),
    "numbers": ({"ids": np.array([1, 2]), "image": np.zeros((2, 2))}, "a list of texts"),
    "latin": ({"ids": np.array([b"\xff"]), "image": np.zeros((1, 2))}, "expected texts in UTF-8"),
    "no name": ({"ids": np.array(["a", ""]), "image": np.eye(2)}, "number 1 has none"),
    "beyond": (
        {"ids": np.array([2**31 - 1], np.int32).view("<U1"), "image": np.zeros((1, 2))},
        "expected texts in UTF-8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_FILES)
def test_embeddings_that_cannot_be_used(
    alframe: Any, tmp_path: Path, what: str  # noqa: F811
) -> None:  # fmt: skip
    arrays, message = BAD_FILES[what]
    path = tmp_path / "e.npz"
    np.savez(path, **arrays)
    code, said, err = choose(alframe, "--embeddings", path, strategy="coreset")
    assert (code, said, message in err) == (2, "", True), err
    assert str(path) in err


def test_arrays_in_the_place_of_predictions(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    code, _, err = choose(alframe, "--predictions", npz(tmp_path / "e.npz"))
    assert (code, "e.npz: arrays belong to --embeddings" in err) == (2, True), err


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_embeddings_as_other_programs_write_them(tmp_path: Path, save: Any) -> None:
    """Ids as bytes; numbers column by column."""
    image = np.arange(6.0).reshape(2, 3)
    ids = np.char.encode(np.array(["ä.jpg", "b.jpg"]), "utf-8")
    save(tmp_path / "e.npz", ids=ids, image=np.asfortranarray(image))
    found = read_vectors(tmp_path / "e.npz")
    assert found.ids == ("ä.jpg", "b.jpg")
    assert np.array_equal(found.image, image)  # type: ignore[arg-type]


def test_embeddings_that_expand_beyond_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e.npz"
    np.savez_compressed(path, ids=np.array(["a"]), image=np.zeros((1, 100_000)))
    assert read_vectors(path).image is not None
    monkeypatch.setattr(vectors, "_LARGE", 1 << 16)
    with pytest.raises(DataError, match=r"npz .image expands to 800,128 bytes: a bomb"):
        read_vectors(path)


def test_embeddings_whose_bits_have_flipped(tmp_path: Path) -> None:
    """Any sentence will do; a file may also be what it was, but for a date."""
    path, rng = tmp_path / "e.npz", np.random.default_rng(0)
    for save in (np.savez, np.savez_compressed):
        save(path, ids=np.array(["a", "b"]), image=rng.random((2, 3)))  # type: ignore[operator]
        whole = path.read_bytes()
        for place in rng.integers(8 * len(whole), size=100).tolist():
            torn = bytearray(whole)
            torn[place // 8] ^= 1 << place % 8
            path.write_bytes(torn)
            with contextlib.suppress(DataError):
                read_vectors(path)
    np.savez(path, ids=np.array(["a"]), image=np.zeros((1, 2)))
    content = path.read_bytes()
    for good, bad in (
        (b"{'descr'", b"{[]: 3 ,"),
        (b"(1, 2)", b"(1,-2)"),
        (b"(1, 2), }", b"(True,2)}"),
    ):
        path.write_bytes(content.replace(good, bad))
        with pytest.raises(DataError, match="cannot be read as npz"):
            read_vectors(path)


def test_predictions_without_scores_and_with_problems(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path = yolo(tmp_path / "run")
    (path / "labels/a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    given = ("--predictions", path, "--images", photos)
    code, _, err = choose(alframe, *given)
    said = f"boxes without a score: {path} (a.jpg); write predictions"
    assert (code, said in err) == (2, True), err
    code, said, err = choose(alframe, *given, "--skip-bad")
    assert (code, said.split()) == (0, [i for i in BY_ENTROPY if i != "a.jpg"]), err
    (path / "labels/a.txt").write_text("0 0.5 nonsense 0.1 0.1 0.3\n")
    (path / "labels/z.txt").write_text("0 0.5 0.5 0.1 0.1 0.3\n")
    code, _, err = choose(alframe, *given)
    assert code == 2
    assert "nonsense" in err
    assert "z" in err
    code, said, err = choose(alframe, *given, "--skip-bad")
    assert (code, said.split()) == (0, [i for i in BY_ENTROPY if i != "a.jpg"]), err


def test_pictures_that_nobody_could_look_at(alframe: Any, photos: Path, tmp_path: Path) -> None:  # noqa: F811
    """A list of ids needs no picture; a query for a tool leaves out, or refuses, broken ones."""
    for item in ("a.jpg", "in/d.jpg"):
        (photos / item).write_bytes(b"no picture")
    given = ("--predictions", results(tmp_path / "own"), "--images", photos)
    assert choose(alframe, *given)[1].split() == BY_ENTROPY
    query = ("--to", "coco", "--output", tmp_path / "query")
    code, _, err = choose(alframe, *given, *query)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "of a kind that is read (2 times)" in err
    assert "; replace the file, or add --skip-bad" in err
    assert not (tmp_path / "query").exists()
    (tmp_path / "done.txt").write_text("a.jpg\nin/d.jpg\n")
    assert choose(alframe, *given, *query, "--labelled", tmp_path / "done.txt")[0] == 0
    (photos / "0.jpg").symlink_to(tmp_path / "nothing")
    code, _, err = choose(alframe, *given, *query, "--skip-bad")
    assert (code, "left out 1 link to nothing and the like: 0.jpg" in err) == (0, True), err
    asked = json.loads((tmp_path / "query/coco/coco.json").read_text())["images"]
    assert [i["file_name"] for i in asked] == [
        i for i in BY_ENTROPY if i not in ("a.jpg", "in/d.jpg")
    ]


CHANGED: Found = FOUND | {
    "a.jpg": [(0, (0, 0, 10, 10), 0.65)],  # 1 + 0.8: 0.5 off the base of 1.3
    "in/d.jpg": [(1, (10, 4, 20, 16), 0.6), (1, (10, 4, 20, 10), 0.5)],
    "in/e.jpg": [],
}


def test_consistency_from_two_files(alframe: Any, photos: Path, tmp_path: Path) -> None:  # noqa: F811
    """Of e, nothing is found on the changed image; of c, on the image as it is."""
    files = (results(tmp_path / "first"), results(tmp_path / "second", CHANGED))
    given = ("--predictions", files[0], "--augmented", files[1], "--images", photos)
    status, out, _ = alframe("select", "--strategy", "cald", "--budget", "5", *given, "--json")
    assert status == 0
    scores = {row["id"]: row["score"] for row in map(json.loads, out.splitlines())}
    assert scores["a.jpg"] == pytest.approx(1 - (1 + (0.95 + 0.65) / 2 - 1.3), abs=1e-6)
    assert scores["in/d.jpg"] == pytest.approx(1 - (1 + (0.625 + 0.6) / 2 - 1.3), abs=1e-6)
    assert scores["c.jpg"] == scores["in/e.jpg"] == 1
    status, _, err = alframe("select", "--strategy", "cald", "--budget", "1", *given[:2])
    assert status == 2
    assert "requires augmented; give --augmented" in err


def test_an_ensemble_of_files(alframe: Any, photos: Path, tmp_path: Path) -> None:  # noqa: F811
    """Of e, one sees two objects and the other none; of d, 0.5 and none; of a, 0.95 and 0.65."""
    files = (results(tmp_path / "first"), yolo(tmp_path / "second", CHANGED))
    given = [part for file in files for part in ("--predictions", file)]
    status, out, err = choose(alframe, *given, "--images", photos, strategy="mc-dropout", budget=3)
    assert status == 0, err
    assert out.split() == ["in/e.jpg", "in/d.jpg", "a.jpg"]
    swapped = {i: [(1 - label, *row) for label, *row in rows] for i, rows in CHANGED.items()}
    other = yolo(tmp_path / "other", swapped)  # type: ignore[arg-type]
    (other / "data.yaml").write_text(f"names: {list(NAMES[::-1])}\n")
    again = (*given[:3], other, "--images", photos)
    assert choose(alframe, *again, strategy="mc-dropout", budget=3)[1] == out, "classes by name"
    (files[1] / "labels/in/e.txt").unlink()
    empty = ("--images", photos, "--missing", "empty")
    assert choose(alframe, *given, *empty, strategy="mc-dropout", budget=3)[1] == out
    status, _, err = choose(alframe, *given[:2], "--images", photos, strategy="mc-dropout")
    assert status == 2
    assert "requires samples; give --predictions several times" in err


def test_a_labelled_image_whose_name_another_has(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    shutil.copy(photos / "a.jpg", photos / "in/a.jpg")
    given = ("--predictions", yolo(tmp_path / "found"), "--images", photos)
    labelled = tmp_path / "done.txt"
    labelled.write_text(f"{photos / 'a.jpg'}\n")
    code, said, err = choose(alframe, *given, "--labelled", labelled, budget=1)
    assert (code, "not among the images" in err) == (0, False), err
    assert "a.jpg" not in said.split()
    labelled.write_text("elsewhere/a.jpg\n")
    code, _, err = choose(alframe, *given, "--labelled", labelled)
    assert (code, "may mean several files: elsewhere/a.jpg" in err) == (2, True), err


@pytest.mark.parametrize("option", [("--missing", "skip"), ("--strict",)])
def test_options_of_predictions_that_are_not_there(
    alframe: Any, photos: Path, option: tuple[str, ...]  # noqa: F811
) -> None:  # fmt: skip
    code, said, err = choose(alframe, "--images", photos, *option, strategy="random")
    assert (code, said) == (2, "")
    assert f"{option[0]} is about --predictions: give them, too, or leave it out" in err


def test_files_that_a_strategy_would_not_look_at(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    whole = results(tmp_path / "whole")
    given = ("--predictions", whole, "--predictions", whole, "--augmented", whole)
    code, _, err = choose(alframe, *given, "--images", photos)
    assert code == 2
    assert "does not compare several --predictions" in err
    assert "does not look at --augmented: leave it out" in err
    for some, said in ((given[:4], "does not compare"), (given[2:], "does not look at")):
        code, _, err = choose(alframe, *some, "--images", photos)
        assert (code, said in err) == (2, True), err
    rows = json.loads(whole.read_text())
    for number, part in enumerate((rows[:2], rows[2:])):
        (whole.parent / f"part{number}.json").write_text(json.dumps(part))
    whole.unlink()
    in_parts = ("--predictions", whole.parent, "--images", photos, "--missing", "empty")
    code, said, err = choose(alframe, *in_parts, budget=9)
    assert (code, said.split()) == (0, BY_ENTROPY)
    assert "no more than 5 images to choose from" in err


def test_a_broken_file_of_instances_is_the_one_that_is_named(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    file = results(tmp_path / "found")
    given = ("--predictions", file, "--images", photos)
    instances, rows = file.parent / "instances.json", json.loads(file.read_text())
    file.write_text(json.dumps([rows[0] | {"category_id": 99}]))
    assert f"{file}: annotations.category_id: no category" in choose(alframe, *given)[2]
    instances.write_text(json.dumps({"images": [], "annotations": []}))
    code, _, err = choose(alframe, *given)
    assert code == 2
    assert f"{instances}: categories: expected a list" in err


def test_files_whose_probabilities_cannot_be_compared(
    alframe: Any,  # noqa: F811
    photos: Path,
    tmp_path: Path,
) -> None:
    one = results(tmp_path / "first", extra={"scores": [0.5, 0.5]})
    two = results(tmp_path / "second")
    given = ("--predictions", one, "--predictions", two, "--images", photos)
    status, _, err = choose(alframe, *given, strategy="mc-dropout")
    assert status == 2
    assert "expected one kind, to be compared" in err
    results(tmp_path / "second", extra={"scores": [0.5, 0.5]})
    (file := two.parent / "instances.json").write_text(
        file.read_text().replace('"cat"', "?").replace('"dog"', '"cat"').replace("?", '"dog"')
    )
    status, _, err = choose(alframe, *given, strategy="mc-dropout")
    assert (status, "expected those of all the files, in one order" in err) == (2, True), err


@pytest.mark.parametrize(("strategy", "which"), [("kmeans", 3), ("typiclust", 3), ("probcover", 0)])
def test_a_start_from_nothing_but_embeddings(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
    strategy: str,
    which: int,
) -> None:
    """Three kinds of photo, seven of each: one of each is wanted, that in its middle.

    Or the first of those whose balls hold all of their kind.
    """
    ids = [f"{kind}{n}" for kind in "xyz" for n in range(7)]
    image = np.concatenate([
        np.eye(3)[[axis] * 7] + 0.02 * np.linspace(-3, 3, 7)[:, None] * np.eye(3)[(axis + 1) % 3]
        for axis in range(3)
    ])  # fmt: skip
    np.savez(tmp_path / "feats.npz", ids=np.array(ids), image=image.astype(np.float16))
    given = ("--embeddings", tmp_path / "feats.npz")
    code, said, err = choose(alframe, *given, strategy=strategy, budget=3)
    assert code == 0, err
    assert sorted(said.split()) == [f"{kind}{which}" for kind in "xyz"]


def test_embeddings_of_which_a_bit_has_changed(
    alframe: Any, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    path = tmp_path / "e.npz"
    np.savez(path, ids=np.array(["a", "b"]), image=np.ones((2, 9000), np.float32))
    assert choose(alframe, "--embeddings", path, strategy="coreset")[0] == 0
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)
    code, _, err = choose(alframe, "--embeddings", path, strategy="coreset")
    assert (code, "cannot be read as npz (Bad CRC-32" in err) == (2, True), err


def test_nothing_is_labelled_yet(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    (tmp_path / "done.txt").write_text("")
    given = ("--predictions", yolo(tmp_path / "found"), "--images", photos)
    first = choose(alframe, *given)
    assert first[0] == 0
    assert choose(alframe, *given, "--labelled", tmp_path / "done.txt") == first
    (tmp_path / "DONE.TXT").write_text("in/d.jpg\n")
    code, said, err = choose(alframe, *given, "--labelled", tmp_path / "DONE.TXT")
    assert (code, said.split()) == (0, BY_ENTROPY[1:]), err


def test_one_query_at_a_time(alframe: Any, photos: Path, tmp_path: Path) -> None:  # noqa: F811
    """Of two, the files of the formats would be those of one, the list that of the other."""
    given = ("--predictions", WRITERS["coco"](tmp_path), "--images", photos, "--to", "coco")
    out = tmp_path / "query"
    assert choose(alframe, *given, "--output", out, budget=2)[0] == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with locked(out / ".lock"):
        code, _, err = choose(alframe, *given, "--output", out, budget=3)
    assert (code, f"{out} is in use by this process" in err) == (2, True), err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert choose(alframe, *given, "--output", out, budget=3)[0] == 0


def test_folders_whose_names_are_no_utf_8(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    """Lists keep the bytes of names, so that other programs find the files."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/ph\xf6tos"))
    people.photographs(odd, ["a.png", "b.png"])
    given = ("--images", odd, "--to", "coco", "--copy", "--output", odd / "query")
    code, _, err = choose(alframe, *given, strategy="random", budget=1)
    assert code == 0, err
    (listed,) = (odd / "query" / "images.txt").read_bytes().splitlines()
    assert Path(os.fsdecode(listed)).is_file()
    assert b"ph\xf6tos" in (odd / "query" / "README.txt").read_bytes()


def answered(path: Path, *items: str) -> Path:
    """Instances of COCO, as people's answers are: some of the images, a box on each."""
    images = [{"id": n, "file_name": item} for n, item in enumerate(items, 70)]
    rows = [
        {"id": image["id"], "image_id": image["id"], "category_id": 1, "bbox": [1, 2, 8, 6]}
        for image in images
    ]
    categories = [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]
    content = {"images": images, "annotations": rows, "categories": categories}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("tool", UNSAID)
def test_labelled_images_of_predictions_without_names_of_classes(
    alframe: Any, photos: Path, tmp_path: Path, tool: str  # noqa: F811
) -> None:  # fmt: skip
    (tmp_path / "done").mkdir()
    done = answered(tmp_path / "done/done.json", "a.jpg", "b.jpg")
    given = ("--predictions", WRITERS[tool](tmp_path), "--images", photos, "--labelled", done)
    code, said, err = choose(alframe, *given)
    assert (code, said.split()) == (0, ["in/d.jpg", "in/e.jpg"]), err
    assert f"{done}: classes of the model are called by their numbers, so nothing but" in err


def test_other_files_of_instances_beside_results_that_name_their_pictures(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    (tmp_path / "run").mkdir()
    path = by_name(tmp_path / "run/p.json")
    own = answered(tmp_path / "run/some.json", "a.jpg", "b.jpg", "in/e.jpg")
    other = answered(tmp_path / "run/other.json", "nobody.jpg")
    code, said, err = choose(alframe, "--predictions", path, "--images", photos)
    assert (code, said.split()) == (0, BY_ENTROPY[:-1]), err
    for file in (own, other):
        assert f"{file} is not what its numbers are of: it lacks some of its images" in err
    answered(own, *FOUND)
    choice = choose(alframe, "--predictions", path, "--images", photos)
    assert (choice[0], choice[1].split()) == (0, BY_ENTROPY), choice[2]


def test_a_list_of_labelled_images_that_has_lost_its_folders(photos: Path, tmp_path: Path) -> None:
    for item in ("in/a.jpg", "in/c.jpg"):
        shutil.copy(photos / "a.jpg", photos / item)
    (photos / "c.jpg").unlink()
    (tmp_path / "done.txt").write_text("a.jpg\nc.jpg\n")
    with pytest.raises(DataError, match=r"folders of images are lost.*a\.jpg \(or in/a\.jpg\)"):
        read_material(images=photos, labelled=tmp_path / "done.txt")


@pytest.mark.parametrize("name", ["done", "done.lst", "DONE.LST"])
def test_a_list_of_labelled_images_needs_no_suffix_of_texts(
    alframe: Any, photos: Path, tmp_path: Path, name: str  # noqa: F811
) -> None:  # fmt: skip
    (tmp_path / name).write_text("b.jpg\n")
    given = ("--images", photos, "--labelled", tmp_path / name)
    code, said, err = choose(alframe, *given, strategy="random", budget=5)
    assert (code, sorted(said.split())) == (0, sorted(FOUND.keys() - {"b.jpg"})), err


def test_files_of_changed_images_are_those_after_all_opinions(photos: Path, tmp_path: Path) -> None:
    first, second = results(tmp_path / "first"), results(tmp_path / "second")
    changed = results(tmp_path / "changed", CHANGED)
    material = read_material(predictions=[first, second], augmented=[changed], images=photos)
    assert len(material.signals.samples) == 2
    (only,) = material.signals.augmented
    assert [score for _, _, score in only.of("a.jpg")] == pytest.approx([0.65])


def test_annotations_that_are_wrong_are_no_targets_and_not_chosen(
    photos: Path, tmp_path: Path
) -> None:
    truth = results(tmp_path / "truth", FOUND).parent / "instances.json"
    rows = [
        {"image_id": 7, "category_id": 10, "bbox": [0, 0, 10, 10]},
        {"image_id": 8, "category_id": 10, "bbox": [2 * WIDTH, 0, 10, 10]},
    ]
    content = json.loads(truth.read_text())
    content["images"] = content["images"][:2]
    truth.write_text(json.dumps(content | {"annotations": rows}))
    material = read_material(
        predictions=[results(tmp_path / "run")], images=photos, labelled=truth, skip_bad=True
    )
    assert material.targets.keys() == {"a.jpg"}
    assert "b.jpg" not in material.ids - material.labelled


def test_a_folder_is_no_picture(photos: Path) -> None:
    assert Candidates(["in"], [photos]).file("in") is None


def test_opinions_of_a_model_that_classifies_images(alframe: Any, tmp_path: Path) -> None:  # noqa: F811
    """Both are as sure of b; of a they think the opposite."""
    probs = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]])
    np.savez(tmp_path / "e.npz", ids=np.array(["b", "a"]), class_probs=probs[:, ::-1])
    given = ("--embeddings", tmp_path / "e.npz")
    code, said, err = choose(alframe, *given, strategy="mc-dropout", budget=1)
    assert (code, said.split()) == (0, ["a"]), err


def test_vectors_of_images_that_are_not_there(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    ids = np.array([*FOUND, "x.jpg"])
    np.savez(tmp_path / "e.npz", ids=ids, image=np.eye(len(ids)))
    given = ("--embeddings", tmp_path / "e.npz", "--images", photos)
    code, _, err = choose(alframe, *given, strategy="coreset", budget=2)
    assert (code, "x.jpg" in err) == (2, True), err


def test_annotations_whose_name_is_as_long_as_it_can_be(
    alframe: Any, photos: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    """The list of what a query has would be beside them, with a longer name."""
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []}
    (path := tmp_path / f"{'a' * 250}.json").write_text(json.dumps(content))
    given = ("--images", photos, "--labelled", path)
    code, out, err = choose(alframe, *given, strategy="random", budget=9)
    assert (code, {*out.split()}) == (0, {*FOUND} - {"a.jpg"}), err

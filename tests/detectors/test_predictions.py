"""The learner ``predictions``: a curve of a detector that is trained outside, cycle after cycle."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from alframe.datasets.shapes import shapes
from tests.cli.test_cli import alframe  # noqa: F401

POOL = {"pool": 12, "test": 4, "size": 32, "classes": 2}
SETTINGS = [f"dataset.{name}={value}" for name, value in POOL.items()]
SETTINGS += ["budget.initial=3", "budget.per_cycle=3", "budget.cycles=3", "device=cpu"]
TRUTH = shapes(**POOL)  # type: ignore[arg-type]
OUTSIDE = """
import json, sys
from pathlib import Path
# A detector outside: the more images it was trained on, the more objects it finds.
run, cycle, truth = Path(sys.argv[1]), int(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
folder = run / "labelled" / f"cycle_{cycle:02d}"
trained = json.loads((folder / "coco.json").read_text())
images = sorted(p.stem for p in (folder / "yolo" / "images").rglob("*.png"))
assert len(images) == len(trained["images"])
labels = [len(p.read_text().splitlines()) for p in (folder / "yolo" / "labels").rglob("*.txt")]
assert sum(labels) == len(trained["annotations"])
instances = json.loads((run / "predictions" / "instances.json").read_text())
numbers = {c["name"]: c["id"] for c in instances["categories"]}
rows = []
for rank, (item, objects) in enumerate(truth.items()):
    for place, (name, (x1, y1, x2, y2)) in enumerate(objects):
        if (rank + place) % 10 < len(images):
            box = [x1, y1, x2 - x1, y2 - y1]
            score = 0.5 + 0.02 * rank
            rows.append({"image_id": item, "category_id": numbers[name], "bbox": box,
                         "score": score})
(run / "predictions" / f"cycle_{cycle:02d}.json").write_text(json.dumps(rows))
"""


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    objects = {
        item: [
            (TRUTH.classes[label], box)
            for label, box in zip(
                target.labels.tolist(), target.require_boxes().tolist(), strict=True
            )
        ]
        for item, target in TRUTH.targets.items()
    }
    (path := tmp_path / "truth.json").write_text(json.dumps(objects))
    return path


def predict(run: Path, cycle: int, truth: Path) -> None:
    command = [sys.executable, "-c", OUTSIDE, str(run), str(cycle), str(truth)]
    subprocess.run(command, check=True)


def start(alframe: Any, run: Path, *more: str) -> tuple[int, str, str]:  # noqa: F811
    named = ("--strategy", "entropy", "--learner", "predictions", "--output", str(run))
    found: tuple[int, str, str] = alframe("run", *named, *SETTINGS, *more)
    return found


def go_on(alframe: Any, run: Path) -> tuple[int, str, str]:  # noqa: F811
    found: tuple[int, str, str] = alframe("run", "--output", str(run), "--resume")
    return found


def test_a_curve_of_a_detector_outside(
    alframe: Any, tmp_path: Path, truth: Path  # noqa: F811
) -> None:  # fmt: skip
    run = tmp_path / "run"
    code, said, err = start(alframe, run)
    assert code == 3, err
    assert f"waits for {run / 'predictions' / 'cycle_00.json'}" in err
    assert f"alframe run --output {run} --resume" in err
    assert go_on(alframe, run)[0] == 3
    for cycle in range(3):
        predict(run, cycle, truth)
        code, said, err = go_on(alframe, run)
        assert code == (0 if cycle == 2 else 3), err
    cycles = [json.loads(line) for line in (run / "cycles.jsonl").read_text().splitlines()]
    values = [c["metrics"]["mAP50"] for c in cycles]
    assert values == sorted(values)
    assert values[0] < values[-1]
    assert [c["labelled"] for c in cycles] == [3, 6, 9]
    (phase,) = cycles[0]["phases"]
    assert phase["phase"] == "predictions"
    assert len(phase["cycle_00.json"]) == 64
    assert not {"model", "training"} & yaml.safe_load((run / "config.yaml").read_text()).keys()
    code, said, err = alframe("verify", str(run))
    assert (code, "DIFFERS" in said) == (0, False), said + err
    code, said, err = alframe("report", str(run), "--output", str(tmp_path / "report"))
    assert code == 0, err
    assert (tmp_path / "report" / "curves.png").exists()
    labels = (run / "labelled" / "cycle_00" / "yolo" / "data.yaml").read_text()
    assert yaml.safe_load(labels)["names"] == list(TRUTH.classes)


def test_files_that_do_not_fit(
    alframe: Any, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    run = tmp_path / "run"
    start(alframe, run)
    file = run / "predictions" / "cycle_00.json"
    row = {"image_id": TRUTH.pool[0], "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}
    for rows, message in (
        ([row], "no prediction of any of 4 test images"),
        ([row | {"category_id": 9}], "no category has this id"),
        ([row | {"score": 2}], "expected a number from 0 to 1"),
        ([row | {"image_id": f"00000{n}"} for n in range(4)], "write names of images with their"),
    ):
        file.write_text(json.dumps(rows))
        code, _, err = go_on(alframe, run)
        assert (code, message in err) == (2, True), err
        run = tmp_path / f"run{len(message)}"
        start(alframe, run)
        file = run / "predictions" / "cycle_00.json"


def test_embeddings_are_waited_for_where_they_are_wanted(
    alframe: Any, tmp_path: Path, truth: Path  # noqa: F811
) -> None:  # fmt: skip
    import numpy as np

    run, plain = tmp_path / "run", tmp_path / "plain"
    code, _, err = start(alframe, run, "strategy=coreset", "learner.embeddings=true")
    assert code == 3
    predict(run, 0, truth)
    code, _, err = go_on(alframe, run)
    assert (code, "waits for" in err, "cycle_00.npz" in err) == (3, True, True), err
    ids = [*TRUTH.pool, *TRUTH.test]
    image = np.arange(len(ids), dtype=np.float16)[:, None]
    np.savez(run / "predictions" / "cycle_00.npz", ids=np.array(ids), image=image)
    code, _, err = go_on(alframe, run)
    assert (code, "cycle_01.json" in err) == (3, True), err
    assert alframe("verify", str(run))[0] == 0
    (run / "predictions" / "cycle_00.json").write_text("[]")
    code, said, err = alframe("verify", str(run))
    assert (code != 0, "cycle_00.json of cycle 0 changed since" in said + err) == (True, True)
    start(alframe, plain, "strategy=coreset")
    predict(plain, 0, truth)
    code, _, err = go_on(alframe, plain)
    assert (code, "set learner.embeddings=true" in err) == (2, True), err

"""The whole job on photographs: from a flat folder, some of it annotated, to a model that predicts.

Simulated people answer in CVAT XML, YOLO and Label Studio JSON in turn: the true boxes, moved a
little, two images empty by mistake, one given up, one object of a wrong class.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alframe.datasets.base import Target
from alframe.datasets.voc import voc
from alframe.runs.journal import Journal
from tests.annotations import people

SHARED = Path(__file__).parents[3] / "shared"
BCCD, WEIGHTS = SHARED / "data" / "bccd", SHARED / "weights" / "tf_efficientnet_lite0.pth"

logger = logging.getLogger(__name__)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BCCD.is_dir() and WEIGHTS.is_file()), reason="no photographs there"),
]


def alframe(*args: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "alframe", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def killed_after(run: Path, event: str, count: int, seconds: float) -> None:
    """Resume a run, and kill it some seconds after an event."""
    command = [sys.executable, "-m", "alframe", "run", "--output", str(run), "--resume"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while process.poll() is None and len(Journal(run).of(event)) < count:
        time.sleep(0.05)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


class Annotators:
    """See the truth of blood cells, and make mistakes of their own."""

    def __init__(self, run: Path, folder: Path) -> None:
        self.truth = voc(str(BCCD))
        self._targets = {f"{item}.jpg": t for item, t in self.truth.targets.items()}
        self._run, self._folder, self._rng = run, folder, np.random.default_rng(0)
        self.swapped: list[str] = []

    def objects(self, image: Mapping[str, Any], kind: str = "") -> people.Objects:
        """What they draw into an image; ``kind`` is the mistake that they make."""
        if kind in ("empty", "ignored"):
            return []
        found = []
        for name, box in people.seen(image, self._targets, self.truth.classes):
            moved = np.asarray(box) + self._rng.normal(0, 1, 4)
            limits = [image["width"], image["height"]] * 2
            x1, y1, x2, y2 = np.clip(moved, 0, limits).tolist()
            if x2 - x1 > 2 and y2 - y1 > 2:
                found.append((name, (x1, y1, x2, y2)))
        if kind == "swapped":
            found = self._with_a_wrong_class(image, found)
        return found

    def _with_a_wrong_class(self, image: Mapping[str, Any], found: Any) -> Any:
        """The object that the model is most sure of, as another class."""
        from alframe.annotations.suspects import overlap

        best = max(image["proposals"], key=lambda p: p["score"])
        number = max(range(len(found)), key=lambda n: overlap(found[n][1], best["box"]))
        wrong = next(name for name in self.truth.classes if name != best["class"])
        self.swapped.append(image["id"])
        found[number] = (wrong, found[number][1])
        return found

    def answer(self, cycle: int, form: str) -> Path:
        """Answer a whole query in one of the formats."""
        images = people.asked(self._run, cycle)
        kinds: dict[str, str] = {}
        if cycle == 1:
            sure = max(images, key=lambda i: max((p["score"] for p in i["proposals"]), default=0))
            others = [i["id"] for i in images if i["id"] != sure["id"]]
            kinds = {others[0]: "empty", others[1]: "empty", sure["id"]: "swapped"}
        if cycle == 2:
            kinds = {images[0]["id"]: "ignored"}
        objects = {i["id"]: self.objects(i, kinds.get(i["id"], "")) for i in images}
        ignored = [item for item, kind in kinds.items() if kind == "ignored"]
        path = self._folder / f"answers-{cycle}"
        if form == "cvat":
            return people.cvat(path.with_suffix(".xml"), images, objects)
        if form == "yolo":
            return people.yolo(path, images, objects, self.truth.classes)
        return people.label_studio(path.with_suffix(".json"), images, objects, ignored)


def known(photos: Path, truth: Mapping[str, Target], classes: Any) -> Path:
    """COCO instances of forty of the photographs, and a flat folder of all of them."""
    photos.mkdir()
    for file in sorted((BCCD / "JPEGImages").glob("*.jpg")):
        shutil.copy(file, photos)
    data = voc(str(BCCD))
    sizes = {i: data.images.size(i) for i in sorted(truth)[:40]}
    images = [{"id": i, "height": h, "width": w} for i, (h, w) in sizes.items()]
    objects = {image["id"]: people.seen(image, truth, classes) for image in images}
    return people.coco(photos.parent / "known.json", images, objects, classes, suffix=".jpg")


def test_photographs_from_a_folder_to_a_model(tmp_path: Path) -> None:
    truth = voc(str(BCCD))
    annotations = known(tmp_path / "photos", truth.targets, truth.classes)
    run = tmp_path / "run"
    start = (
        "run", "--config", "lite0", "--strategy", "entropy", "--dataset", "photos",
        "--data-root", str(tmp_path / "photos"), "--oracle", "files", "--output", str(run),
        f"dataset.annotations={annotations}", f"model.weights={WEIGHTS}",
        "budget.test=40", "budget.initial=60", "budget.cycles=3", "training.iterations=150",
    )  # fmt: skip
    said = alframe(*start, code=3)
    assert "images to annotate" in said
    annotators = Annotators(run, tmp_path)
    for cycle, form in enumerate(("cvat", "yolo", "label-studio")):
        said = alframe("annotate", str(run), str(annotators.answer(cycle, form)))
        logger.info(said)
        if cycle == 1:
            listed = (run / "answers/cycle_01_suspects.csv").read_text()
            assert annotators.swapped[0] in listed
        killed_after(run, "cycle_started", cycle + 1, seconds=3.0)
        alframe("run", "--output", str(run), "--resume", code=0 if cycle == 2 else 3)
    cycles = [json.loads(line) for line in (run / "cycles.jsonl").read_text().splitlines()]
    logger.info([(c["labelled"], c["objects"], c["metrics"]["mAP50"]) for c in cycles])
    assert [c["labelled"] for c in cycles][1:] == [cycles[0]["labelled"] + n for n in (30, 59)]
    assert cycles[-1]["metrics"]["mAP50"] > 0.4
    alframe("verify", str(run))
    alframe("report", str(run))
    said = alframe("predict", str(run), str(tmp_path / "photos"), "--json")
    rows = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert len(rows) == len(list((tmp_path / "photos").iterdir()))

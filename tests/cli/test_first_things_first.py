"""What can be refused without torch is refused before torch is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_TORCH = """
import sys
from alframe.cli import main
try:
    main(sys.argv[1:])
finally:
    heavy = sorted({"torch", "timm", "torchvision", "scipy", "matplotlib"} & sys.modules.keys())
    print("imported", *heavy)
"""


@pytest.mark.parametrize(
    ("args", "needles"),
    [
        ("run --dataset voc --data-root nowhere", ["nowhere is not a folder"]),
        ("run --dataset coco --data-root nowhere", ["nowhere is not a folder"]),
        ("run --resume --output nowhere", ["nowhere holds no run"]),
        ("run --output file", ["cannot write to file: it is not a folder"]),
        ("run --output file/below", ["file is not a folder"]),
        ("run --output fifo", ["cannot write to fifo"]),
        ("run --output dangling", ["dangling is a link to nothing"]),
        ("run --output " + "x" * 300, ["File name too long"]),
        ("run --output /dev/null", ["cannot write to /dev/null"]),
        ("run output=''", ["output: expected a path"]),
        ("run --config nowhere.yaml", ["nowhere.yaml"]),
        ("run --strategy entrpy", ["unknown strategy 'entrpy'"]),
        ("run --device tpu training.lr=fast", ["device: expected auto", "training.lr: expected a"]),
        ("run budget.initial=501", ["asks for 501 images, the pool has 500"]),
        ("run budget.initial=0", ["budget.initial: expected a number of images"]),
        ("run budget.initial_set=a first_cycle=b", ["budget.initial_set=a", "b holds no run"]),
        ("run detector.weights=a.pth", ["detector.weights: no file a.pth"]),
        ("run detector.weights=fifo", ["detector.weights: no file fifo"]),
        ("validate --dataset voc --data-root nowhere", ["nowhere is not a folder"]),
        ("validate nowhere.yaml", ["nowhere.yaml"]),
        ("bench voc-retina --data-root nowhere", ["nowhere is not a folder"]),
        ("bench nowhere.yaml", ["cannot read nowhere.yaml"]),
        ("report nowhere", ["nowhere is not a run directory"]),
        ("verify nowhere", ["nowhere holds no run"]),
        ("predict nowhere nothing.jpg", ["nowhere holds no run", "missing: nothing.jpg"]),
    ],
)
def test_it_is_named_without_torch(args: str, needles: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    subprocess.run(["mkfifo", str(tmp_path / "fifo")], check=True)
    command = [sys.executable, "-c", WITHOUT_TORCH, *args.replace("''", '""').split()]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    lines = found.stderr.splitlines()
    assert (found.returncode, len(lines)) == (2, len(needles)), found.stderr
    for needle, line in zip(needles, lines, strict=True):
        assert needle in line
    assert found.stdout == "imported\n"
    assert {p.name for p in tmp_path.iterdir()} == {"file", "fifo", "dangling"}

"""A run on images of more than 8 bits: what is white is kept, and counts wherever it is read."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.cli.test_cli import Alframe, alframe, refused
from tests.datasets.builders import voc_folder

__all__ = ["alframe"]  # the fixture

SETTINGS = [
    "--dataset", "voc", "--strategy", "entropy", "--detector", "retina-tiny", "training.passes=1",
    "training.batch_size=2", "budget.initial=2", "budget.per_cycle=1", "data.resize=none",
    "data.cache=disk",
]  # fmt: skip
TWELVE = "of more than 8 bits, in which 4,095 is taken as white"


@pytest.fixture
def twelve_bits(tmp_path: Path) -> Path:
    """Images of 12 bits in 16, one of which is dim."""
    home = tmp_path / "data"
    voc_folder(home, trainval=["a", "b", "c"], test=["d", "e"])
    ramp = np.tile(np.linspace(0, 4095, 100).astype(np.uint16), (80, 1))
    for number, path in enumerate(sorted((home / "JPEGImages").iterdir())):
        path.unlink()
        Image.fromarray(ramp // (8 if number == 1 else 1)).save(path.with_suffix(".png"))
    return home


def test_only_a_cache_on_disk_needs_a_home_folder(
    alframe: Alframe, twelve_bits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Path:  # of a container's user without a name
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", none)
    words = ("validate", *SETTINGS, "--data-root", str(twelve_bits), "budget.cycles=1")
    code, _, err = alframe(*words, "data.cache=ram")
    assert code == 0, err
    code, _, err = alframe(*words, "data.cache=disk")
    assert code == 2
    assert "data.cache=disk: there is no home folder: set data.cache_dir" in err


def test_white_is_kept_in_the_run(
    alframe: Alframe, twelve_bits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run, data = tmp_path / "run", ("--data-root", str(twelve_bits))
    code, _, err = alframe("validate", *SETTINGS, *data, "budget.cycles=1")
    assert code == 0, err
    assert f"note: 5 images {TWELVE}" in err
    code, _, err = alframe("run", "--output", str(run), *SETTINGS, *data, "budget.cycles=1")
    assert code == 0, err
    assert yaml.safe_load((run / "config.yaml").read_text())["data"]["white"] == 4095
    notes = json.loads((run / "manifest.json").read_text())["dataset"]["notes"]
    assert any(TWELVE in note for note in notes)

    more = ("--output", str(run), "--resume", "budget.cycles=2")
    code, _, err = alframe("run", *SETTINGS, *data, *more)  # with data.white left open
    assert code == 0, err
    refused(alframe("run", *more, "data.white=1023"), "data.white = 4095.0, now it is 1023.0")
    code, out, err = alframe("verify", str(run), "--strict")
    assert code == 0, out + err

    dim = str(twelve_bits / "JPEGImages" / "b.png")  # by itself it would be of 10 bits
    code, _, err = alframe("predict", str(run), dim, "--json", "--output", str(tmp_path))
    assert code == 0, err
    assert f"note: 1 image {TWELVE} (--white sets it)" in err
    with Image.open(tmp_path / "b.png") as picture:
        assert np.asarray(picture)[79, 99].tolist() == [32, 32, 32]  # 511 * 255 / 4095 = 31.8

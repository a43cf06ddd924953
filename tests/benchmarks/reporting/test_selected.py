"""Classes, overlap and pictures of selections, worked by hand from the drawn dataset."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alframe.benchmarks.reading.rundirs import Run, read_run
from alframe.benchmarks.reporting.selected import PICTURES, SIDE, selected
from alframe.config.resolve import resolve, to_yaml
from alframe.errors import AlframeError, RunError
from alframe.runs.build import build_dataset
from alframe.runs.scores import write_scores
from tests.benchmarks.fake_runs import cycle

CONFIG = resolve([{"dataset": {"name": "shapes", "pool": 12, "test": 4, "size": 64}}])
DATASET = build_dataset(CONFIG)
IDS = DATASET.pool


def write(path: Path, *chosen: Sequence[str], seed: int = 0) -> Run:
    """A run that made these selections, a cycle each, and a last cycle without one."""
    path.mkdir()
    (path / "config.yaml").write_text(to_yaml(CONFIG.model_copy(update={"seed": seed})))
    manifest = {"dataset": {"fingerprint": DATASET.fingerprint(), "pool": len(IDS)}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    lines = [cycle(n, 0.1) | {"selected": list(ids)} for n, ids in enumerate([*chosen, ()])]
    (path / "cycles.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_run(path)


def shares(ids: Sequence[str]) -> list[float]:
    counts = Counter(int(label) for i in ids for label in DATASET.targets[i].labels)
    return [counts[c] / counts.total() for c in range(len(DATASET.classes))]


def test_classes_of_all_cycles_and_seeds_against_the_pool(tmp_path: Path) -> None:
    runs = [write(tmp_path / "1", IDS[:2], IDS[2:4]), write(tmp_path / "2", IDS[3:5], seed=1)]
    found, _ = selected({"random": runs, "none": [write(tmp_path / "3")]})
    assert found is not None
    (random,) = found.methods
    chosen = [*IDS[:4], *IDS[3:5]]  # what both seeds chose counts twice
    np.testing.assert_allclose(random.histogram, shares(chosen))
    np.testing.assert_allclose(found.pool, shares(IDS))
    objects = [len(DATASET.targets[i].labels) for i in IDS]
    assert found.pool_objects_per_image == pytest.approx(sum(objects) / 12)
    assert random.objects_per_image == pytest.approx((sum(objects[:4]) + sum(objects[3:5])) / 6)


def test_overlap_is_of_common_seeds(tmp_path: Path) -> None:
    methods = {
        "a": [write(tmp_path / "1", IDS[:3]), write(tmp_path / "2", IDS[:2], seed=1)],
        "b": [write(tmp_path / "3", IDS[1:4]), write(tmp_path / "4", IDS[:2], seed=1)],
        "c": [write(tmp_path / "5", IDS[:3], seed=2)],
    }
    found, _ = selected(methods)
    assert found is not None
    mean = (2 / 4 + 1) / 2  # seed 0: {1, 2} of {0, 1, 2, 3}; seed 1: the same
    assert found.overlap == ((1.0, mean, None), (mean, 1.0, None), (None, None, 1.0))


def test_of_several_runs_with_one_seed_the_first_counts(tmp_path: Path) -> None:
    first, other = write(tmp_path / "1", IDS[:2]), write(tmp_path / "2", IDS[4:6])
    found, _ = selected({"a": [first, other], "b": [write(tmp_path / "3", IDS[:2])]})
    assert found is not None
    assert found.overlap == ((1.0, 1.0), (1.0, 1.0))


def test_overlap_is_of_cycles_in_which_both_selected(tmp_path: Path) -> None:
    whole = write(tmp_path / "1", IDS[:2], IDS[2:4], IDS[4:6])
    begun = write(tmp_path / "2", IDS[1:3])  # cycle 0 alone: {1} of {0, 1, 2}
    found, _ = selected(
        {"whole": [whole], "begun": [begun], "same": [write(tmp_path / "3", IDS[:2])]}
    )
    assert found is not None
    assert found.overlap[0] == pytest.approx((1.0, 1 / 3, 1.0))
    later = write(tmp_path / "4", (), IDS[:2])
    found, _ = selected({"begun": [begun], "later": [later]})
    assert found is not None
    assert found.overlap == ((1.0, None), (None, 1.0))


def test_images_without_objects_have_no_share_of_any_class(tmp_path: Path) -> None:
    bare = [i for i in IDS if not len(DATASET.targets[i].labels)]
    found, _ = selected({"random": [write(tmp_path / "1", bare)]})
    assert found is not None
    assert found.methods[0].histogram == (0,) * len(DATASET.classes)


def test_pictures_are_the_first_of_the_first_selection_with_their_scores(tmp_path: Path) -> None:
    run = write(tmp_path / "1", IDS[::-1][:8], IDS[:2])
    (tmp_path / "1" / "scores").mkdir()
    given = {item: float(score) for item, score in zip(IDS[6:], range(6, 12), strict=True)}
    write_scores(tmp_path / "1" / "scores" / "cycle_00.npz", given)
    _, (gallery,) = selected({"entropy": [run]})
    assert (gallery.method, gallery.seed, gallery.cycle) == ("entropy", 0, 0)
    assert [p.item for p in gallery.pictures] == [*IDS[::-1][:PICTURES]]
    assert [p.score for p in gallery.pictures] == [11, 10, 9, 8, 7, 6]
    assert Image.open(BytesIO(gallery.pictures[0].jpeg)).size == (SIDE, SIDE)


@pytest.mark.parametrize(
    ("section", "settings", "message"),
    [
        (
            "dataset",
            {"name": "shapes", "colour": 1},
            r"unknown setting 'dataset\.colour'; known: cl",
        ),
        ("dataset", {"name": "gone"}, "unknown dataset 'gone'; known: cifar10, coco"),
        ("dataset", None, r"unknown dataset '\?'"),
        ("dataset", {"name": "voc"}, r"dataset\.root is required"),
        ("data", {"resize": "huge"}, r"data\.resize: expected 'fit', 'stretch' or 'none'"),
        ("data", 3, "data: expected settings of this section"),
        ("model", {}, r"model\.name is required"),
    ],
)
def test_a_dataset_that_cannot_be_made_any_more_is_an_error_that_is_told(
    tmp_path: Path, section: str, settings: object, message: str
) -> None:
    run = write(tmp_path / "1", IDS[:2])
    config = {**run.config, section: settings}
    with pytest.raises(AlframeError, match=message):
        selected({"random": [replace(run, config=config)]})


def test_nothing_was_selected(tmp_path: Path) -> None:
    assert selected({"random": [write(tmp_path / "1")]}) == (None, ())


def test_where_items_are_left_out_only_decoding_would_tell_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = replace(write(tmp_path / "1", IDS[:2]), manifest={"dataset": {"fingerprint": "another"}})
    skipping = replace(DATASET, on_bad_item="skip")
    monkeypatch.setattr("alframe.benchmarks.reporting.selected.dataset_of", lambda *_: skipping)
    assert selected({"random": [run]})[0] is not None


def test_another_dataset_of_the_same_name_is_refused(tmp_path: Path) -> None:
    run = write(tmp_path / "1", IDS[:2])
    config = tmp_path / "1" / "config.yaml"
    config.write_text(config.read_text().replace("max_objects: 5", "max_objects: 4"))
    with pytest.raises(RunError, match=r"shapes is not what it was when .*1 was made"):
        selected({"random": [read_run(run.path)]})
    unknown = write(tmp_path / "2", ["pool/999999"])
    known = write(tmp_path / "3", IDS[:2])
    for runs in ([unknown], [known, unknown]):
        with pytest.raises(RunError, match="shapes has no pool/999999"):
            selected({"random": runs})

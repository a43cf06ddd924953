"""A whole run that people answer by files, against one whose answers are there at once."""

import json
from pathlib import Path
from typing import Any

from alframe.datasets.shapes import shapes
from tests.cli.test_cli import alframe  # noqa: F401

SMALL = (
    "dataset.pool=12",
    "dataset.test=3",
    "dataset.size=64",
    "dataset.classes=2",
    "model.fpn_channels=16",
    "training.passes=2",
    "training.batch_size=2",
    "budget.initial=4",
    "budget.per_cycle=2",
    "budget.cycles=2",
    "device=cpu",
)
TRUTH = shapes(pool=12, test=3, size=64, classes=2).targets


def answer(run: Path, cycle: int, count: int | None = None) -> None:
    """As a person would who sees what is there: the first ``count`` images of a query, or all."""
    content = json.loads((run / f"queries/cycle_{cycle:02d}/query.json").read_text())
    content["images"] = content["images"][:count]
    for image in content["images"]:
        target = TRUTH[image["file_name"]]
        rows = zip(target.require_boxes().tolist(), target.labels.tolist(), strict=True)
        for (x1, y1, x2, y2), label in rows:
            row = {"image_id": image["id"], "category_id": label + 1}
            row |= {"id": len(content["annotations"]), "bbox": [x1, y1, x2 - x1, y2 - y1]}
            content["annotations"].append(row)
    (run / f"answers/cycle_{cycle:02d}.json").write_text(json.dumps(content))


def cycles(run: Path) -> list[Any]:
    lines = (run / "cycles.jsonl").read_text().splitlines()
    kept = ("cycle", "labelled", "metrics", "selected")
    return [{key: json.loads(line)[key] for key in kept} for line in lines]


def test_it_waits_and_ends_as_if_everything_had_been_known(
    alframe: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    known, asked = tmp_path / "known", tmp_path / "asked"
    new = ("run", "--strategy", "entropy", *SMALL)
    assert alframe(*new, "--output", str(known))[0] == 0
    code, out, err = alframe(*new, "--oracle", "files", "--output", str(asked))
    assert code == 3, err
    assert "cycle 0 waits for 4 of 4 images to be annotated: pool/" in err
    assert f"go on with: alframe run --output {asked} --resume" in err
    assert "error" not in err
    resume = ("run", "--output", str(asked), "--resume")
    for cycle, parts in ((0, (3, None)), (1, (1, None))):
        for count in parts:
            answer(asked, cycle, count)
            code, out, err = alframe(*resume)
            assert code == (0 if (cycle, count) == (1, None) else 3), err
    assert cycles(asked) == cycles(known)
    code, out, err = alframe("verify", str(asked))
    assert code == 0, out
    answer(asked, 0, 4)
    content = json.loads((asked / "answers/cycle_00.json").read_text())
    content["annotations"].pop()
    (asked / "answers/cycle_00.json").write_text(json.dumps(content))
    code, out, err = alframe("verify", str(asked))
    assert (code, "answers for cycle 0: DIFFERS, they have changed" in out) == (1, True)

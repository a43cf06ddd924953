"""Writes run directories that were never run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

POOL = 200


def write_run(
    path: Path,
    values: Sequence[float | None],
    *,
    strategy: str = "random",
    learner: str = "plain",
    model: str = "retina",
    seed: int = 0,
    finished: bool = True,
    dataset: str = "shapes",
    fingerprint: str = "f" * 64,
    settings: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """A run with mAP50 ``values``, 10 images more a cycle and 3 objects in each of them.

    ``settings`` are of its training, ``manifest`` goes on top of what is in ``manifest.json``.
    """
    path.mkdir(parents=True)
    config = {
        "seed": seed,
        "output": str(path),
        "device": "cpu",
        "dataset": {"name": dataset, **({"pool": 4, "test": 1} if dataset == "shapes" else {})},
        "model": {"name": model},
        "learner": {"name": learner},
        "strategy": {"name": strategy},
        "training": {"lr": 0.1, **(settings or {})},
    }
    recorded: dict[str, Any] = {
        "seed": seed,
        "dataset": {"name": dataset, "fingerprint": fingerprint, "pool": POOL},
    }
    if finished:
        recorded["finished"] = "2026-01-01T00:00:00+00:00"
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    (path / "manifest.json").write_text(json.dumps({**recorded, **(manifest or {})}))
    lines = [json.dumps(cycle(n, value)) + "\n" for n, value in enumerate(values)]
    if lines:
        (path / "cycles.jsonl").write_text("".join(lines))
    return path


def cycle(number: int, value: float | None) -> dict[str, Any]:
    labelled = 10 * (number + 1)
    return {
        "cycle": number,
        "labelled": labelled,
        "objects": 3 * labelled,
        "metrics": {
            "mAP50": value,
            "mAP50_11pt": None if value is None else value / 2,
            "AP50": {"disc": value, "ring": None},
        },
        "seconds": {"fit": 12.34, "evaluate": 1.0, "select": 0.5},
        "selected": [f"im{n}" for n in range(10)],
    }

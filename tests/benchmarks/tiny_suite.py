"""A suite of two methods on a handful of drawn images, and an engine without processes."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from alframe.benchmarks.running.suite import Suite
from alframe.config.resolve import from_file, resolve
from alframe.config.sections import RunConfig

CONTENT = {
    "title": "Tiny",
    "seeds": [0, 1],
    "settings": {
        "model": "retina-tiny",
        "dataset": {"name": "shapes", "pool": 24, "test": 8, "size": 64},
        "training": {"iterations": 4, "warmup": 1},
        "budget": {"initial": 6, "per_cycle": 5, "cycles": 2},
        "evaluation": {"coco": False},
        "device": "cpu",
    },
    "problems": {"shapes": {}},
    "methods": {"random": {"strategy": "random"}, "entropy": {"strategy": "entropy"}},
    "replay": "random",
}


def tiny_suite(**changed: object) -> Suite:
    return Suite.model_validate(CONTENT | changed)


class FakeEngine:
    """Writes a finished run directory for each call, or does what ``act`` says.

    Args:
        act: given the job's folder relative to the suite's; returns an exit code.
        slots: processes at a time.
    """

    def __init__(self, act: Callable[[str], int] = lambda _: 0, slots: int = 1) -> None:
        self.slots, self.act, self.stopped = slots, act, False
        self.calls: list[tuple[str, bool]] = []

    def call(self, arguments: Sequence[str], log: Path) -> int:
        given = dict(zip(arguments[1::2], arguments[2::2], strict=False))
        path, config = Path(given["--output"]), resolve([from_file(given["--config"])])
        name = "/".join(path.parts[-4:])
        self.calls.append((name, "--resume" in arguments))
        log.parent.mkdir(parents=True, exist_ok=True)
        code = self.act(name)
        if code:
            with log.open("a") as file:
                file.write(f"WARNING: something\nerror: {name} has failed\n")
        else:
            write_finished(path, config)
        return code

    def stop(self) -> None:
        self.stopped = True


def write_finished(path: Path, config: RunConfig) -> None:
    """As much of a run directory as the work list looks at."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.yaml").write_text(config.model_dump_json())
    (path / "manifest.json").write_text(json.dumps({"finished": "2026-01-01T00:00:00+00:00"}))
    (path / "cycles.jsonl").touch()

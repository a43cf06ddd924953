"""A loop of two queries against a real Label Studio server, which it starts itself.

Needs ``label-studio`` on the path, of an environment of its own (see ``shared/label_studio``).
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alframe.annotations.label_studio_api import KEY, Server
from alframe.annotations.label_studio_oracle import OURS
from tests.annotations import people
from tests.annotations.test_run import CLASSES, TRUTH, photos

START = Path(__file__).parents[3] / "shared" / "label_studio" / "start"
TOKEN = "0123456789abcdef0123456789abcdef01234567"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("label-studio") is None, reason="label-studio is not installed"
    ),
    pytest.mark.skipif(not START.is_file(), reason="nothing says how a server is started"),
]
__all__ = ["photos"]  # a fixture


@pytest.fixture(scope="module")
def server(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that may read the photos."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = tmp_path_factory.mktemp("label-studio")
    command = ["bash", str(START), str(data), str(port), str(photos.parent)]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            yield _ready(f"http://127.0.0.1:{port}", process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _ready(url: str, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return url
        except OSError:
            time.sleep(1)
    raise AssertionError("the server has not become ready")


def alframe(*args: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "alframe", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def open_tasks(server: Server) -> list[dict[str, Any]]:
    return [dict(task) for task in server.tasks(1) if not task["annotations"]]


def annotate(server: Server, task: dict[str, Any], kind: str = "") -> None:
    """Submit the truth, nothing (``empty``), or skip the task."""
    item = task["data"][OURS]
    image = {"id": item, "width": 64, "height": 64}
    result = [
        people.region(*each, image) | {"id": f"r{number}"}
        for number, each in enumerate(people.seen(image, TRUTH, CLASSES))
    ]
    content = {
        "result": [] if kind else result,
        "was_cancelled": kind == "skipped",
        "lead_time": 8.0,
    }
    server.post(f"/api/tasks/{task['id']}/annotations/", content)


@pytest.mark.parametrize("shown", ["uploaded", "local"])
def test_two_queries(
    photos: Path,
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shown: str,
) -> None:
    monkeypatch.setenv(KEY, TOKEN)
    run, api = tmp_path / f"with-{shown}-photos", Server(server)
    local = (f"oracle.document_root={photos.parent}",) if shown == "local" else ()
    names = ("--strategy", "entropy", "--dataset", "photos", "--data-root", str(photos))
    small = ("training.iterations=30", "data.long=64", "data.short=64", "device=cpu")
    budget = ("budget.test=3", "budget.initial=4", "budget.per_cycle=2", "budget.cycles=3")
    oracle = ("--oracle", "label-studio", f"oracle.url={server}", *local)
    classes = f"dataset.classes={json.dumps(CLASSES)}"
    start = ("run", *names, *oracle, *small, *budget, classes, "--output", str(run))
    code, said = alframe(*start)
    assert code == 3, said
    assert "waiting: 7 of 7 images to annotate at" in said
    number = api.project(f"alframe {run.name}", "")["id"]
    resume = ("run", "--output", str(run), "--resume")

    def tasks() -> list[dict[str, Any]]:
        return [dict(task) for task in api.tasks(number) if not task["annotations"]]

    picture = tasks()[0]["data"]["image"]
    asked = urllib.request.Request(server + picture, headers={"Authorization": f"Token {TOKEN}"})
    with urllib.request.urlopen(asked) as answer:
        assert answer.read(4) == b"\x89PNG", "people see the picture"
    first, second, *rest = tasks()
    annotate(api, first, "empty")
    annotate(api, second, "skipped")
    for task in rest:
        annotate(api, task)
    process = subprocess.Popen([sys.executable, "-m", "alframe", *resume])
    time.sleep(6)
    process.kill()
    process.wait()
    code, said = alframe(*resume)
    assert code == 3, said
    assert len(tasks()) == 2, "no task twice, whatever was killed"
    assert all(task["total_predictions"] == 1 for task in tasks())
    for task in tasks():
        annotate(api, task)
    code, said = alframe(*resume)
    assert code == 3, said
    for task in tasks():
        annotate(api, task)
    code, said = alframe(*resume)
    assert code == 0, said
    cycles = [json.loads(line) for line in (run / "cycles.jsonl").read_text().splitlines()]
    assert len(cycles) == 3
    assert cycles[-1]["annotation_seconds"] == 8.0 * (7 + 2 + 2)
    assert alframe("verify", str(run))[0] == 0

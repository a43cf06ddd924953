"""A run asks in Label Studio: against a stand-in of the server, in all its moods."""

import contextlib
import json
import shutil
import socket
import ssl
import threading
import urllib.error
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from alframe.annotations import label_studio_api
from alframe.annotations.label_studio_memory import Memory
from alframe.annotations.label_studio_oracle import LabelStudioOracle, _seconds
from alframe.annotations.sheets import query_folder, write_sheet
from alframe.annotations.taking import take
from alframe.annotations.vocabulary import AskedImage, Proposal, Sheet
from alframe.datasets.base import Dataset
from alframe.errors import ConfigError, DataError, Waiting
from alframe.oracle import OracleSetup
from alframe.runs.journal import Journal
from tests.annotations import people
from tests.annotations.people import photographs
from tests.annotations.server import TOKEN, State, running

NONE = r"answers JSON that is none of Label Studio \(.*\): is it at oracle\.url"
IDS = ("a.png", "deep/b.png", "c.png")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.setenv(label_studio_api.KEY, TOKEN)
    monkeypatch.setattr(label_studio_api, "PAUSE", 0.001)
    with running() as found:
        yield found


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return photographs(tmp_path / "photos", IDS)


@pytest.fixture
def run(tmp_path: Path, dataset: Dataset) -> Path:
    """A run directory that has asked for three images."""
    path = tmp_path / "run"
    path.mkdir()
    Journal(path).append("initial", ids=list(IDS), test=[], sha256="")
    proposed = (Proposal("cat", (4, 5, 24, 15), 0.9),)
    images = tuple(AskedImage(i, dataset.file(i), 20, 40, None, "initial", proposed) for i in IDS)
    write_sheet(Sheet("run, cycle 0", dataset.classes, images, True), query_folder(path, 0))
    return path


def ask(run: Path, dataset: Dataset, url: str, ids: Sequence[str] = IDS, **options: Any) -> Any:
    return LabelStudioOracle(OracleSetup(dataset, run), url=url, **options).annotate(ids, 0)


def image_of(item: str) -> dict[str, Any]:
    return {"id": item, "width": 40, "height": 20}


def ask_and_wait(run: Path, dataset: Dataset, url: str, **options: Any) -> None:
    with pytest.raises(Waiting):
        ask(run, dataset, url, **options)


def test_a_whole_round(run: Path, dataset: Dataset, server: tuple[str, State]) -> None:
    url, state = server
    with pytest.raises(Waiting) as waits:
        ask(run, dataset, url)
    first, second = waits.value.problems
    assert first == f"3 of 3 images to annotate at {url}/projects/1: {', '.join(IDS)}"
    assert second == f"then: alframe run --output {run} --resume"
    (project,) = state.projects
    assert project["title"] == "alframe run"
    assert project["sampling"] == "Uncertainty sampling"
    assert '<Label value="cat"/>' in project["label_config"]
    assert [t["data"]["alframe_id"] for t in state.tasks] == list(IDS)
    assert [t["data"]["image"] for t in state.tasks] == [
        f"/data/upload/1/{n}.png" for n in (1, 2, 3)
    ]
    assert len(state.uploads) == 3
    assert b'filename="b.png"' in state.uploads[1]
    (prediction,) = state.tasks[0]["predictions"]
    assert prediction["result"][0]["value"] == {
        "x": 10, "y": 25, "width": 50, "height": 50, "rotation": 0, "rectanglelabels": ["cat"]
    }  # fmt: skip
    state.annotate(0, [people.region("dog", (4, 5, 24, 15), image_of(IDS[0]))])
    state.annotate(1, None)
    with pytest.raises(Waiting, match=r"1 of 3 images .*: c\.png"):
        ask(run, dataset, url)
    state.annotate(2, [])
    answers = ask(run, dataset, url)
    assert answers.ignored == {"deep/b.png"}
    assert answers.targets["a.png"].require_boxes().tolist() == [[4, 5, 24, 15]]
    assert answers.targets["a.png"].labels.tolist() == [1]
    assert answers.targets["c.png"].labels.tolist() == []
    assert answers.seconds == dict.fromkeys(IDS, 4.0)
    assert len(state.tasks) == 3, "no task twice"
    before = len(state.requests)
    ask(run, dataset, url)
    assert len(state.requests) == before, "what is answered is not asked for again"


def test_a_server_that_died_between_making_the_project_and_the_tasks(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    state.failures = []
    ask_and_wait(run, dataset, url, ids=IDS[:1])
    state.tasks = state.tasks[:1]
    ask_and_wait(run, dataset, url)
    assert len(state.projects) == 1
    assert sorted(t["data"]["alframe_id"] for t in state.tasks) == sorted(IDS)


def box_on(state: State, number: int, name: str = "cat", **more: Any) -> None:
    item = state.tasks[number]["data"]["alframe_id"]
    state.annotate(number, [people.region(name, (4, 5, 24, 15), image_of(item))], **more)


def test_the_project_of_another_run_is_refused(
    run: Path, dataset: Dataset, server: tuple[str, State], tmp_path: Path
) -> None:
    """Of the same name, on pictures of the same names; another title is one's own."""
    url, state = server
    ask_and_wait(run, dataset, url)
    for number in range(3):
        box_on(state, number)
    other = tmp_path / "other" / run.name
    shutil.copytree(run, other, ignore=shutil.ignore_patterns("label_studio.json"))
    with pytest.raises(ConfigError, match=r"projects/1 holds 3 tasks of another run, such as a"):
        ask(other, dataset, url)
    assert not (other / "answers").exists()
    assert len(ask(run, dataset, url).targets) == 3
    state.tasks.clear()
    ask_and_wait(other, dataset, url, project="another title")
    assert [p["title"] for p in state.projects] == ["alframe run", "another title"]


def test_a_project_is_known_by_its_tasks(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    """Whatever people call it; without a task of the run, it is looked for by its title."""
    url, state = server
    ask_and_wait(run, dataset, url)
    state.projects[0]["title"] = "Cats of our town"
    ask_and_wait(run, dataset, url)
    assert (len(state.projects), len(state.tasks)) == (1, 3)
    state.tasks.clear()
    ask_and_wait(run, dataset, url)
    assert [p["title"] for p in state.projects] == ["Cats of our town", "alframe run"]


def test_a_title_is_found_behind_others_that_contain_it(
    run: Path, dataset: Dataset, server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = server
    monkeypatch.setattr(label_studio_api, "PAGE", 2)
    ask_and_wait(run, dataset, url)
    state.projects += [{"id": 9, "title": f"alframe run {n}", "label_config": ""} for n in "12345"]
    (run / "label_studio.json").unlink()
    with pytest.raises(ConfigError, match=r"projects/1 holds 3 tasks of another run"):
        ask(run, dataset, url)
    assert len(state.projects) == 6


def test_what_people_add_is_left_alone(
    run: Path, dataset: Dataset, server: tuple[str, State], caplog: pytest.LogCaptureFixture
) -> None:
    """Of pictures that are asked for, that are not, that are none of the dataset, and skipped."""
    url, state = server
    ask_and_wait(run, dataset, url)
    for item in ("a.png", "stranger.png"):
        data = {"image": f"/data/upload/1/1a2b3c4d-{item}"}
        state.tasks.append({"id": len(state.tasks) + 1, "data": data, "annotations": []})
    state.annotate(3, [people.region("cat", (4, 5, 24, 15), image_of("a.png"))])
    state.annotate(4, None)
    for _ in range(2):
        with pytest.raises(Waiting, match="3 of 3 images"):
            ask(run, dataset, url)
    told = "2 tasks that people added, left alone (alframe annotate takes an export of them): task "
    assert caplog.text.count(f"{told}4, task 5") == 1
    for number in range(3):
        box_on(state, number, "dog")
    targets = ask(run, dataset, url).targets
    assert {item: each.labels.tolist() for item, each in targets.items()} == {i: [1] for i in IDS}


def test_what_was_read_once_does_not_come_before_what_is_said_since(
    run: Path, dataset: Dataset, server: tuple[str, State], tmp_path: Path
) -> None:
    url, state = server
    ask_and_wait(run, dataset, url)
    box_on(state, 0)
    ask_and_wait(run, dataset, url)
    right = {"a.png": [("dog", (1.0, 1.0, 9.0, 9.0))]}
    file = people.coco(tmp_path / "right.json", [image_of("a.png")], right, ["cat", "dog"])
    take(run, dataset, [file])
    later = {"ground_truth": True, "lead_time": 9.0, "updated_at": "2026-02-01T00:00:00Z"}
    state.tasks[0]["annotations"][0] |= later  # saved again as it was
    box_on(state, 1)
    ask_and_wait(run, dataset, url)
    first = [*state.tasks]
    state.tasks.clear()
    ask_and_wait(run, dataset, url, project="elsewhere, and back")
    state.tasks[:] = first
    state.tasks[1]["annotations"].clear()
    box_on(state, 1, "dog")
    box_on(state, 2)
    labels = {i: t.labels.tolist() for i, t in ask(run, dataset, url).targets.items()}
    assert labels == {"a.png": [1], "deep/b.png": [1], "c.png": [0]}


def test_of_two_tasks_of_one_image_the_newest_annotation_counts(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    ask_and_wait(run, dataset, url)
    state.tasks += [{**t, "id": t["id"] + 3, "annotations": []} for t in state.tasks]
    for number, (name, day) in enumerate([("cat", 2), ("cat", 1), ("dog", 1)] * 2):
        newer = day + (number == 4)
        box_on(state, number, name if number < 4 else "dog", created_at=f"2026-01-0{newer}")
    labels = {i: t.labels.tolist() for i, t in ask(run, dataset, url).targets.items()}
    assert labels == {"a.png": [0], "deep/b.png": [1], "c.png": [1]}
    assert len(Memory.of(run).seen) == 6


def test_what_became_of_answers_is_told(
    run: Path, dataset: Dataset, server: tuple[str, State], caplog: pytest.LogCaptureFixture
) -> None:
    """What is answered by a file is not asked for; what is withdrawn, or comes late, stays."""
    url, state = server
    caplog.set_level("INFO")
    file = people.coco(run / "file.json", [image_of("c.png")], {}, ["cat", "dog"])
    take(run, dataset, [file], as_it_is=True)
    ask_and_wait(run, dataset, url)
    assert [t["data"]["alframe_id"] for t in state.tasks] == ["a.png", "deep/b.png"]
    box_on(state, 0)
    ask_and_wait(run, dataset, url)
    assert "cycle 0: 1 new answer (1 object)" in caplog.text
    state.tasks[0]["annotations"].clear()
    ask_and_wait(run, dataset, url)
    assert "1 task whose answer is gone there, which stays until there is another" in caplog.text
    journal = Journal(run)
    more = {"ignored": [], "extra": [], "sha256": ""}
    journal.append("annotated", cycle=0, images=2, objects=1, **more)
    journal.append("selected", cycle=0, ids=["deep/b.png"], seconds=0.0, memory={})
    asked = (AskedImage("deep/b.png", dataset.file("deep/b.png"), 20, 40),)
    write_sheet(Sheet("run, cycle 1", dataset.classes, asked, False), query_folder(run, 1))
    state.tasks.append({"id": 9, "data": {"alframe_id": ["x"], "image": "y"}, "annotations": []})
    box_on(state, 0, "fox")
    box_on(state, 1)
    oracle = LabelStudioOracle(OracleSetup(dataset, run), url=url)
    assert list(oracle.annotate(["deep/b.png"], 1).targets) == ["deep/b.png"]
    assert "1 task answered otherwise, of earlier cycles, left as the run has them" in caplog.text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_redirection_is_told_and_the_key_stays(
    monkeypatch: pytest.MonkeyPatch, method: str, server: tuple[str, State]
) -> None:
    url, state = server
    with socket.create_server(("127.0.0.1", 0)) as listener:
        page = f"HTTP/1.1 301 Moved\r\nLocation: {url}/x\r\nContent-Length: 0\r\n\r\n".encode()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(page)

        threading.Thread(target=serve, daemon=True).start()
        api = label_studio_api.Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(DataError, match=f"/y leads to {url}/x: give the address of the server"):
            api.get("/y") if method == "get" else api.post("/y", {})
    assert state.requests == []


def test_pictures_that_the_server_can_read_are_not_uploaded(
    run: Path, dataset: Dataset, server: tuple[str, State], tmp_path: Path
) -> None:
    url, state = server
    for _ in range(2):
        ask_and_wait(run, dataset, url, document_root=str(tmp_path))
    assert state.storages == [
        {"project": 1, "path": str(tmp_path / "photos"), "use_blob_urls": True}
    ]
    assert state.tasks[1]["data"]["image"] == "/data/local-files/?d=photos/deep/b.png"
    assert not state.uploads
    state.tasks.clear()
    with pytest.raises(ConfigError, match=r"folders below it alone, got .*a\.png"):
        ask(run, dataset, url, document_root=str(tmp_path / "photos"))
    state.storages.clear()
    state.refusal = {"validation_errors": {"path": ["no root", "no path"], "project": "gone"}}
    refused = r"does not show .*photos; start it .*LOCAL_FILES_DOCUMENT_ROOT \(.* answers 400: "
    with pytest.raises(ConfigError, match=rf"{refused}path: no root, no path; project: gone\)$"):
        ask(run, dataset, url, document_root=str(tmp_path))


def test_what_is_only_read_is_tried_again(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    state.failures = [500, 503]
    ask_and_wait(run, dataset, url)
    state.failures = [500] * 4
    with pytest.raises(DataError, match=r"answers 500: out of order; the log of the server says m"):
        ask(run, dataset, url)


@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        ("wrong", None, r"does not accept the key in LABEL_STUDIO_API_KEY \(401\)"),
        (TOKEN, 404, r"/api/projects\?title.*: not found; is Label Studio at oracle.url"),
        ("", None, "LABEL_STUDIO_API_KEY is not set: copy the access token"),
        ("a\nb", None, "^LABEL_STUDIO_API_KEY is no access token: expected letters, digits"),
        ("\u65e5", None, "^LABEL_STUDIO_API_KEY is no access token: expected letters, digits"),
    ],
)
def test_a_server_that_refuses(
    run: Path,
    dataset: Dataset,
    server: tuple[str, State],
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    code: int | None,
    message: str,
) -> None:
    url, state = server
    monkeypatch.setenv(label_studio_api.KEY, key)
    state.failures = [code] if code else []
    with pytest.raises((DataError, ConfigError), match=message):
        ask(run, dataset, url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "localhost:8080",
        "http://",
        "http://a:b",
        "http://[x",
        "http://x y",
        "http://x/projects/3",
    ],
)
def test_an_address_that_is_none_is_told_before_anybody_is_asked(
    run: Path, dataset: Dataset, url: str
) -> None:
    with pytest.raises(ConfigError, match=r"oracle\.url=.*: expected http://HOST:PORT or https"):
        LabelStudioOracle(OracleSetup(dataset, run), url=url)


def test_a_password_in_an_address_is_not_shown(run: Path, dataset: Dataset) -> None:
    for url in ("http://me:secret@host:8080", "http://host?token=secret"):
        with pytest.raises(ConfigError, match=r"^oracle\.url: expected http://HOST:PORT or https"):
            LabelStudioOracle(OracleSetup(dataset, run), url=url)


def test_a_personal_access_token_is_exchanged(
    run: Path, dataset: Dataset, server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = server
    monkeypatch.setenv(label_studio_api.KEY, "in.three.parts")
    ask_and_wait(run, dataset, url)
    refresh = "POST /api/token/refresh"
    assert [n for n, request in enumerate(state.requests) if request == refresh] == [0], "once"
    server_of_ours = label_studio_api.Server(url)
    state.requests.clear()
    server_of_ours.get("/api/projects?title=x&page_size=1&page=1")
    state.failures = [401]
    server_of_ours.get("/api/projects?title=x&page_size=1&page=1")
    asked = [request.partition("?")[0] for request in state.requests]
    project = "GET /api/projects"
    assert asked == [refresh, project, project, refresh, project], "again once it is refused"


def test_a_label_that_people_add_is_a_class_once_it_is_allowed(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    ask_and_wait(run, dataset, url)
    config = state.projects[0]["label_config"]
    state.projects[0]["label_config"] = config.replace(
        '<Label value="dog"/>', '<Label value="dog"/><Label value="fox"/>'
    )
    ask_and_wait(run, dataset, url)
    state.annotate(0, [people.region("fox", (4, 5, 24, 15), image_of(IDS[0]))])
    export = query_folder(run, 0) / "label_studio_export.json"
    allow = f"alframe annotate {run} {export} --new-classes"
    with pytest.raises(DataError, match=f"'fox' in a.png; use one of cat, dog, or, .*: {allow}"):
        ask(run, dataset, url)
    assert take(run, dataset, [export], new_classes=True).missing == list(IDS[1:])
    state.annotate(1, [people.region("fox", (4, 5, 24, 15), image_of(IDS[1]))])
    state.annotate(2, [])
    answers = ask(run, dataset, url)
    assert answers.new_classes == ("fox",)
    assert answers.targets[IDS[1]].labels.tolist() == [2]
    project = state.projects[0]
    project["label_config"] = project["label_config"].replace('<Label value="cat"/>', "")
    (run / "answers/cycle_00.json").unlink()
    with pytest.raises(ConfigError, match=r"the labels dog, fox, the run has .*cat, dog: .*add"):
        ask(run, dataset, url)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            "answers b'<html>', no JSON: is Label",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[", "cannot be reached .*IncompleteRead"),
        *(
            (f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode(), NONE)
            for text in (
                "{}",
                "[{}]",
                '{"results": [1]}',
                "5",
                "null",
                '[{"title": "x"}]',
                "[]",
                '[{"title": "alframe run", "id": 1e400}]',
            )
        ),
    ],
)
def test_something_else_at_the_address(
    run: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, page: bytes, said: str
) -> None:
    monkeypatch.setattr(label_studio_api, "PAUSE", 0.0)
    monkeypatch.setenv(label_studio_api.KEY, "x")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(page)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(DataError, match=said):
            ask(run, dataset, f"http://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)


def test_no_server_at_all(run: Path, dataset: Dataset, server: tuple[str, State]) -> None:
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9 cannot be reached .*refused.*resume"):
        ask(run, dataset, "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"http://\.x cannot be reached"):
        ask(run, dataset, "http://.x")
    for url in (
        "file:///etc",
        "http://[::1",
        "http://host:port",
        "http://",
        "host:8080",
        "http://h/\u00fc",
    ):
        with pytest.raises(ConfigError, match="expected http://HOST:PORT"):
            ask(run, dataset, url)


def test_a_certificate_that_is_not_trusted(
    run: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(request: Any, timeout: float) -> Any:
        asked.append(request.full_url)
        problem = ssl.SSLCertVerificationError(1, "certificate verify failed")
        problem.verify_message = "self-signed certificate"
        raise urllib.error.URLError(problem)

    monkeypatch.setenv(label_studio_api.KEY, TOKEN)
    monkeypatch.setattr(label_studio_api._OPENER, "open", refuse)
    with pytest.raises(DataError, match=r"not trust \(self-signed certificate\).* SSL_CERT_FILE"):
        ask(run, dataset, "https://127.0.0.1:8443")
    assert len(asked) == 1, "once is enough"


def test_a_project_with_other_labels(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    state.projects.append({"id": 7, "title": "mine", "label_config": "<View></View>"})
    with pytest.raises(ConfigError, match=r"/projects/7 has the labels none, .* classes cat, dog"):
        ask(run, dataset, url, project="mine")
    assert not state.tasks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wait": "soon"}, "oracle.wait=soon: expected a time such as 90s, 30m or 2h"),
        ({"project": "x"}, "oracle.project=x: expected a title of 3 to 50 letters"),
    ],
)
def test_options_that_cannot_be(run: Path, dataset: Dataset, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ask(run, dataset, "http://127.0.0.1:9", **options)


def test_it_waits_as_long_as_it_is_told(
    run: Path,
    dataset: Dataset,
    server: tuple[str, State],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url, state = server
    caplog.set_level("INFO")
    monkeypatch.setattr("alframe.progress.EVERY", 0.0)
    monkeypatch.setattr("alframe.annotations.label_studio_oracle.EVERY", 0.01)
    looks: list[int] = []

    def sleep(seconds: float) -> None:
        looks.append(len(state.tasks))
        state.annotate(len(looks) - 1, [])

    monkeypatch.setattr("alframe.annotations.label_studio_oracle.time.sleep", sleep)
    answers = ask(run, dataset, url, wait="1h")
    assert looks == [3, 3, 3]
    assert set(answers.targets) == set(IDS)
    assert caplog.text.count(f"annotating at {url}/projects/1\n") == 1
    assert f"annotating at {url}/projects/1: 2 of 3 images, " in caplog.text


def test_it_waits_for_a_server_that_is_away(
    run: Path, dataset: Dataset, server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = server
    monkeypatch.setattr("alframe.annotations.label_studio_oracle.EVERY", 0.01)
    ask_and_wait(run, dataset, url)
    for number in range(3):
        state.annotate(number, [])
    read = LabelStudioOracle._collect

    def away(*given: Any) -> Any:
        state.failures = [503] * 9  # two looks of four attempts, and one
        return read(*given)

    monkeypatch.setattr(LabelStudioOracle, "_collect", away)
    with pytest.raises(DataError, match="answers 503"):
        ask(run, dataset, url)
    state.failures = []
    assert len(ask(run, dataset, url, wait="1h").targets) == 3


def test_pictures_that_the_server_does_not_take(tmp_path: Path, run: Path) -> None:
    dataset = photographs(tmp_path / "scans", ["a.png", "b.tif"])
    setup = OracleSetup(dataset, run)
    with pytest.raises(ConfigError, match=r"no such pictures as .*/b\.tif: convert them"):
        LabelStudioOracle(setup)
    LabelStudioOracle(setup, document_root=str(tmp_path))


def test_nonsense_that_the_server_has_taken_is_refused_here(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    ask_and_wait(run, dataset, url)
    state.annotate(0, [people.region("cow", (4, 5, 24, 15), image_of(IDS[0]))])
    state.annotate(1, [people.region("cat", (200, 5, 400, 15), image_of(IDS[1]))])
    with pytest.raises(DataError) as error:
        ask(run, dataset, url)
    text = str(error.value)
    assert "the class is unknown" in text
    assert "deep/b.png" in text
    assert "--skip-bad" not in text
    assert f"is what was read of {url}/projects/1: correct it there, and resume" in text
    assert not (run / "answers/cycle_00.json").exists()
    stored = json.loads((query_folder(run, 0) / "label_studio_export.json").read_text())
    assert len(stored) == 2, "those that are answered"


def test_another_title_is_another_project(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    ask_and_wait(run, dataset, url)
    ask_and_wait(run, dataset, url, project="another title")
    assert [p["title"] for p in state.projects] == ["alframe run", "another title"]


def test_answers_that_are_lost_here_are_read_again(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    ask_and_wait(run, dataset, url)
    for number in range(2):
        box_on(state, number)
    ask_and_wait(run, dataset, url)
    (run / "answers/cycle_00.json").unlink()
    box_on(state, 2)
    assert sorted(ask(run, dataset, url).targets) == sorted(IDS)


def test_a_kill_once_there_are_tasks_does_not_make_them_anothers(
    run: Path, dataset: Dataset, server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, state = server
    add = LabelStudioOracle._add

    def killed(*given: Any) -> None:
        add(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LabelStudioOracle, "_add", killed)
        with pytest.raises(KeyboardInterrupt):
            ask(run, dataset, url)
    ask_and_wait(run, dataset, url)
    assert (len(state.projects), len(state.tasks)) == (1, 3)


def test_tasks_without_a_mark_are_of_another_run_in_a_project_that_is_not_known(
    run: Path, dataset: Dataset, server: tuple[str, State]
) -> None:
    url, state = server
    ask_and_wait(run, dataset, url)
    for task in state.tasks:
        del task["data"]["alframe_run"]
    (run / "label_studio.json").unlink()
    with pytest.raises(ConfigError, match=r"projects/1 holds 3 tasks of another run"):
        ask(run, dataset, url)


def test_names_in_addresses_are_quoted(tmp_path: Path, server: tuple[str, State]) -> None:
    url, state = server
    data, path = photographs(tmp_path / "my photos", ("a&b #1.png",)), tmp_path / "run"
    path.mkdir()
    Journal(path).append("initial", ids=["a&b #1.png"], test=[], sha256="")
    image = AskedImage("a&b #1.png", data.file("a&b #1.png"), 20, 40, None, "initial")
    write_sheet(Sheet("run, cycle 0", data.classes, (image,)), query_folder(path, 0))
    ask_and_wait(path, data, url, ids=["a&b #1.png"], document_root=str(tmp_path))
    (task,) = state.tasks
    assert task["data"]["image"] == "/data/local-files/?d=my%20photos/a%26b%20%231.png"


@pytest.mark.parametrize(("wait", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200)])
def test_units_of_waiting(wait: str, seconds: float) -> None:
    assert _seconds(wait) == seconds

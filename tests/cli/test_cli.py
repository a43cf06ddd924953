"""The command line as its users meet it: what they type, what they read, the exit code."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alframe.cli import main
from alframe.cli.run import _default_path, _line
from alframe.config.resolve import from_overrides, resolve
from alframe.strategy import Query, Selection
from tests.datasets import builders

SMALL = (
    "--strategy",
    "entropy",
    "dataset.pool=30",
    "dataset.test=6",
    "dataset.size=64",
    "model.fpn_channels=16",
    "training.iterations=4",
    "training.batch_size=4",
    "budget.initial=4",
    "budget.per_cycle=3",
    "budget.cycles=2",
    "model.tower_convs=1",
)
Alframe = Callable[..., tuple[int, str, str]]


@pytest.fixture
def alframe(capsys: pytest.CaptureFixture[str]) -> Alframe:
    def call(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(args)
        out, err = capsys.readouterr()
        code = exit_.value.code
        return code if isinstance(code, int) else -1, out, err

    return call


@pytest.fixture
def voc_folder(tmp_path: Path, shared_data: Path) -> Path:
    """A VOC folder with a few real photographs."""
    source, root = shared_data / "bccd", tmp_path / "voc"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for split, count in (("trainval", 8), ("test", 3)):
        ids = (source / f"ImageSets/Main/{split}.txt").read_text().split()[:count]
        (root / f"ImageSets/Main/{split}.txt").write_text("\n".join(ids) + "\n")
        for item in ids:
            shutil.copy(source / f"JPEGImages/{item}.jpg", root / "JPEGImages")
            shutil.copy(source / f"Annotations/{item}.xml", root / "Annotations")
    return root


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("ls", 141), ("select --help", 141), ("verify nowhere", 2)],
    ids=["output", "select", "none"],
)
def test_a_reader_that_has_gone(arguments: str, expected: int, tmp_path: Path) -> None:
    """``set -o pipefail; alframe verify RUN | head -1`` is not told that something differs."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "alframe", *arguments.split()]
    done = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
    )
    os.close(write)
    assert done.returncode == expected
    assert ("error: nowhere holds no run" in done.stderr) == (expected == 2)
    assert "Traceback" not in done.stderr


def first(root: Path, split: str = "trainval") -> str:
    return (root / f"ImageSets/Main/{split}.txt").read_text().split()[0]


def refused(result: tuple[int, str, str], *needles: str, lines: int = 1) -> None:
    """Exit 2, and as many short lines as there are problems; no traceback."""
    code, _, err = result
    assert code == 2, err
    shown = err.strip().splitlines()
    assert sum(line.startswith("error: ") for line in shown) == lines, err
    assert "Traceback" not in err
    for needle in needles:
        assert needle in err


def test_an_error_output_that_is_closed(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m alframe ls strategies 2>&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=tmp_path, check=False)
    assert (done.returncode, b"coreset" in done.stdout) == (0, True)


def test_a_terminal_that_has_gone_ends_nothing() -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "alframe", "ls", "oracles"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.close(ours)
        assert process.wait(timeout=60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_an_error_output_that_is_full(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m alframe verify nowhere 2>/dev/full"
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False).returncode == 2


def test_a_locale_that_is_not_utf_8(alframe: Alframe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "iso8859-1")
    code, _, err = alframe("ls", "strategies")
    assert code == 0
    assert err == "warning: names of files are taken for iso8859-1: set PYTHONUTF8=1\n"


def test_letters_that_the_output_lacks_are_escaped() -> None:
    """As of Latin-1; of ASCII, click takes UTF-8."""
    said = (
        "import click; from alframe.cli import main; from alframe.cli.output import say\n"
        "main([], click.command(lambda: say('猫')))"
    )
    told = subprocess.run(
        [sys.executable, "-c", said],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert told.stdout == b"\\u732b\n"


def test_a_run_ends_with_its_files_and_can_be_reported(alframe: Alframe, tmp_path: Path) -> None:
    path = tmp_path / "run"
    code, out, err = alframe("run", "--output", str(path), *SMALL)
    assert code == 0, err
    assert out.count("mAP50 ") == 2
    expected = {
        "config.yaml", "manifest.json", "journal.jsonl", "cycles.jsonl", "results.csv", "scores",
        "checkpoints", "tensorboard", "run.log",
    }  # fmt: skip
    assert {p.name for p in path.iterdir() if not p.name.startswith(".")} == expected
    manifest = json.loads((path / "manifest.json").read_text())
    assert {"versions", "device", "git", "dataset", "seed", "initial_sha256", "started",
            "finished"} <= set(manifest)  # fmt: skip
    assert list((path / "tensorboard").iterdir())
    cycles = [json.loads(line) for line in (path / "cycles.jsonl").read_text().splitlines()]
    assert [c["labelled"] for c in cycles] == [4, 7]
    assert set(cycles[0]["metrics"]) == {"mAP50", "mAP50_11pt", "mAP", "AP50", "COCO"}
    assert set(cycles[0]["phases"][0]["means"]) == {"cls", "box", "total"}
    code, out, err = alframe("report", str(path))
    assert code == 0, err
    assert "entropy" in out
    assert (path / "report" / "curves.png").exists()


def test_the_line_of_a_cycle() -> None:
    cycle = {
        "cycle": 1, "labelled": 20, "objects": 60, "seconds": {"fit": 12.4, "select": 0.6},
        "metrics": {"mAP50": 0.125, "mAP": None, "AP50": {"cat": 0.5}},
    }  # fmt: skip
    shown = "cycle 1     20 images      60 objects  mAP50  12.5 %  mAP -  (fit 12 s, select 1 s)"
    assert _line(cycle) == shown


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("strategy=power:entropy",), "shapes-retina-tiny-power-entropy-seed0"),
        (("strategy=ll4al", "seed=3"), "shapes-retina-tiny-ll4al-seed3"),
        (("strategy=random", "learner=ll4al"), "shapes-retina-tiny-random-ll4al-seed0"),
    ],
)
def test_a_run_is_named_after_what_it_does(words: tuple[str, ...], name: str) -> None:
    assert _default_path(resolve([from_overrides(words)])) == Path("runs") / name


@pytest.mark.parametrize("number", ["inf", "nan", "-1", "many"])
def test_a_number_on_the_command_line_is_one(alframe: Alframe, number: str) -> None:
    code, _, err = alframe("predict", "run", "photos", "--white", number)
    assert (code, "Invalid value for '--white'" in err) == (2, True), err


def test_one_seed_one_run(alframe: Alframe, tmp_path: Path) -> None:
    def selected(name: str, *more: str) -> list[list[str]]:
        path = tmp_path / name
        assert alframe("run", "--output", str(path), *SMALL, "strategy.unit=anchors", *more)[0] == 0
        lines = (path / "cycles.jsonl").read_text().splitlines()
        return [json.loads(line)["selected"] for line in lines]

    assert selected("a") == selected("b") != selected("c", "seed=1")


def test_a_config_of_a_run_repeats_it(alframe: Alframe, tmp_path: Path) -> None:
    for name, args in (("a", SMALL), ("b", ("--config", str(tmp_path / "a" / "config.yaml")))):
        assert alframe("run", "--output", str(tmp_path / name), *args)[0] == 0
    a, b = ((tmp_path / n / "journal.jsonl").read_text().splitlines()[0] for n in "ab")
    assert a == b


def test_an_existing_run_is_not_overwritten(alframe: Alframe, tmp_path: Path) -> None:
    path = str(tmp_path / "run")
    assert alframe("run", "--output", path, *SMALL)[0] == 0
    before = (tmp_path / "run" / "cycles.jsonl").read_bytes()
    refused(alframe("run", "--output", path, *SMALL), "already holds a run: add --resume")
    changed = alframe("run", "--output", path, "--resume", "training.lr=0.5", "seed=9")
    refused(changed, "training.lr = 0.003, now it is 0.5", "seed = 0, now it is 9", lines=2)
    code, out, _ = alframe("run", "--output", path, "--resume")
    assert code == 0
    assert out.count("mAP50 ") == 2
    assert (tmp_path / "run" / "cycles.jsonl").read_bytes() == before


def test_a_run_is_resumed_however_its_folder_is_named(alframe: Alframe, tmp_path: Path) -> None:
    path = str(tmp_path / "run")
    assert alframe("run", f"output={path}", *SMALL)[0] == 0
    code, out, err = alframe("run", f"output={path}", "--resume")
    assert code == 0, err
    assert out.count("mAP50 ") == 2
    refused(alframe("run", f"output={path}x", "--resume"), "holds no run")


def test_ctrl_c_names_a_run_only_where_there_is_one(
    alframe: Alframe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def terminated(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    go_on = f"alframe run --output {tmp_path / 'run'} --resume"
    for place, stop, expected, needle in (
        ("alframe.runs.run.prepare_images", interrupted, 130, "stopped; nothing was done yet"),
        ("alframe.runs.loop.Loop._cycle", interrupted, 130, go_on),
        ("alframe.runs.loop.Loop._cycle", terminated, 143, go_on),
    ):
        monkeypatch.setattr(place, stop)
        more = ["--resume"] if (tmp_path / "run").exists() else []
        code, _, err = alframe("run", "--output", str(tmp_path / "run"), *more, *SMALL)
        assert code == expected
        assert needle in err
        monkeypatch.undo()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own handler; in the background of a shell Ctrl-C is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_library_that_makes_an_error_of_its_own_of_a_signal(
    number: signal.Signals, alframe: Alframe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pydantic's core does while it serialises."""

    def interrupted(*_: object) -> None:
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt as error:
            raise ValueError(f"Error calling function: {error!r}") from None

    monkeypatch.setattr("alframe.cli.ls.registry", interrupted)
    assert alframe("ls", "strategies") == (128 + number, "", "interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_threads_that_the_system_does_not_allow(
    alframe: Alframe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", start)
    refused(alframe("run", *SMALL), "allows no more threads", "ulimit -u")


def test_default_names_are_numbered_and_the_newest_is_resumed(
    alframe: Alframe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert alframe("run", *SMALL)[0] == 0
    names = sorted(p.name for p in (tmp_path / "runs").iterdir())
    assert names == ["shapes-retina-tiny-entropy-seed0", "shapes-retina-tiny-entropy-seed0-2"]
    code, out, _ = alframe("run", "--resume", *SMALL)
    assert code == 0
    assert "run      runs/shapes-retina-tiny-entropy-seed0-2" in out
    refused(alframe("run", "--resume", "--seed", "7", *SMALL), "nothing to resume")


class Buggy:
    requires = frozenset[str]()

    def __init__(self, k: int = 1) -> None:
        raise ValueError(k)

    def select(self, query: Query) -> Selection:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("args", "needles", "lines"),
    [
        (["--strategy", "entrpy"], ["unknown strategy 'entrpy'", "Did you mean 'entropy'"], 1),
        (["--strategy", "x", "--detector", "y", "--dataset", "z"], ["'x'", "'y'", "'z'"], 3),
        (["training.lrr=1"], ["training.lrr", "Did you mean 'lr'"], 1),
        (["training.lr=fast", "seed=x", "strategy.k=many"], ["lr", "seed", "strategy.k"], 3),
        (["--dataset", "voc"], ["dataset.root is required"], 1),
        (["--dataset", "voc", "--data-root", "/nowhere"], ["/nowhere"], 1),
        (["--data-root", "/nowhere"], ["unknown setting 'dataset.root'"], 1),
        (["--config", "nowhere.yaml"], ["nowhere.yaml"], 1),
        (["--no-such-flag"], ["No such option", "(see alframe run --help)"], 1),
        (["--strategy", "x", "budget.cycles=0"], ["'x'", "budget.cycles: expected at least"], 2),
        (["budget.initial=501"], ["asks for 501 images, the pool has 500"], 1),
        (["budget.per_cycle=300"], ["the budget asks for", "budget.cycles="], 1),
        (["--device", "cuda:7"], ["device=cuda:7", "CUDA devices are visible"], 1),
        (["model.backbone=resnet5O"], ["resnet5O"], 1),
        (["model.weights=nowhere.pth"], ["nowhere.pth"], 1),
        # Ranges are the components' own to know, and are told beside what is known without them.
        (
            ["training.lr=fast", "strategy.min_score=7", "model.focal_gamma=-1"],
            ["lr", "strategy.min_score: expected 0 to 1, got 7", "model.focal_gamma"],
            3,
        ),
        (["--learner", "x", "strategy.min_score=7"], ["'x'", "strategy.min_score"], 2),
        (["strategy.min_score=7", "dataset.size=2"], ["min_score", "dataset.size"], 2),
        (  # right for as many classes as the dataset has, which are not known yet
            [
                "--model",
                "lraspp-tiny",
                "--dataset",
                "shapes-seg",
                "training.lr=fast",
                "model.class_weights=[1,2,3,4]",
            ],
            ["training.lr"],
            1,
        ),
        # What others wrote is not made, as it may have bugs: these hide nothing.
        (["--strategy", f"{__name__}:Buggy", "strategy.k=5", "training.lr=fast"], ["lr"], 1),
        (["model.focal_gamma=-1", "budget.per_cycle=300"], ["focal_gamma", "budget.cycles="], 2),
    ],
)
def test_bad_input_is_refused_before_anything_is_made(
    alframe: Alframe, tmp_path: Path, args: list[str], needles: list[str], lines: int
) -> None:
    output = tmp_path / "run"
    refused(alframe("run", "--output", str(output), *args), *needles, lines=lines)
    assert not output.exists()
    refused(alframe("validate", *args), *[n.replace("run -", "validate -") for n in needles],
            lines=lines)  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        "run --config ''", "run --output ''", "run --data-root ''", "validate --data-root ''",
        "verify run --data-root ''", "verify ''", "predict run photo.jpg --data-root ''",
        "evaluate run --data-root ''", "bench smoke --data-root ''", "report ''",
    ],
)  # fmt: skip
def test_a_path_is_never_empty(alframe: Alframe, words: str) -> None:
    """As a shell makes it of a variable that is not set."""
    refused(alframe(*shlex.split(words)), "expected a path, got none")


def test_an_output_that_cannot_be_written_is_refused(alframe: Alframe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused(alframe("run", "--output", str(tmp_path / "file"), *SMALL), "cannot write to")
    refused(alframe("run", "--output", "/proc/alframe/run", *SMALL), "cannot write to /proc")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("precious")
    refused(alframe("run", "--output", str(tmp_path / "other"), *SMALL), "is not empty")


def test_a_checkpoint_of_another_configuration_is_refused(alframe: Alframe, tmp_path: Path) -> None:
    for name, more in (("a", ()), ("b", ("seed=1",))):
        assert alframe("run", "--output", str(tmp_path / name), *SMALL, *more)[0] == 0
    models = [tmp_path / n / "checkpoints" / "cycle_01.pt" for n in "ab"]
    journal = tmp_path / "a" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    until = next(i for i, line in enumerate(lines) if '"fitted", "cycle": 1' in line)
    journal.write_text("".join(lines[: until + 1]))  # as if killed before the last evaluation
    for content, needle in (
        (models[1].read_bytes(), "written under another configuration"),
        (b"PK\x03\x04 cut short", "damaged"),
    ):
        models[0].write_bytes(content)
        refused(alframe("run", "--output", str(tmp_path / "a"), "--resume"), needle, "cycle_01.pt")


def test_a_damaged_journal_is_named(alframe: Alframe, tmp_path: Path) -> None:
    path = tmp_path / "run"
    assert alframe("run", "--output", str(path), *SMALL)[0] == 0
    journal = path / "journal.jsonl"
    journal.write_text("nonsense\n" + journal.read_text())
    refused(alframe("run", "--output", str(path), "--resume"), "journal.jsonl, line 1 is damaged")


def break_jpeg(root: Path) -> None:
    file = root / "JPEGImages" / f"{first(root)}.jpg"
    file.write_bytes(file.read_bytes()[:3000])


def break_xml(root: Path) -> None:
    (root / "Annotations" / f"{first(root)}.xml").write_text("<annotation><object>")


def remove_image(root: Path) -> None:
    (root / "JPEGImages" / f"{first(root)}.jpg").unlink()


def rename_class(root: Path) -> None:
    file = root / "Annotations" / f"{first(root, 'test')}.xml"
    file.write_text(file.read_text().replace("<name>RBC</name>", "<name>Alien</name>"))


@pytest.mark.parametrize(
    ("damage", "needles"),
    [
        (break_jpeg, ["jpg", "on_bad_item=skip"]),
        (break_xml, ["xml", "on_bad_item=skip"]),
        (remove_image, ["the image is missing", "on_bad_item=skip"]),
        (rename_class, ["Alien", "dataset.classes="]),
    ],
)
def test_damaged_data_is_named_by_run_and_by_validate(
    alframe: Alframe,
    tmp_path: Path,
    voc_folder: Path,
    damage: Callable[[Path], None],
    needles: list[str],
) -> None:
    damage(voc_folder)
    args = ("--dataset", "voc", "--data-root", str(voc_folder), "budget.initial=2",
            "budget.per_cycle=1", "budget.cycles=2")  # fmt: skip
    output = tmp_path / "run"
    refused(alframe("run", "--output", str(output), *args), *needles)
    assert not output.exists()
    refused(alframe("validate", *args), *needles)
    if "on_bad_item=skip" in needles:
        code, _, err = alframe("validate", *args, "dataset.on_bad_item=skip")
        assert code == 0, err
        assert "valid: 7 images to choose from" in err
        assert first(voc_folder) in err


def test_what_is_said_of_the_data_is_in_the_log_of_the_run(
    alframe: Alframe, tmp_path: Path
) -> None:
    root = builders.voc_folder(tmp_path / "voc", trainval=["a", "b"], test=["c"])
    builders.voc_item(root, "b", builders.xml(builders.xml_object("dog")))
    cats = [builders.xml_object("cat", (1, 1, n + 5, 20)) for n in range(101)]
    builders.voc_item(root, "c", builders.xml("".join(cats)))
    code, _, err = alframe(
        "run", "--output", str(tmp_path / "run"), "--dataset", "voc", "--data-root", str(root),
        "--strategy", "random", "--detector", "retina-tiny", "model.fpn_channels=8",
        "training.iterations=1", "training.batch_size=1", "training.milestones=[]",
        "budget.initial=1", "budget.per_cycle=1", "budget.cycles=1",
    )  # fmt: skip
    log = (tmp_path / "run" / "run.log").read_text()
    for told in (
        "voc: classes that the test split does not show are not measured: dog (1)",
        "voc: 1 image of the test split with more objects than model.max_detections=100",
    ):
        assert (code, told in err, told in log) == (0, True, True), err


def test_data_may_be_moved(alframe: Alframe, tmp_path: Path, voc_folder: Path) -> None:
    size = ("data.long=64", "data.short=64", "model.fpn_channels=16", "training.iterations=2",
            "budget.initial=2", "budget.per_cycle=1", "budget.cycles=2")  # fmt: skip
    run, there = str(tmp_path / "run"), str(tmp_path / "there")
    args = ("--dataset", "voc", "--strategy", "entropy", "--output", run)
    assert alframe("run", *args, "--data-root", str(voc_folder), *size)[0] == 0
    voc_folder.rename(there)
    refused(alframe("verify", run), "is not a folder")
    assert alframe("verify", run, "--data-root", there)[0] == 0
    assert alframe("run", "--output", run, "--resume", "--data-root", there)[0] == 0
    code, out, _ = alframe("verify", run)
    assert (code, out.splitlines()[-1]) == (0, "6 of 6 verified")


def test_validate_reports_every_problem(alframe: Alframe, voc_folder: Path) -> None:
    ids = (voc_folder / "ImageSets/Main/trainval.txt").read_text().split()
    (voc_folder / "Annotations" / f"{ids[1]}.xml").unlink()
    break_xml(voc_folder)
    (voc_folder / "JPEGImages" / f"{ids[2]}.jpg").write_bytes(b"none")
    result = alframe("validate", "--dataset", "voc", "--data-root", str(voc_folder))
    refused(result, ids[0], ids[1], f"{ids[2]}.jpg", lines=3)
    assert "skipped" not in result[2]


def test_validate_reports_learner_budget_and_images_together(
    alframe: Alframe, voc_folder: Path
) -> None:
    break_jpeg(voc_folder)
    args = ("--dataset", "voc", "--data-root", str(voc_folder), "--device", "cuda:7")
    result = alframe("validate", *args, "budget.initial=50")
    refused(result, "device=cuda:7", "asks for 50 images", f"{first(voc_folder)}.jpg", lines=3)


def test_validate_reports_the_model_beside_bad_annotations(
    alframe: Alframe, voc_folder: Path
) -> None:
    break_xml(voc_folder)
    args = ("validate", "--dataset", "voc", "--data-root", str(voc_folder), "--device", "cuda:7")
    bad = f"{first(voc_folder)}.xml"
    refused(alframe(*args, "strategy.k=0"), bad, "strategy.k: ", "device=cuda:7", lines=3)
    refused(alframe(*args, "strategy.foo=0"), bad, "'strategy.foo'", lines=2)


def test_validate_looks_at_the_first_cycle(alframe: Alframe, tmp_path: Path) -> None:
    assert alframe("run", "--output", str(tmp_path / "run"), *SMALL)[0] == 0
    given = (*SMALL, f"first_cycle={tmp_path / 'run'}")
    assert alframe("validate", *given)[0] == 0
    refused(alframe("validate", *given, "training.lr=0.5"), "computed with training.lr = 0.003")


def test_of_several_files_the_later_wins(alframe: Alframe, tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("dataset: {pool: 20, test: 5}\nbudget: {initial: 5, per_cycle: 5}")
    two.write_text("dataset: {pool: 30}\nbudget: {cycles: 2}")
    for given in (("--config", str(one), "--config", str(two)), ("--config", str(one), str(two))):
        code, _, err = alframe("validate", *given)
        assert code == 0
        assert err.startswith("valid: 30 images to choose from, 5 to test on; labels 5 + 1 x 5;")


def test_validate_takes_a_file(alframe: Alframe, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "dataset: {name: shapes, pool: 20, test: 5}\nbudget: {initial: 5, per_cycle: 5}"
    )
    code, out, err = alframe("validate", str(file), "budget.cycles=3")
    assert code == 0
    assert re.fullmatch(
        "valid: 20 images to choose from, 5 to test on; labels 5 [+] 2 x 5; 5 classes: "
        r"\w+ \d+(, \w+ \d+){4}\n",
        err,
    )
    file.write_text(out)
    assert alframe("validate", str(file)) == (0, out, err), "a file for --config"
    file.write_text("datset: shapes")
    refused(alframe("validate", str(file)), "Did you mean 'dataset'")


def test_ls_and_env(alframe: Alframe) -> None:
    code, out, _ = alframe("ls")
    assert code == 0
    for name in ("entropy", "random", "retina", "retina-tiny", "voc", "coco", "shapes", "plain"):
        assert any(line.startswith(name + " ") for line in out.splitlines())
    assert alframe("ls", "plugins")[1].count("alframe") >= 4
    code, out, _ = alframe("env")
    assert {"versions", "device", "python"} <= set(json.loads(out))


def test_completion_of_a_verb_that_is_none_is_no_error() -> None:
    words = {"COMP_WORDS": "alframe foo ", "COMP_CWORD": "2", "_ALFRAME_COMPLETE": "bash_complete"}
    code = "from alframe.cli import cli; cli.main(prog_name='alframe')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **words}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_unknown_verb_says_what_is_known(alframe: Alframe) -> None:
    refused(alframe("rum"), "unknown command 'rum'; known: ", "Did you mean 'run'?")

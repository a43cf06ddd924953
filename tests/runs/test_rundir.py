import errno
import io
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from alframe.config.resolve import from_file, from_overrides, resolve, to_yaml
from alframe.config.sections import RunConfig
from alframe.datasets.base import Dataset, Target
from alframe.errors import ConfigError, RunError
from alframe.files import checkpoints
from alframe.files.atomic import atomic, remove_torn, write_text
from alframe.runs.budget import Plan
from alframe.runs.initial import digest, write_initial
from alframe.runs.journal import Journal
from alframe.runs.manifest import adopt, describe
from alframe.runs.opening import open_run
from alframe.runs.rundir import fingerprint, stored_layer
from alframe.runs.scores import read_scores, write_scores
from tests.fakes import fake_dataset
from tests.runs.stored import unchecked


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(TypeError), atomic(path) as file:
        file.writelines([b"half", 2])  # type: ignore[list-item]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_named_whoever_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``torch.save`` hides it behind an error of its own, as it goes on to close its archive."""
    path = tmp_path / "cycle_00.pt"
    whole = Path.open

    class Full(io.BytesIO):
        def write(self, content: Any) -> int:
            if self.tell() > 1000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    monkeypatch.setattr(Path, "open", lambda *_: Full())
    with pytest.raises(OSError, match="No space left on device") as error:
        checkpoints.save(path, "", {"state": torch.zeros(10_000)})
    assert error.value.filename == str(path)
    monkeypatch.setattr(Path, "open", whole)
    assert list(tmp_path.iterdir()) == []


def test_a_line_cut_short_by_a_kill_never_happened(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path.parent)
    journal.append("one", cycle=0)
    journal.append("two", cycle=0)
    whole = path.read_bytes()
    for cut in range(len(whole.splitlines(keepends=True)[0]), len(whole)):
        path.write_bytes(whole[:cut])
        again = Journal(path.parent)
        assert [e["event"] for e in again] == ["one"]
        again.append("three")
        assert [e["event"] for e in Journal(path.parent)] == ["one", "three"]


def test_the_last_selection_of_a_cycle_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for ids in ([], ["a"]):
        journal.append("selected", cycle=0, ids=ids, seconds=0.0, memory={})
    for each in (journal, Journal(tmp_path)):
        last = each.last("selected", 0)
        assert last
        assert last["ids"] == ["a"]
        assert each.last("selected", 1) is None


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event": "one"}\nnonsense\n{"event": "two"}\n')
    with pytest.raises(RunError, match=r"journal\.jsonl, line 2 is damaged"):
        Journal(path.parent)


def test_what_a_run_computes_is_in_its_fingerprint_and_nothing_else() -> None:
    def of(*pairs: str) -> str:
        return fingerprint(resolve([from_overrides(pairs)]).model_dump(mode="json"), {})

    assert of() == of("output=x", "device=cpu", "data.workers=3", "budget.cycles=9")
    assert len({of(), of("seed=1"), of("training.lr=0.1"), of("strategy=random")}) == 4


def test_checkpoints_are_read_by_a_version_that_knows_more_settings(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False):
        pass
    config = tmp_path / "run" / "config.yaml"
    unchecked(config)
    config.write_text(config.read_text().replace("  on_nonfinite: stop\n", ""))  # an old one
    with open_run(tmp_path / "run", resolve([]), resume=True) as run:
        run.save_model(0, {"weight": 1})
        assert "on_nonfinite" not in config.read_text()
        old = yaml.safe_load(config.read_text())
        stored = torch.load(run.model_path(0), weights_only=True)["configuration"]
        assert stored == fingerprint(old, {}), "what the old version had written"
        assert run.load_model(0) == {"weight": 1}


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        run.save_model(0, {})
    torn = tmp_path / "run" / "checkpoints" / ".latest.pt.01234567.tmp"
    in_root = tmp_path / "run" / ".cycles.jsonl.89abcdef.tmp"
    of_people = tmp_path / "run" / ".mine.tmp"
    for path in (torn, in_root, of_people):
        path.write_bytes(b"half")
    with open_run(tmp_path / "run", resolve([]), resume=True):
        assert [p.name for p in torn.parent.iterdir()] == ["cycle_00.pt"]
        assert not in_root.exists()
        assert of_people.exists()


def test_where_the_last_model_is_kept_those_before_are_dropped(tmp_path: Path) -> None:
    config = resolve([from_overrides(["keep_models=last"])])
    with open_run(tmp_path / "run", config, resume=False) as run:
        for cycle in (0, 1):
            run.save_model(cycle, {})
            run.drop_models(cycle)
        assert run.kept_models() == [1]


def test_another_model_does_not_stand_for_the_last_one_that_is_lost(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        run.update_manifest(seed=0)
        for cycle in (0, 1):
            run.save_model(cycle, {})
            run.journal.append("fitted", cycle=cycle, seconds=1.0)
        run.save_model(2, {})  # a kill came before the event
        assert run.kept_model() == 2
        run.model_path(2).unlink()
        assert run.kept_model() == 1
        run.model_path(1).unlink()
        with pytest.raises(RunError, match=r"_01\.pt is missing: .* of another cycle by --cycle"):
            run.load_model(run.kept_model())
        assert run.kept_model(0) == 0
        run.model_path(0).unlink()
        with pytest.raises(RunError, match=r"no model of cycle 0; .*: none any more"):
            run.kept_model(0)
        with pytest.raises(RunError, match=r"cycle_01\.pt is missing"):
            run.load_model(run.kept_model())


def test_scores_come_back_as_they_were(tmp_path: Path) -> None:
    write_scores(tmp_path / "x.npz", {"b": 0.1, "a": 1 / 3})
    assert read_scores(tmp_path / "x.npz") == {"a": 1 / 3, "b": 0.1}


def test_what_somebody_may_still_be_writing_stays(tmp_path: Path) -> None:
    torn = tmp_path / ".x.01234567.tmp"
    torn.touch()
    remove_torn(tmp_path, idle=60)
    assert torn.exists()
    os.utime(torn, (0, 0))
    remove_torn(tmp_path, idle=60)
    assert not torn.exists()


def test_a_model_of_another_cycle_is_not_taken_for_this_one(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        run.save_model(0, {"weight": 1})
        shutil.copy(run.model_path(0), run.model_path(1))
        shutil.copy(run.model_path(0), run.path / "checkpoints" / "cycle_x.pt")
        assert run.kept_models() == [0, 1]
        with pytest.raises(RunError, match=r"cycle_01\.pt is the model of cycle 0: restore"):
            run.load_model(1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "manifest.json is missing: restore it"),
        ("{", "manifest.json is damaged, it is not JSON"),
        ("[]", "manifest.json is damaged, expected an object, got []"),
        ("{}", "does not say of which dataset the run is: restore it"),
        ('{"dataset": {"fingerprint": 1, "classes": []}}', "does not say of which dataset"),
        ('{"dataset": {"fingerprint": "f", "classes": [1]}}', "does not say of which dataset"),
    ],
)
def test_a_damaged_manifest_says_what_can_still_be_done(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        run.update_manifest(dataset={"fingerprint": "f", "classes": ["a"]})
        run.journal.append("finished")
        assert run.described()["classes"] == ["a"]
    path = run.path / "manifest.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(RunError) as error:
        run.described()
    assert problem in str(error.value)
    assert "what the run found is in results.csv and cycles.jsonl" in str(error.value)


@pytest.mark.parametrize("empty", [True, False])
def test_finished_cycles_without_a_journal_are_not_done_again(tmp_path: Path, empty: bool) -> None:
    """It would take days, and write over what was found."""
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        run.update_manifest(seed=0)
        run.journal.append("evaluated", cycle=0)
        run.write_cycles([])
    path = run.path / "journal.jsonl"
    path.write_text("") if empty else path.unlink()
    with (
        open_run(run.path, resolve([]), resume=True) as again,
        pytest.raises(RunError, match=r"journal\.jsonl is missing or empty, but cycles are fin"),
    ):
        _ = again.journal


def test_a_configuration_that_was_edited_is_named(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False):
        pass
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace("seed: 0", "seed: 1", 1))
    with pytest.raises(RunError, match=r"config\.yaml is damaged, it has changed since it was"):
        stored_layer(tmp_path / "run")
    whole = config.read_text()
    for cut in (0, 100, len(whole) // 2, whole.rindex("\n", 0, -1) + 1):
        config.write_text(whole[:cut])
        with pytest.raises(
            RunError, match=r"config\.yaml is damaged, (it has changed|it is empty)"
        ):
            stored_layer(tmp_path / "run")
    config.write_text(whole)
    unchecked(config)
    assert stored_layer(tmp_path / "run")["seed"] == 1


def test_the_command_in_a_header_can_be_copied(tmp_path: Path) -> None:
    path = tmp_path / "it's\nmine: x"
    with open_run(path, resolve([]), resume=False):
        pass
    header = (path / "config.yaml").read_text().splitlines()[1]
    assert header.endswith("it\\'s\\x0amine: x/config.yaml' --output ANOTHER_FOLDER")
    assert stored_layer(path)["seed"] == 0


def test_a_damaged_file_is_deleted_only_where_that_helps(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        run.fit_state(1).save({})
        run.save_model(0, {})
        for path in (run.model_path(0), run.path / "checkpoints" / "latest.pt"):
            path.write_bytes(b"PK\x03\x04 cut short")
        with pytest.raises(RunError, match=r"cycle_00\.pt is damaged, .* restore the file"):
            run.load_model(0)
        with pytest.raises(RunError, match=r"latest\.pt is damaged, .* delete it to repeat"):
            run.fit_state(1).load()


def test_a_fit_that_is_resumed_has_taken_what_it_took_before(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        before = run.fit_state(1)
        before.seconds = 1000.0  # of a process before it
        before.save({})
        after = run.fit_state(1)
        assert after.elapsed() < 1000 < before.elapsed()
        assert after.load() == {}
        assert 1000 < after.elapsed() < 2000


def test_settings_that_change_nothing_may_change_on_resume(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False):
        pass
    with open_run(tmp_path / "run", resolve([from_overrides(["data.workers=1"])]), resume=True):
        pass
    other = resolve([from_overrides(["training.lr=9", "seed=4", "budget.per_cycle=7"])])
    with pytest.raises(RunError) as error, open_run(tmp_path / "run", other, resume=True):
        pass
    assert len(error.value.problems) == 3


ANNOTATED: dict[str, Any] = {"images": 0, "objects": 0, "ignored": [], "extra": [], "sha256": ""}


def test_a_run_that_cannot_be_written_to_says_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with open_run(path, resolve([]), resume=False):
        pass
    (path / "scores").rmdir()
    (path / "scores").touch()
    said = rf"^cannot write to {path}: File exists \({path}/scores\); see to it$"
    with pytest.raises(RunError, match=said), open_run(path, resolve([]), resume=True):
        pass
    (path / "run.log").unlink()
    (path / "run.log").symlink_to("run.log")
    said = rf"\({path}/run\.log\); remove links that go in circles$"
    with pytest.raises(RunError, match=said), open_run(path, resolve([]), resume=True):
        pass


def test_there_may_be_other_cycles_but_no_fewer_than_have_begun(tmp_path: Path) -> None:
    def of(cycles: int) -> RunConfig:
        return resolve([from_overrides([f"budget.cycles={cycles}"])])

    with open_run(tmp_path / "run", of(3), resume=False) as run:
        run.save_model(0, {"weight": 1})
        run.update_manifest(seed=4, finished="2026-01-01")
    with open_run(tmp_path / "run", of(3), resume=True) as run:
        adopt(run)
        assert run.manifest() == {"seed": 4, "finished": "2026-01-01"}
    with open_run(tmp_path / "run", of(5), resume=True) as run:
        adopt(run)
        assert run.manifest() == {"seed": 4, "finished": None}
        assert resolve([stored_layer(run.path)]) == of(5)
        assert run.load_model(0) == {"weight": 1}
        for cycle in range(3):
            run.journal.append("annotated", **ANNOTATED, cycle=cycle)
    refused = open_run(tmp_path / "run", of(2), resume=True)
    with pytest.raises(RunError, match=r"cycles=2: expected 3 or more, as many have beg"), refused:
        pass
    with open_run(tmp_path / "run", of(3), resume=True) as run:
        adopt(run)
        assert resolve([stored_layer(run.path)]) == of(3)


def test_where_moved_data_lie_is_written_down(tmp_path: Path) -> None:
    def at(root: str) -> RunConfig:
        return resolve([from_overrides(["dataset=voc", f"dataset.root={root}"])])

    dataset, plan = fake_dataset(), Plan((), 1, None)
    with open_run(tmp_path / "run", at("here"), resume=False) as run:
        describe(run, dataset, plan, "the fingerprint")
        run.save_model(0, {"weight": 1})
    with open_run(tmp_path / "run", at("there"), resume=True) as run:
        with pytest.raises(RunError, match="voc has changed since"):
            describe(run, dataset, plan, "another")
        assert resolve([stored_layer(run.path)]) == at("here")
        describe(run, dataset, plan, "the fingerprint")
        adopt(run)
        assert resolve([stored_layer(run.path)]) == at("there")
        assert run.load_model(0) == {"weight": 1}


def changed(item: str) -> Dataset:
    """An image has other annotations."""
    dataset = fake_dataset()
    return replace(dataset, targets={**dataset.targets, item: Target.of([[1, 1, 6, 8]], [0])})


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (
            replace(fake_dataset(), pool=fake_dataset().pool[:1]),
            "1 image to choose from in place of 12. Restore it, or",
        ),
        (
            fake_dataset(test=3, classes=("a", "c")),
            "3 images to test on in place of 4; the new classes c; no more the classes b. Restore",
        ),
        (fake_dataset(classes=("b", "a")), "its classes in another order. Restore it"),
        (changed("p000"), "other images or annotations to choose from. Restore it, or"),
        (changed("t000"), "other images or annotations to test on, and maybe to choose from. Res"),
        (
            replace(changed("t000"), pool=fake_dataset().pool[:11]),
            "11 images to choose from in place of 12; other images or annotations to test on, and",
        ),
    ],
)
def test_what_has_changed_of_the_data_is_told(tmp_path: Path, now: Dataset, told: str) -> None:
    before, plan = fake_dataset(), Plan((), 1, None)
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        for _ in range(2):
            describe(run, before, plan, before.fingerprint())
        where = re.escape(f"shapes has changed since {run.path} was started: it has {told}")
        with pytest.raises(RunError, match=where):
            describe(run, now, plan, now.fingerprint())


def test_answers_that_lie_within_the_data_belong_elsewhere(tmp_path: Path) -> None:
    before, plan = fake_dataset(), Plan((), 1, None)
    with open_run(tmp_path / "run", resolve([{"oracle": {"name": "files"}}]), resume=False) as run:
        describe(run, before, plan, before.fingerprint())
        now = changed("p000")
        with pytest.raises(RunError, match=r"Restore it \(answers of people lie elsewhere, for al"):
            describe(run, now, plan, now.fingerprint())


def test_the_initial_set_may_lie_elsewhere_on_resume_but_not_be_another(tmp_path: Path) -> None:
    def of(name: str) -> RunConfig:
        return resolve([from_overrides([f"budget.initial_set={tmp_path / name}"])])

    for name, ids in (("here", "ab"), ("there", "ab"), ("other", "ac")):
        write_initial(tmp_path / name, ids)
    with open_run(tmp_path / "run", of("here"), resume=False) as run:
        run.update_manifest(initial_sha256=digest("ab"))
    with open_run(tmp_path / "run", of("there"), resume=True):
        pass
    refused = open_run(tmp_path / "run", of("other"), resume=True)
    with pytest.raises(RunError, match=r"was started with budget\.initial_set"), refused:
        pass


def test_results_are_a_flat_table_too(tmp_path: Path) -> None:
    cycle = {
        "cycle": 0,
        "labelled": 5,
        "objects": 7,
        "metrics": {"mAP50": 0.25, "AP50": {"dog": 0.5, "cat": None}},
        "phases": [],
        "seconds": {"fit": 1.5},
        "selected": ["x"],
    }
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        run.write_cycles([cycle, {**cycle, "cycle": 1}])
    lines = (tmp_path / "run" / "results.csv").read_text().splitlines()
    assert lines == [
        "cycle,labelled,objects,mAP50,AP50/dog,AP50/cat,seconds/fit",
        "0,5,7,0.25,0.5,,1.5",
        "1,5,7,0.25,0.5,,1.5",
    ]
    stored = (tmp_path / "run" / "cycles.jsonl").read_text().splitlines()
    assert json.loads(stored[0]) == {**cycle, "crc32": "43837ee2"}


def test_a_run_that_stops_says_why_in_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        open_run(tmp_path / "run", resolve([]), resume=False),
    ):
        _ = 1 / 0
    assert "ZeroDivisionError" in (tmp_path / "run" / "run.log").read_text()


def test_cycles_that_the_journal_has_lost_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_run(tmp_path / "run", resolve([]), resume=False) as run:
        run.update_manifest(seed=0)
        run.journal.append("initial", ids=["a"], test=[], sha256="")
        begun = (run.path / "journal.jsonl").read_bytes()
        run.journal.append("evaluated", cycle=0, metrics={}, seconds=1.0)
        row = {"cycle": 0, "labelled": 1, "objects": 1, "metrics": {}, "seconds": {}}
        run.write_cycles([row])
    with open_run(run.path, resolve([]), resume=True):
        assert not caplog.messages
    (run.path / "journal.jsonl").write_bytes(begun)
    with open_run(run.path, resolve([]), resume=True):
        (said,) = caplog.messages
    assert "tells of 0 finished cycles, cycles.jsonl of 1: the others are done again" in said


def test_settings_without_effect_in_a_run_of_an_older_version_are_left_out(tmp_path: Path) -> None:
    """It wrote what its presets had, whether it had an effect or not."""
    written = to_yaml(resolve([])).replace("  long: 1000\n", "  long: 320\n")
    (tmp_path / "config.yaml").write_text(written)
    with pytest.raises(ConfigError, match=r"data.long has no effect"):
        resolve([from_file(str(tmp_path / "config.yaml"))])
    assert resolve([stored_layer(tmp_path)]) == resolve([])


def test_a_run_of_an_older_version_keeps_its_models_when_its_settings_are_written_anew(
    tmp_path: Path,
) -> None:
    config, path = resolve([]), tmp_path / "run"
    with open_run(path, config, resume=False):
        pass
    (path / "config.yaml").write_text(to_yaml(config).replace("  long: 1000\n", "  long: 320\n"))
    with open_run(path, config, resume=True) as run:
        run.save_model(0, {"weight": torch.ones(1)})
    endless = resolve([from_overrides(["budget.cycles=null"])])
    with open_run(path, endless, resume=True) as run:
        adopt(run)
    assert "long: 1000" in (path / "config.yaml").read_text()
    with open_run(path, endless, resume=True) as run:
        assert run.load_model(0) == {"weight": torch.ones(1)}

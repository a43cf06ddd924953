"""Tables worked by hand."""

import csv
import io

import pytest

from alframe.benchmarks.runs import read_run, read_runs
from alframe.benchmarks.tables import (
    Cell,
    cycle_markdown,
    grid,
    markdown,
    share_text,
    tabulate,
    to_csv,
    to_json,
)
from alframe.errors import RunError
from tests.benchmarks.fake_runs import write_run


@pytest.fixture
def runs(tmp_path):
    """random over three seeds, the last of them stopped after one cycle; miaod over one."""
    write_run(tmp_path / "1", [0.10, 0.20], seed=0)
    write_run(tmp_path / "2", [0.20, 0.30], seed=1)
    write_run(tmp_path / "3", [0.60], seed=2, finished=False)
    write_run(tmp_path / "4", [0.25, 0.505], strategy="miaod", learner="miaod")
    return read_runs([tmp_path])


class TestTabulate:
    def test_mean_sd_and_n(self, runs):
        (table,) = tabulate(runs, "mAP50")
        assert [(r.method, r.title) for r in table.rows] == [
            ("random", "random (unfinished)"),
            ("miaod", "miaod"),
        ]
        first, second = table.rows[0].cells
        # mean .3, deviations -.2 -.1 .3, squares .04 + .01 + .09 = .14, over n - 1 = 2: .07
        assert (first.labelled, first.n) == (10, 3)
        assert first.mean == pytest.approx(0.3)
        assert first.sd == pytest.approx(0.07**0.5)
        # mean .25, deviations -.05 .05: .005 over 1
        assert (second.labelled, second.n) == (20, 2)
        assert second.mean == pytest.approx(0.25)
        assert second.sd == pytest.approx(0.005**0.5)
        assert table.rows[1].cells == (Cell(10, 0.25, None, 1), Cell(20, 0.505, None, 1))

    def test_columns_and_shares(self, runs):
        (table,) = tabulate(runs, "mAP50")
        assert table.columns == [10, 20]
        assert table.share(20) == pytest.approx(0.1)

    def test_metric_of_a_class(self, runs):
        (table,) = tabulate(runs, "AP50.disc")
        assert table.rows[1].cells[0].mean == 0.25

    def test_metric_that_was_never_a_number_gives_empty_rows(self, runs):
        (table,) = tabulate(runs, "AP50.ring")
        assert [row.cells for row in table.rows] == [(), ()]

    def test_unknown_metric(self, runs):
        with pytest.raises(
            RunError,
            match=r"unknown metric 'mAP5'; known: AP50\.CLASS, mAP50, mAP50_11pt\. Did you mean",
        ):
            tabulate(runs, "mAP5")

    def test_datasets_are_kept_apart(self, tmp_path):
        write_run(tmp_path / "1", [0.1], dataset="voc")
        write_run(tmp_path / "2", [0.2], dataset="shapes", fingerprint="abcdef0123")
        write_run(tmp_path / "3", [0.3], dataset="shapes", fingerprint="0123456789")
        tables = tabulate(read_runs([tmp_path]), "mAP50")
        assert [t.dataset for t in tables] == ["voc", "shapes [abcdef01]", "shapes [01234567]"]


class TestNames:
    def names(self, folder):
        (table,) = tabulate(read_runs([folder]), "mAP50")
        return [row.method for row in table.rows]

    def test_learner_where_the_strategy_is_not_enough(self, tmp_path):
        write_run(tmp_path / "1", [0.1], learner="plain")
        write_run(tmp_path / "2", [0.1], learner="miaod", settings={"momentum": 0.9})
        write_run(tmp_path / "3", [0.1], strategy="miaod", learner="miaod")
        assert self.names(tmp_path) == ["random (learner=plain)", "random (learner=miaod)", "miaod"]

    def test_settings_where_the_parts_are_not_enough(self, tmp_path):
        write_run(tmp_path / "1", [0.1], settings={"lr": 0.1})
        write_run(tmp_path / "2", [0.1], settings={"lr": 0.2, "ema": 0.9})
        assert self.names(tmp_path) == [
            "random (training.lr=0.1, training.ema=None)",
            "random (training.lr=0.2, training.ema=0.9)",
        ]


class TestMarkdown:
    def test_percent_with_two_decimals(self, runs):
        (table,) = tabulate(runs, "mAP50")
        assert markdown(table).splitlines() == [
            "| method | n | 10 (5 %) | 20 (10 %) |",
            "| --- | ---: | ---: | ---: |",
            "| random (unfinished) | 3 | 30.00 ± 26.46 | 25.00 ± 7.07 (n=2) |",
            "| miaod | 1 | 25.00 | 50.50 |",
        ]

    def test_missing_cell(self, tmp_path):
        write_run(tmp_path / "1", [None, 0.2])
        write_run(tmp_path / "2", [0.1], strategy="miaod")
        (table,) = tabulate(read_runs([tmp_path]), "mAP50")
        assert markdown(table).splitlines()[2:] == [
            "| random | 1 | - | 20.00 |",
            "| miaod | 1 | 10.00 | - |",
        ]

    def test_cycles_of_one_run(self, tmp_path):
        run = read_run(write_run(tmp_path / "a", [0.5, None]))
        assert cycle_markdown(run).splitlines() == [
            "| cycle | labelled | boxes | boxes per selected image | mAP50 | mAP50_11pt "
            "| fit s | evaluate s | select s |",
            "| --- " + "| ---: " * 8 + "|",
            "| 0 | 10 | 30 | 3.00 | 50.00 | 25.00 | 12.3 | 1.0 | 0.5 |",
            "| 1 | 20 | 60 | 3.00 | - | - | 12.3 | 1.0 | 0.5 |",
        ]

    def test_a_name_cannot_break_the_table(self):
        assert grid(["a|b"], []) == "| a\\|b |\n| --- |\n"

    @pytest.mark.parametrize(
        ("share", "text"), [(827 / 16551, "5 %"), (1240 / 16551, "7.5 %"), (1, "100 %")]
    )
    def test_share(self, share, text):
        assert share_text(share) == text


def test_csv_has_a_line_a_cell_in_fractions(runs):
    rows = list(csv.DictReader(io.StringIO(to_csv(tabulate(runs, "mAP50")))))
    assert len(rows) == 4
    assert rows[3] == {
        "dataset": "shapes",
        "method": "miaod",
        "finished": "true",
        "labelled": "20",
        "share": "0.1",
        "metric": "mAP50",
        "mean": "0.505",
        "sd": "",
        "n": "1",
    }
    assert rows[0]["finished"] == "false"
    assert float(rows[0]["sd"]) == pytest.approx(0.07**0.5)


def test_json_has_the_points_and_every_cycle(runs):
    (table,) = to_json(tabulate(runs, "mAP50"))
    assert (table["dataset"], table["pool"], table["metric"]) == ("shapes", 200, "mAP50")
    method = table["methods"][1]
    assert method["points"][1] == {"labelled": 20, "mean": 0.505, "sd": None, "n": 1, "share": 0.1}
    (run,) = method["runs"]
    assert (run["seed"], run["finished"]) == (0, True)
    assert run["cycles"][0] == {
        "cycle": 0,
        "labelled": 10,
        "boxes": 30,
        "metrics": {"mAP50": 0.25, "mAP50_11pt": 0.125, "AP50.disc": 0.25, "AP50.ring": None},
        "seconds": {"fit": 12.34, "evaluate": 1.0, "select": 0.5},
    }

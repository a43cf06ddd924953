"""The published tables, exactly as specs/benchmarks.md gives them."""

import re
from pathlib import Path

import pytest

from alframe.benchmarks.published import names, published
from alframe.benchmarks.running.suite import load
from alframe.errors import ConfigError

SPECIFICATION = Path(__file__).parents[3] / "shared" / "specs" / "benchmarks.md"


def rows(name: str) -> dict[str, list[float]]:
    return {r.method: [round(100 * v, 2) for v in r.values.values()] for r in published(name)}


def test_there_are_four() -> None:
    assert names() == ["cifar10-ll4al", "coco-retina", "voc-retina", "voc-ssd"]


def test_a_row_by_hand() -> None:
    miaod = published("voc-retina")[0]
    assert (miaod.method, miaod.source, miaod.full) == ("MI-AOD", "table", 0.7837)
    assert miaod.values == {827: 0.4718, 1240: 0.5841, 1653: 0.6402, 2066: 0.6772,
                            2479: 0.6979, 2892: 0.7107, 3305: 0.7227}  # fmt: skip
    ssd = published("voc-ssd")[0]
    assert (ssd.source, ssd.spread[1000], ssd.values[10000]) == ("FAQ", 0.0215, 0.7491)
    assert next((r.method, r.source) for r in published("cifar10-ll4al")) == ("random", "rerun")
    assert rows("cifar10-ll4al")["MI-AOD training, random selection"] == [
        58.07, 67.75, 74.91, 78.88, 80.96
    ]  # fmt: skip
    assert rows("coco-retina")["random"] == [6.7, 12.9, 15.6, 17.8, 19.0]


def test_what_was_measured() -> None:
    """VOC 2007 is scored by 11 points in MI-AOD's code (specs/miaod.md, 5)."""
    found = {name: {(r.model, r.metric, r.pool) for r in published(name)} for name in names()}
    assert found == {
        "cifar10-ll4al": {("ResNet-18", "accuracy", 50000)},
        "coco-retina": {("RetinaNet-R50", "mAP", 117266)},
        "voc-retina": {("RetinaNet-R50", "mAP50_11pt", 16551)},
        "voc-ssd": {("SSD300-VGG16", "mAP50_11pt", 16551)},
    }


@pytest.mark.parametrize("name", names())
def test_the_suites_with_published_rows_have_their_metric(name: str) -> None:
    suite = load(name)
    tables = {problem.published for problem in suite.problems.values()}
    assert tables == {name}
    assert {row.metric for row in published(name)} == {suite.metric}


@pytest.mark.parametrize(
    ("metric", "pools", "stay"),
    [("mAP50_11pt", {16551}, True), ("mAP50_11pt", {None}, True), ("mAP50", {16551}, False),
     ("mAP50_11pt", {200}, False), ("mAP50_11pt", {16551, 200}, False)],
)  # fmt: skip
def test_rows_lie_beneath_the_same_metric_and_pool_only(
    metric: str, pools: set[int | None], stay: bool
) -> None:
    rows = published("voc-retina")
    assert [row.lies_beneath(metric, pools) for row in rows] == [stay] * len(rows)


def test_unknown_table() -> None:
    with pytest.raises(
        ConfigError, match="unknown published table 'voc'; known: cifar10-ll4al, coco-retina"
    ):
        published("voc")


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="needs ../shared/specs/benchmarks.md")
def test_every_number_is_that_of_the_specification() -> None:
    text = SPECIFICATION.read_text().split("## Published figures")[1]
    retina, ssd = text.split("SSD300-VGG16, VOC07+12")
    ssd, coco = ssd.split("RetinaNet-R50, COCO")
    for table, name in ((retina, "voc-retina"), (ssd, "voc-ssd")):
        ours = rows(name)
        for method, values in _markdown_rows(table).items():
            if method == "MI-AOD std":
                spread = published(name)[0].spread
                assert [round(100 * v, 2) for v in spread.values()] == values
            else:
                assert ours[method.removesuffix(" mean")] == values
    found = [float(x) for x in re.findall(r"\d+\.\d+", coco.split("Budgets")[0])]
    assert found == [v for row in rows("coco-retina").values() for v in row]


def _markdown_rows(text: str) -> dict[str, list[float]]:
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if match := re.match(r"(.*) \[[TFD]\]$", cells[0]):
            columns = 7 if "48." in line or len(cells) < 11 else 10
            found[match[1]] = [float(c) for c in cells[1 : columns + 1]]
    return found

"""The page in a real browser: narrow, wide, dark, sorted by a press on a head."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from alframe.benchmarks.reporting.page import render
from tests.benchmarks.findings_example import CURVES, FINDINGS, with_names

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome",
         "headless_shell", "chrome-headless-shell")  # fmt: skip
PLAYWRIGHT = ("*/chrome-*/headless_shell", "*/chrome-*/chrome-headless-shell", "*/chrome-*/chrome")

PROBE = """
<body style="margin: 0">
<iframe style="border: 0; width: %dpx; height: %dpx" srcdoc="%s"></iframe>
<pre></pre>
<script>
onload = () => {
  const page = frames[0].document;
  const table = page.querySelector("table.sortable");
  const rows = () => [...table.querySelectorAll("tbody tr")].map((row) => row.cells[0].innerText);
  const press = (column) => {
    const head = table.tHead.rows[0].cells[column];
    head.querySelector("button").click();
    return [head.getAttribute("aria-sort"), rows()];
  };
  document.querySelector("pre").textContent = JSON.stringify({
    screen: frames[0].innerWidth,
    width: page.documentElement.scrollWidth,
    table: [table.parentElement.scrollWidth, table.parentElement.clientWidth],
    given: rows(),
    number: [press(3), press(3), press(3)],
    name: [press(0), press(0)],
  });
};
</script>
"""


def found() -> str | None:
    paths = [os.environ.get("CHROMIUM"), *(shutil.which(name) for name in NAMES)]
    cache = Path.home() / ".cache" / "ms-playwright"
    paths += [str(path) for pattern in PLAYWRIGHT for path in sorted(cache.glob(pattern))]
    return next((path for path in paths if path), None)


CHROMIUM = found()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH; CHROMIUM=PATH names one"),
]


def browse(folder, *options: str) -> str:
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--window-size=1280,900", f"--user-data-dir={folder / 'profile'}", *options,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def probe(folder, width: int, height: int, findings=FINDINGS):
    page = render(findings, CURVES)
    file = folder / "probe.html"
    file.write_text("<!DOCTYPE html>" + PROBE % (width, height, html.escape(page)), "utf-8")
    dom = browse(folder, "--dump-dom", file.as_uri())
    (report,) = re.findall(r"<pre>(\{.*?\})</pre>", dom, re.DOTALL)
    return json.loads(html.unescape(report))


@pytest.mark.parametrize("long_names", [False, True])
@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900)])
def test_the_page_is_never_wider_than_the_screen(tmp_path, width, height, long_names):
    lengthen = 12 if long_names else 1
    report = probe(tmp_path, width, height, with_names(FINDINGS, lambda name: name * lengthen))
    assert report["screen"] == width
    assert report["width"] <= width
    shown, room = report["table"]
    assert shown > room or width > 360  # the table is what scrolls on a phone


def test_a_press_on_a_head_sorts_and_published_rows_stay_beneath(tmp_path):
    report = probe(tmp_path, 1280, 900)
    ours, published = report["given"][:3], report["given"][3:]
    assert ours == ["random", "miaod (unfinished)", "entropy_of plain"]
    # Column 3: random 49.42, miaod 58.41, entropy none, which lies last either way.
    assert report["number"] == [
        ["descending", ["miaod (unfinished)", "random", "entropy_of plain", *published]],
        ["ascending", ["random", "miaod (unfinished)", "entropy_of plain", *published]],
        [None, ours + published],
    ]
    assert report["name"] == [
        ["ascending", ["entropy_of plain", "miaod (unfinished)", "random", *published]],
        ["descending", ["random", "miaod (unfinished)", "entropy_of plain", *published]],
    ]


@pytest.mark.parametrize(("scheme", "ground"), [(0, (20, 23, 26)), (1, (246, 247, 248))])
def test_ground_is_dark_where_the_reader_likes_it_dark(tmp_path, scheme, ground):
    (tmp_path / "page.html").write_text(render(FINDINGS, CURVES), "utf-8")
    shot = tmp_path / "shot.png"
    browse(
        tmp_path, f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={shot}",
        (tmp_path / "page.html").as_uri(),
    )  # fmt: skip
    with Image.open(shot) as image:
        assert image.size == (1280, 900)
        assert image.convert("RGB").getpixel((2, 2)) == ground

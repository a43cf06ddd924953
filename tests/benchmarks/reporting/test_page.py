"""The page as a whole: well-formed, self-contained, nothing empty, nothing unescaped."""

import base64
import dataclasses
import hashlib
import re

import pytest

from alframe.benchmarks.reporting.page import PROFILE, render
from alframe.benchmarks.statistics import AXES
from tests.benchmarks.findings_example import BARE, CURVES, FINDINGS, jpeg, with_names
from tests.benchmarks.reporting.tree import block, parse, text, titles

TITLES = [
    "mAP50 by number of labelled images",
    "Learning curves",
    "Full supervision, the same recipe",
    "AUBC",
    "Comparisons",
    "Label savings",
    "Classes of the selected objects",
    "Overlap of the selections",
    "Selected first by miaod: seed 0, cycle 1",
    "Time and memory",
    "mAP50 by number of labelled images",  # of the bare problem: all that it has
    "Wins",
    "Performance profile",
    "Problems solved",
    "Jobs",
    "Commands",
    "Recipe",
    "Modelled cost of labelling",
    "Environment",
]


@pytest.fixture(scope="module")
def page():
    return parse(render(FINDINGS, CURVES))


def addresses(page):
    return [e.get(name) for e in page.iter() for name in ("src", "href", "srcset") if e.get(name)]


def test_every_part_in_order(page):
    assert titles(page) == TITLES
    assert [text(h) for h in page.iter("h2")] == [
        "voc-retina", "shapes-ssd", "All problems together", "Without a result", "How it was made",
    ]  # fmt: skip
    assert text(page.find("head/title")) == text(page.find("body/header/h1")) == "Paper suite"


def test_what_is_missing_leaves_nothing_behind():
    html = render(BARE, {})
    page = parse(html)
    assert titles(page) == ["mAP50 by number of labelled images"]
    assert "notice" not in [p.get("class") for p in page.iter("p")]
    assert "None" not in html
    assert all(
        text(e) for e in page.iter() if e.tag in ("p", "h2", "h3", "th", "td", "li", "tbody")
    )


def test_a_problem_of_which_nothing_is_finished_has_no_section():
    problem = dataclasses.replace(FINDINGS.problems[1], methods=())
    page = parse(render(dataclasses.replace(BARE, problems=(problem,)), {}))
    assert not list(page.iter("h2"))


def test_links_and_labels_lead_somewhere_and_ids_are_unique(page):
    ids = [e.get("id") for e in page.iter() if e.get("id")]
    links = [a.get("href") for a in page.iter("a")]
    labels = [e.get("aria-labelledby") for e in page.iter() if e.get("aria-labelledby")]
    assert len(ids) == len(set(ids))
    assert links == [f"#s{i}" for i in (1, 2, 3, 4, 5)]
    assert {f"#{i}" for i in ids} >= set(links)
    assert set(ids) >= set(labels)


def test_no_request_leaves_the_page(page):
    assert all(a.startswith(("data:image/", "#")) for a in addresses(page))
    assert not {e.tag for e in page.iter()} & {"link", "iframe", "object", "embed", "base", "form"}
    (style,) = page.iter("style")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_only_the_script_of_the_page_may_run(page):
    (policy,) = [m.get("content") for m in page.iter("meta") if m.get("http-equiv")]
    (script,) = page.iter("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}';" in policy


def test_pictures_are_embedded_as_they_are(page):
    drawings = [i for i in page.iter("img") if "svg" in i.get("src")]
    assert [base64.b64decode(i.get("src").split(",")[1]).decode() for i in drawings] == [
        CURVES["voc-retina"], CURVES[PROFILE],
    ]  # fmt: skip
    first, second = block(page, "Selected first by miaod: seed 0, cycle 1").iter("figure")
    assert first.find("img").get("src") == (
        "data:image/jpeg;base64," + base64.b64encode(jpeg()).decode()
    )
    assert first.find("img").get("alt") == "VOC2007/000005, rank 1, score 0.9124"
    assert first.find("img").get("loading") == "lazy"
    assert second.find("img").get("alt") == "VOC2012/7, rank 2"
    assert [text(f.find("figcaption")) for f in (first, second)] == [
        "VOC2007/000005 score 0.9124", "VOC2012/7",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onload='x",
        "{{ 7 * 7 }}&lt;",
        "</title></style></script>",
    ],
)
def test_names_are_text_wherever_they_stand(page, attack):
    hostile = with_names(FINDINGS, lambda name: attack + name)
    curves = {attack + name if name != PROFILE else name: svg for name, svg in CURVES.items()}
    attacked = parse(render(hostile, curves))
    assert [e.tag for e in attacked.iter()] == [e.tag for e in page.iter()]
    assert [sorted(e.keys()) for e in attacked.iter()] == [sorted(e.keys()) for e in page.iter()]
    spaced = " ".join(attack.split())
    assert [text(e).replace(spaced, "") for e in attacked.iter()] == [text(e) for e in page.iter()]


def test_without_pictures_no_photograph_is_in_it():
    found = parse(render(FINDINGS.without_pictures(), CURVES))
    assert not any("image/jpeg" in address for address in addresses(found))
    assert "Selected first" not in text(found)
    assert "Overlap of the selections" in text(found)


def test_every_text_of_the_findings_is_shown():
    counter = iter(range(10**6))
    seen: list[str] = []

    def mark(name: str) -> str:
        seen.append(f"text{next(counter)}-{name}")
        return seen[-1]

    html = render(with_names(FINDINGS, mark), CURVES)
    hidden = {name for name in seen if not re.search(re.escape(name) + r"(?!\d)", html)}
    # Strategies are part of the methods' names; learners that no full supervision has are too.
    unsaid = {"plain", "miaod", "random", "entropy", *AXES}
    assert {name.split("-", 1)[1] for name in hidden} <= unsaid


def test_equal_findings_give_equal_pages():
    assert render(FINDINGS, CURVES) == render(FINDINGS, CURVES)

"""The report as one HTML file that works from disk and asks nothing of a network.

:func:`chapters` turns findings into blocks, in the order of the report; :func:`markdown` has the
same ones, without pictures.
The template beside this module turns them into HTML and escapes everything on the way.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from alframe.benchmarks.reporting import method_tables, run_tables
from alframe.benchmarks.reporting.findings import Findings, ProblemFindings
from alframe.benchmarks.reporting.tables import (
    Block,
    EmbeddedImage,
    ImageBlock,
    Table,
    Text,
    data_uri,
    table_text,
)
from alframe.text import markdown as words
from alframe.text import markdown_code, printable_lines
from alframe.words import plural

PROFILE = "/profile"
"""Key of the performance profile among the curves; names of problems have no slash."""


@dataclass(frozen=True)
class Chapter:
    """A part of the report; one without blocks is not shown."""

    title: str
    blocks: Sequence[Block]
    about: str = ""


def chapters(findings: Findings, curves: Mapping[str, str]) -> list[Chapter]:
    """Everything that there is to say; chapters without blocks are left out.

    Args:
        findings: what it says.
        curves: SVG files as texts: learning curves by name of the problem, and the performance
            profile as :data:`PROFILE`. What is not there is left out.
    """
    alt = "Share of the problems that each method solves within a multiple of the least budget"
    drawn = _drawing("Performance profile", curves.get(PROFILE), alt)
    across = [run_tables.wins(findings.wins), drawn, run_tables.solved(findings.profile)]
    lines, costs = findings.commands, findings.costs
    cost = f"{costs.image:g} s an image + {costs.object:g} s an object."
    modelled = any(problem.modelled for problem in findings.problems)
    made = [
        Text(f"Command{'s' * (len(lines) > 1)}", "\n".join(lines), code=True) if lines else None,
        run_tables.recipes(findings.problems),
        Text("Modelled cost of labelling", cost) if modelled else None,
        run_tables.environment(findings.environment),
    ]
    lost = _there([run_tables.without_result(findings.unfinished)])
    about = "These are in no table above, or with fewer cycles than the others."
    found = [
        *(_problem(findings, problem, curves) for problem in findings.problems),
        Chapter("All problems together", _there(across)),
        Chapter("Without a result", lost, about),
        Chapter("How it was made", _there(made)),
    ]
    return [chapter for chapter in found if chapter.blocks]


def _problem(findings: Findings, problem: ProblemFindings, curves: Mapping[str, str]) -> Chapter:
    metric = findings.metric
    parts = [
        method_tables.cycles(problem, metric) or method_tables.why_no_cycles(problem, metric),
        _drawing("Learning curves", curves.get(problem.name), f"{metric} of each method"),
        method_tables.full_supervision(problem),
        method_tables.areas(problem, metric, findings.costs),
        method_tables.comparisons(problem, metric, findings.alpha),
        method_tables.savings(problem),
        run_tables.classes(problem.selections),
        run_tables.overlap(problem.selections),
        *(run_tables.pictures(gallery) for gallery in problem.galleries),
        run_tables.suspects(problem),
        run_tables.resources(problem),
        run_tables.single_run(problem),
    ]
    pool = f", pool of {plural(problem.pool, 'image')}" if problem.pool else ""
    about = f"Dataset {problem.dataset}, model {problem.model}{pool}."
    return Chapter(problem.name, _there(parts), about)


def _there(parts: Iterable[Block | None]) -> list[Block]:
    return [part for part in parts if part is not None]


def _drawing(title: str, svg: str | None, alt: str) -> ImageBlock | None:
    if not svg:
        return None
    image = EmbeddedImage(data_uri(svg.encode(), "image/svg+xml"), alt)
    return ImageBlock(title, (image,), large=True)


def render(findings: Findings, curves: Mapping[str, str]) -> str:
    """The whole page; the curves are those of :func:`chapters`."""
    script = _file("sort.js")
    digest = hashlib.sha256(script.encode()).digest()
    templates = Environment(
        loader=PackageLoader("alframe.benchmarks.reporting", "."),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("page.html").render(
        title=findings.title,
        metric=findings.metric,
        missing=len(findings.unfinished),
        chapters=chapters(findings, curves),
        style=_file("page.css"),
        script=script,
        script_hash=base64.b64encode(digest).decode("ascii"),  # the one script that may run
    )


def _shown(value: Any) -> Any:
    """Texts without what turns or hides others; what is HTML already is ours."""
    return printable_lines(value) if type(value) is str else value


def _file(name: str) -> str:
    return resources.files("alframe.benchmarks.reporting").joinpath(name).read_text("utf-8")


def markdown(findings: Findings) -> str:
    """The whole text; tables as GitHub reads them."""
    parts = "\n".join("\n".join(_chapter(each)) for each in chapters(findings, {}))
    return f"# {words(findings.title)}\n\n{parts}"


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {words(chapter.title)}\n"
    if chapter.about:
        yield f"{words(chapter.about)}\n"
    for block in chapter.blocks:
        if isinstance(block, Table):
            yield f"### {words(block.title)}\n\n{table_text(block)}"
        elif not isinstance(block, ImageBlock):
            text = markdown_code(block.text) if block.code else f"{words(block.text)}\n"
            yield f"### {words(block.title)}\n\n{text}"

"""The order of a report: which blocks are in which section. The page and markdown share it."""

from collections.abc import Iterable, Mapping

from alframe.benchmarks.findings import Findings, Problem
from alframe.benchmarks.page.blocks import Block, Picture, Pictures, Section, data_uri
from alframe.benchmarks.page.comparisons import comparisons
from alframe.benchmarks.page.cycles import areas, cycles, full_supervision
from alframe.benchmarks.page.matrices import overlap, wins
from alframe.benchmarks.page.numbers import plural
from alframe.benchmarks.page.profile import solved
from alframe.benchmarks.page.recipe import recipes
from alframe.benchmarks.page.runs import (
    commands,
    costs,
    environment,
    resources,
    single_run,
    without_result,
)
from alframe.benchmarks.page.savings import savings
from alframe.benchmarks.page.selections import classes, pictures

PROFILE = "/profile"
"""Key of the performance profile among the curves; names of problems have no slash."""


def sections(findings: Findings, curves: Mapping[str, str]) -> list[Section]:
    """Everything that there is to say; sections without blocks are left out.

    Args:
        findings: what it says.
        curves: SVG files as texts: learning curves by name of the problem, and the performance
            profile as :data:`PROFILE`. What is not there is left out.
    """
    found = [_problem(findings, problem, curves) for problem in findings.problems]
    found += [_across(findings, curves), _missing(findings), _runs(findings)]
    return [section for section in found if section.blocks]


def _problem(findings: Findings, problem: Problem, curves: Mapping[str, str]) -> Section:
    metric = findings.metric
    parts = [
        cycles(problem, metric),
        _drawing("Learning curves", curves.get(problem.name), f"{metric} of each method"),
        full_supervision(problem),
        areas(problem, metric, findings.costs),
        comparisons(problem, metric, findings.alpha),
        savings(problem),
        classes(problem.selections),
        overlap(problem.selections),
        *(pictures(gallery) for gallery in problem.galleries),
        resources(problem),
        single_run(problem),
    ]
    pool = f", pool of {plural(problem.pool, 'image')}" if problem.pool else ""
    about = f"Dataset {problem.dataset}, model {problem.model}{pool}."
    return Section(problem.name, _there(parts), about)


def _across(findings: Findings, curves: Mapping[str, str]) -> Section:
    alt = "Share of the problems that each method solves within a multiple of the least budget"
    drawn = _drawing("Performance profile", curves.get(PROFILE), alt)
    parts = [wins(findings.wins), drawn, solved(findings.profile)]
    return Section("All problems together", _there(parts))


def _missing(findings: Findings) -> Section:
    about = "These are in no table above, or with fewer cycles than the others."
    return Section("Without a result", _there([without_result(findings.unfinished)]), about)


def _runs(findings: Findings) -> Section:
    environs = environment(findings.environment)
    recipe = recipes(findings.problems)
    parts = [commands(findings.commands), recipe, costs(findings.costs), environs]
    return Section("How it was made", _there(parts))


def _there(parts: Iterable[Block | None]) -> list[Block]:
    return [part for part in parts if part is not None]


def _drawing(title: str, svg: str | None, alt: str) -> Pictures | None:
    if not svg:
        return None
    picture = Picture(data_uri(svg.encode(), "image/svg+xml"), alt)
    return Pictures(title, (picture,), large=True)

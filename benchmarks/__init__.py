"""Benchmarks: suites of runs, their statistics and their reports."""

from functools import partial

from alframe.benchmarks.suites import SUITES, content
from alframe.plugins import Registrar, hookimpl


@hookimpl
def register(registry: Registrar) -> None:
    """The suites, and the commands that run and compare them."""
    for name, summary in SUITES.items():
        registry.suite(name, partial(content, name), summary=summary)
    registry.command(
        "bench",
        "alframe.benchmarks.running.bench:bench",
        summary="run a suite, methods x problems x seeds, and report it",
    )
    registry.command(
        "report",
        "alframe.benchmarks.reporting.report:report",
        summary="table (md, csv, json) and curves of one or several runs",
    )

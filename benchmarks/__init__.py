"""Benchmarks: comparing runs."""

from alframe.plugins import Registrar, hookimpl


@hookimpl
def register(registry: Registrar) -> None:
    """The commands that compare runs."""
    registry.command(
        "report",
        "alframe.benchmarks.report:report",
        summary="table (md, csv, json) and curves of one or several runs",
    )

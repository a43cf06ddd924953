"""Figures of papers, to lie beneath our own. Never a baseline: those are run.

One YAML file a benchmark: where its rows come from, what was measured (``model``, ``metric``,
``pool``), the sizes of the labelled set that its columns stand for, and percentages. ``source`` is
one of :attr:`Published.source`.
"""

from collections.abc import Collection, Sequence
from importlib import resources
from typing import Any

from alframe.benchmarks.findings import Published
from alframe.errors import ConfigError
from alframe.plugins import unknown
from alframe.reading import parsed_yaml


def names() -> list[str]:
    """The tables that there are."""
    files = (f.name for f in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


def published(name: str) -> tuple[Published, ...]:
    """The rows of a table, as fractions by number of labelled images.

    Raises:
        ConfigError: there is no such table.
    """
    if name not in names():
        raise ConfigError(unknown("published table", name, names()))
    text = resources.files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    content = parsed_yaml(text, f"published table {name}")
    return tuple(_row(row, content) for row in content["rows"])


def comparable(
    rows: Sequence[Published], metric: str, pools: Collection[int | None]
) -> tuple[Published, ...]:
    """The rows that may lie beneath runs: same metric, same pool as far as it is known."""
    return tuple(
        row
        for row in rows
        if row.metric in ("", metric) and (row.pool is None or {*pools} <= {None, row.pool})
    )


def _row(row: dict[str, Any], table: dict[str, Any]) -> Published:
    full, labelled = row.get("full"), table["labelled"]
    return Published(
        method=row["method"],
        values=_fractions(labelled, row["values"]),
        source=row["source"],
        full=None if full is None else _fraction(full),
        spread=_fractions(labelled, row["spread"]) if "spread" in row else {},
        model=table["model"],
        metric=table["metric"],
        pool=table["pool"],
    )


def _fractions(labelled: list[int], percent: list[float]) -> dict[int, float]:
    return {n: _fraction(value) for n, value in zip(labelled, percent, strict=True)}


def _fraction(percent: float) -> float:
    return round(percent / 100, 6)  # 78.37 is .7837, and not .7837000000000001

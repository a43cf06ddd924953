"""Figures of papers, to lie beneath our own. Never a baseline: those are run.

One YAML file a benchmark: where its rows come from, what was measured (``model``, ``metric``,
``pool``), the sizes of the labelled set that its columns stand for, and percentages. ``source`` is
one of :attr:`Published.source`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from alframe.errors import ConfigError
from alframe.files.reading import parsed_yaml
from alframe.plugins import unknown


@dataclass(frozen=True)
class Published:
    """A row of somebody's paper.

    Attributes:
        method: its name there.
        values: by number of labelled images; fractions.
        source: ``table`` of the paper, ``FAQ`` of the authors, their ``entry`` on Papers with
            Code, another group's ``rerun`` (all exact), or ``figure`` (read off it, +- 0.15
            points).
        full: full supervision, or None.
        spread: standard deviations by number of labelled images, where given.
        model: detector and backbone.
        metric: what the values are, by our name of it; empty: that of the report.
        pool: images that may be labelled; None: not known.
    """

    method: str
    values: Mapping[int, float]
    source: Literal["table", "FAQ", "entry", "rerun", "figure"]
    full: float | None = None
    spread: Mapping[int, float] = field(default_factory=dict)
    model: str = ""
    metric: str = ""
    pool: int | None = None

    def lies_beneath(self, metric: str, pools: Collection[int | None]) -> bool:
        """Whether it is of the same metric, and of the same pool as far as that is known."""
        same = self.pool is None or {*pools} <= {None, self.pool}
        return self.metric in ("", metric) and same


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

"""The tables of strategies/README.md; see :mod:`tests.pages`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from alframe.config.resolve import resolve
from alframe.plugins import Entry, registry
from alframe.runs.compatibility import INNER, table
from alframe.runs.components import made_strategy

README = Path(__file__).resolve().parents[2] / "strategies" / "README.md"


def strategies() -> list[str]:
    """Name, signals, the learner that is wanted, and the summary of each strategy."""
    head = ("strategy", "signals", "learner", "")
    return markdown([head, *(_strategy(e) for e in registry().all("strategies"))])


def _strategy(entry: Entry) -> tuple[str, ...]:
    name = f"{entry.name}:{INNER}" if entry.wraps else entry.name
    requires = made_strategy(resolve([{"strategy": name}]).strategy).requires
    own = f"`{entry.name}{':' * entry.wraps}`"
    return own, listed(sorted(requires)), "" if entry.wraps else entry.learner, entry.summary


def models() -> list[str]:
    """What ``alframe ls models --verbose`` says of the models that can be loaded here."""
    head = ("model", "task", "signals", "learners", "strategies")
    rows = [row for row in table() if row[1]]
    return markdown([head, *((f"`{name}`", *rest) for name, *rest in rows)])


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table."""
    first, *others = (f"| {' | '.join(row)} |" for row in rows)
    return [first, f"|{' --- |' * len(rows[0])}", *others]


def listed(names: Iterable[str]) -> str:
    """Names, or that there are none."""
    return ", ".join(names) or "none"


def written(name: str) -> list[str]:
    """The lines of a table as they are in the file."""
    return (
        README.read_text(encoding="utf-8")
        .split(f"<!-- {name} -->\n")[1]
        .split("<!-- end")[0]
        .splitlines()
    )


def write_tables() -> None:
    """Write them."""
    for title, lines in (("strategies", strategies()), ("models", models())):
        before, after = README.read_text(encoding="utf-8").split(f"<!-- {title} -->\n")
        _, end, rest = after.partition("<!-- end -->")
        made = "\n".join([*lines, ""])
        README.write_text(f"{before}<!-- {title} -->\n{made}{end}{rest}", encoding="utf-8")

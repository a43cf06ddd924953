"""The page of all settings, made of the docstrings; see :mod:`tests.pages`."""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from alframe.config.section import Section
from alframe.config.sections import (
    BudgetConfig,
    DataConfig,
    EvaluationConfig,
    RunConfig,
    TrainingConfig,
)
from alframe.plugins import registry
from alframe.plugins.entry import OWN, Kind

PAGE = Path(__file__).resolve().parents[2] / "alframe/config/README.md"
SECTIONS: dict[str, type[Section]] = {
    "": RunConfig,
    "data.": DataConfig,
    "training.": TrainingConfig,
    "evaluation.": EvaluationConfig,
    "budget.": BudgetConfig,
}
PARTS: dict[Kind, str] = {
    "datasets": "dataset", "models": "model", "learners": "learner", "strategies": "strategy",
    "oracles": "oracle",
}  # fmt: skip
GIVEN = frozenset({"setup", "num_classes", "of"})
"""What the framework gives a factory."""
REQUIRED = object()
HEAD = """\
# Settings

Each is set by `key=value` on the command line or in YAML (`--config`). [Presets](../../configs)
override many of the defaults here: `alframe validate` prints what a run has.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *sections(), *components()]).rstrip() + "\n"


def sections() -> Iterator[str]:
    """A table for each section of a configuration."""
    for prefix, section in SECTIONS.items():
        yield f"## {prefix.rstrip('.') or 'The run'}\n"
        fields = section.model_fields
        defaults = {name: REQUIRED if f.is_required() else f.default for name, f in fields.items()}
        own = {k: v for k, v in defaults.items() if not isinstance(v, Section)}
        yield from table(prefix, own, described(section, "Attributes"))


def components() -> Iterator[str]:
    """A table for each factory that has options, those that share one together."""
    for kind, prefix in PARTS.items():
        named: dict[Callable[..., Any], list[str]] = {}
        for entry in registry().all(kind):
            if entry.package == OWN:
                named.setdefault(entry.load(), []).append(f"`{entry.name}`")
        yield f"## {prefix}\n"
        for factory, names in named.items():
            defaults = {
                name: REQUIRED if each.default is each.empty else each.default
                for name, each in inspect.signature(factory).parameters.items()
                if name not in GIVEN
            }
            if defaults:
                yield f"### {', '.join(names)}\n"
                yield from table(f"{prefix}.", defaults, described(factory, "Args"))


def table(prefix: str, defaults: Mapping[str, Any], meant: Mapping[str, str]) -> Iterator[str]:
    """A row for each setting."""
    yield "| setting | default | what it is |\n| --- | --- | --- |"
    for name, default in defaults.items():
        yield f"| `{prefix}{name}` | {shown(default)} | {meant[name]} |"
    yield ""


def shown(default: Any) -> str:
    """A default as YAML has it."""
    if default is REQUIRED:
        return "required"
    value = getattr(default, "name", default)  # of a component its name
    return f"`{value if value and isinstance(value, str) else json.dumps(value)}`"


def described(owner: Any, part: str) -> dict[str, str]:
    """What a docstring, or those of the classes above, say of each name."""
    found: dict[str, str] = {}
    for each in reversed(inspect.getmro(owner) if inspect.isclass(owner) else (owner,)):
        text = inspect.cleandoc(each.__doc__ or "")
        block = re.search(rf"^{part}:\n((?: {{4}}.*\n?|\n)*)", text, re.M)
        entries = re.findall(r"^ {4}(\w+): ((?:.|\n {5,})*)", block[1] if block else "", re.M)
        for name, said in entries:
            found[name] = plain(said)
    return found


def plain(text: str) -> str:
    """A docstring's words in markdown, on one line."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", " ".join(text.split()))
    text = re.sub(r"\bNone\b", "null", text.replace("``", "`"))
    return text.replace("|", "\\|").rstrip(".")


def write_page() -> None:
    """Write it."""
    PAGE.write_text(page(), encoding="utf-8")

"""All cases, and those that a command names."""

from collections.abc import Sequence
from pkgutil import resolve_name

from alframe.benchmarks.speed.case import Case
from alframe.benchmarks.speed.setting import Setting
from alframe.errors import ConfigError

MODULES = (
    "stock", "miaod_cases", "launches", "precisions", "loading_cases", "scoring",
    "evaluation_cases", "centres", "growth",
)  # fmt: skip
"""Each has a function ``cases``."""


def all_cases(setting: Setting) -> list[Case]:
    """Whatever can be measured on this device."""
    modules = (resolve_name(f"alframe.benchmarks.speed.{name}") for name in MODULES)
    return [case for module in modules for case in module.cases(setting)]


def chosen(cases: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """Those of these names, or of these families; all where none is named.

    Raises:
        ConfigError: a name is neither; lists what there is.
    """
    unknown = [name for name in names if not any(_named(case, name) for case in cases)]
    if unknown:
        raise ConfigError(
            f"no case or family {', '.join(unknown)} on this device; there are "
            f"{', '.join(case.name for case in cases)}"
        )
    return [case for case in cases if not names or any(_named(case, name) for name in names)]


def _named(case: Case, name: str) -> bool:
    return name in (case.name, case.name.partition("/")[0])

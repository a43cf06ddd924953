"""All the rules that a plugin breaks, in one error: finding them one by one costs a try each."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from alframe.errors import SelectionError
from alframe.plugins.guests import described

Subject = TypeVar("Subject")
Rule = Callable[[Subject], None]
"""Raises an AssertionError that says what was expected, or whatever the plugin raises."""
Rules = Mapping[Rule[Subject], tuple[Rule[Subject], ...]]
"""The cheap ones first, each with those without which it says nothing new."""


def hold(rules: Rules[Subject], *subjects: Subject) -> None:
    """Hold every subject to every rule, in order; only then complain.

    A rule is skipped, and named, where one that it rests on is broken.

    Raises:
        AssertionError: every broken rule, each problem once.
    """
    problems: dict[str, BaseException] = {}
    skipped: dict[str, None] = {}
    for subject in subjects:
        broken: set[Rule[Subject]] = set()
        for rule, earlier in rules.items():
            if not broken.isdisjoint(earlier):
                broken.add(rule)
                skipped[rule.__name__.replace("_", " ").strip()] = None
                continue
            try:
                rule(subject)
            except (Exception, SystemExit) as error:  # a plugin may raise anything
                broken.add(rule)
                problems.setdefault(_sentence(error), error)
    if problems:
        report = _report(list(problems), list(skipped))
        raise AssertionError(report) from next(iter(problems.values()))


def _sentence(error: BaseException) -> str:
    if isinstance(error, AssertionError | SelectionError) and str(error):
        return str(error)
    if any(word in str(error) for word in ("read-only", "mappingproxy")):
        return f"{described(error)}: images and annotations are read-only, expected a copy first"
    return f"{described(error)}: expected no exception"


def _report(problems: list[str], skipped: list[str]) -> str:
    lines = list(problems)
    if len(problems) > 1:
        lines = [f"{len(problems)} rules are broken:", *(f"- {line}" for line in problems)]
    if skipped:
        lines.append(f"(not tried, as it rests on the above: {', '.join(skipped)})")
    return "\n".join(lines)

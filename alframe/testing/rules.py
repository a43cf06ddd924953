"""All the rules that a plugin breaks, in one error: finding them one by one costs a try each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from alframe.plugins.guests import described

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Rule(Generic[Subject]):
    """Something that a plugin is held to.

    Attributes:
        check: raises an AssertionError that says what was expected, or whatever the plugin raises.
        after: checks without which this one says nothing new.
    """

    check: Callable[[Subject], object]
    after: tuple[Callable[[Subject], object], ...] = ()


def held(rules: Iterable[Rule[Subject]], *subjects: Subject) -> None:
    """Check every rule on every subject, in order; only then complain.

    Args:
        rules: the cheap ones first. One whose earlier ones are broken is skipped, and named.
        subjects: what the checks are given.

    Raises:
        AssertionError: every broken rule, each problem once.
    """
    problems: dict[str, Exception | SystemExit] = {}
    skipped: dict[str, None] = {}
    rules = tuple(rules)
    for subject in subjects:
        broken: set[Callable[[Subject], object]] = set()
        for rule in rules:
            if not broken.isdisjoint(rule.after):
                broken.add(rule.check)
                skipped[rule.check.__name__.replace("_", " ")] = None
                continue
            try:
                rule.check(subject)
            except (Exception, SystemExit) as error:  # a plugin may raise anything
                broken.add(rule.check)
                problems.setdefault(_sentence(error), error)
    if problems:
        raise AssertionError(_report(list(problems), list(skipped))) from next(
            iter(problems.values())
        )


def _sentence(error: BaseException) -> str:
    if isinstance(error, AssertionError) and str(error):
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

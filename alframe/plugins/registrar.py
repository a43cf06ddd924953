"""What a plugin registers, and what is refused."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from alframe.errors import PluginError
from alframe.plugins.entry import Entry, Kind

VERBS = frozenset(
    {"annotate", "env", "ls", "predict", "query", "run", "select", "validate", "verify"}
)
"""Commands of alframe's own, which no plugin may have."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What users call a thing: part of a command line, of a file name and of ``WRAPPER:STRATEGY``."""


class Registrar:
    """What a plugin's ``register`` hook is handed; collects its names."""

    def __init__(self, package: str, version: str) -> None:
        self.entries: list[Entry] = []
        self._origin: dict[str, Any] = {"package": package, "version": version}

    def strategy(
        self, name: str, factory: str | Callable[..., Any], *, summary: str, learner: str = "plain"
    ) -> None:
        """``factory(**options) -> Strategy``; ``learner`` is the one it wants by default."""
        self._add("strategies", name, factory, summary, learner=learner)

    def wrapper(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory(of: Strategy, **options) -> Strategy``, used as ``NAME:STRATEGY``.

        Its ``requires`` includes that of the strategy ``of``, whose learner is wanted.
        """
        self._add("strategies", name, factory, summary, wraps=True)

    def learner(
        self, name: str, factory: str | Callable[..., Any], *, summary: str, trains: bool = True
    ) -> None:
        """``factory(setup: LearnerSetup, **options) -> Learner``.

        With ``trains=False`` there is no model, and the setup is an
        :class:`~alframe.learner.InferenceSetup`: the learner has predictions from elsewhere.
        """
        self._add("learners", name, factory, summary, trains=trains)

    def model(
        self,
        name: str,
        factory: str | Callable[..., Any],
        *,
        summary: str,
        task: str = "detection",
    ) -> None:
        """``factory(num_classes: int, **options) -> Model``; ``task`` is what its targets are.

        An option ``weights`` is of initial weights, and ``none`` among its values: a model whose
        state is loaded is built with that.
        """
        self._add("models", name, factory, summary, task=task)

    def dataset(
        self,
        name: str,
        factory: str | Callable[..., Any],
        *,
        summary: str,
        task: str = "detection",
    ) -> None:
        """``factory(**options) -> Dataset``, of that ``task``."""
        self._add("datasets", name, factory, summary, task=task)

    def oracle(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory(setup: OracleSetup, **options) -> Oracle``."""
        self._add("oracles", name, factory, summary)

    def suite(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory()`` is a mapping, what the YAML file of a suite holds."""
        self._add("suites", name, factory, summary)

    def command(self, name: str, factory: str | Callable[..., Any], *, summary: str) -> None:
        """``factory`` is a :class:`click.Command`, the verb ``alframe NAME``."""
        self._add("commands", name, factory, summary)

    def _add(self, kind: Kind, name: Any, factory: Any, summary: Any, **more: Any) -> None:
        problems = list(_refused(kind, name, factory, summary, more.get("learner", "plain")))
        if any((e.kind, e.name) == (kind, name) for e in self.entries):
            problems.append(f"{name!r} in {kind} is registered twice")
        if problems:
            raise PluginError("; ".join(problems))
        line = "".join(c if c.isprintable() else " " for c in summary)
        self.entries.append(
            Entry(kind, name, factory, " ".join(line.split()), **self._origin, **more)
        )


def _refused(kind: Kind, name: Any, factory: Any, summary: Any, learner: Any) -> Iterator[str]:
    """What is wrong with the arguments of a registration."""
    for about, value in (("", name), (f"{name!r} wants a learner: ", learner)):
        if not (isinstance(value, str) and NAME.fullmatch(value)):
            yield (
                f"{about}{value!r:.80} in {kind} is no name: expected letters, digits, dots, _ and "
                "-, with a letter or digit first"
            )
    if kind == "commands" and name in VERBS:
        yield f"{name!r} is a command of alframe's own: expected another name"
    if not (callable(factory) or (isinstance(factory, str) and factory)):
        yield f"{name!r} in {kind} is made by {factory!r:.80}: expected 'module:attribute'"
    if not isinstance(summary, str):
        yield f"the summary of {name!r} in {kind} is {summary!r:.80}: expected text"

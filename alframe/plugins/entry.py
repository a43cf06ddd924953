"""One registered name: what it is, who brought it, and how it is made."""

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, Literal, get_args

from alframe import __version__
from alframe.errors import AlframeError, PluginError
from alframe.plugins.guests import described, guest
from alframe.plugins.own_code import OWN, defined_by_others

Kind = Literal[
    "strategies", "learners", "models", "datasets", "oracles", "suites", "commands"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
UNPACKAGED = "(no package)"
"""The version of what a configuration names as ``module:attribute``."""
LEAST: dict[Kind, tuple[str, ...]] = {
    "strategies": ("requires", "select"),
    "learners": ("fit", "evaluate", "signals", "state_dict", "load_state_dict"),
    "models": ("state_dict", "parameters"),
    "datasets": ("classes", "images", "targets", "pool", "test"),
    "oracles": ("annotate",),
    "suites": ("items",),
}
"""What is asked of everything that a factory makes, before it is used."""
CALLED: dict[Kind, dict[str, tuple[str, ...]]] = {
    "strategies": {"select": ("query",)},
    "learners": {
        "fit": ("labelled", "unlabelled", "context"),
        "evaluate": ("test",),
        "signals": ("images", "names"),
        "load_state_dict": ("state",),
    },
    "oracles": {"annotate": ("ids", "cycle")},
}
"""With which arguments methods are called, some of them hours after a run has begun."""


@dataclass(frozen=True)
class Entry:
    """One registered name.

    Attributes:
        kind: what it is.
        name: what users call it.
        factory: a callable, or where to import one: ``"module:attribute"``.
        summary: one line for listings.
        package: the distribution that brought it.
        version: of that distribution.
        learner: for a strategy, the learner it wants unless the user names another.
        wraps: for a strategy, whether it works on top of another one; None: if it takes ``of``.
        task: of a model or dataset, what its targets are; None: its factory's ``task`` says.
        trains: of a learner, whether it trains a model; None: its factory's ``trains`` says.
    """

    kind: Kind
    name: str
    factory: str | Callable[..., Any]
    summary: str = ""
    package: str = OWN
    version: str = __version__
    learner: str = "plain"
    wraps: bool | None = False
    task: str | None = "detection"
    trains: bool | None = True

    def __str__(self) -> str:
        """For messages: ``strategy 'confident' of my-package 1.0``."""
        return f"{noun(self.kind)} {self.name!r} of {self.package} {self.version}"

    def load(self) -> Callable[..., Any]:
        """Import the factory.

        Raises:
            PluginError: it cannot be imported, or called; names the plugin's package.
        """
        if not isinstance(self.factory, str):
            return self.factory
        # A bug of ours shows its traceback; a stranger's module may raise anything.
        own = self.package == OWN
        caught: tuple[type[BaseException], ...] = (BaseException,)
        if own:
            caught = (ImportError, AttributeError, ValueError, SystemExit)
        try:
            with contextlib.nullcontext() if own else guest():
                loaded: Callable[..., Any] = resolve_name(self.factory)
        except KeyboardInterrupt as error:
            error.args = (f"while loading {self}",)
            raise
        except caught as error:
            where = f"{self} cannot be loaded from {self.factory}: {described(error)}"
            own_script = self.factory.startswith("__main__:")
            remedy = "; define it in the script that is run, or import it there"
            raise PluginError(where + remedy * own_script) from error
        if not callable(loaded):
            raise PluginError(
                f"{self} cannot be called: {self.factory} is {loaded!r:.80}, expected a class or a "
                "function, named as module:attribute"
            )
        if self.version == UNPACKAGED and (owner := defined_by_others(loaded)):
            raise PluginError(
                f"{noun(self.kind)} {self.name!r} is of {owner}, which is not made for alframe: "
                "name a class or function of your own around it"
            )
        return loaded

    def says(self, attribute: Literal["task", "trains"]) -> Any:
        """The entry's own, or where it leaves that open the factory's, or the usual one."""
        own = getattr(self, attribute)
        return getattr(self.load(), attribute, getattr(Entry, attribute)) if own is None else own

    def is_wrapper(self) -> bool:
        """Whether a strategy works on top of another one."""
        if self.wraps is not None:
            return self.wraps
        try:
            return "of" in inspect.signature(self.load()).parameters
        except (TypeError, ValueError):  # it has none: who asks for its options says so
            return False

    def make(self, **options: Any) -> Any:
        """Call the factory.

        An exception that is no :class:`AlframeError` is a bug of the plugin; a note that is shown
        with its traceback says whose.

        Raises:
            PluginError: see :meth:`load`, it calls ``sys.exit``, or what it makes lacks something,
                or could not be called as it will be.
        """
        factory = self.load()
        if lacking := sorted(getattr(factory, "__abstractmethods__", ())):
            raise PluginError(f"{self} has no {', '.join(lacking)}: expected a method of its own")
        with self.named():
            made = factory(**options)
        wrong = [f"{self}: {problem}" for problem in _uncallable(self.kind, made)]
        if lacking := [name for name in LEAST.get(self.kind, ()) if not hasattr(made, name)]:
            wrong.append(
                f"{self} makes {made!r:.60} ({type(made).__name__}): expected something with "
                f"{', '.join(lacking)}"
            )
        if wrong:
            raise PluginError(wrong)
        return made

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """Say of which plugin the code inside is, when it fails."""
        try:
            yield
        except SystemExit as error:
            raise PluginError(f"{self} cannot be made: {described(error)}") from error
        except Exception as error:
            if not isinstance(error, AlframeError):
                error.add_note(f"raised by {self}")
            raise


def _uncallable(kind: Kind, made: Any) -> Iterator[str]:
    """What is wrong with the arguments of methods: those of its kind, and what it had to write."""
    called = dict(CALLED.get(kind, {}))
    for base in type(made).__mro__:
        for name in getattr(base, "__abstractmethods__", ()):
            if name in vars(base):
                called[name] = tuple(inspect.signature(vars(base)[name]).parameters)[1:]
    for name, given in called.items():
        if not hasattr(made, name):
            continue
        try:
            inspect.signature(getattr(made, name)).bind(*given)
        except ValueError:  # it is not written in Python
            continue
        except TypeError as error:
            yield f"{name}({', '.join(given)}) cannot be called: {error}"


def noun(kind: Kind) -> str:
    """What one of a kind is called."""
    return {"strategies": "strategy"}.get(kind, kind.removesuffix("s"))

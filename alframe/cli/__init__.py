"""The command line. One file per verb; a verb's imports happen when it is used."""

import logging
import sys
from collections.abc import Sequence
from select import POLLERR, POLLHUP, poll

import click

from alframe import __version__
from alframe.cli.output import escape_unknown, say, write_nowhere
from alframe.cli.stopping import exit_code, terminable
from alframe.errors import AlframeError, ConfigError, PluginError, Waiting
from alframe.files.refusals import refusal
from alframe.plugins import registry, unknown
from alframe.text import LineFormatter
from alframe.training.distributed import launched
from alframe.training.worker_errors import in_words

BUILTIN = {
    "run": ("alframe.cli.run:run", "Run active learning: fit, evaluate, select, annotate."),
    "query": ("alframe.cli.annotate:query", "Show what a run waits for, in any tool's format."),
    "annotate": ("alframe.cli.annotate:annotate", "Give a run the answers that it waits for."),
    "select": ("alframe.cli.select:select", "Choose from a model's predictions, without a run."),
    "predict": ("alframe.cli.predict:predict", "Show what a run's model finds in images."),
    "ls": ("alframe.cli.ls:ls", "List strategies, learners, models, datasets and plugins."),
    "validate": ("alframe.cli.validate:validate", "Check a configuration and a dataset."),
    "verify": ("alframe.cli.verify:verify", "Make the selections of a run again and compare."),
    "env": ("alframe.cli.env:env", "Print versions and devices: what a bug report needs."),
}
"""Verb -> (where its command lies, its one line of help)."""


class Verbs(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs: built-in ones first, then those of plugins."""
        return [*BUILTIN, *(e.name for e in registry().all("commands"))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb, or None if there is no such verb."""
        from pkgutil import resolve_name

        if cmd_name in BUILTIN:
            command: click.Command = resolve_name(BUILTIN[cmd_name][0])
            return command
        if cmd_name in self.list_commands(ctx):
            entry = registry().get("commands", cmd_name)
            loaded = entry.load()
            if not isinstance(loaded, click.Command):
                raise PluginError(f"{entry} is {loaded!r:.80}: expected a click.Command")
            return loaded
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Click's, which does not say which verbs there are."""
        known = self.list_commands(ctx)
        if args[0] not in known and not ctx.resilient_parsing:  # which completes what is typed
            raise ConfigError(unknown("command", args[0], known))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a verb; one of ours never exits in its midst, so whatever does is a plugin's bug."""
        try:
            return super().invoke(ctx)
        except SystemExit as error:
            silenced = launched() and error.code == 2  # another process has spoken
            if silenced or ctx.invoked_subcommand not in BUILTIN:
                raise
            raise RuntimeError(f"a plugin calls sys.exit({error.code!r}): it must not") from error
        except BrokenPipeError as error:  # of which click would make an exit without a word
            if not _nobody_reads():
                raise RuntimeError("a pipe to another process is broken") from error
            raise click.exceptions.Exit(141) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a verb, without importing any."""
        rows = [(name, line) for name, (_, line) in BUILTIN.items()]
        rows += [(e.name, _sentence(e.summary)) for e in registry().all("commands")]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _nobody_reads() -> bool:
    """Whether our reader has gone, as of ``alframe ls | head``; then nothing more is written."""
    output = poll()
    output.register(sys.stdout, 0)
    gone = any(state & (POLLERR | POLLHUP) for _, state in output.poll(0))
    if gone:
        write_nowhere()
    return gone


def _sentence(summary: str) -> str:
    return summary[:1].upper() + summary[1:].rstrip(".") + "."


@click.command("alframe", cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="alframe")
@click.option("-v", "--verbose", is_flag=True, help="Log to standard error.")
def cli(verbose: bool) -> None:
    """Choose the images worth labelling: active learning in PyTorch.

    "alframe run" without options shows it at work on drawn shapes, in about two minutes on a CPU.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter("%(levelname)s: %(message)s"))
    # Without a terminal there are no bars, and lines tell of progress. It may be closed: None.
    bars = sys.stderr is not None and sys.stderr.isatty()
    handler.setLevel(logging.INFO if verbose or not bars else logging.WARNING)
    root = logging.getLogger("alframe")
    root.setLevel(logging.INFO)
    root.handlers = [handler]
    for plugin in registry().broken:
        owner = f"{plugin.package} {plugin.version}".rstrip()
        say(f"warning: plugin {plugin.name} of {owner} is left out: {plugin.problem}", err=True)
    if (encoding := sys.getfilesystemencoding()) != "utf-8":
        say(f"warning: names of files are taken for {encoding}: set PYTHONUTF8=1", err=True)


def _complain(error: click.ClickException) -> None:
    """In one line, with the command that says more; without a verb, click shows what there is."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show()
        return
    context: click.Context | None = getattr(error, "ctx", None)
    more = f" (see {context.command_path} --help)" if context else ""
    say(f"error: {error.format_message()}{more}", err=True)


def main(args: Sequence[str] | None = None, command: click.Command = cli) -> None:
    """Run the command line and exit.

    0: done, 1: failed or different, 2: to be mended, 3: waiting, 128 and the number of a signal.
    """
    escape_unknown()
    try:
        with terminable():
            code = command.main(args=args, prog_name=command.name, standalone_mode=False)
    except click.ClickException as error:
        _complain(error)
        sys.exit(2)
    except Waiting as status:
        told = str(status).removeprefix("waiting: ")
        say(*f"waiting: {told}".splitlines(), err=True)
        sys.exit(status.exit_code)
    except AlframeError as error:
        for problem in error.problems:
            say(f"error: {problem}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt) as error:
        cause = error.__cause__ if isinstance(error, click.Abort) else error
        if isinstance(cause, EOFError):  # click takes it for Ctrl-D at a prompt
            raise cause from None
        say(" ".join(["interrupted", *map(str, cause.args if cause else ())]), err=True)
        sys.exit(exit_code(cause))
    except (MemoryError, OSError, RuntimeError) as error:
        refused = _refused(error)
        if refused is None:
            raise
        say(f"error: {refused}", err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def _refused(error: Exception) -> str | None:
    """What the system refuses, in words; None where the error may be a bug."""
    if isinstance(error, MemoryError) or "DefaultCPUAllocator: can't allocate" in str(error):
        why = f" ({error})" if str(error) and isinstance(error, MemoryError) else ""
        return (
            f"out of memory{why}: lower evaluation.batch_size or data.cache_gb (also with "
            "--resume), or, with another --output, training.batch_size or data.long and data.short"
        )
    if isinstance(error, OSError):
        return refusal(error)
    if "can't start new thread" in str(error):
        return (
            "the system allows no more threads: raise its limit (ulimit -u, that of the "
            "container), or lower data.workers"
        )
    lost = in_words(error)  # a process that loads images: torch tells of it wherever we are
    return None if lost is None else str(lost)

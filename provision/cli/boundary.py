"""The edge of the toolkit: commands found by name, errors told in a line, exit codes kept."""

from __future__ import annotations

import importlib
import sys
from errno import ENOSPC
from typing import TYPE_CHECKING, NoReturn

import click

from infra.domain import unknown
from infra.errors import ConfigError, QinfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INTERRUPTED = 130
_ENVIRONMENT_PREFIX = "QINFRA"


class LazyGroup(click.Group):
    """A group whose commands are modules, imported when they are called."""

    _summaries: Mapping[str, str]
    _package: str

    @classmethod
    def of(cls, summaries: Mapping[str, str], *, package: str) -> LazyGroup:
        """Build the group.

        Args:
            summaries: Each command's name and the first line of its help.
            package: Holds a module of the command's name, with a command in it called `command`.
        """
        group = cls(
            name="qinfra",
            help="From a capacity question to a running, verified LLM fleet in one command.",
            context_settings={
                "auto_envvar_prefix": _ENVIRONMENT_PREFIX,
                "help_option_names": ["-h", "--help"],
            },
            params=[
                click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
                click.Option(
                    ["--version"],
                    is_flag=True,
                    is_eager=True,
                    expose_value=False,
                    callback=_show_version,
                    help="Show the version.",
                ),
            ],
            callback=_remember,
        )
        group._summaries = summaries
        group._package = package
        return group

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """Return the commands in the order in which they are used."""
        return list(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        if cmd_name not in self._summaries:
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command with the nearest one.

        Raises:
            ConfigError: There is no such command.
        """
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and name not in self._summaries:
            raise unknown("command", name, self._summaries)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries without importing a command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))

    def main(  # type: ignore[override] # Click's overloads follow a flag that is ignored here
        self, args: Sequence[str] | None = None, prog_name: str | None = "qinfra", **extra: object
    ) -> NoReturn:
        """Run a command and end with its exit code."""
        del extra
        arguments = list(sys.argv[1:] if args is None else args)
        sys.exit(self._run(arguments, prog_name))

    def _run(self, arguments: list[str], prog_name: str | None) -> int:
        try:
            code = super().main(arguments, prog_name=prog_name, standalone_mode=False)
        except (click.Abort, KeyboardInterrupt):
            click.echo("\nInterrupted.", err=True)
            return INTERRUPTED
        except BrokenPipeError:
            # Who read has gone; flushing at exit would complain about it again.
            sys.stdout = None
            return 1
        except Exception as error:
            told = _in_words(error, prog_name, arguments)
            if told is None:
                raise
            return _told(told, arguments)
        return code if isinstance(code, int) else 0


def version() -> str:
    """Return the installed version; `unknown` in a bare checkout."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("qinfra")
    except PackageNotFoundError:
        return "unknown"


def _in_words(error: Exception, prog_name: str | None, arguments: list[str]) -> QinfraError | None:
    """Return an error that can be told; None for a bug whose traceback is wanted."""
    if isinstance(error, QinfraError):
        return error
    if isinstance(error, click.ClickException):
        context = error.ctx if isinstance(error, click.UsageError) else None
        command = context.command_path if context else prog_name
        return ConfigError(error.format_message(), hint=f"See `{command} --help`.")
    if _wants_traceback(arguments):
        return None
    if isinstance(error, OSError) and error.errno == ENOSPC:
        sys.stdout = None  # flushing at exit would complain about it again
        return QinfraError("what was to be written has no room: the disk is full")
    return QinfraError(
        f"unexpected {type(error).__name__}: {error}",
        hint=f"Run `qinfra --debug {' '.join(arguments[:1])} …` and report what it shows.",
    )


def _told(error: QinfraError, arguments: list[str]) -> int:
    if _wants_traceback(arguments):
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True)
    click.secho(f"Error: {_one_line(str(error))}", fg="red", err=True)
    if error.hint:
        click.echo(f"Hint: {_one_line(error.hint)}", err=True)
    return error.exit_code


def _one_line(text: str) -> str:
    """Return a message on one line, whatever names from outside bring along."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _wants_traceback(arguments: list[str]) -> bool:
    import os

    return "--debug" in arguments or os.environ.get(f"{_ENVIRONMENT_PREFIX}_DEBUG", "0") != "0"


def _remember(*, debug: bool) -> None:
    """Take --debug, which the boundary reads for itself."""
    del debug


def _show_version(ctx: click.Context, _: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"qinfra {version()}")
        ctx.exit()

"""What several commands share: which deployment, which settings, which form of output."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provision.settings import settings_file, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal
    from types import FrameType

    from provision.state import DeploymentFolder

TERMINATED = 143
Command = TypeVar("Command", bound="Callable[..., Any]")


def deployment_options(command: Command) -> Command:
    """Add --name, --config and --home."""
    for option in (
        click.option(
            "--home",
            type=click.Path(path_type=Path),
            envvar="QINFRA_HOME",
            help="Folder of all deployments; .qinfra or the settings' own.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            envvar="QINFRA_CONFIG",
            help="Settings file; ./qinfra.toml when there is one.",
        ),
        click.option(
            "--name", envvar="QINFRA_NAME", help="Deployment; the only one when not given."
        ),
    ):
        command = option(command)
    return command


def json_option(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def budget_option(command: Command) -> Command:
    """Add --budget, as an amount of money or None."""
    return click.option(
        "--budget",
        metavar="USD",
        callback=_money,
        help="Most a month may cost.",
    )(command)


def _money(_: click.Context, __: click.Parameter, text: str | None) -> Decimal | None:
    from decimal import Decimal, InvalidOperation

    from infra.errors import ConfigError

    if text is None:
        return None
    try:
        budget = Decimal(text)
    except InvalidOperation as error:
        raise ConfigError(f"--budget '{text}' is not a number of USD") from error
    if not budget.is_finite() or budget < 0:
        raise ConfigError(f"--budget {text}: must be a number of USD, 0 or more")
    return budget


def home_of(home: Path | None, config: Path | None) -> Path:
    """Return the folder of all deployments: the flag's, the settings' or .qinfra.

    Raises:
        ConfigError: The settings file cannot be used.
    """
    from provision.state import DEFAULT_HOME

    if home is not None:
        return home
    if settings_file(config) is None:
        return DEFAULT_HOME  # as the settings have it, without the time to read them
    return settings_of(config).local.state_folder


def selected(name: str | None, config: Path | None, home: Path | None) -> DeploymentFolder:
    """Return the deployment that a command is about.

    Raises:
        ConfigError: There is none, or several to choose from.
    """
    from provision.state import select

    return select(home_of(home, config), name)


def print_json(document: object) -> None:
    """Print a document for scripts; money as strings, to lose no digit."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def notice(text: str) -> None:
    """Print progress, which is not a result, on stderr."""
    click.echo(text, err=True)


def save_text(path: Path, text: str) -> None:
    """Write a file that a person asked for, whole or not at all, and say so on stderr.

    A link stays one: the file it leads to is replaced.

    Raises:
        ConfigError: It cannot be written, or something is there that is no file.
    """
    from infra.errors import ConfigError
    from provision.files import write_atomically

    target = path.resolve()
    if target.exists() and not target.is_file():
        raise ConfigError(f"{path}: is no file that could be replaced", hint="Give another name.")
    try:
        write_atomically(target, text, mode=0o644)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    notice(f"saved to {path}")


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM unwind the stack as Ctrl-C does, and end with 143."""

    def leave(_: int, __: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

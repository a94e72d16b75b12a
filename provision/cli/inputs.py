"""The options that every command of the model takes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from infra.capacity.network import GUIDE_NETWORK
from infra.errors import ConfigError
from provision.cli.options import notice
from provision.inputs import InputFlags, Inputs, read_inputs

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

Command = TypeVar("Command", bound="Callable[..., Any]")


def model_options(command: Command) -> Command:
    """Add the options that every command of the model takes; `input_flags` takes them out."""
    for option in (
        click.option("--rpc-url", metavar="URL", help="Base of the Qubic RPC, for --network live."),
        click.option(
            "--network",
            metavar="SOURCE",
            help="guide (the default), live, or a JSON file of the network's figures.",
        ),
        click.option("--as-guide", is_flag=True, help="Round as the guide does, step by step."),
        click.option(
            "--assume", multiple=True, metavar="KEY=VALUE", help="Change an assumption; repeatable."
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            envvar="QINFRA_CONFIG",
            help="Settings file; ./qinfra.toml when there is one.",
        ),
    ):
        command = option(command)
    return command


def input_flags(values: dict[str, Any]) -> InputFlags:
    """Take the options of `model_options` out of a command's keywords."""
    return InputFlags(**{item.name: values.pop(item.name) for item in fields(InputFlags)})


def model_inputs(values: dict[str, Any]) -> Inputs:
    """Read a command's inputs, and say on stderr what to know about a network of one's own.

    For commands that do not show it with their results.
    """
    inputs = read_inputs(input_flags(values), notice)
    if inputs.metrics is not GUIDE_NETWORK:
        for note in inputs.network_notes:
            notice(f"network: {note}")
    return inputs


def regions_named(text: str | None) -> tuple[str, ...] | None:
    """Return the regions of a list with commas; None when none was given."""
    return tuple(part.strip() for part in text.split(",")) if text else None


def budget_named(text: str | None) -> Decimal | None:
    """Return a month's budget in USD; None when none was given.

    Raises:
        ConfigError: It is not a number of USD.
    """
    from decimal import Decimal, InvalidOperation

    if text is None:
        return None
    try:
        budget = Decimal(text)
    except InvalidOperation as error:
        raise ConfigError(f"--budget '{text}' is not a number of USD") from error
    if not budget.is_finite() or budget < 0:
        raise ConfigError(f"--budget {text}: must be a number of USD, 0 or more")
    return budget

"""The options that every command of the model takes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provision.cli.options import notice
from provision.inputs import InputFlags, Inputs, read_and_told

if TYPE_CHECKING:
    from collections.abc import Callable

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
    return read_and_told(input_flags(values), notice)


def regions_named(text: str | None) -> tuple[str, ...] | None:
    """Return the regions of a list with commas; None when none was given."""
    return tuple(part.strip() for part in text.split(",")) if text else None

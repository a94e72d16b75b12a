"""`qinfra chat`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from provision.cli.options import deployment_options, selected

if TYPE_CHECKING:
    from pathlib import Path

    from provision.gateway import GatewayClient, Message

_PROMPT = "> "


@click.command("chat")
@click.option("--system", help="System message; replaces the gateway's own.")
@click.option(
    "--temperature",
    type=click.FloatRange(0, 2),
    default=0.0,
    show_default=True,
    help="0 is greedy.",
)
@deployment_options
def command(
    *,
    system: str | None,
    temperature: float,
    name: str | None,
    config: Path | None,
    home: Path | None,
) -> None:
    """Talk with the model.

    /reset forgets what was said, /quit or Ctrl-D leaves, Ctrl-C stops an answer.
    """
    from provision.conversation import connected

    with connected(selected(name, config, home)) as (client, model):
        click.echo(f"{model}: /reset forgets, /quit or Ctrl-D leaves", err=True)
        _talk(client, model, system, temperature)


def _talk(client: GatewayClient, model: str, system: str | None, temperature: float) -> None:
    start: tuple[Message, ...] = ({"role": "system", "content": system},) if system else ()
    messages = start
    while (text := _read()) is not None:
        if text == "/quit":
            return
        if text == "/reset":
            messages = start
        elif text:
            asked = (*messages, {"role": "user", "content": text})
            messages = _answer(client, model, asked, temperature) or messages


def _read() -> str | None:
    """Return the next line; None at the end. Ctrl-C only drops the line."""
    import readline  # noqa: F401 - gives `input` a history and keys to edit a line

    try:
        return (input(_PROMPT) if sys.stdin.isatty() else input()).strip()
    except EOFError:
        click.echo()
        return None
    except KeyboardInterrupt:
        click.echo()
        return ""


def _answer(
    client: GatewayClient, model: str, messages: tuple[Message, ...], temperature: float
) -> tuple[Message, ...] | None:
    """Stream an answer and return the conversation with it; None when there is none to keep."""
    from infra.errors import QinfraError
    from provision.conversation import timings
    from provision.gateway import Question

    question = Question(messages=messages, temperature=temperature)
    try:
        answer = client.ask(question, model, lambda piece: click.echo(piece, nl=False))
    except KeyboardInterrupt:
        click.echo("\n[stopped]", err=True)
        return None
    except QinfraError as error:
        click.echo(f"Error: {error}", err=True)
        if error.hint:
            click.echo(f"Hint: {error.hint}", err=True)
        return None
    click.echo()
    click.echo(timings(answer), err=True)
    return (*messages, {"role": "assistant", "content": answer.text})

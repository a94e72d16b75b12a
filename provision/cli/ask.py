"""`qinfra ask`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from provision.cli.options import deployment_options, json_option, print_json, selected

if TYPE_CHECKING:
    from pathlib import Path

    from provision.gateway import Question


@click.command("ask")
@click.argument("text")
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer.")
@click.option(
    "--temperature",
    type=click.FloatRange(0, 2),
    default=0.0,
    show_default=True,
    help="0 always takes the likeliest token.",
)
@click.option("--seed", type=int, help="The same seed gives the same answer.")
@click.option("--system", help="System message; replaces the gateway's own.")
@deployment_options
@json_option
def command(  # noqa: PLR0913 - one parameter for each option
    *,
    text: str,
    max_tokens: int | None,
    temperature: float,
    seed: int | None,
    system: str | None,
    name: str | None,
    config: Path | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Ask one question and stream the answer.

    The answer goes to stdout, how long it took to stderr.
    """
    from provision.gateway import Question

    roles = (("system", system), ("user", text))
    question = Question(
        messages=tuple({"role": role, "content": said} for role, said in roles if said),
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
    )
    _ask(question, selected_name=name, config=config, home=home, as_json=as_json)


def _ask(
    question: Question,
    *,
    selected_name: str | None,
    config: Path | None,
    home: Path | None,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from provision.conversation import connected, timings

    with connected(selected(selected_name, config, home)) as (client, model):
        if as_json:
            print_json(asdict(client.ask(question, model, lambda _: None)))
            return
        answer = client.ask(question, model, lambda piece: click.echo(piece, nl=False))
    click.echo()
    click.echo(timings(answer), err=True)

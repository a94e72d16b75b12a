"""`qinfra demo`: what `make demo` runs."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from provision.cli.options import deployment_options, home_of, terminable

if TYPE_CHECKING:
    from pathlib import Path

    from provision.deploy import Deployed
    from provision.state import DeploymentFolder

NAME = "demo"
QUESTIONS = {
    "zh-TW": "Qubic 網路的當前健康狀況如何？",
    "en": "What is Qubic network's current health status?",
}
_POLL_SECONDS = 1.0


@click.command("demo")
@click.option("--detach", is_flag=True, help="Leave the fleet running.")
@click.option("--once", is_flag=True, help="Stop the fleet after the answers.")
@click.option(
    "--lang",
    type=click.Choice([*QUESTIONS, "both"]),
    default="both",
    show_default=True,
    help="Language of the question.",
)
@deployment_options
def command(
    *,
    detach: bool,
    once: bool,
    lang: str,
    name: str | None,
    config: Path | None,
    home: Path | None,
) -> None:
    """Deploy the demo, ask it in two languages, keep it running.

    Ctrl-C stops the fleet, unless --detach left it up.
    """
    from provision.cli.deploy import bring_up
    from provision.decision import Action
    from provision.state import DeploymentFolder
    from provision.wishes import Flags

    folder = DeploymentFolder(home_of(home, config), name or NAME)
    with terminable():
        deployed = bring_up(Flags(phase="demo"), name=folder.name, config=config, home=home)
        # A fleet that was up before is not this command's to stop.
        left_up = detach or deployed.action is Action.NOTHING
        try:
            _ask(folder, tuple(QUESTIONS) if lang == "both" else (lang,))
            _tell(deployed, folder, left_up=left_up)
            if not left_up and not once:
                _wait(folder)
        finally:
            if not left_up:
                _stop(folder)


def _ask(folder: DeploymentFolder, languages: tuple[str, ...]) -> None:
    from provision.conversation import connected, timings
    from provision.gateway import Question

    with connected(folder) as (client, model):
        for language in languages:
            click.echo(f"\n[{language}] {QUESTIONS[language]}")
            question = Question(messages=({"role": "user", "content": QUESTIONS[language]},))
            answer = client.ask(question, model, lambda piece: click.echo(piece, nl=False))
            click.echo(f"\n{timings(answer)}")


def _tell(deployed: Deployed, folder: DeploymentFolder, *, left_up: bool) -> None:
    click.echo(f"\nThe demo model answers at {deployed.inventory.gateways[0]}/v1")
    click.echo(f"API key: in {folder.key_file}")
    click.echo('Next: qinfra ask "…"   qinfra chat   qinfra status   qinfra logs -f')
    if left_up:
        click.echo(f"It keeps running; `qinfra destroy --name {folder.name}` stops it.")


def _wait(folder: DeploymentFolder) -> None:
    """Wait until Ctrl-C, SIGTERM, or somebody else destroys the deployment."""
    click.echo("Running until Ctrl-C.")
    with suppress(KeyboardInterrupt):
        while folder.exists():
            time.sleep(_POLL_SECONDS)


def _stop(folder: DeploymentFolder) -> None:
    from provision.destroy import stop
    from provision.interruption import uninterrupted

    with uninterrupted():
        if folder.exists():
            click.echo("\nStopping the fleet …", err=True)
            stop(folder, command=f"qinfra {' '.join(sys.argv[1:])}")

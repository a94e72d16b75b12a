"""`qinfra deploy`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from provision.cli.boundary import version
from provision.cli.options import (
    deployment_options,
    home_of,
    json_option,
    notice,
    print_json,
    terminable,
)
from provision.settings import settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from provision.deploy import Deployed
    from provision.report.progress import Progress
    from provision.wishes import Flags


@click.command("deploy")
@click.option("--phase", required=True, help="demo, mvp, production or enterprise.")
@click.option("--target", default="local", show_default=True, help="Where to run: local.")
@click.option("--model", help="Checkpoint folder or hub id; `demo` is the embedded one.")
@click.option("--split", help="First layer of each later stage: 8, or 5,10; guide for its 30/70.")
@click.option("--stages", type=click.IntRange(1, 3), help="Nodes a token passes through.")
@click.option("--max-processes", type=click.IntRange(2), help="Most agents on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the gateway.")
@click.option("--threads", type=click.IntRange(1), help="Threads of each node with layers.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before replacing a running fleet.")
@deployment_options
@json_option
def command(
    *,
    name: str | None,
    config: Path | None,
    home: Path | None,
    as_json: bool,
    yes: bool,
    **flags: Any,  # noqa: ANN401 - each as its option says; Flags names them
) -> None:
    """Bring a fleet up, and prove that it answers.

    The same command again changes nothing when all is as it should be.
    """
    from provision.wishes import Flags

    asked = Flags(**flags)
    with terminable():
        deployed = bring_up(asked, name=name, config=config, home=home, ask=not yes)
    if as_json:
        print_json(document(deployed, name or asked.phase))
    else:
        tell(deployed, name or asked.phase)


def bring_up(
    flags: Flags, *, name: str | None, config: Path | None, home: Path | None, ask: bool = True
) -> Deployed:
    """Deploy with progress on stderr.

    Raises:
        QinfraError: As `provision.deploy.deploy`.
    """
    from datetime import UTC, datetime

    from provision.deploy import deploy
    from provision.network import GUIDE, read_network
    from provision.preparation import World
    from provision.state import DeploymentFolder
    from provision.targets.local import agent_command
    from provision.wishes import wish

    settings = settings_of(config)
    network = read_network(settings.network, datetime.now(UTC), notice)
    if settings.network.source != GUIDE:
        for note in network.notes:
            notice(f"network: {note}")
    wanted = wish(flags, settings, version=version(), metrics=network.metrics)
    folder = DeploymentFolder(home_of(home, config), name or wanted.desired.phase)
    return deploy(
        folder,
        wanted,
        World(
            agent_command=agent_command(),
            confirm=_confirm if ask and sys.stdin.isatty() else lambda _: True,
        ),
        progress(),
        command=f"qinfra {' '.join(sys.argv[1:])}",
    )


def _confirm(reasons: tuple[str, ...]) -> bool:
    del reasons  # already on the screen
    return click.confirm("Stop the fleet that runs and start it anew?", err=True)


def progress() -> Progress:
    """Return lines that are redrawn on a terminal, plain ones elsewhere."""
    import time

    from provision.report.progress import LineProgress, TerminalProgress

    kind = TerminalProgress if sys.stderr.isatty() else LineProgress
    return kind(lambda text: click.echo(text, err=True, nl=False), time.monotonic)


def tell(deployed: Deployed, name: str) -> None:
    """Say what stands, and what can be done with it."""
    from provision.decision import Action

    url = deployed.inventory.gateways[0]
    if deployed.action is Action.NOTHING:
        click.echo(
            f"{name}: nothing to do; {len(deployed.inventory.nodes)} nodes ready at {url}/v1"
        )
        return
    click.echo(f"{name} is up: model {deployed.model.id} at {url}/v1")
    if deployed.api_key:
        click.echo(f"API key, shown once: {deployed.api_key}", err=True)
        click.echo(f"Try: export QINFRA_API_KEY=…\n     {example(deployed)}", err=True)
    click.echo('Next: qinfra ask "…"   qinfra status   qinfra logs -f   qinfra destroy')


def example(deployed: Deployed) -> str:
    """Return a request for a shell; the key comes from the environment."""
    body = (
        f'{{"model": "{deployed.model.id}", '
        '"messages": [{"role": "user", "content": "How is the network?"}]}'
    )
    return (
        f"curl {deployed.inventory.gateways[0]}/v1/chat/completions "
        '-H "Authorization: Bearer $QINFRA_API_KEY" '
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def document(deployed: Deployed, name: str) -> dict[str, Any]:
    """Return the result for scripts."""
    return {
        "deployment": name,
        "action": deployed.action.name.lower(),
        "model": deployed.model.id,
        "revision": deployed.model.revision,
        "base_urls": [f"{url}/v1" for url in deployed.inventory.gateways],
        "nodes": [node.name for node in deployed.inventory.nodes],
        "notes": list(deployed.notes),
        **({"api_key": deployed.api_key} if deployed.api_key else {}),
    }

"""`qinfra deploy`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from infra.errors import ConfigError
from provision.cli.boundary import version
from provision.cli.cloud import home_option, order_options
from provision.cli.inputs import input_flags, model_options
from provision.cli.options import (
    budget_option,
    home_of,
    json_option,
    notice,
    print_json,
    terminable,
)
from provision.settings import settings_of
from provision.targets.target import LOCAL

if TYPE_CHECKING:
    from pathlib import Path

    from provision.deploy import Deployed
    from provision.inputs import InputFlags
    from provision.report.progress import Progress
    from provision.wishes import Flags


_OF_MACHINES = ("purchase", "region", "variables", "terraform", "budget", "saved", "skip_rollout")
_OF_AGENTS = ("model", "split", "stages", "max_processes", "port", "threads")


@click.command("deploy")
@click.option("--phase", required=True, help="demo, mvp, production or enterprise.")
@click.option("--name", envvar="QINFRA_NAME", help="Deployment; the phase's name when not given.")
@click.option(
    "--target",
    help="local, this machine and the default; aws or gcp, the phase's own cloud.",
)
@click.option("--model", help="Checkpoint folder or hub id; `demo` is the embedded one.")
@click.option("--split", help="First layer of each later stage: 8, or 5,10; guide for its 30/70.")
@click.option("--stages", type=click.IntRange(1, 3), help="Nodes a token passes through.")
@click.option("--max-processes", type=click.IntRange(2), help="Most agents on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the gateway.")
@click.option("--threads", type=click.IntRange(1), help="Threads of each node with layers.")
@click.option("--skip-rollout", is_flag=True, help="In a cloud: make the machines, no more.")
@click.option("--saved", is_flag=True, help="In a cloud: apply the plan that was shown last.")
@order_options
@budget_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@home_option
@model_options
@json_option
def command(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """Bring a fleet up, and prove that it answers.

    The same command again changes nothing when all is as it should be. In a cloud this version
    makes and destroys the machines, and rolls no agents out: give --skip-rollout.
    """
    if _target(flags) == LOCAL:
        _refuse(flags, _OF_MACHINES, "is about machines in a cloud, and the target is this machine")
        _deploy_here(flags, as_json=as_json)
        return
    from provision.cli.making import deploy_machines

    _refuse(flags, _OF_AGENTS, "is about agents, and machines are made without them here")
    if not flags["skip_rollout"]:
        raise ConfigError(
            "this version makes a cloud's machines and rolls no agents out to them",
            hint="Add --skip-rollout, or use --target local.",
        )
    with terminable():
        deploy_machines(flags, as_json=as_json)


def _target(flags: dict[str, Any]) -> str:
    from infra.declaration import phase_named
    from infra.phases import cloud_of
    from provision.cli.cloud import folder_of
    from provision.targets.target import chosen_target

    phase = phase_named(flags["phase"])
    folder = folder_of(flags["name"] or phase.value, flags["home"], flags["config"])
    stands_on: str | None = None
    if folder.fleet_file.exists():
        stands_on = cloud_of(phase)
    elif folder.exists():
        stands_on = LOCAL
    return chosen_target(
        flags["target"], cloud_of(phase), stands_on=stands_on, machines=flags["skip_rollout"]
    )


def _refuse(flags: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in names:
        if flags[name]:
            option = "--var" if name == "variables" else f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} {why}", hint="Leave it out, or choose another --target.")


def _deploy_here(flags: dict[str, Any], *, as_json: bool) -> None:
    from provision.wishes import Flags

    asked = Flags(phase=flags["phase"], **{name: flags[name] for name in _OF_AGENTS})
    name = flags["name"] or asked.phase
    inputs = input_flags(flags)
    with terminable():
        deployed = bring_up(
            asked, name=name, config=inputs.config, home=flags["home"], ask=not flags["yes"],
            inputs=inputs,
        )  # fmt: skip
    if as_json:
        print_json(document(deployed, name))
    else:
        tell(deployed, name)


def bring_up(
    flags: Flags,
    *,
    name: str | None,
    config: Path | None,
    home: Path | None,
    ask: bool = True,
    inputs: InputFlags | None = None,
) -> Deployed:
    """Deploy with progress on stderr.

    Raises:
        QinfraError: As `provision.deploy.deploy`.
    """
    from provision.deploy import deploy
    from provision.inputs import InputFlags, read_and_told
    from provision.preparation import World
    from provision.state import DeploymentFolder
    from provision.targets.local import agent_command
    from provision.wishes import wish

    asked = inputs or InputFlags(config=config, assume=(), as_guide=False)
    found = read_and_told(asked, notice)
    settings = settings_of(config).model_copy(update={"assumptions": found.assumptions})
    wanted = wish(flags, settings, version=version(), metrics=found.metrics)
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

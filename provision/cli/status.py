"""`qinfra status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provision.cli.options import deployment_options, json_option, print_json, selected

if TYPE_CHECKING:
    from pathlib import Path

    from provision.report.fleet import FleetState
    from provision.state import DeploymentFolder


@click.command("status")
@deployment_options
@json_option
@click.pass_context
def command(
    ctx: click.Context, *, name: str | None, config: Path | None, home: Path | None, as_json: bool
) -> None:
    """Show nodes, pipelines and the gateway.

    Ends with 0 when every node is ready, 6 when some are, 5 when none is. Of a deployment in a
    cloud it shows the machines.
    """
    from provision.report.fleet import render_fleet

    folder = selected(name, config, home)
    if folder.fleet_file.exists():
        from provision.cli.power import show_machines

        ctx.exit(show_machines(folder, as_json=as_json))
    fleet = fleet_state(folder)
    if as_json:
        print_json(fleet.to_document())
    else:
        click.echo(render_fleet(fleet))
    ctx.exit(fleet.exit_code)


def fleet_state(folder: DeploymentFolder) -> FleetState:
    """Ask supervisor, nodes and gateway.

    Raises:
        ConfigError: The deployment never got so far as to have nodes.
    """
    import time

    from infra.errors import ConfigError
    from provision.probe import status_all
    from provision.report.fleet import FleetState, node_states
    from provision.targets.local import LocalTarget

    record, inventory = folder.deployment(), folder.agents()
    if record is None:
        raise ConfigError(
            f"the deploy of {folder.name} was cut short", hint="Run `qinfra deploy` again."
        )
    observation = LocalTarget(root=folder.root, agent_command=()).observe()
    health = status_all(inventory, folder.operator)
    return FleetState(
        deployment=folder.name,
        model=record.model.id,
        supervised=observation.supervised,
        gateways=inventory.gateways,
        nodes=node_states(inventory, observation, health, now=time.time()),
        pipelines=_pipelines(inventory.gateways, folder.api_key()),
    )


def _pipelines(gateways: tuple[str, ...], api_key: str) -> tuple[dict[str, Any], ...] | None:
    from infra.errors import QinfraError
    from provision.gateway import GatewayClient

    for url in gateways:
        try:
            with GatewayClient(url, api_key, timeout_seconds=2.0) as client:
                return tuple(client.cluster()["pipelines"])
        except QinfraError:
            continue
    return None

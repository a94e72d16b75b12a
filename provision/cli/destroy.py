"""`qinfra destroy`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from infra.errors import ConfigError
from provision.cli.options import (
    deployment_options,
    home_of,
    json_option,
    notice,
    print_json,
    selected,
    terminable,
)

if TYPE_CHECKING:
    from provision.state import DeploymentFolder


@click.command("destroy")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--terraform", help="In a cloud: the program; terraform or tofu on PATH.")
@click.option("--refresh/--no-refresh", default=True, help="In a cloud: look first what is there.")
@click.option(
    "--wait", type=click.FloatRange(0, 3600), default=120.0, show_default=True, metavar="SECONDS",
    help="In a cloud: how long what is still tagged may take to go.",
)  # fmt: skip
@deployment_options
@json_option
def command(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """Stop a deployment and remove its folder; in a cloud, all that was made for it.

    Certificates, the API key and logs go with it. In a cloud it ends with 6 when something that
    carries the deployment's tag is left.
    """
    from provision.state import DeploymentFolder, deployments, kept_stacks

    name = flags["name"]
    home = home_of(flags["home"], flags["config"])
    existing = deployments(home)
    if not existing or (name is not None and name not in existing):
        for each in [name] if name else kept_stacks(home):
            _refuse_states(DeploymentFolder(home, each))
        _tell(name, destroyed=False, as_json=as_json)
        if existing:
            notice(f"there is {', '.join(existing)}")
        return
    folder = selected(name, flags["config"], flags["home"])
    with terminable():
        destroyed = _destroyed(folder, flags)
    if destroyed or as_json:
        _tell(folder.name, destroyed=destroyed, as_json=as_json)
    if not destroyed:
        click.echo("Nothing was destroyed.", err=True)


def _destroyed(folder: DeploymentFolder, flags: dict[str, Any]) -> bool:
    """Destroy what was agreed to; returns whether it was."""
    if folder.fleet_file.exists():
        from provision.cli.unmaking import destroy_machines

        return destroy_machines(folder, flags)
    from provision.destroy import destroy

    if folder.deployment() is None:
        _refuse_states(folder)
    if not flags["yes"] and not _confirmed(folder.name):
        return False
    destroy(folder, command=f"qinfra {' '.join(sys.argv[1:])}")
    return True


def _refuse_states(folder: DeploymentFolder) -> None:
    """Refuse to forget what stands in a cloud when no record of it is left.

    Raises:
        ConfigError: A state on this machine holds something.
    """
    from provision.fleet.states import states_that_hold

    for state in states_that_hold(folder.stacks):
        phase, _, _ = state.parent.name.partition("-")
        raise ConfigError(
            f"{folder.name} is not on record, and {state} has its resources all the same",
            hint=f"Run `qinfra deploy --phase {phase} --name {folder.name} --skip-rollout` to put "
            "it on record again, and destroy it then.",
        )


def _confirmed(name: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(
            f"destroy stops {name} and removes its folder, but nobody is here to confirm it",
            hint=f"Run `qinfra destroy --name {name} --yes`.",
        )
    return click.confirm(f"Stop {name} and remove its certificates, key and logs?", err=True)


def _tell(name: str | None, *, destroyed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"deployment": name, "destroyed": destroyed})
    elif destroyed:
        click.echo(f"{name}: stopped and removed")
    else:
        click.echo(f"{name or 'no deployment'}: nothing to destroy")

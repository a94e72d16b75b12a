"""`qinfra destroy`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from infra.errors import ConfigError
from provision.cli.options import (
    deployment_options,
    home_of,
    json_option,
    print_json,
    selected,
    terminable,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command("destroy")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@deployment_options
@json_option
def command(
    *, yes: bool, name: str | None, config: Path | None, home: Path | None, as_json: bool
) -> None:
    """Stop a deployment and remove its folder.

    Certificates, the API key and logs go with it.
    """
    from provision.destroy import destroy
    from provision.state import deployments

    existing = deployments(home_of(home, config))
    if not existing or (name is not None and name not in existing):
        _tell(name, destroyed=False, as_json=as_json)
        return
    folder = selected(name, config, home)
    if not yes and not _confirmed(folder.name):
        click.echo("Nothing was destroyed.", err=True)
        return
    with terminable():
        destroy(folder, command=f"qinfra {' '.join(sys.argv[1:])}")
    _tell(folder.name, destroyed=True, as_json=as_json)


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

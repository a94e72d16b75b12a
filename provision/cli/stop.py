"""`qinfra stop`."""

from __future__ import annotations

from typing import Any

import click

from provision.cli.cloud import fleet_options
from provision.cli.options import json_option, terminable


@click.command("stop")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@fleet_options
@json_option
def command(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """Stop the machines of a deployment, for the night or the weekend.

    Disks, addresses and managed services stay, and are paid on; what is saved is said.
    """
    from provision.cli.power import rest

    with terminable():
        rest(flags, as_json=as_json)

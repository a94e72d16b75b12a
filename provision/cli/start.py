"""`qinfra start`."""

from __future__ import annotations

from typing import Any

import click

from provision.cli.cloud import fleet_options
from provision.cli.options import json_option, terminable


@click.command("start")
@fleet_options
@json_option
def command(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """Start the machines of a deployment that were stopped.

    They keep their disks, private addresses and host keys.
    """
    from provision.cli.power import wake

    with terminable():
        wake(flags, as_json=as_json)

"""What `qinfra stop` and `qinfra start` do."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from infra.errors import PartialFailure, PreflightError, RemoteError
from provision.cli.cloud import confirmed, costing_of, fleet_selected, typed
from provision.cli.options import notice, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.fleet.power import Saving
    from provision.fleet.record import FleetRecord
    from provision.state import DeploymentFolder


def rest(flags: dict[str, Any], *, as_json: bool) -> None:
    """Stop a fleet's machines.

    Raises:
        QinfraError: As `provision.fleet.power.stop_all`.
    """
    from provision.fleet.clouds import cloud_for
    from provision.fleet.power import saving_of, stop_all
    from provision.fleet.record import save_fleet

    folder, record = fleet_selected(flags)
    saving = saving_of(costing_of(flags).priced(record.config))
    question = f"Stop the {len(record.machines)} machines of {folder.name}, and what they serve?"
    if not confirmed(question, yes=flags["yes"]):
        notice("Nothing was stopped.")
        return
    with _held(folder, record):
        stop_all(cloud_for(record.config, record.values), record.machines, notice)
        save_fleet(folder, replace(record, status="stopped"))
    _tell(folder.name, record, saving, "stopped", as_json=as_json)


def wake(flags: dict[str, Any], *, as_json: bool) -> None:
    """Start a fleet's machines.

    Raises:
        QinfraError: As `provision.fleet.power.start_all`.
    """
    from provision.fleet.clouds import cloud_for
    from provision.fleet.power import saving_of, start_all
    from provision.fleet.record import save_fleet

    folder, record = fleet_selected(flags)
    saving = saving_of(costing_of(flags).priced(record.config))
    with _held(folder, record):
        start_all(cloud_for(record.config, record.values), record.machines, notice)
        save_fleet(folder, replace(record, status="made"))
    _tell(folder.name, record, saving, "running", as_json=as_json)


def show_machines(folder: DeploymentFolder, *, as_json: bool) -> int:
    """Show a fleet's machines and what each does; returns the exit code that says the same.

    Raises:
        QinfraError: The record is damaged, or the cloud does not answer.
    """
    from provision.clouds.cloud import Power
    from provision.fleet.clouds import cloud_for
    from provision.fleet.record import load_fleet
    from provision.report.machines import machines_document, render_machines

    record = load_fleet(folder)
    if record is None:
        raise PreflightError(f"deployment {folder.name} has just been destroyed")
    power = cloud_for(record.config, record.values).power(record.machines)
    if as_json:
        document = [
            each | {"power": power.get(each["id"], "unknown")} for each in machines_document(record)
        ]
        print_json({"deployment": folder.name, "status": record.status, "machines": document})
    else:
        click.echo(
            f"{folder.name}: {record.config.phase} in {', '.join(record.config.regions)}, "
            f"{record.status}"
        )
        click.echo(render_machines(record, power))
    running = sum(state is Power.RUNNING for state in power.values())
    if running and running == len(record.machines):
        return 0
    return PartialFailure.exit_code if running else RemoteError.exit_code


@contextmanager
def _held(folder: DeploymentFolder, record: FleetRecord) -> Iterator[None]:
    from provision.fleet.holding import held

    if record.status not in ("made", "stopped"):
        raise PreflightError(
            f"deployment {folder.name} is half made or half destroyed ({record.status})",
            hint="Run `qinfra deploy` or `qinfra destroy` to its end first.",
        )
    with held(folder, command=typed(), seen=record):
        yield
        folder.record("power", datetime.now(UTC), command=typed())


def _tell(name: str, record: FleetRecord, saving: Saving, state: str, *, as_json: bool) -> None:
    from provision.report.machines import render_saving, saving_document

    if as_json:
        print_json(
            {
                "deployment": name,
                "state": state,
                "machines": [each.name for each in record.machines],
                **saving_document(saving),
            }
        )
        return
    click.echo(f"{name}: {len(record.machines)} machines {state}")
    if state == "stopped":
        click.echo(render_saving(saving))
        click.echo(f"Next: qinfra start --name {name}", err=True)

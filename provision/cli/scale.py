"""`qinfra scale`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infra.errors import ConfigError
from provision.cli.cloud import costing_of, fleet_options, fleet_selected
from provision.cli.options import budget_option, json_option, notice, print_json, terminable

if TYPE_CHECKING:
    from provision.fleet.ordering import Asked
    from provision.fleet.record import FleetRecord

_MODEL = "model"


@click.command("scale")
@click.option("--role", required=True, help="embedding, transformer, orchestrator, …")
@click.option("--to", "count", required=True, metavar="N", help="Nodes; or model, its own number.")
@click.option("--region", help="Which, where the role stands in several.")
@budget_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@fleet_options
@json_option
def command(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """Give a role another number of nodes, in a cloud.

    No other node is touched. The number stays until the next scale; `--to model` gives it back to
    the capacity model. Where a group follows load, the number is its new lower bound.
    """
    from provision.cli.making import bring_about
    from provision.fleet.ordering import order_scaled
    from provision.report.machines import made_document, render_made

    folder, record = fleet_selected(flags)
    order = order_scaled(_asked(record, flags), costing_of(flags), record)
    with terminable():
        made = bring_about(folder, order, {**flags, "saved": False}, seen=record)
    if as_json:
        print_json(made_document(made))
    elif made.agreed:
        click.echo(render_made(made))
    else:
        notice("Nothing was changed.")


def _asked(record: FleetRecord, flags: dict[str, Any]) -> Asked:
    from infra.resizing import Resize
    from provision.fleet.ordering import Asked

    role, region = flags["role"], flags["region"] or _only_region(record, flags["role"])
    plain = Asked(deployment=record.deployment, phase=record.config.phase)
    if flags["count"] == _MODEL:
        return Asked(deployment=plain.deployment, phase=plain.phase, unsized=((role, region),))
    if not flags["count"].isascii() or not flags["count"].isdecimal():
        raise ConfigError(
            f"--to '{flags['count']}' is no number of nodes", hint="For example --to 5."
        )
    resize = Resize(role=role, region=region, count=int(flags["count"]))
    return Asked(deployment=plain.deployment, phase=plain.phase, resizes=(resize,))


def _only_region(record: FleetRecord, role: str) -> str:
    regions = [group.region for group in record.config.shared.groups if group.role == role]
    if len(regions) > 1:
        raise ConfigError(
            f"{role} nodes stand in {', '.join(regions)}", hint="Say which one with --region."
        )
    return regions[0] if regions else record.config.regions[0]

"""`qinfra drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provision.cli.cloud import costing_of, fleet_options, fleet_selected, tools_of, typed
from provision.cli.options import json_option, print_json

if TYPE_CHECKING:
    from provision.fleet.drift import Drift

_DRIFTED = 2


@click.command("drift")
@fleet_options
@json_option
@click.pass_context
def command(ctx: click.Context, /, *, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """What was changed in the cloud behind Terraform's back.

    Asks the cloud and changes nothing. Ends with 2 when something has drifted; `qinfra plan` says
    what would put it right.
    """
    from provision.report.drift import drift_document, render_drift

    found = _drift(flags)
    if as_json:
        print_json(drift_document(found))
    else:
        click.echo(render_drift(found))
    if found:
        ctx.exit(_DRIFTED)


def _drift(flags: dict[str, Any]) -> tuple[Drift, ...]:
    from provision.fleet.drift import drift_of, drifts_at_rest
    from provision.fleet.holding import stacks_held
    from provision.fleet.ordering import order_on_record
    from provision.fleet.planning import write_stacks

    folder, record = fleet_selected(flags)
    order = order_on_record(record, costing_of(flags))
    tools = tools_of(flags)
    with stacks_held(folder, command=typed()) as stacks:
        found = drift_of(write_stacks(order, stacks, tools), tools)
    return drifts_at_rest(found) if record.status == "stopped" else found

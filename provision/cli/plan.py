"""`qinfra plan`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from provision.cli.cloud import (
    FOUND,
    ORDERED,
    asked_of,
    costing_of,
    folder_of,
    home_option,
    order_options,
    repeated,
    tools_of,
    typed,
)
from provision.cli.inputs import model_options
from provision.cli.options import budget_option, json_option, print_json

if TYPE_CHECKING:
    from provision.fleet.planning import PhasePlan

_CHANGES = 2


@click.command("plan")
@click.option("--phase", required=True, help="demo, mvp, production or enterprise.")
@click.option("--name", envvar="QINFRA_NAME", help="Deployment; the phase's name when not given.")
@order_options
@home_option
@click.option("--saved", is_flag=True, help="Show the last plan again, if it still holds.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there are changes.")
@budget_option
@model_options
@json_option
@click.pass_context
def command(ctx: click.Context, /, *, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """What Terraform would make, change and destroy for a phase, and what it costs.

    Writes the stacks, plans each, and changes nothing. Credentials are the cloud's own, from the
    environment.
    """
    from provision.costing import check_budget
    from provision.report.plan import plan_document, render_plan

    budget, detailed = flags.pop("budget"), flags.pop("detailed_exitcode")
    plan = _planned(flags)
    if as_json:
        print_json(plan_document(plan))
    else:
        click.echo(render_plan(plan, coloured=sys.stdout.isatty()))
        if not plan.is_empty:
            name = "" if plan.deployment == plan.phase else f" --name {plan.deployment}"
            same = repeated(flags, *ORDERED, *FOUND)
            click.echo(
                f"Next: qinfra deploy --phase {plan.phase}{name} --skip-rollout{same}", err=True
            )
    check_budget(plan, budget)
    if detailed and not plan.is_empty:
        ctx.exit(_CHANGES)


def _planned(flags: dict[str, Any]) -> PhasePlan:
    from infra.declaration import phase_named
    from provision.fleet.holding import stacks_held
    from provision.fleet.ordering import order_of
    from provision.fleet.planning import plan_phase, saved_plan
    from provision.fleet.record import load_fleet

    phase = phase_named(flags["phase"])
    folder = folder_of(flags["name"] or phase.value, flags["home"], flags["config"])
    if flags["saved"]:
        return saved_plan(folder.stacks)
    asked = asked_of(flags, folder.name, phase)
    order = order_of(asked, costing_of(flags), load_fleet(folder))
    tools = tools_of(flags)
    with stacks_held(folder, command=typed()) as stacks:
        return plan_phase(order, stacks, tools)

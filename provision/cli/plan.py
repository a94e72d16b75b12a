"""`qinfra plan`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli.inputs import model_inputs, model_options, regions_named
from provision.cli.options import budget_option, home_of, json_option, notice, print_json
from provision.settings import settings_of

if TYPE_CHECKING:
    from provision.planning import PhasePlan

_CHANGES = 2


@click.command("plan")
@click.option("--phase", required=True, help="demo, mvp, production or enterprise.")
@click.option("--name", help="Deployment; the phase's name when not given.")
@click.option("--purchase", help="on-demand, reserved-1y|3y-no|partial|all or spot.")
@click.option("--region", help="Region, or several with commas; the phase's own when not given.")
@click.option("--var", "variables", multiple=True, metavar="KEY=VALUE", help="Of the stacks.")
@click.option("--terraform", help="The program; terraform or tofu on PATH when not given.")
@click.option(
    "--home", type=click.Path(path_type=Path), envvar="QINFRA_HOME",
    help="Folder of all deployments; .qinfra or the settings' own.",
)  # fmt: skip
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
        click.echo(render_plan(plan))
    check_budget(plan.cost, budget)
    if detailed and not plan.is_empty:
        ctx.exit(_CHANGES)


def _planned(flags: dict[str, Any]) -> PhasePlan:
    from infra.declaration import phase_named
    from provision.costing import Costing
    from provision.planning import Tools, parse_values, plan_phase
    from provision.prices import load_prices
    from provision.state import DeploymentFolder
    from provision.terraform.binary import find_binary

    home = home_of(flags.pop("home"), flags["config"])
    backend = settings_of(flags["config"]).state.place
    costing = Costing(inputs=model_inputs(flags), book=load_prices())
    phase = phase_named(flags["phase"])
    config = costing.declared(phase, flags["purchase"], regions_named(flags["region"]))
    values = parse_values(flags["variables"])
    deployment = DeploymentFolder(home, flags["name"] or phase.value)
    tools = Tools(
        binary=find_binary(flags["terraform"], os.environ),
        environ=os.environ,
        on_event=lambda _: None,
        say=notice,
        backend=backend,
    )
    return plan_phase(config, costing.priced(config), deployment.create_stacks(), values, tools)

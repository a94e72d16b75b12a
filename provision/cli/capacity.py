"""`qinfra capacity`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from provision.cli.inputs import input_flags, model_options, regions_named
from provision.cli.options import json_option, notice, print_json
from provision.cli.topology import topology
from provision.inputs import Inputs, read_inputs

if TYPE_CHECKING:
    from infra.capacity.assessment import Asked
    from infra.declaration import Phase
    from infra.tenants import Tenant

_DEFAULT_REQUESTS = 200_000


@click.group("capacity", invoke_without_command=True)
@click.option("--phase", help="demo, mvp, production or enterprise; all when not given.")
@click.option("--region", help="Region, or several with commas; the phase's own when not given.")
@click.option("--pipelines", type=click.IntRange(1), help="Pipelines in all regions together.")
@click.option("--peak", type=float, help="Queries an hour to answer; the phase's own peak.")
@click.option("--meet-slo", is_flag=True, help="Find the smallest fleet that keeps the promise.")
@click.option("--simulate", "simulated", is_flag=True, help="Check the forecast by simulation.")
@click.option("--requests", type=int, default=_DEFAULT_REQUESTS, help="Queries to simulate.")
@click.option("--seed", type=int, default=0, help="Of the simulation.")
@model_options
@json_option
@click.pass_context
def command(ctx: click.Context, /, *, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """How many nodes, of what kind, and will it be fast enough?

    Ends with 4 when --meet-slo finds no fleet.
    """
    if ctx.invoked_subcommand is not None:
        return
    inputs = read_inputs(input_flags(flags), notice)
    _answer(inputs, flags, as_json=as_json)


command.add_command(topology)


@command.command("findings")
@click.option("--lang", default="en", show_default=True, help="en or zh-TW.")
@json_option
def findings(*, lang: str, as_json: bool) -> None:
    """Where the guide contradicts itself or the world, and what qinfra does."""
    from infra.capacity.findings import guide_findings
    from infra.language import language_tagged
    from provision.costing import finding_prices
    from provision.prices import load_prices
    from provision.report.findings import findings_document, render_findings

    language = language_tagged(lang)
    found = guide_findings(finding_prices(load_prices()))
    if as_json:
        print_json(findings_document(found))
    else:
        click.echo(render_findings(found, language))


def _answer(inputs: Inputs, flags: dict[str, Any], *, as_json: bool) -> None:
    from infra.capacity.assessment import assess
    from infra.capacity.model import capacity_model
    from infra.errors import BudgetError
    from provision.report.capacity import capacity_document, render_capacity

    phases = tuple(
        assess(phase, inputs.metrics, inputs.assumptions, _asked(flags, tenants))
        for phase, tenants in _phases(flags["phase"], inputs)
    )
    model = capacity_model(inputs.metrics, inputs.assumptions, inputs.rounding)
    if as_json:
        print_json(capacity_document(inputs, model, phases))
    else:
        click.echo(render_capacity(inputs, model, phases))
    short = [each for each in phases if each.smallest and each.smallest.pipelines is None]
    if short:
        names = ", ".join(each.config.phase.value for each in short)
        raise BudgetError(
            f"no fleet keeps the promise of {names}",
            hint="The reason stands above; change what it names with --assume KEY=VALUE.",
        )


def _phases(name: str | None, inputs: Inputs) -> list[tuple[Phase, tuple[Tenant, ...]]]:
    """Return the phases with their tenants; asked for by name, one has to have those given."""
    from infra.declaration import Phase, phase_named

    if name is None:
        return [(phase, inputs.tenants_in(phase)) for phase in Phase]
    return [(phase_named(name), inputs.tenants or ())]


def _asked(flags: dict[str, Any], tenants: tuple[Tenant, ...]) -> Asked:
    from infra.capacity.assessment import Asked
    from infra.phases import PhaseWishes

    return Asked(
        wishes=PhaseWishes(
            regions=regions_named(flags["region"]), pipelines=flags["pipelines"], tenants=tenants
        ),
        peak_queries_per_hour=flags["peak"],
        smallest=flags["meet_slo"],
        simulated_requests=flags["requests"] if flags["simulated"] else None,
        seed=flags["seed"],
    )

"""`qinfra roi`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infra.errors import ConfigError
from provision.cli.inputs import input_flags, model_options
from provision.cli.options import json_option, notice, print_json
from provision.inputs import read_inputs

if TYPE_CHECKING:
    from infra.roi import Scenario


@click.command("roi")
@click.option("--phase", help="With --adoption and --plan: one scenario instead of the guide's.")
@click.option("--adoption", type=float, help="Share of active addresses that ask, 0 to 1.")
@click.option("--plan", help="freemium, premium or enterprise.")
@click.option("--purchase", help="How instances are bought; the phase's own when not given.")
@model_options
@json_option
def command(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """What a phase earns for what it costs.

    The guide's three scenarios, as printed and corrected, or one of your own.
    """
    from dataclasses import asdict

    from infra.roi import roi
    from provision.costing import Costing
    from provision.prices import load_prices
    from provision.report.roi import render_roi

    inputs = read_inputs(input_flags(flags), notice)
    costing = Costing(inputs=inputs, book=load_prices())
    found = [
        roi(
            scenario,
            inputs.metrics,
            inputs.assumptions,
            float(costing.report(scenario.phase, flags["purchase"]).monthly_usd),
        )
        for scenario in _scenarios(flags)
    ]
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        click.echo(render_roi(found))


def _scenarios(flags: dict[str, Any]) -> tuple[Scenario, ...]:
    from infra.declaration import phase_named
    from infra.roi import GUIDE_SCENARIOS, Scenario, plan_named

    given = [flags["phase"], flags["adoption"], flags["plan"]]
    if given == [None, None, None]:
        return GUIDE_SCENARIOS
    if None in given:
        raise ConfigError(
            "a scenario is a phase, an adoption and a plan",
            hint="For example `qinfra roi --phase mvp --adoption 0.05 --plan premium`.",
        )
    return (
        Scenario(
            phase=phase_named(flags["phase"]),
            adoption=flags["adoption"],
            plan=plan_named(flags["plan"]),
        ),
    )

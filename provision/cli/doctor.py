"""`qinfra doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infra.domain import Interval
from infra.errors import ConfigError, PreflightError
from provision.cli.inputs import model_inputs, model_options, regions_named
from provision.cli.options import budget_option, json_option, notice, print_json

if TYPE_CHECKING:
    from infra.declaration import PhaseConfig
    from infra.preflight import Finding
    from provision.costing import Costing

_SECONDS = Interval(0.1, 600)


@click.command("doctor")
@click.option("--phase", help="demo, mvp, production or enterprise.")
@click.option("--region", help="Region, or several with commas; the phase's own when not given.")
@click.option("--purchase", help="on-demand, reserved-1y|3y-no|partial|all or spot.")
@click.option("--var", "variables", multiple=True, metavar="KEY=VALUE", help="Of the stacks.")
@budget_option
@click.option(
    "--timeout", default=30.0, show_default=True, metavar="SECONDS", help="For all checks together."
)
@click.option(
    "--name",
    envvar="QINFRA_NAME",
    help="Deployment whose own machines are not in its way; the phase's name when not given.",
)
@click.option("--strict", is_flag=True, help="Refuse what is unknown as well.")
@model_options
@json_option
def command(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """What would stop a deployment, found before anything is changed.

    Every check is ok, refused or unknown: what nobody could or may answer is not ok. Ends with 3
    when one is refused, and under --strict when one is unknown.
    """
    from provision.doctor import findings_of
    from provision.fleet.planning import parse_values
    from provision.preflight import Subject, checks_of
    from provision.report.doctor import findings_document, render_findings, summary

    _SECONDS.check("--timeout", flags["timeout"])
    costing = _costing(flags)
    config = _declared(costing, flags)
    checks = checks_of(
        Subject(
            config=config,
            cost=costing.priced(config),
            deployment=flags["name"] or config.phase.value,
            values=parse_values(flags["variables"]),
        ),
        flags["budget"],
        flags["timeout"],
    )
    findings = findings_of(checks, flags["timeout"], notice)
    if as_json:
        print_json(findings_document(config, findings))
    else:
        click.echo(render_findings(findings))
    notice(summary(findings))
    _judge(config, findings, strict=flags["strict"])


def _costing(flags: dict[str, Any]) -> Costing:
    from provision.costing import Costing
    from provision.prices import load_prices

    return Costing(inputs=model_inputs(flags), book=load_prices())


def _declared(costing: Costing, flags: dict[str, Any]) -> PhaseConfig:
    from infra.declaration import phase_named

    if flags["phase"] is None:
        raise ConfigError("doctor of which phase?", hint="For example `qinfra doctor --phase mvp`.")
    phase = phase_named(flags["phase"])
    return costing.declared(phase, flags["purchase"], regions_named(flags["region"]))


def _judge(config: PhaseConfig, findings: tuple[Finding, ...], *, strict: bool) -> None:
    from infra.preflight import Answer, stopping
    from provision.report.doctor import stopped

    stops = stopping(findings, strict=strict)
    if stops:
        raise PreflightError(
            stopped(config.phase.value, stops), hint="Do what the last column says, and run again."
        )
    if any(finding.answer is Answer.UNKNOWN for finding in findings):
        notice("what is unknown may still stop it; --strict refuses that")

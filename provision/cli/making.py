"""`qinfra deploy` to a cloud."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from infra.errors import PreflightError, RemoteError
from provision.cli.cloud import (
    FOUND,
    SUPPOSED,
    apply_lines,
    asked_of,
    confirmed,
    costing_of,
    folder_of,
    repeated,
    tools_of,
    typed,
)
from provision.cli.options import notice, print_json

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.cost.standing import Standing
    from provision.fleet.making import Made
    from provision.fleet.order import Order
    from provision.fleet.planning import PhasePlan
    from provision.fleet.record import FleetRecord
    from provision.state import DeploymentFolder

_PREFLIGHT_SECONDS = 30.0


def deploy_machines(flags: dict[str, Any], *, as_json: bool) -> None:
    """Make a phase's machines in its cloud.

    Raises:
        QinfraError: As `provision.fleet.making.make`; BudgetError over the budget.
    """
    from infra.declaration import phase_named
    from provision.fleet.ordering import order_of
    from provision.fleet.record import load_fleet
    from provision.report.machines import made_document, render_made

    phase = phase_named(flags["phase"])
    folder = folder_of(flags["name"] or phase.value, flags["home"], flags["config"])
    asked = asked_of(flags, folder.name, phase)
    record = load_fleet(folder)
    order = order_of(asked, costing_of(flags), record)
    made = bring_about(folder, order, flags, seen=record)
    if as_json:
        print_json(made_document(made))
    elif made.agreed:
        click.echo(render_made(made))
    if not made.agreed:
        notice("Nothing was changed.")


def bring_about(
    folder: DeploymentFolder, order: Order, flags: dict[str, Any], *, seen: FleetRecord | None
) -> Made:
    """Check, plan, ask and apply an order.

    Args:
        folder: The deployment's files.
        order: What it shall be.
        flags: `terraform`, `budget`, `saved`, `yes`, and those of `FOUND` and `SUPPOSED`.
        seen: The record that the order was made from.

    Raises:
        QinfraError: As `deploy_machines`.
    """
    from provision.costing import check_budget
    from provision.fleet.clouds import cloud_for
    from provision.fleet.making import Crew, make
    from provision.fleet.record import load_fleet

    check_budget(order.cost, flags["budget"])
    _preflight(order, folder.name, flags["budget"])
    resume = (
        f"qinfra deploy --phase {order.config.phase} --name {folder.name} --skip-rollout"
        f"{repeated(flags, *SUPPOSED, *FOUND)}"
    )
    undo = f"qinfra destroy --name {folder.name}{repeated(flags, *FOUND)}"
    crew = Crew(
        tools=tools_of(flags),
        cloud=cloud_for(order.config, order.values),
        lines=apply_lines,
        approve=partial(_approved, yes=flags["yes"]),
        left=partial(_told, resume=resume, undo=undo),
        command=typed(),
    )
    try:
        return make(folder, order, crew, seen=seen, saved=flags["saved"])
    except RemoteError as error:
        record = load_fleet(folder)
        if record and record.status == "applying":
            error.hint = f"Go on with `{resume}`, or back with `{undo}`."
        raise


def _preflight(order: Order, deployment: str, budget: Decimal | None) -> None:
    """Ask the doctor's questions; what is unknown does not stop, what is refused does.

    Raises:
        PreflightError: A check was refused.
    """
    from infra.preflight import Answer, stopping
    from provision.doctor import findings_of
    from provision.preflight import Subject, checks_of
    from provision.report.doctor import render_findings, stopped, summary

    notice("checking what would stop it")
    subject = Subject(
        config=order.config, cost=order.cost, deployment=deployment, values=order.values
    )
    checks = checks_of(subject, budget, _PREFLIGHT_SECONDS)
    findings = findings_of(checks, _PREFLIGHT_SECONDS, lambda _: None)
    if stops := stopping(findings, strict=False):
        notice(render_findings(stops))
        raise PreflightError(
            stopped(order.config.phase.value, stops),
            hint="Do what the last column says, and run again.",
        )
    notice(summary(findings))
    for each in findings:
        if each.answer is Answer.UNKNOWN:
            notice(f"unknown: {each.check} {each.region}".rstrip() + f": {each.detail}")


def _approved(plan: PhasePlan, *, yes: bool) -> bool:
    from provision.report.plan import render_plan

    notice(render_plan(plan, coloured=sys.stderr.isatty()))
    cost = f"{plan.monthly_usd:,.2f} USD a month"
    return confirmed(f"Apply it, at {cost} for {plan.deployment}?", yes=yes)


def _told(standing: Standing | None, *, resume: str, undo: str) -> None:
    from provision.report.machines import render_standing

    notice(render_standing(standing))
    notice(f"  to go on:  {resume}\n  to undo:   {undo}")

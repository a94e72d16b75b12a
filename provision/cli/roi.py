"""`qinfra roi`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infra.errors import ConfigError
from provision.cli.inputs import model_inputs, model_options
from provision.cli.options import json_option, print_json

if TYPE_CHECKING:
    from infra.cases import Case
    from infra.ranges import Stated
    from infra.roi import Scenario
    from provision.report.uncertainty import Study

_DEFAULT_SCENARIOS = 100_000


@click.command("roi")
@click.option("--phase", help="With --adoption and --plan: one scenario instead of the guide's.")
@click.option("--adoption", type=float, help="Share of active addresses that ask, 0 to 1.")
@click.option("--plan", help="freemium, premium or enterprise.")
@click.option("--purchase", help="How instances are bought; the phase's own when not given.")
@click.option("--tornado", is_flag=True, help="Show which assumption moves the profit the most.")
@click.option(
    "--monte-carlo", "scenarios", type=int, is_flag=False, flag_value=_DEFAULT_SCENARIOS,
    metavar="[N]", help="Draw N scenarios, 100,000 when not said, and show percentiles.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, help="Of the draws.")
@click.option(
    "--range", "ranges", multiple=True, metavar="KEY=LOW:MODE:HIGH",
    help="How far a key may be off; or KEY=~MEDIAN:SIGMA, log-normal. Repeatable.",
)  # fmt: skip
@model_options
@json_option
def command(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """What a phase earns for what it costs.

    The guide's three scenarios, as printed and corrected, or one of your own. With --tornado and
    --monte-carlo, how sure that is: ranges are those of qinfra.toml and --range, or the default.
    """
    from dataclasses import asdict

    from provision.report.roi import render_roi
    from provision.report.uncertainty import render_studies, studies_document

    asked = flags["tornado"] or flags["scenarios"] is not None
    if flags["ranges"] and not asked:
        raise ConfigError(
            "--range is of no use alone", hint="Add --tornado, --monte-carlo or both."
        )
    stated = _stated(flags) if asked else {}
    cases = _cases(flags)
    found = [case.outcome().roi for case in cases]
    studies = _studies(cases, stated, flags) if asked else ()
    if as_json:
        rows = [asdict(each) for each in found]
        print_json(studies_document(rows, studies) if asked else rows)
    else:
        click.echo("\n\n".join([render_roi(found), *render_studies(studies)]))


def _cases(flags: dict[str, Any]) -> list[Case]:
    from infra.cases import Case
    from infra.purchase import purchase_named
    from provision.prices import load_prices

    inputs = model_inputs(flags)
    book = load_prices()
    purchase = purchase_named(flags["purchase"]) if flags["purchase"] else None
    return [
        Case(
            scenario=scenario,
            metrics=inputs.metrics,
            assumptions=inputs.assumptions,
            book=book,
            purchase=purchase,
        )
        for scenario in _scenarios(flags)
    ]


def _stated(flags: dict[str, Any]) -> dict[str, Stated]:
    from provision.ranges import asked_ranges

    return asked_ranges(flags["config"], flags["ranges"])


def _studies(
    cases: list[Case], stated: dict[str, Stated], flags: dict[str, Any]
) -> tuple[Study, ...]:
    from infra.montecarlo import monte_carlo
    from infra.sensitivity import tornado
    from provision.report.uncertainty import Study

    wanted, seed = flags["scenarios"], flags["seed"]
    studies = []
    for case in cases:
        ranges = case.ranges(stated)
        drawn = None if wanted is None else monte_carlo(case, ranges, scenarios=wanted, seed=seed)
        studies.append(
            Study(
                scenario=case.scenario,
                ranges=ranges,
                tornado=tornado(case, ranges) if flags["tornado"] else None,
                monte_carlo=drawn,
            )
        )
    return tuple(studies)


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

"""`qinfra cost`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.errors import BudgetError, ConfigError
from provision.cli.inputs import budget_named, model_inputs, model_options, regions_named
from provision.cli.options import json_option, print_json, save_text

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.cost.estimate import CostReport
    from provision.costing import Costing

FORMATS = ("table", "json", "csv", "md", "html")


@click.group("cost", invoke_without_command=True)
@click.option("--phase", help="demo, mvp, production or enterprise.")
@click.option("--purchase", help="on-demand, reserved-1y|3y-no|partial|all or spot.")
@click.option("--region", help="Region, or several with commas; the phase's own when not given.")
@click.option("--compare", is_flag=True, help="All ways of purchase side by side.")
@click.option("--format", "form", default="table", help="table, json, csv, md or html.")
@click.option("--budget", metavar="USD", help="Most a month may cost; end with 4 above it.")
@click.option("--strict", is_flag=True, help="End with 4 if a line has no price of its own.")
@click.option("--fill-from", metavar="REGION", help="Price what a region lacks as in this one.")
@click.option("--lang", default="en", show_default=True, help="Of html: en or zh-TW.")
@click.option("--save", type=click.Path(path_type=Path), help="Keep the report with its prices.")
@model_options
@json_option
@click.pass_context
def command(ctx: click.Context, /, *, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """What a phase costs: every resource, priced, with its source and date.

    Ends with 4 over --budget, and under --strict when a line has no price.
    """
    if ctx.invoked_subcommand is not None:
        return
    form = "json" if as_json else _form(flags["form"])
    budget = budget_named(flags["budget"])
    config = flags["config"]
    costing = _costing(flags)
    if flags["phase"] is None:
        raise ConfigError("cost of which phase?", hint="For example `qinfra cost --phase mvp`.")
    if flags["compare"]:
        _compare(costing, flags, form)
        return
    report = costing.report(flags["phase"], flags["purchase"], regions_named(flags["region"]))
    if flags["save"] is not None:
        save_text(flags["save"], report.to_json() + "\n")
    text = _page(costing, flags, config) if form == "html" else _rendered(report, form)
    click.echo(text, nl=form != "csv")
    _judge(report, budget, strict=flags["strict"])


@command.command("diff")
@click.argument("before")
@click.argument("after")
@click.option("--fill-from", metavar="REGION", help="Price what a region lacks as in this one.")
@model_options
@json_option
def diff(*, before: str, after: str, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """What changes from BEFORE to AFTER: PHASE[:PURCHASE][@REGION,...] or a saved report."""
    from dataclasses import asdict

    from infra.cost.diff import cost_diff
    from provision.report.cost import render_diff

    costing = _costing(flags)
    found = cost_diff(costing.named(before), costing.named(after))
    if as_json:
        print_json(asdict(found))
    else:
        click.echo(render_diff(found, (before, after)))


def _costing(flags: dict[str, Any]) -> Costing:
    from provision.costing import Costing
    from provision.prices import load_prices

    fill_from = flags.pop("fill_from")
    inputs = model_inputs(flags)
    return Costing(inputs=inputs, book=load_prices(), fill_from=fill_from)


def _form(form: str) -> str:
    from infra.domain import unknown

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    return form


def _rendered(report: CostReport, form: str) -> str:
    from provision.report import cost

    if form == "json":
        return report.to_json()
    if form == "csv":
        return cost.cost_csv(report)
    if form == "md":
        return cost.cost_markdown(report)
    return cost.render_cost(report)


def _page(costing: Costing, flags: dict[str, Any], config: Path | None) -> str:
    from infra.language import language_tagged
    from provision.cli.report import report_page

    return report_page(costing, flags, config, language_tagged(flags["lang"]))


def _compare(costing: Costing, flags: dict[str, Any], form: str) -> None:
    from dataclasses import asdict

    from provision.report.cost import render_comparison

    if form not in ("table", "json"):
        raise ConfigError(f"--compare has no format '{form}'", hint="Use table or json.")
    reports = costing.comparison(flags["phase"], regions_named(flags["region"]))
    if form == "json":
        print_json([asdict(report) for report in reports])
    else:
        click.echo(render_comparison(reports))


def _judge(report: CostReport, budget: Decimal | None, *, strict: bool) -> None:
    if budget is not None and report.monthly_usd > budget:
        raise BudgetError(
            f"{report.phase.value} costs {report.monthly_usd:,.2f} USD a month, "
            f"{report.monthly_usd - budget:,.2f} above the budget of {budget:,.2f}",
            hint="Compare ways of purchase with --compare.",
        )
    if strict and (report.unpriced or report.borrowed):
        raise BudgetError(
            f"{report.unpriced} lines of {report.phase.value} have no price, "
            f"{report.borrowed} have another region's",
            hint="Leave --strict away to see them.",
        )

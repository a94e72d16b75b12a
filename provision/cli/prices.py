"""`qinfra prices`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from infra.domain import unknown
from provision.cli.inputs import regions_named
from provision.cli.options import json_option, notice, print_json

if TYPE_CHECKING:
    from infra.pricing.catalogue import Price, PriceBook

FORMATS = ("table", "json", "csv")


@click.group("prices")
def command() -> None:
    """The price catalogue: show it, or refresh it from the clouds."""


@command.command("show")
@click.option("--provider", help="aws or gcp.")
@click.option("--region", help="Only prices of this region.")
@click.option("--sku", metavar="TEXT", help="Only prices whose sku holds this text.")
@click.option("--format", "form", default="table", help="table, json or csv.")
@json_option
def show(
    *, provider: str | None, region: str | None, sku: str | None, form: str, as_json: bool
) -> None:
    """The prices in force, each with its source, its age and whether it was refreshed."""
    from provision.prices import load_prices, refreshed_prices
    from provision.report.prices import price_rows, prices_csv, prices_table

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    prices = _selected(load_prices(), provider, region, sku or "")
    rows = price_rows(prices, refreshed_prices().prices, _today())
    if not rows:
        notice("no price in the catalogue is like that")
    if as_json or form == "json":
        print_json({"prices": rows})
    elif form == "csv":
        click.echo(prices_csv(rows), nl=False)
    elif rows:
        click.echo(prices_table(rows))


@command.command("refresh")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="SOURCE",
    help="aws-bulk (the default), aws-api, aws-spot or gcp; repeatable.",
)
@click.option("--region", help="Region, or several with commas; all known ones when not given.")
@click.option("--accept", is_flag=True, help="Take prices that jump by more than 30 % as well.")
@click.option("--dry-run", is_flag=True, help="Read and judge, but write nothing.")
@json_option
def refresh(
    *, sources: tuple[str, ...], region: str | None, accept: bool, dry_run: bool, as_json: bool
) -> None:
    """Read live prices, check them, and keep them for every later command.

    Ends with 6 when a part could not be read or a price was refused, with 5 when nothing could.
    """
    from provision.clouds.errands import errands
    from provision.refresh import Refresh, judge_run
    from provision.report.prices import refresh_document, render_refresh

    planned = errands(sources, regions_named(region))
    run = Refresh(today=_today(), accept=accept, dry_run=dry_run, say=notice)
    visits = [run.visit(errand) for errand in planned]
    if as_json:
        print_json({"written": run.written, "readings": refresh_document(visits)})
    elif any(visit.outcomes for visit in visits):
        click.echo(render_refresh(visits))
    _tell_saved(written=run.written, dry_run=dry_run)
    judge_run(visits)


def _tell_saved(*, written: bool, dry_run: bool) -> None:
    from provision.prices import prices_file

    if written:
        notice(f"saved to {prices_file()}")
    else:
        notice("nothing written" + (", as --dry-run asks" if dry_run else ""))


def _today() -> date:
    return datetime.now(UTC).date()


def _selected(book: PriceBook, provider: str | None, region: str | None, text: str) -> list[Price]:
    """Return the prices of a provider and a region whose sku holds a text.

    Raises:
        ConfigError: The catalogue has no such provider or region; the nearest is named.
    """
    prices = sorted(book.prices.values(), key=lambda price: price.key)
    for name, value in (("provider", provider), ("region", region)):
        known = {getattr(price, name) for price in prices}
        if value is not None and value not in known:
            raise unknown(name, value, known)
    return [
        price
        for price in prices
        if provider in (None, price.provider)
        and region in (None, price.region)
        and text in price.sku
    ]

"""`qinfra sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli.cloud import home_option, tools_of
from provision.cli.inputs import regions_named
from provision.cli.options import home_of, json_option, notice, print_json
from provision.targets.target import CLOUDS

if TYPE_CHECKING:
    from provision.clouds.cloud import Found

_ORPHANS = 2


@click.command("sweep")
@click.option("--cloud", type=click.Choice(CLOUDS), default="aws", show_default=True)
@click.option("--region", help="Region, or several with commas; all known ones when not given.")
@click.option("--name", help="Only what carries the tag of this deployment.")
@click.option("--terraform", help="The program; terraform or tofu on PATH when not given.")
@home_option
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="QINFRA_CONFIG",
    help="Settings file; ./qinfra.toml when there is one.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, /, *, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """What carries our tag in a cloud, and no deployment here knows of.

    Lists and removes nothing. A deployment of someone else, with another folder, is listed too:
    its name is in the last column. Ends with 2 when there is any.
    """
    from provision.report.sweep import render_sweep, sweep_document

    found = _orphans(flags)
    if as_json:
        print_json(sweep_document(found))
    else:
        click.echo(render_sweep(found))
    if found:
        ctx.exit(_ORPHANS)


def _orphans(flags: dict[str, Any]) -> tuple[Found, ...]:
    from provision.fleet.clouds import cloud_named
    from provision.fleet.sweeping import held_by_all
    from provision.sweep import orphans

    regions = _regions(flags)
    held = held_by_all(_stacks(flags), tools_of(flags))
    notice(f"asking {flags['cloud']} for what carries our tag in {', '.join(regions)}")
    found = orphans(cloud_named(flags["cloud"]).tagged(regions), held)
    wanted = flags["name"]
    return tuple(each for each in found if wanted in (None, each.deployment))


def _regions(flags: dict[str, Any]) -> tuple[str, ...]:
    from infra.machines import REGIONS, region_named

    if named := regions_named(flags["region"]):
        return tuple(region_named(each, flags["cloud"]) for each in named)
    return tuple(region for region, cloud in REGIONS.items() if cloud == flags["cloud"])


def _stacks(flags: dict[str, Any]) -> Path:
    from provision.state import stacks_under

    return stacks_under(home_of(flags["home"], flags["config"]))

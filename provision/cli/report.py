"""`qinfra report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli.inputs import input_flags, model_options, regions_named
from provision.cli.options import notice, save_text
from provision.inputs import read_inputs

if TYPE_CHECKING:
    from infra.language import Language
    from provision.costing import Costing

DEFAULT_FILE = Path("qinfra-report.html")


@click.command("report")
@click.option("--phase", default="mvp", show_default=True, help="Drawn and priced line by line.")
@click.option("--purchase", help="on-demand, reserved-1y|3y-no|partial|all or spot.")
@click.option("--region", help="Region, or several with commas; the phase's own when not given.")
@click.option("--fill-from", metavar="REGION", help="Price what a region lacks as in this one.")
@click.option("--lang", default="en", show_default=True, help="en or zh-TW.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=DEFAULT_FILE, show_default=True,
    help="The page to write.",
)  # fmt: skip
@model_options
def command(*, output: Path, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """All of it as one page of HTML, in English or Chinese.

    Network, fleet, response times, costs, return and findings. The page needs no network and no
    other file; it follows the reader's light or dark, and prints.
    """
    from infra.language import language_tagged
    from provision.costing import Costing
    from provision.prices import load_prices

    language = language_tagged(flags.pop("lang"))
    config = flags["config"]
    inputs = read_inputs(input_flags(flags), notice)
    costing = Costing(inputs=inputs, book=load_prices(), fill_from=flags["fill_from"])
    save_text(output, report_page(costing, flags, config, language))


def report_page(
    costing: Costing, flags: dict[str, Any], config: Path | None, language: Language
) -> str:
    """Return the page about `--phase`, bought as `--purchase` in `--region`."""
    from datetime import UTC, datetime

    from infra.declaration import phase_named
    from provision.cli.boundary import version
    from provision.ranges import asked_ranges
    from provision.report.page import render_page
    from provision.reporting import Focus, report_on

    focus = Focus(
        phase=phase_named(flags["phase"]),
        purchase=flags["purchase"],
        regions=regions_named(flags["region"]),
    )
    stated = asked_ranges(config, ())
    report = report_on(focus, costing, stated, made_at=datetime.now(UTC), version=version())
    return render_page(report, language)

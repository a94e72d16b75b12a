"""`qinfra synth`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.errors import ConfigError
from provision.cli.inputs import model_inputs, model_options, regions_named
from provision.cli.options import json_option, print_json
from provision.settings import settings_of

if TYPE_CHECKING:
    from infra.declaration import PhaseConfig


@click.command("synth")
@click.option("--phase", required=True, help="demo, mvp, production or enterprise.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--name", help="Deployment, for states in a bucket; the phase's name if not given.")
@click.option("--purchase", help="on-demand, reserved-1y|3y-no|partial|all or spot.")
@click.option("--region", help="Region, or several with commas; the phase's own when not given.")
@model_options
@json_option
def command(*, out: Path, name: str | None, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """Write a phase as plain Terraform JSON, a folder for each state.

    Any Terraform or OpenTofu takes it over from there: `terraform -chdir=FOLDER init`.
    """
    from infra.backend import States
    from infra.stacks.cdk import synthesise
    from infra.stacks.phases import stacks_of
    from provision.report.synth import render_synth, synth_document
    from provision.state import DeploymentFolder

    backend = settings_of(flags["config"]).state.place
    config = _declared(flags)
    stacks = stacks_of(config)
    deployment = DeploymentFolder(out, name or config.phase).name
    try:
        files = synthesise(stacks, out, States(backend=backend, deployment=deployment))
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    written = tuple(zip(stacks, files, strict=True))
    if as_json:
        print_json(synth_document(written))
    else:
        click.echo(render_synth(written))


def _declared(flags: dict[str, Any]) -> PhaseConfig:
    from infra.declaration import phase_named
    from provision.costing import Costing
    from provision.prices import load_prices

    regions = regions_named(flags.pop("region"))
    costing = Costing(inputs=model_inputs(flags), book=load_prices())
    return costing.declared(phase_named(flags["phase"]), flags["purchase"], regions)

"""`qinfra network`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from provision.cli.inputs import input_flags, model_options
from provision.cli.options import json_option, notice, save_text
from provision.inputs import read_inputs


@click.command("network")
@click.option(
    "--save", type=click.Path(path_type=Path), help="Keep the figures for --network FILE."
)
@model_options
@json_option
def command(*, as_json: bool, save: Path | None, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """The network's figures: the guide's, a file's or live.

    With their age, and what is missing. --json prints what --network FILE reads.
    """
    from infra.capacity.model import capacity_model
    from infra.capacity.observation import Observation
    from provision.report.network import render_network

    inputs = read_inputs(input_flags(flags), notice)
    figures = Observation(metrics=inputs.metrics).to_json()
    if save is not None:
        save_text(save, figures + "\n")
    if as_json:
        document = {**json.loads(figures), "notes": inputs.network_notes}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        model = capacity_model(inputs.metrics, inputs.assumptions, inputs.rounding)
        click.echo(render_network(inputs, model))

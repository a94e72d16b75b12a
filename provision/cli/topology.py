"""`qinfra capacity topology`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli.options import json_option, print_json

if TYPE_CHECKING:
    from infra.capacity.layouts import Workload
    from infra.capacity.placement import ModelShape
    from infra.capacity.topology import Advice
    from infra.machines import Machine


@click.command("topology")
@click.option(
    "--model", type=click.Path(path_type=Path),
    help="A checkpoint's folder or its config.json; the guide's model when not given.",
)  # fmt: skip
@click.option("--machine", help="Instance type; every one of the catalogue when not given.")
@click.option("--nodes", type=int, default=2, show_default=True, help="Machines to compare on.")
@click.option("--context", type=int, default=4_096, show_default=True, help="Tokens a sequence.")
@click.option("--sequences", type=int, default=16, show_default=True, help="Wanted at once.")
@click.option("--dtype", help="float32, bfloat16 or float16; the machine's own when not given.")
@click.option("--split", help="First layer of each later stage to compare with: 8, or 5,10.")
@json_option
def topology(*, as_json: bool, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """Whole on every node, or split over several? Layers, memory and pace of a model."""
    from provision.report.topology import render_topology, topology_document

    shape = _shape(flags["model"])
    advice = [_advice(shape, machine, flags) for machine in _machines(flags["machine"])]
    if as_json:
        print_json(topology_document(shape, advice))
    else:
        click.echo(render_topology(shape, advice))


def _shape(model: Path | None) -> ModelShape:
    from infra.capacity.shapes import DEEPSEEK_1_5B
    from provision.modelconfig import read_shape

    return DEEPSEEK_1_5B if model is None else read_shape(model)


def _machines(name: str | None) -> list[Machine]:
    from infra.machines import MACHINES, machine_named

    return [machine_named(name)] if name else list(MACHINES.values())


def _advice(shape: ModelShape, machine: Machine, flags: dict[str, Any]) -> Advice:
    from infra.capacity.topology import topology_advice
    from provision.prices import load_prices, on_demand_usd

    return topology_advice(
        shape, machine, _workload(shape, flags), on_demand_usd(load_prices(), machine)
    )


def _workload(shape: ModelShape, flags: dict[str, Any]) -> Workload:
    from infra.capacity.layouts import Workload
    from infra.capacity.placement import parse_split

    split = flags["split"]
    return Workload(
        context_tokens=flags["context"],
        sequences=flags["sequences"],
        dtype=flags["dtype"],
        cuts=parse_split(split, shape.layers, flags["nodes"]) if split else None,
        nodes=flags["nodes"],
    )

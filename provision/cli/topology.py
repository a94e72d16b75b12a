"""`qinfra capacity topology`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli.options import json_option, print_json

if TYPE_CHECKING:
    from infra.capacity.placement import ModelShape
    from infra.capacity.topology import Advice
    from infra.machines import Machine
    from infra.pricing.catalogue import Price, PriceBook

_DEFAULT_SEQUENCES = 8  # as many as a node of a deployment holds by default
# Whose on-demand price of which sku tells what a machine costs.
_PRICED = {"aws": ("us-east-1", "ec2"), "gcp": ("us-central1", "compute")}


@click.command("topology")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="A model's folder or config.json; the guide's model when not given.",
)
@click.option("--machine", metavar="TYPE", help="Instance type; all when not given.")
@click.option("--dtype", help="float32, bfloat16 or float16; 16 bits where the machine has them.")
@click.option("--context", type=int, help="Tokens of a sequence; 4096, or the model's if shorter.")
@click.option(
    "--sequences",
    type=int,
    default=_DEFAULT_SEQUENCES,
    show_default=True,
    help="At once, over all nodes together.",
)
@click.option("--split", metavar="CUTS", help="Compute this too: balanced, guide, or as 8 or 5,10.")
@json_option
def topology(*, as_json: bool, model: Path | None, **flags: Any) -> None:  # noqa: ANN401 - as its options
    """One model over several nodes: whole replicas or a pipeline, and which split?"""
    from infra.capacity.shapes import DEEPSEEK_1_5B
    from provision.models import read_shape
    from provision.prices import load_prices
    from provision.report.topology import render_topology, topology_document

    shape = DEEPSEEK_1_5B if model is None else read_shape(model)
    book = load_prices()
    found = [(each, _price(book, each)) for each in _machines(flags["machine"])]
    prices = {machine.name: price for machine, price in found if price}
    advices = tuple(_advice(shape, machine, price, flags) for machine, price in found)
    if as_json:
        print_json(topology_document(shape, advices, prices))
    else:
        click.echo(render_topology(shape, advices, prices))


def _machines(name: str | None) -> tuple[Machine, ...]:
    from infra.machines import MACHINES, machine_named

    return tuple(MACHINES.values()) if name is None else (machine_named(name),)


def _price(book: PriceBook, machine: Machine) -> Price | None:
    region, service = _PRICED[machine.cloud]
    return book.price(machine.cloud, region, f"{service}:{machine.name}")


def _advice(
    shape: ModelShape, machine: Machine, price: Price | None, flags: dict[str, Any]
) -> Advice:
    from infra.capacity.roofline import Load, best_dtype
    from infra.capacity.topology import advise, named_split
    from provision.plan import DEFAULT_CONTEXT_TOKENS

    context, split = flags["context"], flags["split"]
    load = Load(
        dtype=flags["dtype"] or best_dtype(machine),
        context_tokens=min(DEFAULT_CONTEXT_TOKENS, shape.context_tokens)
        if context is None
        else context,
        sequences=flags["sequences"],
    )
    return advise(
        shape,
        machine,
        load,
        usd_per_hour=price.usd if price else None,
        pin=None if split is None else named_split(split, shape),
    )

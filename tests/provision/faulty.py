"""A command that ends as it is told, for tests of the boundary."""

import click

from infra.errors import PartialFailure

ENDINGS = {
    "bug": ZeroDivisionError("by zero"),
    "interrupt": KeyboardInterrupt(),
    "some": PartialFailure("2 of 3 nodes", hint="Look at `qinfra status`."),
}


@click.command("faulty")
@click.argument("ending")
def command(ending: str) -> None:
    """End badly."""
    raise ENDINGS[ending]

"""`qinfra version`."""

from __future__ import annotations

import click

from provision.cli.boundary import version


@click.command("version")
def command() -> None:
    """Show the version."""
    click.echo(f"qinfra {version()}")

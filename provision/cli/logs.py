"""`qinfra logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from provision.cli.options import deployment_options, selected

if TYPE_CHECKING:
    from pathlib import Path

    from provision.report.logs import LogFile
    from provision.state import DeploymentFolder

_POLL_SECONDS = 0.2
_SUPERVISOR = "supervisor"


@click.command("logs")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written from now on.")
@click.option("--node", help="Of this node only; `supervisor` for the supervisor.")
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Last lines shown.",
)
@deployment_options
def command(
    *,
    follow: bool,
    node: str | None,
    lines: int,
    name: str | None,
    config: Path | None,
    home: Path | None,
) -> None:
    """Show what the nodes wrote, in order of time."""
    from provision.report.logs import merged

    files = _log_files(selected(name, config, home), node)
    past = merged([file.new_lines() for file in files])
    for line in past[len(past) - lines if lines < len(past) else 0 :]:
        click.echo(str(line))
    if follow:
        _follow(files)


def _log_files(folder: DeploymentFolder, node: str | None) -> list[LogFile]:
    from provision.report.logs import LogFile
    from provision.targets.supervision import SupervisorFiles

    inventory = folder.agents() if folder.fleet_file.exists() else folder.inventory()
    files = []
    if node in (None, _SUPERVISOR):
        files.append(LogFile(SupervisorFiles(folder.root).log, _SUPERVISOR))
    if inventory is not None and node != _SUPERVISOR:
        nodes = inventory.nodes if node is None else (inventory.node(node),)
        files += [LogFile(folder.root / n.folder / "agent.log", n.name) for n in nodes]
    return files


def _follow(files: list[LogFile]) -> None:
    import time

    from provision.report.logs import merged

    while True:
        for line in merged([file.new_lines() for file in files]):
            click.echo(str(line))
        time.sleep(_POLL_SECONDS)

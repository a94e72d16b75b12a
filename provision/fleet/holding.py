"""One command at a time on a deployment in a cloud, and on the stacks that it is planned in."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.errors import PreflightError
from provision.fleet.record import load_fleet
from provision.lock import locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provision.fleet.record import FleetRecord
    from provision.state import DeploymentFolder


@contextmanager
def held(folder: DeploymentFolder, *, command: str, seen: FleetRecord | None) -> Iterator[None]:
    """Hold a deployment while the body runs.

    Args:
        folder: The deployment's files; they are there.
        command: What the user typed, for others who find it held.
        seen: The record that the command has read before, and has decided by.

    Raises:
        PreflightError: Another command holds the deployment, or has changed or destroyed it since.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder.lock_file, command=command, now=datetime.now(UTC)))
        except FileNotFoundError as error:
            raise PreflightError(f"deployment {folder.name} has just been destroyed") from error
        if load_fleet(folder) != seen:
            raise PreflightError(
                f"another command has just changed deployment {folder.name}",
                hint="Look at it with `qinfra status`, and run the same command again.",
            )
        yield


@contextmanager
def stacks_held(folder: DeploymentFolder, *, command: str) -> Iterator[Path]:
    """Hold a deployment's stacks and yield their folder, which is made when it is missing.

    A plan that someone is asked about cannot be replaced by another meanwhile.

    Raises:
        PreflightError: Another command plans or applies in them.
    """
    stacks = folder.create_stacks()
    with locked(folder.stacks_lock_file, command=command, now=datetime.now(UTC)):
        yield stacks

"""Stop a deployment, or take it down whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provision.lock import locked
from provision.targets.local import LocalTarget

if TYPE_CHECKING:
    from provision.state import DeploymentFolder

STOP_SECONDS = 35.0  # an agent's own 30 s to drain, and the rest to end


def stop(folder: DeploymentFolder, *, command: str) -> None:
    """Stop every process of a deployment; `deploy` starts it again.

    Raises:
        PreflightError: Another command holds the deployment.
        RemoteError: A supervisor runs that cannot be found.
    """
    now = datetime.now(UTC)
    with locked(folder.lock_file, command=command, now=now):
        _down(folder)
        folder.record("stopped", now)


def destroy(folder: DeploymentFolder, *, command: str) -> None:
    """Stop every process of a deployment and remove its folder.

    Raises:
        PreflightError: Another command holds the deployment.
        RemoteError: A supervisor runs that cannot be found.
    """
    with locked(folder.lock_file, command=command, now=datetime.now(UTC)):
        _down(folder)
        folder.remove()


def _down(folder: DeploymentFolder) -> None:
    LocalTarget(root=folder.root, agent_command=()).down(grace_seconds=STOP_SECONDS)

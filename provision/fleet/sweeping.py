"""What the states of all deployments here hold, so that what they do not is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.errors import QinfraError, RemoteError
from provision.sweep import ids_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provision.fleet.planning import Tools

_WORKING_FOLDER = ".terraform"


def held_by_all(stacks: Path, tools: Tools) -> frozenset[str]:
    """Return every id in the states of every deployment under a folder.

    Args:
        stacks: With a folder for each deployment; it need not be there.
        tools: Terraform, and the environment with credentials of remote states.

    Raises:
        RemoteError: A state cannot be read: then nobody can say what it holds.
    """
    ids: set[str] = set()
    for folder in _initialised(stacks):
        tools.say(f"reading the state of {folder.parent.parent.name}: {folder.name}")
        terraform = tools.terraform(folder)
        try:
            ids |= ids_in(terraform.state())
        except QinfraError as error:
            kept = folder.parent.parent
            raise RemoteError(
                f"the state of {folder.name} cannot be read, so what it holds is unknown: {error}",
                hint=f"Plan it again, or remove {kept} if it is of no use any more.",
            ) from error
    return frozenset(ids)


def _initialised(stacks: Path) -> Iterator[Path]:
    """Yield the folders of stacks that Terraform has worked in."""
    for folder in sorted(stacks.glob("*/stacks/*")):
        if (folder / _WORKING_FOLDER).is_dir():
            yield folder

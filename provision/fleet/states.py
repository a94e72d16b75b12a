"""What Terraform's states say is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from infra.backend import STATE_FILE
from infra.errors import ConfigError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_GROUP_NAMES = "scaling_groups"


def resources(state: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the resources of a state's document, without data that was looked up.

    Args:
        state: Of `Terraform.state`; empty before the first apply.

    Raises:
        RemoteError: It is no such document.
    """
    try:
        found = state.get("values", {}).get("root_module", {}).get("resources", [])
        return tuple(each for each in found if each["mode"] == "managed")
    except (AttributeError, KeyError, TypeError) as error:
        raise RemoteError(f"the state is no document of Terraform's: {error!r}") from error


def states_that_hold(stacks: Path) -> tuple[Path, ...]:
    """Return the state files of a deployment that are not empty; none of a remote backend's.

    Args:
        stacks: Of the deployment; it need not be there.

    Raises:
        ConfigError: A file is no state.
    """
    return tuple(each for each in sorted(stacks.glob(f"stacks/*/{STATE_FILE}")) if _holds(each))


def _holds(file: Path) -> bool:
    try:
        return bool(json.loads(file.read_text(encoding="utf-8")).get("resources"))
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{file}: is no state of Terraform's, so what it held is unknown",
            hint=f"Put back a copy of it, or {file.name}.backup, which lies beside it.",
        ) from error


def addresses(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses of what a state holds, in its order."""
    return tuple(str(each["address"]) for each in resources(state))


def groups_of(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the scaling groups of a stack's outputs, by what their nodes are called.

    That is the role, or `ROLE-TENANT` where they are a tenant's own.
    """
    return {str(role): str(name) for role, name in outputs.get(_GROUP_NAMES, {}).items()}

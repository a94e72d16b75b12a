"""The version of qinfra this agent was installed from."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def agent_version() -> str:
    """Return the installed version; `unknown` when run from a bare checkout."""
    try:
        return version("qinfra")
    except PackageNotFoundError:
        return "unknown"

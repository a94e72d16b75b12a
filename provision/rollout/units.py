"""Texts that a release carries for systemd and for a machine that installs itself."""

from __future__ import annotations

import templates

PREFIX = "/opt/qinfra"
KEPT_RELEASES = 3
WATCHDOG_SECONDS = 60
UNIT = "qinfra-agent@.service"


def unit_files() -> dict[str, str]:
    """Return the unit and its drop-ins by their paths in a release."""
    values = {"prefix": PREFIX, "watchdog_seconds": WATCHDOG_SECONDS}
    return {
        f"units/{name}": templates.render(f"{name}.j2", **values)
        for name in (UNIT, "backoff.conf", "orchestrator.conf")
    }


def bootstrap_script() -> str:
    """Return the script with which a machine of a scaling group installs a release."""
    return templates.render("bootstrap.sh.j2", prefix=PREFIX, kept_releases=KEPT_RELEASES)

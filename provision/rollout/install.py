"""The steps that install a release on a node, as programs with arguments, never as shell text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provision.rollout.units import PREFIX, UNIT

if TYPE_CHECKING:
    from provision.rollout.release import Release

_UNITS = "/etc/systemd/system"
_STEPPED_RESTARTS = 254  # systemd's version that has RestartSteps


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One program to run as root on the node.

    Attributes:
        name: What it does, for logs.
    """

    name: str
    argv: tuple[str, ...]


def folder_of(release: Release) -> str:
    """Return where a release lies on a node."""
    return f"{PREFIX}/releases/{release.id}"


def install_steps(release: Release, role: str) -> tuple[Step, ...]:
    """Return what installs a release whose files are there; nothing that runs is touched.

    Raises:
        ConfigError: The release is not for that role.
    """
    release.files_of(role)
    folder = folder_of(release)
    python = f"{folder}/venv/bin/python"
    own_index = ("install",) if not release.wheelhouse else ("--isolated", "install", "--no-index")
    pip = (
        *(python, "-m", "pip", *own_index, "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--only-binary", ":all:", "--find-links", f"{folder}/wheels"),
        *("--requirement", f"{folder}/{release.requirements[role]}"),
    )
    return (
        Step(
            name="make the environment",
            argv=(f"python{release.python}", "-m", "venv", "--clear", f"{folder}/venv"),
        ),
        Step(name="install the packages", argv=pip),
        Step(name="try the agent", argv=(f"{folder}/venv/bin/qinfra-agent", "--version")),
    )


def switch_steps(release: Release) -> tuple[Step, ...]:
    """Return what makes a release the current one; the link is never missing."""
    fresh = f"{PREFIX}/current.new"
    return (
        Step(name="point at the release", argv=("ln", "-sfn", f"releases/{release.id}", fresh)),
        Step(name="switch", argv=("mv", "-fT", fresh, f"{PREFIX}/current")),
        Step(name="note the time", argv=("touch", folder_of(release))),
    )


def unit_steps(release: Release, role: str, *, systemd: int) -> tuple[Step, ...]:
    """Return what gives systemd the unit and restarts the role.

    Args:
        release: The current one.
        role: Of the node.
        systemd: Its version on the node.
    """
    source, unit = f"{folder_of(release)}/units", UNIT.removesuffix(".service")
    drop_ins = {"orchestrator.conf": f"{unit}orchestrator.service.d"}
    if systemd >= _STEPPED_RESTARTS:
        drop_ins["backoff.conf"] = f"{UNIT}.d"
    copies = (
        _copied(f"{source}/{UNIT}", f"{_UNITS}/{UNIT}"),
        *(
            _copied(f"{source}/{name}", f"{_UNITS}/{folder}/{name}")
            for name, folder in drop_ins.items()
        ),
    )
    return (
        *copies,
        Step(name="read the units", argv=("systemctl", "daemon-reload")),
        Step(name="start at boot", argv=("systemctl", "enable", "--quiet", f"{unit}{role}")),
        Step(name="restart the agent", argv=("systemctl", "restart", f"{unit}{role}")),
    )


def superseded(releases: tuple[str, ...], *, keep: int) -> tuple[str, ...]:
    """Return the releases to remove of those on a node.

    Args:
        releases: Ids, the current one first and then by age.
        keep: At most so many stay, the current one among them.
    """
    return releases[max(keep, 1) :]


def _copied(source: str, target: str) -> Step:
    return Step(name=f"write {target}", argv=("install", "-D", "-m", "644", source, target))

"""What a deployment asks of the cloud it runs in, beside what Terraform does there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.machines import Machine


class Power(StrEnum):
    """What a machine does."""

    RUNNING = "running"
    STARTING = "starting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something in the cloud that carries our tag.

    Attributes:
        kind: As in `ec2:instance` or `compute:disk`.
        id: The cloud's own name of it, whole: an ARN, or a self link from `projects/` on.
        region: Empty for what belongs to no region.
        deployment: Of its tag.
        owner: Id of what brought it and takes it away, which may carry our tag or not: a scaling
            group's machine has the group, a disk the machine it is in. Empty for what stands for
            itself.
    """

    kind: str
    id: str
    region: str
    deployment: str
    owner: str = ""


class Cloud(Protocol):
    """An account of a cloud. Every call has deadlines of its own.

    Raises:
        PreflightError: By every call: credentials are missing, expired or invalid.
        RemoteError: By every call: no permission, no answer, or one that makes no sense.
    """

    def members(self, groups: Mapping[str, str], region: str) -> tuple[Machine, ...]:
        """Return the machines of scaling groups, of which `groups` has the name for each role."""

    def host_keys(self, machine: Machine) -> tuple[str, ...]:
        """Return a machine's public host keys, as `ssh-ed25519 AAAA…` without a comment.

        They come from the cloud's own channel. Empty while the machine has not told them yet.
        """

    def power(self, machines: Sequence[Machine]) -> Mapping[str, Power]:
        """Return what each machine does, by its id."""

    def start(self, machines: Sequence[Machine]) -> None:
        """Ask that machines run; returns before they do. Running ones are left alone.

        Their groups put nothing in their place until `settle`.
        """

    def stop(self, machines: Sequence[Machine]) -> None:
        """Ask that machines stop, disks kept; their groups put no others in their place."""

    def settle(self, machines: Sequence[Machine], timeout_seconds: float) -> None:
        """Wait until machines run, and then let their groups scale again."""

    def tagged(self, regions: Sequence[str]) -> tuple[Found, ...]:
        """Return all that carries the tag of any deployment of ours, in these regions and in none.

        What is being deleted, or is scheduled to be, is left out.
        """

"""What every target can do, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from infra.domain import unknown
from infra.errors import ConfigError

LOCAL = "local"
CLOUDS = ("aws", "gcp")
_PLANNED = ("hosts",)


class AgentPhase(StrEnum):
    """Where an agent's process stands."""

    RUNNING = "running"
    WAITING = "waiting"  # it died, and is started again after a while
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProcess:
    """One agent's process, as its supervisor knows it.

    Args:
        name: The node's name.
        phase: Whether it runs.
        pid: Its process; None when it does not run.
        start_ticks: Kernel's start time of the process, which tells it from a later namesake.
        restarts: How often it died and was started again.
        started_at: Unix time of its last start.
        last_exit: How it last ended; empty when it never did.
    """

    name: str
    phase: AgentPhase
    pid: int | None = None
    start_ticks: int | None = None
    restarts: int = 0
    started_at: float = 0.0
    last_exit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What runs of a deployment.

    Args:
        supervised: Whether a supervisor watches over the agents.
        inventory_sha256: Digest of the inventory they were started from.
        agents: In starting order.
    """

    supervised: bool
    inventory_sha256: str = ""
    agents: tuple[AgentProcess, ...] = ()

    def agent(self, name: str) -> AgentProcess:
        """The process of one node; a stopped one when nothing is known of it."""
        for agent in self.agents:
            if agent.name == name:
                return agent
        return AgentProcess(name=name, phase=AgentPhase.STOPPED)


class Target(Protocol):
    """A place where a deployment's inventory can run."""

    def up(self) -> None:
        """Start every agent of the inventory on record, orchestrators first.

        Raises:
            RemoteError: They cannot be started.
        """

    def down(self, *, grace_seconds: float) -> None:
        """Stop all that was started; what has not drained by then is killed."""

    def observe(self) -> Observation:
        """Look at what runs, changing nothing."""


def chosen_target(asked: str | None, cloud: str, *, stands_on: str | None, machines: bool) -> str:
    """Return where a deployment goes.

    Without a word it stays where it stands; a new one goes to this machine, or to its phase's own
    cloud when machines alone are asked for.

    Args:
        asked: As the command line has it.
        cloud: Where the phase belongs.
        stands_on: Where the deployment is; None when there is none.
        machines: Whether machines are asked for without what runs on them.

    Raises:
        ConfigError: Nobody knows it, only a later version will, the phase is another cloud's, or
            the deployment stands elsewhere.
    """
    target = asked or stands_on or (cloud if machines else LOCAL)
    if target in _PLANNED:
        raise ConfigError(
            f"target '{target}' is not in this version", hint=f"Use --target {LOCAL}, this machine."
        )
    if target not in (LOCAL, *CLOUDS):
        raise unknown("target", target, (LOCAL, *CLOUDS, *_PLANNED))
    if target not in (LOCAL, cloud):
        raise ConfigError(f"the phase runs on {cloud}, not on {target}", hint=f"Use {cloud}.")
    if stands_on not in (None, target):
        raise ConfigError(
            f"the deployment stands on {stands_on}, and is not moved to {target}",
            hint="Give another --name, or run `qinfra destroy` first.",
        )
    return target

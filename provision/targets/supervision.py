"""The supervisor's record: who runs, since when, how often it died."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from provision.files import write_atomically
from provision.targets.processes import ProcessId
from provision.targets.target import AgentPhase, AgentProcess

if TYPE_CHECKING:
    from pathlib import Path

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STABLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SupervisorFiles:
    """Where a supervisor and those who look at it meet, under the deployment's folder."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held as long as the supervisor lives."""
        return self.root / "supervisor.lock"

    @property
    def record(self) -> Path:
        """Its agents."""
        return self.root / "supervisor.json"

    @property
    def log(self) -> Path:
        """Its events, one JSON object a line."""
        return self.root / "supervisor.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """What a supervisor says about itself and its agents."""

    supervisor: ProcessId
    inventory_sha256: str
    agents: tuple[AgentProcess, ...] = ()

    def write(self, path: Path) -> None:
        """Replace the record."""
        write_atomically(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Supervision | None:
        """Return the record; None when there is none that can be read."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            agents = tuple(
                AgentProcess(**item | {"phase": AgentPhase(item["phase"])})
                for item in document["agents"]
            )
            return cls(
                supervisor=ProcessId(**document["supervisor"]),
                inventory_sha256=document["inventory_sha256"],
                agents=agents,
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def living_agents(self) -> tuple[ProcessId, ...]:
        """The agents' processes that may still run."""
        return tuple(
            ProcessId(agent.pid, agent.start_ticks)
            for agent in self.agents
            if agent.pid is not None and agent.start_ticks is not None
        )


def next_delay_seconds(previous_seconds: float, alive_seconds: float) -> float:
    """How long to wait before an agent that died is started again.

    Args:
        previous_seconds: The wait before its last start; 0 for the first.
        alive_seconds: How long it then lived.

    Returns:
        0.5 s for the first death and after a minute of life, else twice the last wait, 30 s at
        most.
    """
    if previous_seconds == 0 or alive_seconds >= STABLE_SECONDS:
        return FIRST_DELAY_SECONDS
    return min(previous_seconds * 2, LONGEST_DELAY_SECONDS)
